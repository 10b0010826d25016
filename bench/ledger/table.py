"""Turns into one plain table: a median for each figure, and below it the range."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Turn:
    """One measurement. CPU time is of the program itself, ``server_us`` of the database server beside it."""

    requests: int
    per_s: float
    cpu_us: float
    peak_mb: float
    server_us: float | None = None
    seconds: float | None = None
    wrong: str | None = None


@dataclass
class Row:
    """What is measured and its turns; ``problem`` says why later ones are missing."""

    name: str
    about: str
    ours: bool
    version: str = ""
    turns: list[Turn] = field(default_factory=list)
    problem: str | None = None

    @property
    def failed(self) -> bool:
        """Is this more than a peer that cannot be had here?"""
        wrong = any(turn.wrong for turn in self.turns)
        return wrong or bool(self.problem and (self.ours or self.turns))


@dataclass(frozen=True)
class Column:
    """A figure of the table, and how it is written."""

    title: str
    figure: Callable[[Turn], float | None]
    pattern: str = "{:,.0f}"


COLUMNS = (
    Column("requests", lambda turn: turn.requests),
    Column("requests/s", lambda turn: turn.per_s),
    Column("CPU µs each", lambda turn: turn.cpu_us, "{:,.1f}"),
    Column("server µs each", lambda turn: turn.server_us, "{:,.1f}"),
    Column("seconds", lambda turn: turn.seconds, "{:,.1f}"),
    Column("peak MB", lambda turn: turn.peak_mb),
)


def median(row: Row, figure: Callable[[Turn], float | None]) -> float | None:
    """Over the rounds; ``None`` where there is no such figure."""
    values = figures(row, figure)
    return statistics.median(values) if values else None


def figures(row: Row, figure: Callable[[Turn], float | None]) -> list[float]:
    """The row's values of one figure, round by round."""
    return [value for turn in row.turns if (value := figure(turn)) is not None]


def table(rows: Sequence[Row]) -> str:
    """Two lines a row; one without figures says why."""
    lines: list[list[str] | str] = [["", *(column.title for column in COLUMNS)]]
    for row in rows:
        lines += _row(row)
    cells = [line for line in lines if isinstance(line, list)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(_aligned(line, widths) for line in lines)


def _row(row: Row) -> list[list[str] | str]:
    label = f"{row.name} {row.version}".strip()
    if not row.turns:
        return [f"{label}  not available: {row.problem}"]
    medians, ranges = [label], [f"  {row.about}"]
    for column in COLUMNS:
        values = figures(row, column.figure)
        medians.append(column.pattern.format(statistics.median(values)) if values else "–")
        ranges.append(_range(values, column.pattern))
    return [medians, ranges]


def _range(values: Sequence[float], pattern: str) -> str:
    if len(set(values)) < 2:
        return ""
    return f"{pattern.format(min(values))}–{pattern.format(max(values))}"


def _aligned(line: list[str] | str, widths: Sequence[int]) -> str:
    if isinstance(line, str):
        return line
    first, *others = line
    right = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
    return "  ".join([first.ljust(widths[0]), *right]).rstrip()


def remarks(rows: Sequence[Row]) -> list[str]:
    """What went wrong, a line each."""
    lines = []
    for row in rows:
        if row.turns and row.problem:
            lines.append(f"{row.name}: only {len(row.turns)} rounds, then: {row.problem}")
        lines += [f"{row.name}: WRONG: {turn.wrong}" for turn in row.turns if turn.wrong][:1]
    return lines
