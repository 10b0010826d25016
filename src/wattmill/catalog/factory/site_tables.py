"""What the file may say about the power contract of a site and the way to its first kW."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from wattmill.catalog.factory.money import CONTRACTS, SHAPES, LeadTime, PowerContract
from wattmill.catalog.factory.money_tables import MOST_MONTHS, frac, rate
from wattmill.catalog.factory.table import Table


def power_contract(t: Table) -> PowerContract:
    """`[site.power_contract]`."""
    contract = PowerContract(
        kind=t.choice("kind", "tariff", CONTRACTS),
        usd_per_kwh=t.number("usd_per_kwh", None, high=100),
        escalation_frac_per_year=rate(t, "escalation_frac_per_year", 0.0),
        until=t.date("until"),
        then_usd_per_kwh=t.number("then_usd_per_kwh", None, high=100),
        share_frac=t.number("share_frac", 1.0, above=0, high=1),
        demand_usd_per_kw_month=t.number("demand_usd_per_kw_month", 0.0, high=1e4),
        peak_usd_per_kwh=t.number("peak_usd_per_kwh", None, high=100),
        peak_frac=frac(t, "peak_frac", 0.0),
        volatility_frac_per_year=t.number("volatility_frac_per_year", None, high=5),
    )
    if (
        contract.then_usd_per_kwh is not None
        and contract.until is None
        and contract.share_frac == 1
    ):
        hint = "say when it ends, until = 2029-12-31, or what it is for, share_frac = 0.7"
        t.fail(
            "then_usd_per_kwh",
            "a contract for all energy for ever leaves nothing for then_usd_per_kwh",
            hint,
        )
    if (contract.peak_frac > 0) != (contract.peak_usd_per_kwh is not None):
        named = "peak_frac" if contract.peak_frac else "peak_usd_per_kwh"
        t.fail(
            named, "peak_usd_per_kwh and peak_frac belong together", "give both, or leave both out"
        )
    return contract


def lead_times(rows: Sequence[Table]) -> tuple[LeadTime, ...]:
    """`[[site.lead_time]]`: names are unique, and no step waits for itself."""
    named: dict[str, Table] = {}
    for t in rows:
        name = t.name("name")
        if name in named:
            t.fail("name", f"a second lead_time is called {name!r}", "give each its own name")
        named[name] = t
    found = {name: _lead_time(t, set(named)) for name, t in named.items()}
    for name, step in found.items():
        if name in _before(step, found):
            named[name].fail(
                "after", f"{name} waits for itself", "let the chain of `after` begin somewhere"
            )
    return tuple(found.values())


def _lead_time(t: Table, names: set[str]) -> LeadTime:
    return LeadTime(
        name=t.name("name"),
        months=_three(t, "months"),
        after=tuple(t.refers("after", name, names) for name in t.lines("after")),
        shape=t.choice("shape", "pert", SHAPES),
        done_frac=t.number("done_frac", 1.0, above=0, high=1),
    )


def _three(t: Table, key: str) -> tuple[float, float, float]:
    """[low, most likely, high] months; one number is sure."""
    value = t.required(t.values.get(key), key)
    numbers = value if isinstance(value, list) else [value] * 3
    whole = len(numbers) == 3 and all(type(n) is int or _is_finite(n) for n in numbers)
    if not whole or not 0 <= numbers[0] <= numbers[1] <= numbers[2] <= MOST_MONTHS:
        t.fail(
            key,
            f"{key} must be [low, most likely, high], rising from 0 to {MOST_MONTHS}",
            f"write {key} = [6, 9, 18]",
        )
    low, mode, high = map(float, numbers)
    return low, mode, high


def _is_finite(value: object) -> bool:
    return isinstance(value, Decimal) and value.is_finite()


def _before(step: LeadTime, steps: dict[str, LeadTime]) -> set[str]:
    """The names of all that must be done before a step."""
    found: set[str] = set()
    left = list(step.after)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += steps[name].after
    return found
