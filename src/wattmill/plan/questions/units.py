"""Values with units, as people write them: `3.35TB/s`, `128k`, `0.12 USD/kWh`, `80 GiB`, `12 %`.

A `Quantity` is a number in coherent base units (kg, m, s, K, A, byte, USD, and counts) with its
dimensions. Counts (tokens, requests, operations) are labels rather than dimensions: `tok/s` fits
`1/s`, but not `FLOP/s`. A month has 730 hours, as in `wattmill.catalog.units`, a year 365 days.
Names that the table lacks are looked up by `pint`, which is imported only then.
"""

import math
import re
from functools import cache, lru_cache
from typing import NamedTuple

from wattmill.catalog.names import nearest
from wattmill.catalog.units import HOURS_PER_MONTH
from wattmill.core.errors import UsageError

BASE = ("kg", "m", "s", "K", "A", "byte", "USD")
COUNTS = ("token", "FLOP", "request")
Dims = tuple[float, ...]
"""Exponents of BASE and then of COUNTS."""

NONE: Dims = (0.0,) * (len(BASE) + len(COUNTS))


class Unit(NamedTuple):
    """`factor` base units with dimensions `dims`."""

    factor: float
    dims: Dims

    def __mul__(self, other: object) -> "Unit":
        assert isinstance(other, Unit)
        return Unit(self.factor * other.factor, plus(self.dims, other.dims))

    def per(self, other: "Unit") -> "Unit":
        """This unit divided by another."""
        return Unit(self.factor / other.factor, minus(self.dims, other.dims))


class Quantity(NamedTuple):
    """A number in base units, with its dimensions."""

    value: float
    dims: Dims = NONE


def plus(a: Dims, b: Dims) -> Dims:
    """Dimensions of a product."""
    return tuple(x + y for x, y in zip(a, b, strict=True))


def minus(a: Dims, b: Dims) -> Dims:
    """Dimensions of a quotient."""
    return tuple(x - y for x, y in zip(a, b, strict=True))


def raised(a: Dims, exponent: float) -> Dims:
    """Dimensions of a power."""
    return tuple(x * exponent for x in a)


def _dims(**exponents: float) -> Dims:
    return tuple(float(exponents.get(name, 0)) for name in (*BASE, *COUNTS))


ONE = Unit(1.0, NONE)
_ENERGY = _dims(kg=1, m=2, s=-2)
_POWER = _dims(kg=1, m=2, s=-3)
_VOLTAGE = _dims(kg=1, m=2, s=-3, A=-1)
_RESISTANCE = _dims(kg=1, m=2, s=-3, A=-2)
_PRESSURE = _dims(kg=1, m=-1, s=-2)
FOOT_M, LITRE_M3 = 0.3048, 1e-3
_PREFIXES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_SMALL = {"": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "n": 1e-9}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
MONTH_S = HOURS_PER_MONTH * HOUR_S
YEAR_S = 365 * DAY_S

_TIMES = {
    "min": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": HOUR_S, "hr": HOUR_S, "hour": HOUR_S, "hours": HOUR_S,
    "day": DAY_S, "days": DAY_S, "d": DAY_S, "week": 7 * DAY_S, "weeks": 7 * DAY_S,
    "month": MONTH_S, "months": MONTH_S, "mo": MONTH_S,
    "year": YEAR_S, "years": YEAR_S, "yr": YEAR_S, "y": YEAR_S,
    "second": 1.0, "seconds": 1.0, "sec": 1.0,
}  # fmt: skip
_COUNTED = (
    "1 x × times ratio user users card cards gpu GPU gpus GPUs chip chips node nodes rack racks"
    " layer layers head heads expert experts param params parameter parameters weight weights"
    " sequence sequences slot slots step steps stage stages turn turns word words passage passages"
    " image images replica replicas engineer task tasks reuse reuses core cores element elements"
    " score rank generation generations box boxes call calls device devices dB"
)
"""What is merely counted, and so has no dimension and no scale."""

MULTIPLIERS = {
    "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "bn": 1e9, "B": 1e9, "P": 1e15,
    "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12, **_BINARY,
}  # fmt: skip
"""What may follow a count; `B` counts only where bytes make no sense."""


@cache
def table() -> dict[str, Unit]:
    """Every unit that is known without `pint`, by name."""
    found = dict.fromkeys(_COUNTED.split(), ONE)
    found |= {"MT": Unit(1e6, NONE), "GT": Unit(1e9, NONE)}
    found |= {"%": Unit(0.01, NONE), "percent": Unit(0.01, NONE), "ppm": Unit(1e-6, NONE)}
    found |= {name: Unit(factor, NONE) for name, factor in MULTIPLIERS.items()}
    found |= {name: Unit(factor, _dims(s=1)) for name, factor in _TIMES.items()}
    found |= _prefixed(("B", "byte", "bytes"), 1.0, _dims(byte=1), _PREFIXES | _BINARY)
    found |= _prefixed(("b", "bit", "bits"), 1 / 8, _dims(byte=1), _PREFIXES | _BINARY)
    found |= _prefixed(("bps",), 1 / 8, _dims(byte=1, s=-1), _PREFIXES)
    found |= _prefixed(("Bps",), 1.0, _dims(byte=1, s=-1), _PREFIXES)
    found |= _prefixed(("s",), 1.0, _dims(s=1), _SMALL)
    found |= _prefixed(("W",), 1.0, _POWER, _PREFIXES | {"m": 1e-3})
    found |= _prefixed(("J",), 1.0, _ENERGY, _PREFIXES | {"m": 1e-3, "u": 1e-6})
    found |= _prefixed(("Wh",), HOUR_S, _ENERGY, _PREFIXES)
    found |= _prefixed(("FLOP", "flop", "OP", "op", "ops"), 1.0, _dims(FLOP=1), _PREFIXES)
    found |= _prefixed(("FLOPS", "OPS"), 1.0, _dims(FLOP=1, s=-1), _PREFIXES)
    found |= _prefixed(("Hz",), 1.0, _dims(s=-1), _PREFIXES)
    found |= _prefixed(("USD", "usd", "$", "dollar", "dollars"), 1.0, _dims(USD=1), _PREFIXES)
    found |= {"bnUSD": Unit(1e9, _dims(USD=1)), "cent": Unit(0.01, _dims(USD=1))}
    found |= {"cents": Unit(0.01, _dims(USD=1)), "K$": Unit(1e3, _dims(USD=1))}
    found |= _prefixed(("tok", "token", "tokens"), 1.0, _dims(token=1), _PREFIXES | {"B": 1e9})
    found |= _prefixed(("req", "request", "requests"), 1.0, _dims(request=1), _PREFIXES)
    found |= {"rpm": Unit(1 / 60, _dims(request=1, s=-1)), "KB": Unit(1e3, _dims(byte=1))}
    found |= {"kelvin": Unit(1.0, _dims(K=1)), "mm": Unit(1e-3, _dims(m=1))}
    found |= {
        "m2": Unit(1.0, _dims(m=2)),
        "m3": Unit(1.0, _dims(m=3)),
        "mm2": Unit(1e-6, _dims(m=2)),
    }
    found |= {
        "kg": Unit(1.0, _dims(kg=1)),
        "g": Unit(1e-3, _dims(kg=1)),
        "t": Unit(1e3, _dims(kg=1)),
        "lb": Unit(0.45359237, _dims(kg=1)),
    }
    electrical = {"": 1.0, "k": 1e3, "m": 1e-3}
    found |= _prefixed(("A",), 1.0, _dims(A=1), electrical)
    found |= _prefixed(("V",), 1.0, _VOLTAGE, electrical)
    found |= _prefixed(("ohm", "Ohm"), 1.0, _RESISTANCE, electrical)
    found |= _prefixed(("VA",), 1.0, _POWER, _PREFIXES)
    found |= _prefixed(("Pa",), 1.0, _PRESSURE, electrical)
    found |= {
        "ft": Unit(FOOT_M, _dims(m=1)),
        "inch": Unit(FOOT_M / 12, _dims(m=1)),
        "sqft": Unit(FOOT_M**2, _dims(m=2)),
        "L": Unit(LITRE_M3, _dims(m=3)),
        "LPM": Unit(LITRE_M3 / 60, _dims(m=3, s=-1)),
        "CFM": Unit(FOOT_M**3 / 60, _dims(m=3, s=-1)),
    }
    return found


def _prefixed(
    names: tuple[str, ...], factor: float, dims: Dims, prefixes: dict[str, float]
) -> dict[str, Unit]:
    return {
        prefix + name: Unit(factor * scale, dims)
        for name in names
        for prefix, scale in prefixes.items()
    }


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
    return Unit(factor, _dims(**exponents))


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


_VALUE = re.compile(
    r"\s*(?P<dollar>\$)?\s*(?P<number>[+-]?(?:\d[\d_]*(?:,\d{3})*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)"
    r"\s*(?P<unit>[A-Za-zµ%$×/].*?)?\s*"
)


def quantity(text: str, expected: Dims | None = None) -> Quantity | None:
    """A value with its unit; None if `text` is no number with a unit behind it.

    `expected` settles what a letter means: `70B` is bytes where bytes are expected, else 70e9.
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
    return meant if meant.dims[BASE.index("USD")] else meant * Unit(1.0, _dims(USD=1))


def _meant(text: str, expected: Dims | None) -> Unit:
    if not text:
        return ONE
    first, _, rest = text.partition(" ")
    if expected is not None and first in MULTIPLIERS and not _fits(text, expected):
        return Unit(MULTIPLIERS[first], NONE) * (unit(rest) if rest else ONE)
    return unit(text)


def _fits(text: str, expected: Dims) -> bool:
    found = _from_table(text)
    return found is not None and compatible(found.dims, expected)


def compatible(a: Dims, b: Dims) -> bool:
    """Whether values of dimensions `a` and `b` can be compared; counts only where both name one."""
    n = len(BASE)
    if any(abs(x - y) > 1e-9 for x, y in zip(a[:n], b[:n], strict=True)):
        return False
    return a[n:] == b[n:] or not any(a[n:]) or not any(b[n:])


def describe(dims: Dims) -> str:
    """Dimensions in words: `byte/s`; `no unit` without any."""
    names = (*BASE, *COUNTS)
    above = [_exponent(n, e) for n, e in zip(names, dims, strict=True) if e > 0]
    below = [_exponent(n, -e) for n, e in zip(names, dims, strict=True) if e < 0]
    over = "*".join(above) or ("1" if below else "no unit")
    return "/".join([over, *below])


def _exponent(name: str, exponent: float) -> str:
    return name if exponent == 1 else f"{name}^{exponent:g}"


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
