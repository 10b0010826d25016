"""Tax on profits, with losses and interest that are carried on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from wattmill.core.errors import PlanError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


class TaxTerms(Struct, frozen=True):
    """The rules of one country, in shares.

    period_months: profits are added up over so many months and taxed at their end. loss_offset_frac: of a later profit
    that old losses may take away (0.8 by section 172 of the US tax code, 1 for all, 0 if they are lost).
    interest_cap_frac: interest beyond this share of profit before interest and depreciation is carried on (0.3 in the
    EU's directive 2016/1164; None for no cap). Carried sums do not lapse.
    """

    rate_frac: float
    period_months: int = 12
    loss_offset_frac: float = 1.0
    interest_cap_frac: float | None = None


class Tax(Struct, frozen=True):
    """Tax by month (..., months + 1), and what is carried on at the end (...)."""

    tax_usd: Array
    losses_left_usd: Array
    interest_left_usd: Array


def profit_tax(
    terms: TaxTerms, profit_usd: Array, interest_usd: Array, ebitda_usd: Array | None = None
) -> Tax:
    """Tax on `profit_usd` (before interest, after depreciation) less `interest_usd`; each (..., months + 1).

    It is paid at the end of each period; month 0 belongs to the first, and the last may be short. ebitda_usd: what an
    interest cap is a share of, needed with a cap only. Losses and interest of several years are used oldest first,
    which makes no difference as none lapses.
    """
    _checked(terms, ebitda_usd)
    ends = period_ends(profit_usd.shape[-1] - 1, terms.period_months)
    profits = _by_period(profit_usd, ends)
    interests = _by_period(interest_usd, ends)
    caps = [None] * len(ends) if ebitda_usd is None else list(_by_period(ebitda_usd, ends))
    shape = np.broadcast_shapes(profit_usd.shape, interest_usd.shape)
    tax = np.zeros(shape)
    losses, carried = np.zeros(shape[:-1]), np.zeros(shape[:-1])
    for end, profit, interest, cap in zip(ends, profits, interests, caps, strict=True):
        deducted, carried = _deducted(terms, interest + carried, cap)
        base, losses = _base(terms, profit - deducted, losses)
        tax[..., end] = terms.rate_frac * base
    return Tax(tax, losses, carried)


def period_ends(months: int, period_months: int) -> list[int]:
    """The months at whose end tax is due; the last is the study's."""
    return [*range(period_months, months, period_months), months]


def accrued(tax_usd: Array, period_months: int) -> Array:
    """The same tax (..., months + 1) laid evenly on the months of the period that it is for, from month 1 on."""
    ends = period_ends(tax_usd.shape[-1] - 1, period_months)
    even = np.zeros_like(tax_usd)
    for start, end in zip([1, *(end + 1 for end in ends[:-1])], ends, strict=True):
        even[..., start : end + 1] = tax_usd[..., end, None] / (end - start + 1)
    return even


def _by_period(usd: Array, ends: list[int]) -> Array:
    """Sums of the periods, (periods, ...)."""
    starts = [0, *(end + 1 for end in ends[:-1])]
    return np.ascontiguousarray(np.moveaxis(np.add.reduceat(usd, starts, axis=-1), -1, 0))


def _deducted(terms: TaxTerms, interest: Array, ebitda: Array | None) -> tuple[Array, Array]:
    """Interest that may be deducted, and what is carried on."""
    if terms.interest_cap_frac is None or ebitda is None:
        return interest, np.zeros_like(interest)
    deducted = np.minimum(interest, terms.interest_cap_frac * np.maximum(ebitda, 0))
    return deducted, interest - deducted


def _base(terms: TaxTerms, profit: Array, losses: Array) -> tuple[Array, Array]:
    """What is taxed, and the losses that are left."""
    gain = np.maximum(profit, 0)
    used = np.minimum(losses, terms.loss_offset_frac * gain)
    return gain - used, losses - used + gain - profit


def _checked(terms: TaxTerms, ebitda_usd: Array | None) -> None:
    cap = terms.interest_cap_frac
    shares = (terms.rate_frac, terms.loss_offset_frac, 0.0 if cap is None else cap)
    if not (all(0 <= share <= 1 for share in shares) and terms.period_months >= 1):
        raise PlanError(
            f"tax by {terms} cannot be", hint="shares are 0 to 1, a period is a month or more"
        )
    if cap is not None and ebitda_usd is None:
        raise PlanError("a cap on interest is a share of something", hint="give ebitda_usd")
