"""What was found and what was not, for a person."""

from pathlib import Path
from typing import TYPE_CHECKING

from wattmill.web.discover.machine import machine_words
from wattmill.web.discover.records import Found

if TYPE_CHECKING:
    from rich.console import RenderableType


def found_screen(found: Found, path: Path) -> "RenderableType":
    """What was found, for a person."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    rows = [("machine", machine_words(found.machine))]
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
