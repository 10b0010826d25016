"""Values with units, as people write them: `3.35TB/s`, `128k`, `0.12 USD/kWh`, `80 GiB`, `12 %`.

A `Quantity` is a number in coherent base units (kg, m, s, K, A, byte, USD, and counts) with its
dimensions. Counts (tokens, requests, operations) are labels rather than dimensions: `tok/s` fits
`1/s`, but not `FLOP/s`. Names that the table lacks are looked up by `pint`, which is imported only
then.
"""

import math
import re
from functools import cache, lru_cache

from wattmill.catalog.names import nearest
from wattmill.core.errors import UsageError
from wattmill.plan.questions.dimensions import (
    BASE,
    NONE,
    ONE,
    Dims,
    Quantity,
    Unit,
    compatible,
    describe,
    dims,
    minus,
    plus,
    raised,
)
from wattmill.plan.questions.unit_table import DAY_S, MONTH_S, MULTIPLIERS, YEAR_S, table

__all__ = [
    "BASE", "DAY_S", "MONTH_S", "MULTIPLIERS", "NONE", "ONE", "YEAR_S", "Dims", "Quantity", "Unit",
    "compatible", "describe", "is_unit", "minus", "plus", "quantity", "raised", "short", "table",
    "unit", "unit_text",
]  # fmt: skip


@lru_cache(maxsize=4096)
def unit(text: str) -> Unit:
    """The unit written as `text`: `GB/s`, `USD/kWh`, `USD/GPU-hour`, `tok/s per user`, `mm^2`.

    UsageError with the nearest names if it is none.
    """
    found = _from_table(text)
    return found if found is not None else _from_pint(text)


@lru_cache(maxsize=4096)
def is_unit(text: str) -> bool:
    """Whether the table alone knows `text`."""
    return _from_table(text) is not None


def _from_table(text: str) -> Unit | None:
    cleaned = re.sub(r"\s+per\s+|^per\s+", "/", text.strip())
    cleaned = re.sub(r"/\s*1\s*(?=[A-Za-z])", "/", cleaned)  # `USD/1M tokens` of price lists
    parts = [part.strip() for part in cleaned.split("/")]
    product = ONE
    for i, part in enumerate(parts):
        piece = _product(part) if part or i else ONE
        if piece is None:
            return None
        product = product.per(piece) if i else product * piece
    return product


def _product(text: str) -> Unit | None:
    """`kW-month`, `k tokens`, `mm^2`: names that are multiplied."""
    product = ONE
    names = [name for name in re.split(r"[-·*\s]+", text) if name]
    for name in names:
        found = _power(name)
        if found is None:
            return None
        product = product * found
    return product if names else None


def _power(name: str) -> Unit | None:
    known = table().get(name)
    raised_name = re.fullmatch(r"([^\d^²³]+)(?:\^?(-?\d)|(²)|(³))", name)
    if known is not None or raised_name is None:
        return known
    base = table().get(raised_name[1])
    exponent = 2 if raised_name[3] else 3 if raised_name[4] else int(raised_name[2])
    return base and Unit(base.factor**exponent, raised(base.dims, exponent))


@cache
def _registry() -> object:
    import pint

    registry: object = pint.UnitRegistry(cache_folder=None)
    define = registry.define  # type: ignore[attr-defined]
    define("byte = [information] = B = octet")
    define("bit = byte / 8 = b")
    define("USD = [currency] = dollar")
    for count in ("token = [token] = tok", "FLOP = [operation]", "request = [request] = req"):
        define(count)
    return registry


_PINT_NAMES = {
    "[mass]": "kg", "[length]": "m", "[time]": "s", "[temperature]": "K", "[current]": "A",
    "[information]": "byte", "[currency]": "USD",
    "[token]": "token", "[operation]": "FLOP", "[request]": "request",
}  # fmt: skip


_PLAIN_UNIT = re.compile(r"[A-Za-zµ°_]+(\^?[1-4])?([\s*/·-]+[A-Za-zµ°_]+(\^?[1-4])?){0,5}")
"""What is shown to pint: names and small powers, so that no text makes it compute for long."""


def _from_pint(text: str) -> Unit:
    if not _PLAIN_UNIT.fullmatch(text) or len(text) > 80:
        raise UsageError(f"unknown unit {text[:80]!r}", hint=_nearest_unit(text[:80]))
    try:
        quantity = _registry().Quantity(1.0, text).to_base_units()  # type: ignore[attr-defined]
        factor = float(quantity.magnitude)
        exponents = {_PINT_NAMES[k]: float(v) for k, v in quantity.dimensionality.items()}
    except Exception:  # pint raises its own, tokenize's and Python's, all for "no unit"
        raise UsageError(f"unknown unit {text!r}", hint=_nearest_unit(text)) from None
    return Unit(factor, dims(**exponents))


def _nearest_unit(text: str) -> str:
    pieces = re.split(r"[/\s·*-]+", text)
    wrong = next((p for p in pieces if p and _power(p) is None), text)
    usual = ("GB", "GiB", "GB/s", "Gb/s", "TFLOP/s", "s", "ms", "h", "W", "kW", "kWh", "J")
    money = ("USD", "USD/h", "USD/kWh", "USD/Mtok", "tokens", "tok/s", "%", "x")
    return (
        nearest(wrong, (*usual, *money, *table()))
        if len(wrong) > 1
        else ("usual ones are " + ", ".join((*usual, *money)))
    )


KELVIN = dims(K=1)

_VALUE = re.compile(
    r"\s*(?P<dollar>\$)?\s*(?P<number>[+-]?(?:\d[\d_]*(?:,\d{3})*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)"
    r"\s*(?P<unit>[A-Za-zµ°%$×/].*?)?\s*"
)


def quantity(text: str, expected: Dims | None = None) -> Quantity | None:
    """A value with its unit; None if `text` is no number with a unit behind it.

    `expected` settles what a letter means: `70B` is bytes where bytes are expected, else 70e9; `20K` is
    kelvin where kelvin is expected, else 20,000.
    UsageError for a unit that nobody knows.
    """
    found = _VALUE.fullmatch(text)
    if found is None:
        return None
    number = float(found["number"].replace(",", "").replace("_", ""))
    meant = _meant(found["unit"] or "", expected)
    if found["dollar"]:
        meant = _with_dollar(meant)
    return Quantity(number * meant.factor, meant.dims)


def _with_dollar(meant: Unit) -> Unit:
    """`$2.5/h`, and also `$2.5 USD/h`."""
    return meant if meant.dims[BASE.index("USD")] else meant * Unit(1.0, dims(USD=1))


def _meant(text: str, expected: Dims | None) -> Unit:
    if not text:
        return ONE
    if text == "K" and expected == KELVIN:
        return Unit(1.0, KELVIN)
    first, _, rest = text.partition(" ")
    if expected is not None and first in MULTIPLIERS and not _fits(text, expected):
        return Unit(MULTIPLIERS[first], NONE) * (unit(rest) if rest else ONE)
    return unit(text)


def _fits(text: str, expected: Dims) -> bool:
    found = _from_table(text)
    return found is not None and compatible(found.dims, expected)


def short(value: float) -> str:
    """A number for people: four digits, no trailing zeros, thousands with commas, `70.6e9`."""
    size = abs(value)
    if size == 0:
        return "0"
    if 1e9 <= size < 1e18:
        power = 3 * (math.floor(math.log10(size)) // 3)
        return f"{value / 10**power:.4g}e{power}"
    if not 1e-4 <= size < 1e9:
        return f"{value:.4g}"
    places = max(0, 3 - math.floor(math.log10(size)))
    text = f"{round(value, places):,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


_LEADING_NUMBER = re.compile(r"\s*\$?\s*[+-]?[\d.][\d_,.]*(?:[eE][+-]?\d+)?\s*")


def unit_text(written: object) -> str:
    """The unit behind a written value: `GB` of `80 GB`; empty for a number, or for a name."""
    if not isinstance(written, str):
        return ""
    found = _LEADING_NUMBER.match(written)
    if found is None:
        return ""
    rest = written[found.end() :].strip()
    return f"USD{rest}" if "$" in found[0] and rest.startswith("/") else rest
