"""Whether an invoice is right, computed anew by the one who pays it: from the invoice as JSON and the usage as CSV.

It shares no line with the code that made the invoice and needs nothing but Python, so that a tenant can read it, and
run it by itself: ``python recompute.py INVOICE.json USAGE.csv [MORE.json|MORE.csv]…``. It checks that

- the tokens of the lines are those of the requests in the period that were charged, up to the block that the invoice
  covers;
- quantity × unit price is the exact amount of each line, and that amount rounded by the invoice's rule is what is
  billed; a line that closes the month (a minimum, what is not charged) is rounded together with what it closes;
- what was not charged because credit ran out is no less than the requests say;
- taxes are rate × base; credit, taxes and lines add up to the total.

Late lines are differences: what came in after their month was invoiced. They are checked with the usage of that month,
and the invoices that had lines of it before, given as further files: all of them together must say what one invoice
over the month would say now. Without these files they are said to be unchecked.

Fees are checked as arithmetic only: a usage export does not know them. Status 1: something differs.
"""

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, Literal

SCHEMA = "wattmill.invoice/2"
METERS = (
    *("input_uncached", "input_cached", "cache_write", "output_text", "output_reasoning"),
    *("audio_in", "audio_out", "image_in"),
)
CLOSING = ("allowance", "drawdown", "overage", "maximum", "minimum", "commitment", "absorbed")
PERIODIC = ("fee", "seats")
Verdict = Literal["agrees", "differs", "unchecked"]
Cell = tuple[str, str, str, str, str, str]
"""Of tokens: plan, plan version, model, pool, band, meter."""


@dataclass(frozen=True)
class Finding:
    """What the invoice says and what comes out, for one line or sum."""

    what: str
    verdict: Verdict
    says: str
    computed: str
    why: str = ""


class Unreadable(Exception):
    """A file is not what it must be."""


def recompute(
    invoice: Mapping[str, Any],
    usage: Iterable[Mapping[str, str]],
    others: Iterable[Mapping[str, Any]] = (),
) -> list[Finding]:
    """Everything that can be checked, in the order of the invoice. ``others`` are invoices of months it adds to."""
    earlier = []
    for document in (invoice, *others):
        schema = document.get("schema") if isinstance(document, dict) else None
        if schema != SCHEMA:
            raise Unreadable(f"the invoice is no {SCHEMA}: {schema!r}")
        if _is_before(document, invoice):
            earlier.append(document)
    months = _months(invoice, earlier)
    for row in usage:
        for month in months:
            month.add(row)
    lines = (finding for month in months for finding in _lines(invoice, month))
    tokens = (finding for month in months for finding in _tokens(month))
    return [*lines, *tokens, *_sums(invoice)]


def _is_before(document: Mapping[str, Any], invoice: Mapping[str, Any]) -> bool:
    """Whether it stood when the invoice was made. What is on another document gives money back and no usage."""
    stands = document["status"] == "final" and document["credits"] is None
    return stands and int(document["up_to_block"]) < int(invoice["up_to_block"])


# --- months ---------------------------------------------------------------------------------------


class Billed:
    """A month of which the invoice has lines: what of it was billed so far, and what was used."""

    def __init__(
        self, invoice: Mapping[str, Any], earlier: Iterable[Mapping[str, Any]], name: str
    ) -> None:
        self.name = name
        self.own = {line["key"] for line in invoice["lines"] if line["month"] == name}
        had = [one for one in earlier if any(line["month"] == name for line in one["lines"])]
        self.with_ = [str(one["number"]) for one in had]
        self.lines = _together([*had, invoice], name)
        self.is_late = any(line["is_late"] for line in invoice["lines"] if line["month"] == name)
        periods = (one["period"] for one in (invoice, *earlier))
        period = next((one for one in periods if one["month"] == name), None)
        bounds = [c["up_to_block"] for c in invoice["coverage"] if c["month"] == name]
        self.used = None if period is None else Used(period, [*bounds, invoice["up_to_block"]][0])

    @property
    def is_known(self) -> bool:
        """Whether all is there that its lines need."""
        if not self.is_late:
            return self.used is not None
        return self.used is not None and bool(self.with_) and self.used.has_rows

    def add(self, row: Mapping[str, str]) -> None:
        if self.used is not None:
            self.used.add(row)


def _months(invoice: Mapping[str, Any], earlier: Iterable[Mapping[str, Any]]) -> list[Billed]:
    """In the order of the invoice; its own month is always one of them."""
    named = [*(line["month"] for line in invoice["lines"]), invoice["period"]["month"]]
    known = list(earlier)
    return [Billed(invoice, known, name) for name in dict.fromkeys(named)]


def _together(documents: Iterable[Mapping[str, Any]], month: str) -> list[dict[str, Any]]:
    """The lines of a month on all of these as one line for each key, what closes the month behind the rest."""
    found: dict[str, dict[str, Any]] = {}
    known = list(documents)
    for document in known:
        for line in document["lines"]:
            if line["month"] != month:
                continue
            before = found.get(line["key"])
            found[line["key"]] = dict(line) if before is None else _sum_of(before, line)
    return sorted(found.values(), key=_turn) if len(known) > 1 else list(found.values())


def _sum_of(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    sums = {name: one[name] + other[name] for name in ("tokens", "amount_minor")}
    exact = {
        name: Fraction(one[name]) + Fraction(other[name]) for name in ("quantity", "amount_usd")
    }
    return {**one, **sums, **exact}


def _turn(line: Mapping[str, Any]) -> int:
    return CLOSING.index(line["kind"]) + 1 if line["kind"] in CLOSING else 0


class Used:
    """The tokens that a month must be charged for, and the amounts that it must not."""

    def __init__(self, period: Mapping[str, Any], last_block: int) -> None:
        self._start, self._end = (_instant(period[name]) for name in ("start", "end"))
        self._last_block = last_block
        self.tokens: dict[Cell, int] = {}
        self.absorbed = Fraction(0)
        self.has_rows = False

    def add(self, row: Mapping[str, str]) -> None:
        """Count one row of the export, if it is of the month and was known."""
        if not self._start <= _instant(row["time"]) < self._end:
            return
        self.has_rows = True
        if int(row["block"]) > self._last_block or row["state"] != "charged":
            return
        self.absorbed += Fraction(row["absorbed"] or 0)
        where = tuple(
            _word(row[name]) for name in ("plan", "plan_version", "model", "pool", "band")
        )
        for meter in METERS:
            if tokens := int(row[meter]):
                cell: Cell = (*where, meter)  # type: ignore[assignment]
                self.tokens[cell] = self.tokens.get(cell, 0) + tokens


# --- lines ----------------------------------------------------------------------------------------


class Above:
    """What the lines above come to, fees apart: before and after rounding."""

    def __init__(self, invoice: Mapping[str, Any]) -> None:
        self._unit, self._rule = 10 ** invoice["exponent"], invoice["rounding"]
        self._amount, self._billed = Fraction(0), 0

    def round(self, line: Mapping[str, Any], amount: Fraction) -> int:
        """What an amount for this line is rounded to."""
        closes = line["kind"] in CLOSING
        whole = amount + self._amount if closes else amount
        return round_by(whole * self._unit, self._rule) - (self._billed if closes else 0)

    def add(self, line: Mapping[str, Any]) -> None:
        if line["kind"] not in PERIODIC:
            self._amount += Fraction(line["amount_usd"])
            self._billed += line["amount_minor"]


def _lines(invoice: Mapping[str, Any], month: Billed) -> Iterator[Finding]:
    if not month.is_known:
        yield from _unchecked(invoice, month)
        return
    above = Above(invoice)
    for line in month.lines:
        assert month.used is not None
        if line["kind"] == "absorbed":
            found = _absorbed(invoice, line, month.used, above)
        else:
            found = _line(invoice, line, above)
        above.add(line)
        if line["key"] in month.own:
            yield _with_others(found, month) if month.is_late else found


def _unchecked(invoice: Mapping[str, Any], month: Billed) -> Iterator[Finding]:
    why = f"a difference of {month.name}: it needs that month's usage and invoices"
    for line in invoice["lines"]:
        if line["month"] == month.name:
            yield Finding(_name(line), "unchecked", _billed(line, invoice), "", why)


def _with_others(found: Finding, month: Billed) -> Finding:
    """What a late line and the lines before it come to."""
    return replace(found, what=f"{found.what} of {month.name}, with {' and '.join(month.with_)}")


def _line(invoice: Mapping[str, Any], line: Mapping[str, Any], above: Above) -> Finding:
    """Quantity × price is the amount, and its rounding what is billed."""
    exact = _exact(line)
    amount = Fraction(line["amount_usd"])
    is_exact = abs(exact - amount) <= _tolerance(line)
    agrees = is_exact and above.round(line, amount) == line["amount_minor"]
    computed = _minor(above.round(line, amount if is_exact else exact), invoice)
    why = "" if is_exact else f"quantity × price is {_text(exact)}, the line says {_text(amount)}"
    return Finding(
        _name(line), "agrees" if agrees else "differs", _billed(line, invoice), computed, why
    )


def _exact(line: Mapping[str, Any]) -> Fraction:
    if line["unit_price"] is None:
        return Fraction(line["amount_usd"])
    return Fraction(line["quantity"]) * Fraction(line["unit_price"])


def _tolerance(line: Mapping[str, Any]) -> Fraction:
    """Amounts are whole pico-units; a quantity or price with more than 12 places is printed with 12."""
    step = Fraction(1, 2 * 10**12)
    if line["kind"] in ("usage", "package"):
        return step
    return step * (1 + abs(Fraction(line["quantity"])) + abs(Fraction(line["unit_price"] or 0)))


def _absorbed(
    invoice: Mapping[str, Any], line: Mapping[str, Any], used: Used, above: Above
) -> Finding:
    """Never more than the requests say; less where the invoice itself is lower than they were."""
    amount = -Fraction(line["amount_usd"])
    agrees = 0 <= amount <= used.absorbed and above.round(line, -amount) == line["amount_minor"]
    computed = f"at the most {_text(used.absorbed)}"
    return Finding(_name(line), "agrees" if agrees else "differs", _billed(line, invoice), computed)


# --- tokens ---------------------------------------------------------------------------------------


def _tokens(month: Billed) -> Iterator[Finding]:
    """The tokens of each kind of line against those of the requests that belong to it."""
    if not month.is_known or month.used is None:
        return
    billed: dict[tuple[Any, ...], int] = {}
    for line in month.lines:
        if line["meters"]:
            about = (line["plan"], line["plan_version"], line["model"], line["pool"], line["band"])
            key = (*about, tuple(line["meters"]))
            billed[key] = billed.get(key, 0) + line["tokens"]
    counted = dict.fromkeys(billed, 0)
    late = f" of {month.name}" if month.is_late else ""
    for cell, tokens in month.used.tokens.items():
        home = _home(cell, billed)
        if home is None:
            yield Finding(_cell_name(cell) + late, "differs", "no line", f"{tokens:,} tokens")
        else:
            counted[home] += tokens
    for key, tokens in billed.items():
        verdict: Verdict = "agrees" if tokens == counted[key] else "differs"
        figures = (f"{tokens:,} tokens", f"{counted[key]:,} tokens")
        yield Finding(_key_name(key) + late, verdict, *figures)


def _home(cell: Cell, billed: Mapping[tuple[Any, ...], int]) -> tuple[Any, ...] | None:
    """The line that prices a cell: one that names its pool before one that names its model, then its band."""
    plan, version, model, pool, band, meter = cell
    fitting = [
        key
        for key in billed
        if (str(key[0]), str(key[1])) == (plan, version)
        and meter in key[5]
        and key[2] in (None, model)
        and key[3] in (None, pool)
        and key[4] in (None, band)
    ]
    rank = {key: (key[3] is not None, key[2] is not None, key[4] is not None) for key in fitting}
    return max(fitting, key=rank.__getitem__, default=None)


# --- sums -----------------------------------------------------------------------------------------


def _sums(invoice: Mapping[str, Any]) -> Iterator[Finding]:
    net = sum(line["amount_minor"] for line in invoice["lines"])
    credit = sum(draw["amount_minor"] for draw in invoice["credit"])
    yield _sum("net", invoice["net_minor"], net, invoice)
    yield _sum("net less credit", invoice["taxable_minor"], net - credit, invoice)
    for tax in invoice["taxes"]:
        amount = round_by(Fraction(tax["rate"]) * tax["base_minor"], invoice["rounding"])
        name = f"tax {tax['jurisdiction']} {tax['rate']} of {_minor(tax['base_minor'], invoice)}"
        yield _sum(name, tax["amount_minor"], amount, invoice)
    if invoice["taxes"]:
        bases = sum(tax["base_minor"] for tax in invoice["taxes"])
        yield Finding(
            "what is taxed",
            "agrees" if abs(bases) <= abs(net - credit) else "differs",
            _minor(bases, invoice),
            f"at the most {_minor(net - credit, invoice)}",
        )
    total = net - credit + sum(tax["amount_minor"] for tax in invoice["taxes"])
    yield _sum("total", invoice["total_minor"], total, invoice)


def _sum(what: str, says: int, computed: int, invoice: Mapping[str, Any]) -> Finding:
    verdict: Verdict = "agrees" if says == computed else "differs"
    return Finding(what, verdict, _minor(says, invoice), _minor(computed, invoice))


# --- numbers and words ----------------------------------------------------------------------------


def round_by(value: Fraction, rule: str) -> int:
    """Whole units: halves away from zero (``half_up``), to the even one, towards zero; or all of it up or down."""
    whole, rest = divmod(abs(value), 1)
    half = Fraction(1, 2)
    away = {
        "half_up": rest >= half,
        "half_even": rest > half or (rest == half and whole % 2 == 1),
        "half_down": rest > half,
        "up": rest > 0,
        "down": False,
    }[rule]
    return int(whole + away) * (-1 if value < 0 else 1)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def _word(text: str) -> str:
    """As it was before the export kept a spreadsheet from taking it for a formula."""
    return (
        text[1:]
        if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@", "\t", "\r", "\n")
        else text
    )


def _name(line: Mapping[str, Any]) -> str:
    return f"{line['model']}: {line['text']}" if line["model"] else str(line["text"])


def _key_name(key: tuple[Any, ...]) -> str:
    plan, version, *where, meters = key
    named = " ".join(str(part) for part in where if part)
    return f"tokens {named} {' + '.join(meters)} ({plan} v{version})".replace("  ", " ")


def _cell_name(cell: Cell) -> str:
    return _key_name((*cell[:5], (cell[5],)))


def _billed(line: Mapping[str, Any], invoice: Mapping[str, Any]) -> str:
    return _minor(line["amount_minor"], invoice)


def _minor(minor: int, invoice: Mapping[str, Any]) -> str:
    places = invoice["exponent"]
    whole, rest = divmod(abs(minor), 10**places)
    fraction = f".{rest:0{places}d}" if places else ""
    return f"{'-' if minor < 0 else ''}{whole}{fraction} {invoice['currency']}"


def _text(value: Fraction) -> str:
    """With 15 digits, for people."""
    return f"{Decimal(value.numerator) / value.denominator:.15g}"


# --- files ----------------------------------------------------------------------------------------


def recompute_files(invoice_path: Path, usage_path: Path, *more: Path) -> list[Finding]:
    """The same for files: ``more`` are usage (``.csv``) and earlier invoices. ``Unreadable`` says which is none."""
    usages = [usage_path, *(path for path in more if path.suffix == ".csv")]
    try:
        invoice = json.loads(invoice_path.read_text("utf-8"))
        others = [json.loads(path.read_text("utf-8")) for path in more if path not in usages]
        return recompute(invoice, chain.from_iterable(map(_rows, usages)), others)
    except OSError as error:
        raise Unreadable(f"{error.filename}: {error.strerror}") from None
    except (KeyError, ValueError, TypeError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from None


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def text_of(findings: Iterable[Finding]) -> str:
    """A line for each, and the last word."""
    lines, found = [], list(findings)
    for one in found:
        computed = f", computed {one.computed}" if one.computed else ""
        why = f" ({one.why})" if one.why else ""
        lines.append(f"{one.verdict:9}  {one.what}: says {one.says}{computed}{why}")
    differing = sum(one.verdict == "differs" for one in found)
    unchecked = sum(one.verdict == "unchecked" for one in found)
    rest = f"; {unchecked} not checked" if unchecked else ""
    lines.append(
        f"\n{differing} of {len(found)} differ{rest}." if differing else f"\nAll agree{rest}."
    )
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """0: all that was checked agrees; 1: something differs; 2: a file cannot be read."""
    if len(arguments) < 2:
        print("usage: recompute.py INVOICE.json USAGE.csv [MORE.json|MORE.csv]...", file=sys.stderr)
        return 2
    try:
        findings = recompute_files(*map(Path, arguments))
    except Unreadable as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(text_of(findings))
    return int(any(finding.verdict == "differs" for finding in findings))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
