"""What is here, and a factory file made of it: cards, processor, engines, models in files.

Looking never raises: a tool that is missing, a port where rubbish answers, a file system without
``/proc`` are all things that were not found out. Whatever was not found out is said in words and
stands as a comment in the file, beside the line that would tell.
"""

import http.client
import json
import os
import re
import struct
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from msgspec import Struct

from wattmill.catalog.factory import DEMO, parse_factory
from wattmill.catalog.hardware import accelerator, accelerators
from wattmill.catalog.models import model as catalog_model
from wattmill.catalog.names import plain
from wattmill.catalog.precision import WEIGHT_BITS
from wattmill.catalog.units import GIB
from wattmill.core.errors import CatalogError, UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

USUAL_PORTS = {8000: "vLLM", 30000: "SGLang", 11434: "Ollama", 8080: "llama.cpp", 1234: "LM Studio"}
"""Where engines listen unless told otherwise. What really answers is told by what it says."""

ANSWER_TIMEOUT_S = 1.0
LOOK_TIMEOUT_S = 4.0
TOOL_TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 2**20
EMBEDDED_CONTEXT = 4096
EMBEDDED_SLOTS = 4

RunTool = Callable[[Sequence[str]], str]


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


# --- the command ----------------------------------------------------------------------------------


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


def found_screen(found: Found, path: Path) -> "RenderableType":
    """What was found, for a person."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    rows = [("machine", _machine_words(found.machine))]
    for engine in found.engines:
        names = ", ".join(served.name for served in engine.models)
        rows.append((engine.engine, f"{engine.url}  {names}"))
    rows += [("file", f"{served.path}  {served.model}") for served in found.files]
    if not found.engines and not found.files:
        rows.append(("model", "the demo model that ships with wattmill; it talks nonsense"))
    table = Table.grid(padding=(0, 2))
    for row in rows:
        table.add_row(*map(Text, row))
    return Group(table, Text(f"\n{path} is written. Next: wattmill up {path}"))


def unknown_text(found: Found) -> str:
    """What was not found out, for a person."""
    lines = [f"  - {sentence}" for sentence in found.unknown]
    return "\n".join(["could not find out (each is a comment in the file):", *lines])


# --- the machine ----------------------------------------------------------------------------------


def _run(command: Sequence[str]) -> str:
    """What a tool prints; nothing when it is not there or does not work."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=TOOL_TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout if done.returncode == 0 else ""


def find_machine(run: RunTool = _run, root: Path = Path("/")) -> tuple[Machine, list[str]]:
    """This machine, and what of it stayed unknown."""
    cpu, cores, memory_gib = _cpu(run, root), os.cpu_count(), _memory_gib(run, root)
    by_vendor = {"NVIDIA": _nvidia(run), "AMD": _amd(run)}
    if cpu and cpu.startswith("Apple "):
        by_vendor["Apple"] = [(cpu, memory_gib)]
    cards = [card for those in by_vendor.values() for card in those]
    gpus = tuple(_kind(name, gib, n) for (name, gib), n in Counter(cards).items())
    unknown = [
        f"which machine {gpu.name!r} is: the catalog does not know it, so it cannot be planned with"
        for gpu in gpus
        if gpu.hardware is None
    ]
    unknown += _untold(root, {vendor for vendor, those in by_vendor.items() if those})
    unknown += ["the processor's name"] if cpu is None else []
    unknown += ["how much memory there is"] if memory_gib is None else []
    hardware = _cpu_hardware(cpu)
    computes_on: str | None = hardware
    if gpus and _embedded_uses_gpu():
        computes_on = gpus[0].hardware if len(gpus) == 1 else None
    return Machine(gpus, cpu, cores, memory_gib, hardware, computes_on), unknown


def _kind(name: str, memory_gib: float | None, count: int) -> Gpus:
    try:
        return Gpus(count, name, memory_gib, f"{count}x {accelerator(name).name}")
    except CatalogError:
        return Gpus(count, name, memory_gib, None)


def _nvidia(run: RunTool) -> list[tuple[str, float | None]]:
    rows = run(
        ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    ).splitlines()
    cards = []
    for row in rows:
        name, _, mib = row.rpartition(",")
        if name.strip():
            cards.append((_printable(name), _number(mib, 1 / 1024)))
    return cards


def _amd(run: RunTool) -> list[tuple[str, float | None]]:
    """From rocm-smi, whose keys changed their case over the versions."""
    command = ["rocm-smi", "--showproductname", "--showmeminfo", "vram", "--json"]
    try:
        tables = json.loads(run(command))
        rows = [row for name, row in sorted(tables.items()) if name.startswith("card")]
        lowered = [{key.lower(): str(value) for key, value in row.items()} for row in rows]
    except (ValueError, AttributeError):
        return []
    names = [row.get("card series") or row.get("card model") or "" for row in lowered]
    memory = [_number(row.get("vram total memory (b)", ""), 1 / GIB) for row in lowered]
    return [(_printable(name), gib) for name, gib in zip(names, memory, strict=True) if name]


VENDORS = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"}


def _untold(root: Path, told: set[str]) -> list[str]:
    """Cards that the kernel sees and no tool named."""
    cards = [card for card in (root / "sys/class/drm").glob("card*") if card.name[4:].isdigit()]
    seen = {VENDORS.get(_read(card / "device/vendor").strip()) for card in cards}
    return [
        f"which card the one of {vendor} in this machine is: no tool of its maker told"
        for vendor in sorted(filter(None, seen - told))
    ]


def _cpu(run: RunTool, root: Path) -> str | None:
    found = re.search(r"^model name\s*:\s*(.+)$", _read(root / "proc/cpuinfo"), re.M)
    name = found[1] if found else run(["sysctl", "-n", "machdep.cpu.brand_string"])
    return _printable(name) or None


def _memory_gib(run: RunTool, root: Path) -> float | None:
    found = re.search(r"^MemTotal:\s*(\d+) kB$", _read(root / "proc/meminfo"), re.M)
    if found:
        return int(found[1]) / 2**20
    return _number(run(["sysctl", "-n", "hw.memsize"]), 1 / GIB)


def _cpu_hardware(name: str | None) -> str:
    """The processor in the catalog; its desktop processor stands for those it does not know."""
    known = [row.name for row in accelerators() if row.family == "cpu"]
    same = [row for row in known if name and plain(row) in plain(name)]
    return f"1x {same[0] if same else 'cpu'}"


def _embedded_uses_gpu() -> bool:
    """Whether this build of llama.cpp computes on a card."""
    try:
        import xllamacpp

        return any("GPU" in str(device["type"]) for device in xllamacpp.get_device_info())
    except (ImportError, RuntimeError, KeyError):
        return False


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _number(text: str, factor: float) -> float | None:
    try:
        return float(text) * factor
    except ValueError:
        return None


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable()).strip()[:200]


# --- engines --------------------------------------------------------------------------------------


def find_engines(ports: Iterable[int] = USUAL_PORTS) -> tuple[tuple[Engine, ...], list[str]]:
    """Engines on these ports of this machine, asked all at once, and what stayed unknown."""
    answers: dict[int, tuple[Engine | None, str]] = {}
    lookers = [
        threading.Thread(target=_look, args=(port, answers), daemon=True)
        for port in dict.fromkeys(ports)
    ]
    for looker in lookers:
        looker.start()
    deadline_s = time.monotonic() + LOOK_TIMEOUT_S
    for looker in lookers:
        looker.join(max(0.0, deadline_s - time.monotonic()))
    found = sorted(answers.copy().items())
    engines = tuple(engine for _, (engine, _) in found if engine is not None)
    return engines, [f"port {port}: {said}" for port, (_, said) in found if said]


def _look(port: int, answers: dict[int, tuple[Engine | None, str]]) -> None:
    try:
        answer = _engine_at(port)
    except Exception as error:  # whatever answers there must not end the command
        answer = None, f"what answers there cannot be read ({type(error).__name__})"
    answers[port] = answer


def _engine_at(port: int) -> tuple[Engine | None, str]:
    status, listed = _ask(port, "/v1/models")
    if status is None:
        return None, ""
    if status in (401, 403):
        return None, "something answers and wants a key; add a [[pool]] with url and api_key_env"
    names = [row["id"] for row in _rows(listed) if isinstance(row.get("id"), str)]
    if status != 200 or not isinstance(_value(listed, "data"), list):
        return None, "something answers that is no engine"
    name, describe = _identify(port, _rows(listed))
    told = [describe(own) for own in dict.fromkeys(names) if _is_word(own)]
    engine = Engine(name, f"http://127.0.0.1:{port}/v1", tuple(told))
    return (engine, "") if told else (None, f"{name} answers and serves no model yet")


Describe = Callable[[str], Served]


def _identify(port: int, rows: list[dict[str, Any]]) -> tuple[str, Describe]:
    """Which engine it is, by what only that one answers, and how it tells of a model."""
    by_id = {row.get("id"): row for row in rows}

    def listed(own: str) -> Served:
        row = by_id[own]
        return _served(own, context=_count(row.get("max_model_len")))

    for path in ("/get_model_info", "/server_info"):
        if _value(_ask(port, path)[1], "model_path"):
            return "sglang", listed
    props = _ask(port, "/props")[1]
    if _value(props, "default_generation_settings") is not None:
        return "llama.cpp", lambda own: _of_llama(own, by_id[own], props)
    if _value(_ask(port, "/api/version")[1], "version"):
        tags = {row.get("name"): row for row in _rows(_ask(port, "/api/tags")[1], "models")}
        return "ollama", lambda own: _of_ollama(own, tags.get(own, {}))
    known = {row.get("id"): row for row in _rows(_ask(port, "/api/v0/models")[1])}
    if any("state" in row for row in known.values()):
        return "lmstudio", lambda own: _of_lmstudio(own, known.get(own, {}))
    if _value(_ask(port, "/version")[1], "version"):
        return "vllm", listed
    return "openai", listed


def _of_llama(own: str, row: dict[str, Any], props: Any) -> Served:
    meta = row.get("meta")
    context = _value(_value(props, "default_generation_settings"), "n_ctx")
    return _served(
        own,
        precision=_precision(_value(meta, "ftype")),
        context=_count(context) or _count(_value(meta, "n_ctx")),
        slots=_count(_value(props, "total_slots")),
    )


def _of_ollama(own: str, row: dict[str, Any]) -> Served:
    return _served(own, precision=_precision(_value(row.get("details"), "quantization_level")))


def _of_lmstudio(own: str, row: dict[str, Any]) -> Served:
    context = row.get("loaded_context_length") or row.get("max_context_length")
    return _served(own, precision=_precision(row.get("quantization")), context=_count(context))


def _ask(port: int, path: str) -> tuple[int | None, Any]:
    """Status and JSON of a GET; ``(None, None)`` when nobody answers HTTP there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read(MAX_ANSWER_BYTES)
    except (OSError, http.client.HTTPException):
        return None, None
    finally:
        connection.close()
    try:
        return response.status, json.loads(body)
    except (ValueError, RecursionError):
        return response.status, None


def _value(table: Any, key: str) -> Any:
    return table.get(key) if isinstance(table, dict) else None


def _rows(table: Any, key: str = "data") -> list[dict[str, Any]]:
    rows = _value(table, key)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**9
    return value if is_count else None


def _is_word(text: str) -> bool:
    return bool(text) and text.isprintable() and text.strip() == text and len(text) <= 200


# --- models ---------------------------------------------------------------------------------------

EMBROIDERY = re.compile(
    r"[-_.](gguf|instruct|chat|it|hf|latest|v\d+(\.\d+)*|\d{4}|\d{5}-of-\d{5}|ud|bf16|fp16|f16|f32|fp8"
    r"|awq|gptq|nvfp4|mxfp4|(i?q\d)(_[a-z0-9]+)*)$"
)
"""What people append to the name of a model without changing its shape."""


def _served(own: str, **told: Any) -> Served:
    model, known = _model(own)
    return Served(own, model, known, **told)


def _model(own: str) -> tuple[str, bool]:
    """What the catalog calls a model, if it is surely one of its models; else its own name."""
    base = own.replace("\\", "/").rstrip("/").rpartition("/")[2]
    name = re.sub(r"\.gguf$|:latest$", "", base, flags=re.I).replace(":", "-")
    shorter = name.lower().removeprefix("meta-")
    while True:
        try:
            return catalog_model(shorter).name, True
        except CatalogError:
            less = EMBROIDERY.sub("", shorter)
        if less == shorter:
            return name or own, False
        shorter = less


def _precision(told: Any) -> str | None:
    name = str(told).lower().removeprefix("mostly ").strip()
    return name if name in WEIGHT_BITS else None


GGUF_FILE_TYPES = {
    0: "fp32", 1: "f16", 2: "q4_0", 3: "q4_1", 7: "q8_0", 8: "q5_0", 10: "q2_k", 12: "q3_k_m",
    14: "q4_k_s", 15: "q4_k_m", 16: "q5_k_s", 17: "q5_k_m", 18: "q6_k", 30: "iq4_xs", 32: "bf16",
}  # fmt: skip
"""``general.file_type`` of a GGUF file as a precision."""


def read_gguf(path: Path) -> Served:
    """A GGUF file by its name and its own header; ``UsageError`` when it is none."""
    try:
        with path.open("rb") as file:
            facts = _gguf_facts(file)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="name a GGUF file") from None
    except (ValueError, KeyError, struct.error):
        hint = "name a GGUF file of version 2 or 3"
        raise UsageError(f"{path} is no GGUF file", hint=hint) from None
    context = next((facts[key] for key in facts if key.endswith(".context_length")), None)
    model, known = _model(path.name)
    if not known and _model(str(facts.get("general.name", "")))[1]:
        model, known = _model(facts["general.name"])
    named = _precision(re.sub(r".*[-.]", "", path.stem))
    return Served(
        name=model,
        model=model,
        known=known,
        precision=GGUF_FILE_TYPES.get(facts.get("general.file_type", -1)) or named,
        context=min(_count(context) or EMBEDDED_CONTEXT, EMBEDDED_CONTEXT),
        slots=EMBEDDED_SLOTS,
        path=str(path.resolve()),
    )


GGUF_NUMBERS = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"
}  # fmt: skip
GGUF_TEXT, GGUF_LIST = 8, 9


def _gguf_facts(file: BinaryIO) -> dict[str, Any]:
    """The single values at the head of a GGUF file; lists (the tokenizer's words) are skipped."""
    if file.read(4) != b"GGUF" or _unpack(file, "I") not in (2, 3):
        raise ValueError("no GGUF")
    _tensors, values = _unpack(file, "Q"), _unpack(file, "Q")
    facts: dict[str, Any] = {}
    for _ in range(values):
        key, kind = _gguf_text(file), _unpack(file, "I")
        if kind == GGUF_LIST:
            _skip_list(file)
        else:
            facts[key] = _gguf_value(file, kind)
    return facts


def _skip_list(file: BinaryIO) -> None:
    kind, length = _unpack(file, "I"), _unpack(file, "Q")
    if kind in GGUF_NUMBERS:
        file.seek(length * struct.calcsize("<" + GGUF_NUMBERS[kind]), os.SEEK_CUR)
        return
    for _ in range(length):
        _gguf_value(file, kind)


def _gguf_value(file: BinaryIO, kind: int) -> Any:
    return _gguf_text(file) if kind == GGUF_TEXT else _unpack(file, GGUF_NUMBERS[kind])


def _gguf_text(file: BinaryIO) -> str:
    length = _unpack(file, "Q")
    if length > MAX_ANSWER_BYTES:
        raise ValueError("no GGUF")
    return file.read(length).decode("utf-8", "replace")


def _unpack(file: BinaryIO, code: str) -> Any:
    return struct.unpack("<" + code, file.read(struct.calcsize("<" + code)))[0]


# --- the file -------------------------------------------------------------------------------------


class _Draft:
    """A factory file while it is written, and what had to be left open in it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.unknown: dict[str, list[str]] = {}
        self.names: set[str] = set()

    def add(self, *lines: str) -> None:
        self.lines += lines

    def set(self, **values: Any) -> None:
        """``key = value`` for each value that is not ``None``."""
        self.add(*(f"{key} = {_toml(value)}" for key, value in values.items() if value is not None))

    def open(self, sentence: str, *examples: str, of: str = "") -> None:
        """Something not known: a comment, with lines that would tell."""
        self.add(f"# not known: {sentence}", *(f"# {example}" for example in examples))
        self.unknown.setdefault(sentence, []).extend([of] if of else [])

    @property
    def open_questions(self) -> tuple[str, ...]:
        """What is not known, each with the pools that it concerns."""
        return tuple(
            f"{sentence} ({', '.join(pools)})" if pools else sentence
            for sentence, pools in self.unknown.items()
        )

    def name(self, wanted: str) -> str:
        """A name as the factory file takes it, used once."""
        name, number = _as_name(wanted), 1
        while name in self.names:
            number += 1
            name = f"{_as_name(wanted)}-{number}"
        self.names.add(name)
        return name


def factory_text(found: Found) -> tuple[str, tuple[str, ...]]:
    """The factory file of what was found, and in words what its comments leave open."""
    draft = _Draft()
    draft.add(
        f"# Written by `wattmill init` on {date.today()}. What it could not find out is a comment.",
        f"# This machine: {_machine_words(found.machine)}.",
        *(f"# not known: {sentence}" for sentence in found.unknown),
        "",
    )
    _write_house(draft)
    routes: dict[str, list[str]] = {}
    for engine in found.engines:
        for served in engine.models:
            _write_remote(draft, found.machine, engine, served, routes)
    files = found.files if found.files or found.engines else (_demo_model(),)
    for served in files:
        _write_embedded(draft, found.machine, served, routes)
    _write_offer(draft, routes)
    return "\n".join(draft.lines) + "\n", draft.open_questions


def _write_house(draft: _Draft) -> None:
    draft.add("[site]                                # power, place, money", 'name = "factory"')
    draft.open("what a kWh costs you; 0.12 USD is assumed", "power_usd_per_kwh = 0.12")
    draft.open("what cooling and conversion add (PUE); 1.30 is assumed", "pue = 1.30")
    draft.add("", "[seller]                              # who sends the invoices")
    draft.open("your name and address", 'name = "…"', 'address = ["…", "…"]', 'tax_id = "…"')
    draft.add("", "[serve]                               # where it listens")
    draft.set(listen="127.0.0.1:8600", control="127.0.0.1:8601")


def _write_remote(
    draft: _Draft, machine: Machine, engine: Engine, served: Served, routes: dict[str, list[str]]
) -> None:
    alias = _alias(served)
    pool = draft.name(engine.engine if len(engine.models) == 1 else f"{engine.engine}-{alias}")
    routes.setdefault(alias, []).append(pool)
    draft.add("", "[[pool]]                              # an engine that was found here")
    draft.set(name=pool, model=served.model, engine=engine.engine, url=engine.url)
    draft.set(served_model=served.name if served.name != served.model else None)
    draft.set(precision=served.precision, context=served.context, slots=served.slots)
    cards = [gpu.hardware for gpu in machine.gpus if gpu.hardware] or [machine.cpu_hardware]
    draft.open("which hardware it runs on", f'hardware = "{cards[0]}"', of=pool)
    if served.precision is None:
        draft.open("in which precision it serves", 'precision = "fp8"', of=pool)
    _write_costs(draft, pool, served)


def _write_embedded(
    draft: _Draft, machine: Machine, served: Served, routes: dict[str, list[str]]
) -> None:
    alias = _alias(served)
    pool = draft.name(f"here-{alias}" if "here" in draft.names else "here")
    routes.setdefault(alias, []).append(pool)
    draft.add("", "[[pool]]                              # llama.cpp inside wattmill")
    draft.set(name=pool, model=served.model, engine="llama.cpp", path=served.path)
    if machine.engine_hardware == "1x cpu":
        draft.add('hardware = "1x cpu"                   # the catalog\'s desktop processor')
    else:
        draft.set(hardware=machine.engine_hardware)
    draft.set(precision=served.precision)
    draft.set(slots=served.slots, context=served.context)
    if machine.engine_hardware is None:
        draft.open("which of the cards it computes on", 'hardware = "1x L40S"', of=pool)
    if served.precision is None:
        draft.open("the precision of the file; q4_k_m is assumed", 'precision = "q4_k_m"', of=pool)
    _write_costs(draft, pool, served)


def _write_costs(draft: _Draft, pool: str, served: Served) -> None:
    if not served.known:
        draft.open(
            f"the shape of {served.model!r}: the catalog has no such model, so it is served but not"
            " planned",
            of=pool,
        )
    bought = f"bought = {date.today()}"
    draft.open("what was paid for the machine, and when", "paid_usd = 1200", bought, of=pool)
    draft.open("its watts at the wall", "idle_w = 40", "busy_w = 90", of=pool)


def _write_offer(draft: _Draft, routes: dict[str, list[str]]) -> None:
    for alias, pools in routes.items():
        draft.add("", "[[model]]                             # what clients ask for")
        draft.set(alias=alias, route=pools)
    draft.add("", "[[rate_plan]]                         # what they pay", 'name = "standard"')
    draft.open("what you charge; these prices only hold the place")
    draft.add("usd_per_mtok = { input = 0.40, cached_input = 0.04, output = 1.60 }")
    draft.add("", "[[tenant]]                            # who pays", 'name = "house"')
    draft.add('rate_plan = "standard"')
    draft.open("who your tenants are, and their budgets", "budget_usd_per_month = 500")


def _alias(served: Served) -> str:
    return _as_name(served.model)


def _as_name(text: str) -> str:
    """Text as the factory file takes a name."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("._-")[:60] or "model"


def _demo_model() -> Served:
    file = read_gguf(Path(__file__).parent.parent / "demo" / "model.gguf")
    return Served("wattmill-demo", "wattmill-demo", True, file.precision, 2048, 8, DEMO)


def _machine_words(machine: Machine) -> str:
    cards = [f"{gpu.count}x {gpu.name}{_gib(gpu.memory_gib)}" for gpu in machine.gpus]
    parts = [", ".join(cards) or "no GPU seen"]
    parts += [machine.cpu] if machine.cpu else []
    parts += [f"{machine.cores} cores"] if machine.cores else []
    parts += [f"{machine.memory_gib:.0f} GiB memory"] if machine.memory_gib else []
    return ", ".join(parts)


def _gib(memory_gib: float | None) -> str:
    return f" ({memory_gib:.0f} GiB)" if memory_gib else ""


def _toml(value: Any) -> str:
    """A value of the file; JSON's texts, lists and whole numbers are TOML's."""
    return json.dumps(value, ensure_ascii=False)
