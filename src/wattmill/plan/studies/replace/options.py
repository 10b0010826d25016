"""What a person may assume about replacement that no factory file says."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import msgspec

from wattmill.catalog.factory import Factory
from wattmill.catalog.market import Quote, quotes
from wattmill.catalog.staleness import DAYS_PER_MONTH, first_day
from wattmill.core.errors import PlanError
from wattmill.plan.studies.selling import RENT_MONTHS
from wattmill.plan.studies.sourced import Sources

BATCH_FRAC = 0.5
"""What tokens of a lower tier earn: APIs sell batches at half of their price."""

STEADY = 0.5
"""How far the rent of a lower tier follows that of the first, and how much of its fall it takes part in."""

INSTALL_MONTHS = 1
INSTALL_FRAC = 0.02
LIFE_MONTHS = 96


class ReplaceOptions(msgspec.Struct, frozen=True):
    """Said on the command line; None is the default, which the study says.

    lower_frac: what the lower tier pays, as a share of today's rent; 0 for no lower tier. lower_drift_frac_per_year:
    how its rent moves. install_months: from the payment of new machines to their first revenue, dark.
    install_frac: cost of putting them up, as a share of their price. last_months: the age at which machines are at
    their end.
    """

    lower_frac: float | None = None
    lower_drift_frac_per_year: float | None = None
    install_months: int | None = None
    install_frac: float | None = None
    last_months: int | None = None


class Tier(msgspec.Struct, frozen=True):
    """A lower tier: its rent as a share of the first one's today, its yearly drift, how it follows random rents."""

    frac: float
    drift_frac_per_year: float
    follows: float


def tier(
    factory: Factory, options: ReplaceOptions, card: str, drift: float, sources: Sources
) -> Tier | None:
    """The lower tier of a card; None if there is none."""
    said = _lower_said(factory, card)
    name = f"lower.{card}.rent_frac"
    frac = _chosen(sources, name, options.lower_frac, said[0], "share", said[1], "--lower")
    if not 0 <= frac <= 1:
        raise PlanError(f"a lower tier that pays {frac:g} of the rent is none", hint="give 0 to 1")
    if not frac:
        return None
    half = "default: a judgement, half of the drift of rents"
    falls = _chosen(
        sources, "lower.drift_frac_per_year", options.lower_drift_frac_per_year,
        drift * STEADY, "1/year", half, "--lower-drift",
    )  # fmt: skip
    follows = sources.add("lower.follows", STEADY, "exponent", "default: a judgement, steadier")
    return Tier(frac, falls, follows)


def install(options: ReplaceOptions, sources: Sources) -> tuple[int, float]:
    """Months that new machines are dark, and what putting them up costs as a share of their price."""
    months = _chosen(
        sources, "install.months", options.install_months, INSTALL_MONTHS, "months",
        "default: a judgement", "--install",
    )  # fmt: skip
    frac = _chosen(
        sources, "install.frac", options.install_frac, INSTALL_FRAC, "share of the price",
        "default: a judgement", "--install-cost",
    )  # fmt: skip
    return int(months), frac


def last(options: ReplaceOptions, sources: Sources) -> int:
    """The age at which machines are at their end, in months."""
    found = _chosen(
        sources, "machines.last_months", options.last_months, LIFE_MONTHS, "months",
        "default: a judgement; books write off sooner", "--lasts",
    )  # fmt: skip
    return int(found)


def _chosen(
    sources: Sources,
    name: str,
    given: float | None,
    otherwise: float,
    unit: str,
    why: str,
    option: str,
) -> float:
    if given is None:
        return sources.add(name, otherwise, unit, why)
    return sources.add(name, given, unit, f"option {option}")


def _lower_said(factory: Factory, card: str) -> tuple[float, str]:
    if factory.finance.sells != "gpu_hours":
        return BATCH_FRAC, "default: batches are sold at half of the price"
    near = _near(quotes(card, "rent"))
    if len(near) < 4:
        return 0.75, "default: a judgement; the catalog has too few rents"
    values = sorted(quote.value for quote in near)
    low = median(values[: len(values) // 2])
    said = (
        f"catalog: lower half of {len(near)} rents of {card} over their median, to {near[-1].as_of}"
    )
    return low / median(values), said


def _near(found: Sequence[Quote]) -> list[Quote]:
    """Rents of the market of today."""
    if not found:
        return []
    newest = first_day(found[-1].as_of)
    return [q for q in found if (newest - first_day(q.as_of)).days <= RENT_MONTHS * DAYS_PER_MONTH]
