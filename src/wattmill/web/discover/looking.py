"""Looks around on this machine, and writes a factory file of what is here."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from wattmill.catalog.factory import parse_factory
from wattmill.core.errors import UsageError
from wattmill.web.discover.engines import USUAL_PORTS, find_engines
from wattmill.web.discover.factory_file import factory_text
from wattmill.web.discover.gguf import read_gguf
from wattmill.web.discover.machine import find_machine
from wattmill.web.discover.records import Found


def init(
    path: Path,
    ggufs: Sequence[Path] = (),
    *,
    force: bool = False,
    ports: Iterable[int] = USUAL_PORTS,
) -> Found:
    """Write the factory file of this machine. ``UsageError`` when one is there and no ``force``."""
    if path.exists() and not force:
        raise UsageError(f"{path} is there already", hint="name another file, or add --force")
    found = discover(ggufs, ports=ports)
    text, unknown = factory_text(found)
    parse_factory(text, str(path))
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    return Found(found.machine, found.engines, found.files, (*found.unknown, *unknown))


def discover(ggufs: Sequence[Path] = (), *, ports: Iterable[int] = USUAL_PORTS) -> Found:
    """Look around. Only a GGUF file that was named and is none is an error (``UsageError``)."""
    files = tuple(read_gguf(path) for path in ggufs)
    engines, unknown = find_engines(ports)
    machine, not_seen = find_machine()
    return Found(machine, engines, files, (*not_seen, *unknown))


def factory_for_model(path: Path) -> str:
    """The factory file that serves one GGUF file with the embedded engine to one tenant."""
    found = Found(find_machine()[0], files=(read_gguf(path),))
    return factory_text(found)[0]
