"""Straight-line amortisation: what a machine costs per month and is still worth in the books."""

from __future__ import annotations

from wattmill.core.errors import PlanError


def amortisation_usd_per_month(paid_usd: float, life_months: int, resale_usd: float = 0.0) -> float:
    """(paid - resale) / life, in USD per month of life. Exact."""
    _checked(paid_usd, life_months, resale_usd)
    return (paid_usd - resale_usd) / life_months


def book_value_usd(
    paid_usd: float, life_months: int, age_months: float, resale_usd: float = 0.0
) -> float:
    """USD in the books after `age_months` (0 or more), down a straight line to `resale_usd`."""
    if not age_months >= 0:
        raise PlanError(f"an age of {age_months} months cannot be", hint="give 0 or more")
    used = amortisation_usd_per_month(paid_usd, life_months, resale_usd) * age_months
    return max(resale_usd, paid_usd - used)


def _checked(paid_usd: float, life_months: int, resale_usd: float) -> None:
    if not (0 <= resale_usd <= paid_usd < float("inf") and life_months >= 1):
        raise PlanError(
            f"{paid_usd} USD down to {resale_usd} USD over {life_months} months cannot be",
            hint="resale is 0 to what was paid, life is a month or more",
        )
