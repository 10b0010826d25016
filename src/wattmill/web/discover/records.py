"""What can be found: cards, this machine, models, engines."""

from msgspec import Struct


class Gpus(Struct, frozen=True):
    """So many cards of one kind; ``hardware`` is how the catalog names them, if it does."""

    count: int
    name: str
    memory_gib: float | None
    hardware: str | None


class Machine(Struct, frozen=True):
    """This machine; ``None`` is what could not be found out."""

    gpus: tuple[Gpus, ...] = ()
    cpu: str | None = None
    cores: int | None = None
    memory_gib: float | None = None
    cpu_hardware: str = "1x cpu"
    engine_hardware: str | None = None
    """What the embedded engine computes on, by the catalog's names."""


class Served(Struct, frozen=True):
    """A model as an engine or a file has it: its own name there, and what the catalog calls it."""

    name: str
    model: str
    known: bool
    precision: str | None = None
    context: int | None = None
    slots: int | None = None
    path: str | None = None


class Engine(Struct, frozen=True):
    """An engine that listens here."""

    engine: str
    url: str
    models: tuple[Served, ...]


class Found(Struct, frozen=True):
    """Everything that was found, and in words what was not."""

    machine: Machine
    engines: tuple[Engine, ...] = ()
    files: tuple[Served, ...] = ()
    unknown: tuple[str, ...] = ()
