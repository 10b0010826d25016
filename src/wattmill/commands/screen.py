"""How a screen of tables and texts is printed: no number and no id is broken, and no line ends in blanks.

Left alone, rich breaks ``-25,046`` into two lines or cuts a key's id where a terminal is narrow. Here a table takes
from its widest columns first, and where even short words have no room, its lines are longer than the terminal.
"""

from collections.abc import Iterator
from typing import Any

from rich.console import Console, Group
from rich.measure import Measurement
from rich.table import Column, Table

UNBOUNDED = 10_000
"""Columns of a screen on which every table has room."""
LONGEST_WORD = 8
"""A longer one (a model's name, an address) is folded where its table allows that; a number never is."""


def print_screen(found: Any) -> None:
    """Print what a person reads, to standard output."""
    console = Console()
    width = console.width
    for part in _parts(found):
        console.width = _fitted(console, part, width) if isinstance(part, Table) else width
        with console.capture() as printed:
            console.print(part, highlight=False, markup=False)
        print("\n".join(line.rstrip() for line in printed.get().split("\n")), end="")


def _parts(found: Any) -> Iterator[Any]:
    """A screen's tables and texts one by one, so that a wide table does not widen the prose."""
    if not isinstance(found, Group):
        yield found
        return
    for part in found.renderables:
        yield from _parts(part)


def _measured(console: Console, part: Any) -> Measurement:
    return console.measure(part, options=console.options.update(width=UNBOUNDED))


def _fitted(console: Console, table: Table, width: int) -> int:
    """The width to print a table in; one that is too wide gets columns that hold their longest words."""
    if _measured(console, table).maximum <= width:
        return width
    ranges = [_range(console, column) for column in table.columns]
    for column, (least, _) in zip(table.columns, ranges, strict=True):
        column.width = least
    room = max(0, width - _measured(console, table).maximum)
    wishes = sorted((most - least, number) for number, (least, most) in enumerate(ranges))
    for left, (wish, number) in zip(range(len(wishes), 0, -1), wishes, strict=True):
        granted = min(wish, room // left)
        table.columns[number].width = ranges[number][0] + granted
        room -= granted
    return max(width, _measured(console, table).maximum)


def _range(console: Console, column: Column) -> tuple[int, int]:
    """Columns of its longest word, and of its longest line."""
    found = [_measured(console, cell) for cell in (column.header, column.footer, *column.cells)]
    most = max(one.maximum for one in found)
    least = most if column.no_wrap else max(one.minimum for one in found)
    may_fold = column.overflow == "fold" and column.justify == "left" and not column.no_wrap
    return (min(least, LONGEST_WORD) if may_fold else least), most
