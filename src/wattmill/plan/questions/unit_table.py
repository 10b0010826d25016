"""Every unit that is known without `pint`. A month has 730 hours, as in `wattmill.catalog.units`, a year 365 days."""

from functools import cache

from wattmill.catalog.units import HOURS_PER_MONTH
from wattmill.plan.questions.dimensions import NONE, ONE, Dims, Unit, dims

_ENERGY = dims(kg=1, m=2, s=-2)
_POWER = dims(kg=1, m=2, s=-3)
_VOLTAGE = dims(kg=1, m=2, s=-3, A=-1)
_RESISTANCE = dims(kg=1, m=2, s=-3, A=-2)
_PRESSURE = dims(kg=1, m=-1, s=-2)
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
    " score rank generation generations box boxes call calls device devices dB °C degC"
)
"""What is merely counted, and so has no dimension and no scale; a temperature in °C is a plain number, too."""

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
    found |= {name: Unit(factor, dims(s=1)) for name, factor in _TIMES.items()}
    found |= _prefixed(("B", "byte", "bytes"), 1.0, dims(byte=1), _PREFIXES | _BINARY)
    found |= _prefixed(("b", "bit", "bits"), 1 / 8, dims(byte=1), _PREFIXES | _BINARY)
    found |= _prefixed(("bps",), 1 / 8, dims(byte=1, s=-1), _PREFIXES)
    found |= _prefixed(("Bps",), 1.0, dims(byte=1, s=-1), _PREFIXES)
    found |= _prefixed(("s",), 1.0, dims(s=1), _SMALL)
    found |= _prefixed(("W",), 1.0, _POWER, _PREFIXES | {"m": 1e-3})
    found |= _prefixed(("J",), 1.0, _ENERGY, _PREFIXES | {"m": 1e-3, "u": 1e-6})
    found |= _prefixed(("Wh",), HOUR_S, _ENERGY, _PREFIXES)
    found |= _prefixed(("FLOP", "flop", "OP", "op", "ops"), 1.0, dims(FLOP=1), _PREFIXES)
    found |= _prefixed(("FLOPS", "OPS"), 1.0, dims(FLOP=1, s=-1), _PREFIXES)
    found |= _prefixed(("Hz",), 1.0, dims(s=-1), _PREFIXES)
    found |= _prefixed(("USD", "usd", "$", "dollar", "dollars"), 1.0, dims(USD=1), _PREFIXES)
    found |= {"bnUSD": Unit(1e9, dims(USD=1)), "cent": Unit(0.01, dims(USD=1))}
    found |= {"cents": Unit(0.01, dims(USD=1)), "K$": Unit(1e3, dims(USD=1))}
    found |= _prefixed(("tok", "token", "tokens"), 1.0, dims(token=1), _PREFIXES | {"B": 1e9})
    found |= _prefixed(("req", "request", "requests"), 1.0, dims(request=1), _PREFIXES)
    found |= {"rpm": Unit(1 / 60, dims(request=1, s=-1)), "KB": Unit(1e3, dims(byte=1))}
    found |= {"kelvin": Unit(1.0, dims(K=1)), "mm": Unit(1e-3, dims(m=1))}
    found |= {
        "m2": Unit(1.0, dims(m=2)),
        "m3": Unit(1.0, dims(m=3)),
        "mm2": Unit(1e-6, dims(m=2)),
    }
    found |= {
        "kg": Unit(1.0, dims(kg=1)),
        "g": Unit(1e-3, dims(kg=1)),
        "t": Unit(1e3, dims(kg=1)),
        "lb": Unit(0.45359237, dims(kg=1)),
    }
    electrical = {"": 1.0, "k": 1e3, "m": 1e-3}
    found |= _prefixed(("A",), 1.0, dims(A=1), electrical)
    found |= _prefixed(("V",), 1.0, _VOLTAGE, electrical)
    found |= _prefixed(("ohm", "Ohm"), 1.0, _RESISTANCE, electrical)
    found |= _prefixed(("VA",), 1.0, _POWER, _PREFIXES)
    found |= _prefixed(("Pa",), 1.0, _PRESSURE, electrical)
    found |= {
        "ft": Unit(FOOT_M, dims(m=1)),
        "inch": Unit(FOOT_M / 12, dims(m=1)),
        "sqft": Unit(FOOT_M**2, dims(m=2)),
        "L": Unit(LITRE_M3, dims(m=3)),
        "LPM": Unit(LITRE_M3 / 60, dims(m=3, s=-1)),
        "CFM": Unit(FOOT_M**3 / 60, dims(m=3, s=-1)),
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
