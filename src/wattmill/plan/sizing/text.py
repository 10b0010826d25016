"""Both studies for the eyes of a person; a terminal of 120 columns and more sees more columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from wattmill.catalog.units import GIGA, KILO
from wattmill.plan.sizing.fit_records import FitReport, FitRow, by_device, one_per_class
from wattmill.plan.sizing.options import Miss, Option, SizeReport

UNKNOWN = "-"
WIDE = 120
MANY_MISSES = 6
MARKS = {"cost": "c", "power": "p", "speed": "s"}


class ByWidth:
    """Two forms of one thing; the terminal decides."""

    def __init__(self, narrow: RenderableType, wide: RenderableType) -> None:
        self.narrow, self.wide = narrow, wide

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.wide if options.max_width >= WIDE else self.narrow


class Command:
    """A command line, cut where the shell can join it again."""

    def __init__(self, words: str) -> None:
        self.words = words.split(" ")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        line = "  " + self.words[0]
        for word in self.words[1:]:
            if len(line) + len(word) + 3 > options.max_width:
                yield Text(line + " \\", no_wrap=True)
                line = "   "
            line += " " + word
        yield Text(line, no_wrap=True)


Column = tuple[str, str, Callable[[Option], str]]


# --- size -----------------------------------------------------------------------------------------


def size_screen(report: SizeReport) -> RenderableType:
    """Options, the cheapest of other hardware, how to start the best, and what to know."""
    if report.miss is not None:
        return Group(_size_headline(report), *_miss_lines(report, report.miss))
    parts: list[RenderableType] = [_size_headline(report), _options(report.options)]
    if report.others:
        parts += [Text("cheapest on other hardware", "bold"), _options(report.others)]
    parts += [_best_launches(report), *(Text(f"note: {note}") for note in report.notes)]
    return Group(*parts)


def _size_headline(report: SizeReport) -> Group:
    load, terms = report.workload, report.terms
    who = f"{report.users:,} sequences at once" if report.users else f"{report.rps:g} requests/s"
    hit = f", {load.hit_frac:.0%} cached" if load.hit_frac else ""
    first = f"{report.model}: {who}, {load.isl:,} tokens in{hit}, {load.osl:,} out; {report.slo}"
    second = (
        f"means of requests at that peak; money at {terms.load_frac:.0%} of it,"
        f" {terms.usd_per_kwh:g} USD/kWh, PUE {terms.pue:g}, {terms.life_months} months"
    )
    third = f"{report.configurations:,} configurations, {report.front} on the Pareto front"
    return Group(Text(first, "bold"), Text(second), Text(third))


SHORT: tuple[Column, ...] = (
    ("", "left", lambda o: "".join(MARKS[name] for name in o.best_at)),
    ("hardware", "left", lambda o: _hardware(o)),
    ("layout", "left", lambda o: f"{o.precision} {_layout(o)}"),
    ("TTFT\nms", "right", lambda o: digits(o.ttft_s * 1e3)),
    ("TPOT ms\n(90 %)", "right", lambda o: _tpot(o)),
    ("kW", "right", lambda o: digits(o.power_w / KILO)),
    ("$/h", "right", lambda o: _hourly(o.usd_per_hour, o.is_usd_stale)),
    ("$/Mtok", "right", lambda o: _usd(o.usd_per_mtok)),
)
LONG: tuple[Column, ...] = (
    ("best", "left", lambda o: ", ".join(o.best_at)),
    ("hardware", "left", lambda o: _hardware(o)),
    ("weights", "left", lambda o: o.precision),
    ("layout, batch", "left", lambda o: _layout(o)),
    ("TTFT ms", "right", lambda o: digits(o.ttft_s * 1e3)),
    ("TPOT ms (90 %)", "right", lambda o: _tpot(o)),
    ("tok/s", "right", lambda o: digits(o.tok_per_s)),
    ("kW", "right", lambda o: digits(o.power_w / KILO)),
    ("$/h", "right", lambda o: _hourly(o.usd_per_hour, o.is_usd_stale)),
    ("paid", "left", lambda o: _basis(o.usd_basis, o.is_usd_stale)),
    ("$/Mtok", "right", lambda o: _usd(o.usd_per_mtok)),
    ("limit", "left", lambda o: o.limited_by),
    ("binds", "left", lambda o: o.binds),
)


def _options(options: Sequence[Option]) -> ByWidth:
    return ByWidth(_option_table(SHORT, options, 0), _option_table(LONG, options, 1))


def _option_table(columns: Sequence[Column], options: Sequence[Option], gap: int) -> Table:
    table = _table([(name, side) for name, side, _ in columns], gap)
    for option in options:
        table.add_row(*(cell(option) for _, _, cell in columns))
    return table


def _hardware(o: Option) -> str:
    return f"{o.machines}x {o.system}" if o.system else o.hardware


def _layout(o: Option) -> str:
    """`2×tp4 b64`: replicas, how cards share one, and sequences on each."""
    shape = [f"{name}{n}" for name, n in (("tp", o.tp), ("dp", o.dp), ("pp", o.pp)) if n > 1]
    return f"{o.replicas}×{'·'.join(shape) or '1'} b{o.batch}"


def _tpot(o: Option) -> str:
    low, high = digits(o.tpot_low_s * 1e3, 2), digits(o.tpot_high_s * 1e3, 2)
    return f"{'' if o.is_sure else '~'}{digits(o.tpot_s * 1e3)} ({low}–{high})"


def _best_launches(report: SizeReport) -> Group:
    lines: list[RenderableType] = [
        Text("to start one replica (--json has all, and SGLang)", "bold")
    ]
    for o in report.options:
        if o.best_at:
            said = (
                f"{', '.join(o.best_at)}: {_hardware(o)}, {o.replicas} of these behind one endpoint"
            )
            lines += [Text(said), Command(o.launch[o.engine])]
    legend = "c, p, s: least cost, least power, fastest; ×: replicas, b: sequences on each"
    return Group(Text(legend), Text(""), *lines, Text(""))


def _miss_lines(report: SizeReport, miss: Miss) -> Iterator[Text]:
    where = f"{miss.hardware}, {miss.precision}, {miss.layout}"
    yield Text("")
    if miss.missing_bytes is not None:
        yield Text(f"nothing holds it; nearest is {where}: {gb(miss.missing_bytes)} too little")
    elif miss.most_users is not None:
        said = "at once, whatever the SLO" if report.users else "at once, which answer too slowly"
        yield Text(f"too few cards; the most is {where}: {miss.most_users:,} sequences {said}")
    else:
        assert miss.ttft_s is not None and miss.tpot_s is not None, "it holds the model"
        seen = f"TTFT {digits(miss.ttft_s * 1e3)} ms, TPOT {digits(miss.tpot_s * 1e3)} ms"
        yield Text(f"nothing meets the SLO; nearest is {where}: {seen} at batch {miss.batch}")
    yield Text("")
    if not miss.knobs:
        yield Text("no single change that was tried would do; take a smaller model")
    for knob in miss.knobs:
        yield Text(f"  {knob}")


# --- fit ------------------------------------------------------------------------------------------

FitCell = Callable[[FitRow, Sequence[FitRow]], str]
FIT_LONG: tuple[tuple[str, str, FitCell], ...] = (
    ("hardware", "left", lambda r, _: r.hardware),
    ("format", "left", lambda r, _: r.precision),
    ("layout", "left", lambda r, _: _shape(r)),
    ("free GB", "right", lambda r, _: digits(r.free_bytes / GIGA)),
    ("users", "right", lambda r, _: f"{r.users:,}"),
    ("alone tok/s\n(90 %)", "right", lambda r, _: _alone(r)),
    ("full tok/s\n(90 %)", "right", lambda r, _: _full(r)),
    ("kW", "right", lambda r, _: digits(r.power_w / KILO, 2)),
    ("$/h", "right", lambda r, _: _hourly(r.usd_per_hour, r.is_usd_stale)),
    ("paid", "left", lambda r, _: _basis(r.usd_basis, r.is_usd_stale)),
    ("$/Mtok", "right", lambda r, _: _usd(r.usd_per_mtok)),
)
ONLY_WIDE = ("layout", "free GB", "paid")
FIT_SHORT = tuple(column for column in FIT_LONG if column[0] not in ONLY_WIDE)
NARROWER: tuple[str, str, FitCell] = ("narrower", "left", lambda r, others: _narrower(others))


def fit_screen(report: FitReport, *, is_all: bool) -> RenderableType:
    """One row per class of devices, or every format of every one; and what does not hold it."""
    everything = [(row, ()) for row in report.rows]
    shown = everything if is_all else one_per_class(report.rows)
    parts: list[RenderableType] = [_fit_headline(report)]
    if shown:
        wide = FIT_LONG if is_all else (*FIT_LONG, NARROWER)
        parts += [ByWidth(_fit_table(FIT_SHORT, shown, 0), _fit_table(wide, shown, 1))]
    parts += [*_fit_misses(report, is_all), *(Text(note) for note in _fit_notes(report, is_all))]
    return Group(*parts)


def _fit_headline(report: FitReport) -> Group:
    load, terms = report.workload, report.terms
    title = (
        f"{report.model}: {report.params / 1e9:.3g} billion weights, shipped in"
        f" {report.default_precision}; users of {report.context_tokens:,} tokens each"
    )
    speeds = (
        f"speeds: {load.isl:,} in, {load.osl:,} out; money at {terms.load_frac:.0%} of full load,"
        f" {terms.usd_per_kwh:g} USD/kWh"
    )
    return Group(Text(title, "bold"), Text(speeds))


def _fit_table(
    columns: Sequence[tuple[str, str, FitCell]],
    shown: Sequence[tuple[FitRow, Sequence[FitRow]]],
    gap: int,
) -> Table:
    table = _table([(name, side) for name, side, _ in columns], gap)
    for row, narrower in shown:
        table.add_row(*(cell(row, narrower) for _, _, cell in columns))
    return table


def _fit_misses(report: FitReport, is_all: bool) -> Iterator[Text]:
    if not report.misses:
        return
    shown = report.misses if is_all else report.misses[:MANY_MISSES]
    said = [f"{m.hardware} in {m.precision} by {gb(m.missing_bytes)}" for m in shown]
    rest = len(report.misses) - len(shown)
    yield Text("does not hold it: " + ", ".join(said) + (f", and {rest} more" if rest else ""))


def _fit_notes(report: FitReport, is_all: bool) -> Iterator[str]:
    rest = len(by_device(report.rows)) - len(one_per_class(report.rows))
    if not report.rows:
        yield "hint: name a narrower --precision, a smaller --context or larger --hardware"
    elif not is_all and rest:
        yield f"one of each class of devices; {rest} more, and narrower formats: --all"
    if any(row.usd_basis == "own" for row in report.rows):
        yield "$/h: own is the price over its life and the energy; hosts, space and people extra"
    if any(row.is_usd_stale for row in report.rows):
        yield "*, stale: older than half a year for rents and used cards, a year for new ones"


def _alone(r: FitRow) -> str:
    return _with_interval(r.single_tok_per_s, r.single_low_tok_per_s, r.single_high_tok_per_s)


def _full(r: FitRow) -> str:
    return _with_interval(r.full_tok_per_s, r.full_low_tok_per_s, r.full_high_tok_per_s)


def _with_interval(value: float, low: float, high: float) -> str:
    return f"{_short(value)} ({_short(low)}–{_short(high)})"


def _short(value: float) -> str:
    """Two digits, thousands as k from ten thousand on."""
    if value >= 9_950:
        return digits(value / 1e3, 2).replace(",", "") + "k"
    return digits(value, 2).replace(",", "")


def _shape(r: FitRow) -> str:
    parts = [f"{name}{n}" for name, n in (("tp", r.tp), ("dp", r.dp), ("pp", r.pp)) if n > 1]
    return "·".join(parts) or "1"


def _narrower(others: Sequence[FitRow]) -> str:
    return ", ".join(f"{row.precision} {row.cards}x" for row in others) or UNKNOWN


# --- both -----------------------------------------------------------------------------------------


def _table(columns: Sequence[tuple[str, str]], gap: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, gap, 0, 0), show_edge=False)
    for name, side in columns:
        table.add_column(name, justify="right" if side == "right" else "left", no_wrap=True)
    return table


def _usd(usd: float | None) -> str:
    if usd is None:
        return UNKNOWN
    return (
        digits(usd, 2 if usd < 0.1 else 3)
        if usd >= 100 or usd < 0.1
        else f"{usd:.1f}"
        if usd >= 10
        else f"{usd:.2f}"
    )


def _hourly(usd: float | None, is_stale: bool) -> str:
    return _usd(usd) + ("*" if usd is not None and is_stale else "")


def _basis(basis: str | None, is_stale: bool) -> str:
    return UNKNOWN if basis is None else basis + (", stale" if is_stale else "")


def gb(size_bytes: float) -> str:
    """Bytes as GB."""
    return f"{digits(size_bytes / GIGA)} GB"


def digits(value: float, count: int = 3) -> str:
    """As many digits as the physics is worth, without an exponent."""
    if value == 0:
        return "0"
    if abs(value) >= 10 ** (count - 1):
        step = 10.0 ** max(0, len(f"{abs(value):.0f}") - count)
        return f"{round(value / step) * step:,.0f}"
    return f"{value:.{count}g}" if abs(value) >= 1e-3 else f"{value:.6f}".rstrip("0")
