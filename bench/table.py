"""Turns into one plain table: medians, their range, and the ratio to nginx."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.measure import Turn

BASELINE = "nginx"
DEFERRED_WORTH_TELLING = 0.05
Figure = Callable[[Turn], float | None]


@dataclass
class Row:
    """A contender and its turns, one per round; `problem` says why later ones are missing."""

    name: str
    version: str = ""
    turns: list[Turn] = field(default_factory=list)
    problem: str | None = None
    remark: str | None = None
    ours: bool = False

    @property
    def failed(self) -> bool:
        """Is this more than a peer that cannot be had here?"""
        faulty = any(turn.errors or turn.books_differ for turn in self.turns)
        return faulty or bool(self.problem and (self.ours or self.turns))


@dataclass(frozen=True)
class Column:
    """A figure of the table, and how it is written."""

    title: str
    figure: Figure
    pattern: str = "{:,.0f}"
    scale: float = 1.0
    ratio: bool = False


COLUMNS = (
    Column("requests/s", lambda turn: turn.requests_per_s, ratio=True),
    Column("CPU-s/1,000", lambda turn: turn.cpu_s_per_1000, "{:.4f}"),
    Column("added p50 µs", lambda turn: turn.added_p50_us),
    Column("added p99 µs", lambda turn: turn.added_p99_us),
    Column("SSE chunks/s", lambda turn: turn.chunks_per_s, ratio=True),
    Column("its core %", lambda turn: turn.gateway_busy, scale=100),
    Column("load core %", lambda turn: turn.load_busy, scale=100),
)


def figures(row: Row, figure: Figure) -> list[float]:
    """The row's values of one figure, round by round."""
    return [value for turn in row.turns if (value := figure(turn)) is not None]


def ratio(row: Row, baseline: Row | None, figure: Figure) -> float | None:
    """The median over the rounds of row / baseline, so that a drift of the machine cancels."""
    if baseline is None:
        return None
    pairs = zip(figures(row, figure), figures(baseline, figure), strict=False)
    ratios = [mine / theirs for mine, theirs in pairs if theirs]
    return statistics.median(ratios) if ratios else None


def table(rows: Sequence[Row]) -> str:
    """Two lines a row, the median and below it the range; a row without figures says why."""
    baseline = next((row for row in rows if row.name == BASELINE and row.turns), None)
    lines = [_titles(), *(line for row in rows for line in _row(row, baseline))]
    cells = [line for line in lines if isinstance(line, list)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(_aligned(line, widths) for line in lines)


def _titles() -> list[str]:
    titles = ["gateway"]
    for column in COLUMNS:
        titles += [column.title, "of nginx"] if column.ratio else [column.title]
    return titles


def _row(row: Row, baseline: Row | None) -> list[list[str] | str]:
    label = f"{row.name} {row.version}".strip()
    if not row.turns:
        return [f"{label}  not available: {row.problem}"]
    medians, ranges = [label], [""]
    for column in COLUMNS:
        values = [value * column.scale for value in figures(row, column.figure)]
        medians.append(column.pattern.format(statistics.median(values)) if values else "–")
        ranges.append(_range(values, column.pattern))
        if column.ratio:
            share = ratio(row, baseline, column.figure)
            medians.append("–" if share is None else f"{share:.3g}")
            ranges.append("")
    return [medians, ranges]


def _range(values: Sequence[float], pattern: str) -> str:
    if not values:
        return ""
    return f"{pattern.format(min(values))}–{pattern.format(max(values))}"


def _aligned(line: list[str] | str, widths: Sequence[int]) -> str:
    if isinstance(line, str):
        return line
    first, *others = line
    right = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
    return "  ".join([first.ljust(widths[0]), *right]).rstrip()


def remarks(rows: Sequence[Row]) -> list[str]:
    """What a reader of the table must know beside it, a line each."""
    return [line for row in rows for line in _remarks(row)]


def _remarks(row: Row) -> list[str]:
    lines = [row.remark] if row.remark else []
    if row.turns and row.problem:
        lines.append(f"{row.name}: only {len(row.turns)} rounds, then: {row.problem}")
    errors = sum(turn.errors for turn in row.turns)
    if errors:
        first = next(turn.first_error for turn in row.turns if turn.errors)
        lines.append(f"{row.name}: {errors:,} errors, the first: {first}")
    return lines + _deferred_remarks(row) + _ledger_remarks(row)


def _deferred_remarks(row: Row) -> list[str]:
    """Work that was put off makes requests/s look better than what can be kept up."""
    put_off = figures(row, lambda turn: turn.deferred_frac)
    if not put_off or statistics.median(put_off) < DEFERRED_WORTH_TELLING:
        return []
    cost = statistics.median(figures(row, lambda turn: turn.cpu_s_per_1000))
    return [
        f"{row.name}: {100 * statistics.median(put_off):.0f} % of its CPU time came after the load "
        f"(it is in CPU-s/1,000); what it can keep up is {1000 / cost:,.0f} requests/s"
    ]


def _ledger_remarks(row: Row) -> list[str]:
    """The ledger against the upstream, over all the rounds."""
    for turn in row.turns:
        if turn.books_differ:
            return [f"{row.name}: THE LEDGER DIFFERS: upstream {turn.served}, ledger {turn.booked}"]
    total = sum(turn.booked.requests for turn in row.turns if turn.booked)
    if not total:
        return []
    return [f"{row.name}: the ledger agrees with the upstream on all {total:,} requests"]
