"""This machine: its cards, processor and memory, by what the kernel and the makers' tools tell."""

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from wattmill.catalog.hardware import accelerator, accelerators
from wattmill.catalog.names import plain
from wattmill.catalog.units import GIB
from wattmill.core.errors import CatalogError
from wattmill.web.discover.records import Gpus, Machine
from wattmill.web.discover.told import number_of, printable

TOOL_TIMEOUT_S = 10.0

RunTool = Callable[[Sequence[str]], str]


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
            cards.append((printable(name), number_of(mib, 1 / 1024)))
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
    memory = [number_of(row.get("vram total memory (b)", ""), 1 / GIB) for row in lowered]
    return [(printable(name), gib) for name, gib in zip(names, memory, strict=True) if name]


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
    return printable(name) or None


def _memory_gib(run: RunTool, root: Path) -> float | None:
    found = re.search(r"^MemTotal:\s*(\d+) kB$", _read(root / "proc/meminfo"), re.M)
    if found:
        return int(found[1]) / 2**20
    return number_of(run(["sysctl", "-n", "hw.memsize"]), 1 / GIB)


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


def machine_words(machine: Machine) -> str:
    """The machine in a line, for a person."""
    cards = [f"{gpu.count}x {gpu.name}{_gib(gpu.memory_gib)}" for gpu in machine.gpus]
    parts = [", ".join(cards) or "no GPU seen"]
    parts += [machine.cpu] if machine.cpu else []
    parts += [f"{machine.cores} cores"] if machine.cores else []
    parts += [f"{machine.memory_gib:.0f} GiB memory"] if machine.memory_gib else []
    return ", ".join(parts)


def _gib(memory_gib: float | None) -> str:
    return f" ({memory_gib:.0f} GiB)" if memory_gib else ""
