"""Lists that are written as text: payments, dated payments, hours of a tariff, machines of a roadmap.

Pieces have `;` or a line end between them. Each kind is read here and nowhere else.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date
from itertools import groupby
from typing import Annotated, TypeVar

from wattmill.core.errors import UsageError
from wattmill.plan.questions.registry import Input
from wattmill.plan.questions.spec import LEAST, MOST
from wattmill.plan.questions.units import Unit, quantity, short, unit
from wattmill.site.facility import Generation
from wattmill.site.time_of_use import Band

T = TypeVar("T")
MOST_TEXT = 40_000
MOST_PERIODS = 1200
"""A hundred years by the month."""

USD, PER_KWH, MONTH, KW = unit("USD"), unit("USD/kWh"), unit("month"), unit("kW")
_TIMES = re.compile(r"(?P<times>\d{1,4})\s*[x×]\s*(?P<each>.+)")
_BAND = re.compile(
    r"(?P<days>weekdays\s+)?(?P<start>\d{1,2})\s*-\s*(?P<end>\d{1,2})\s*:\s*(?P<usd>.+)"
)


def pieces(text: str) -> list[str]:
    """What stands between `;` and line ends; UsageError for a text that is too long."""
    if len(text) > MOST_TEXT:
        raise UsageError("that is too long for a list", hint="add some of it up")
    found = [piece.strip() for piece in re.split(r"[;\n]", text)]
    return [piece for piece in found if piece and not piece.startswith("#")]


def measured(text: str, scale: Unit, wanted: str) -> float:
    """A value in base units, a plain number being in `scale`; UsageError if it is none that fits."""
    found = quantity(re.sub(r"^-\s*\$", "$-", text.strip()), scale.dims)
    if found is None or (any(found.dims) and found.dims != scale.dims):
        raise UsageError(f"{text[:60]!r} is no {wanted}", hint=f"write a {wanted} with its unit")
    value = found.value if any(found.dims) else found.value * scale.factor
    if not (value == 0 or LEAST <= abs(value) <= MOST):
        raise UsageError(f"{text[:60]!r} is no {wanted} that can be", hint="give a usual one")
    return value


def list_of(text: str, read: Callable[[str], Sequence[T]], wanted: str) -> tuple[T, ...]:
    """Every piece read; UsageError for none at all, or for too many."""
    found = [one for piece in pieces(text) for one in read(piece)]
    if not 0 < len(found) <= MOST_PERIODS:
        raise UsageError(f"{len(found)} {wanted} are no list", hint=f"give 1 to {MOST_PERIODS}")
    return tuple(found)


# --- payments, one for each period ------------------------------------------------------------------


def flows_of(text: str) -> tuple[float, ...]:
    """`-100 kUSD; 36 x 4 kUSD`: paid below 0, received above, the first one today."""
    return list_of(text, _amounts, "payments")


def flows_text(flows: Sequence[float]) -> str:
    """Payments as `flows_of` reads them."""
    runs = ((usd, len(list(same))) for usd, same in groupby(flows))
    return "; ".join(f"{n} x {short(usd)} USD" if n > 1 else f"{short(usd)} USD" for usd, n in runs)


def _amounts(text: str) -> list[float]:
    repeated = _TIMES.fullmatch(text)
    if repeated is None:
        return [measured(text, USD, "payment")]
    times = int(repeated["times"])
    if times > MOST_PERIODS:
        raise UsageError(f"{times} payments are too many", hint=f"at the most {MOST_PERIODS}")
    return [measured(repeated["each"], USD, "payment")] * times


# --- payments on days -------------------------------------------------------------------------------

DatedFlow = tuple[date, float]


def dated_of(text: str) -> tuple[DatedFlow, ...]:
    """`2026-01-01: -100; 2027-01-01: 110`, in any order."""
    return list_of(text, _dated, "payments")


def dated_text(flows: Sequence[DatedFlow]) -> str:
    """Payments as `dated_of` reads them."""
    return "; ".join(f"{day}: {short(usd)} USD" for day, usd in flows)


def _dated(text: str) -> list[DatedFlow]:
    day, colon, usd = text.partition(":")
    try:
        found = date.fromisoformat(day.strip())
    except ValueError:
        colon = ""
    if not colon:
        raise UsageError(f"{text[:60]!r} has no day", hint="write 2026-01-31: -100 USD")
    return [(found, measured(usd, USD, "payment"))]


# --- hours of a tariff ------------------------------------------------------------------------------


def bands_of(text: str) -> tuple[Band, ...]:
    """`weekdays 16-21: 0.30 USD/kWh; 0-24: 0.12 USD/kWh`: the first that holds an hour is its price."""
    return list_of(text, _band, "hours")


def bands_text(bands: Sequence[Band]) -> str:
    """Hours as `bands_of` reads them."""
    return "; ".join(
        f"{'weekdays ' if b.is_weekday else ''}{b.start}-{b.end}: {b.usd_per_kwh:g} USD/kWh"
        for b in bands
    )


def _band(text: str) -> list[Band]:
    found = _BAND.fullmatch(text)
    if found is None or not (int(found["start"]) < 24 and int(found["end"]) <= 24):
        raise UsageError(f"{text[:60]!r} is no time of day", hint="write 16-21: 0.30 USD/kWh")
    usd = measured(found["usd"], PER_KWH, "price of energy") / PER_KWH.factor
    return [Band(text, int(found["start"]), int(found["end"]), usd, found["days"] is not None)]


# --- machines to come -------------------------------------------------------------------------------


def roadmap_of(text: str) -> tuple[Generation, ...]:
    """`0 months: 10 kW; 24 months: 190 kW`: when a machine comes, and its power in one piece."""
    return list_of(text, _generation, "machines")


def roadmap_text(machines: Sequence[Generation]) -> str:
    """Machines as `roadmap_of` reads them."""
    return "; ".join(f"{m.month:g} months: {m.unit_kw:g} kW" for m in machines)


def _generation(text: str) -> list[Generation]:
    when, colon, power = text.partition(":")
    if not colon:
        raise UsageError(f"{text[:60]!r} is no machine", hint="write 24 months: 190 kW")
    months = measured(when, MONTH, "time") / MONTH.factor
    return [Generation(months, measured(power, KW, "power") / 1000)]


Flows = Annotated[
    tuple[float, ...],
    Input("a payment for each period, today's first, like \"-100 kUSD; 36 x 4 kUSD\"",
          kind="payments", find=flows_of, written=flows_text),
]  # fmt: skip
DatedFlows = Annotated[
    tuple[DatedFlow, ...],
    Input('payments on days, like "2026-01-01: -100; 2027-01-01: 110"',
          kind="dated payments", find=dated_of, written=dated_text),
]  # fmt: skip
Bands = Annotated[
    tuple[Band, ...],
    Input('hours and prices, like "weekdays 16-21: 0.30 USD/kWh; 0-24: 0.12 USD/kWh"',
          kind="hours", find=bands_of, written=bands_text),
]  # fmt: skip
Roadmap = Annotated[
    tuple[Generation, ...],
    Input('machines to come, like "0 months: 10 kW; 24 months: 190 kW"',
          kind="roadmap", find=roadmap_of, written=roadmap_text),
]  # fmt: skip
