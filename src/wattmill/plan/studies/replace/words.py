"""What `wattmill replace` says in sentences; terminal and page share them."""

from __future__ import annotations

from collections.abc import Iterator

from wattmill.finance.replacement import Band
from wattmill.plan.studies.replace.report import PoolReplacement, ReplaceReport, Worth
from wattmill.plan.studies.timeline import Timeline
from wattmill.plan.studies.words import digits, percent

LEAST_CHANCE = 0.005
LEAST_SHARE = 1e-4
STEP_MONTHS = 6

Run = tuple[int, int]


def when(report: ReplaceReport, month: int) -> str:
    """`2027-03 (month 4)`."""
    return f"{Timeline(report.start, report.months).label(month)} (month {month})"


def millions(usd: float) -> str:
    """`35.1 M`; thousands below a million, and units below ten thousand."""
    if abs(usd) < 1e4:
        return f"{usd:,.0f}"
    return f"{usd / 1e6:,.1f} M" if abs(usd) >= 1e6 else f"{usd / 1e3:,.0f} k"


def headline(report: ReplaceReport) -> str:
    """What, when, at which rate."""
    rents = "random rents" if report.is_random else "certain rents"
    return (
        f"{report.factory}: {report.months} months from {report.start:%Y-%m}, {rents},"
        f" discounted at {percent(report.discount_frac_per_year)} a year, {report.currency}"
    )


def standing(pool: PoolReplacement) -> str:
    """What is here."""
    return (
        f"{pool.pool}: {_count(pool)} of {pool.hardware}, {pool.age_months} months old,"
        f" in a slot of {digits(pool.slot_kw)} kW"
    )


def _count(pool: PoolReplacement) -> str:
    return "1 machine" if pool.machines == 1 else f"{pool.machines} machines"


def verdict(report: ReplaceReport, pool: PoolReplacement) -> str:
    """Today, and later."""
    steps = [f"{s.action} in {when(report, s.month)}" for s in pool.best.plan if s.month > 0]
    later = ", then ".join(steps) or "nothing more to the end"
    return f"today: {pool.do_today}; at the middle of rents: {later}"


def sentences(report: ReplaceReport, pool: PoolReplacement) -> Iterator[str]:
    """Values, the slot, chances, books and lenders, switching off."""
    best = pool.best
    added = f"; {_added(pool)}" if len(pool.units) > 1 else ""
    yield (
        f"machines and slot are worth {millions(best.value_usd)} with the best policy,"
        f" {millions(best.never_usd)} if nothing is ever done{added}"
    )
    yield _waiting(pool)
    if len(pool.units) > 1:
        yield _break_even(pool)
        yield _slot(pool)
    yield from _chances(report, pool)
    yield _at_move(report, pool)
    yield _under(report, pool)
    yield _off(pool)


def _waiting(pool: PoolReplacement) -> str:
    waiting = pool.best.waiting_usd
    acting = {name: usd for name, usd in pool.best.today.items() if name != "keep"}
    if waiting is None or not acting:
        return "nothing but waiting can be done today"
    best = max(acting, key=lambda name: acting[name])
    if waiting <= 0 or pool.do_today != "keep":
        return f"waiting is worth nothing: {best} today"
    return f"waiting is worth {millions(waiting)} more than to {best} today"


def _added(pool: PoolReplacement) -> str:
    added = pool.best.value_usd - pool.without_new_usd
    if added <= LEAST_SHARE * abs(pool.best.value_usd):
        return "new machines add nothing"
    return f"new machines add {millions(added)}"


def _break_even(pool: PoolReplacement) -> str:
    factor = pool.swaps_from_factor
    if factor is None:
        comes = any(step.action.startswith("swap to ") for step in pool.best.plan)
        return (
            "they pay at half of their rents as well"
            if comes
            else "they do not pay at twice their rents"
        )
    rents = [
        f"{u.name} {digits(factor * u.usd_per_card_hour)}"
        for u in pool.units
        if u.usd_per_card_hour is not None and not u.is_here
    ]
    told = f" ({', '.join(rents)} an hour)" if rents else ""
    return f"new machines pay from {percent(factor)} of the rents assumed for them{told}"


def _slot(pool: PoolReplacement) -> str:
    found = pool.best.slot_usd_per_kw_month
    said = f"a kW of the slot, empty, is worth {digits(found)} a month"
    space = pool.space_usd_per_kw_month
    return f"{said}; its space costs {digits(space)} at today's price" if space else said


def _chances(report: ReplaceReport, pool: PoolReplacement) -> Iterator[str]:
    """Of what is done first, with the month by which half of it is done."""
    kept = 1.0
    for action, by_month in pool.best.act_frac.items():
        chance = sum(by_month)
        kept -= chance
        if chance >= LEAST_CHANCE:
            half = _half(by_month)
            yield f"{percent(chance)} of futures {action} first, half of it by {when(report, half)}"
    if kept >= LEAST_CHANCE:
        yield f"{percent(kept)} of futures keep the machines to the end"


def _half(by_month: tuple[float, ...]) -> int:
    done, half = 0.0, sum(by_month) / 2
    for month, chance in enumerate(by_month):
        done += chance
        if done >= half:
            return month
    return len(by_month)


def _at_move(report: ReplaceReport, pool: PoolReplacement) -> str:
    at = pool.at_move
    owed = f", {millions(at.owed_usd)} is owed" if at.owed_usd else ""
    said = (
        f"in {when(report, at.month)} the machines are worth {millions(at.book_usd)} in the books and"
        f" {millions(at.market_usd)} on the market{owed}"
    )
    if not at.needed_usd:
        return said
    return (
        f"{said}; new ones cost {millions(at.needed_usd)} in place,"
        f" of which a sale leaves {millions(at.to_pay_usd)} to be paid"
    )


def _under(report: ReplaceReport, pool: PoolReplacement) -> str:
    water = runs([w.owed_usd > w.market_usd for w in pool.worth])
    book = runs([w.book_usd > w.market_usd * (1 + 1e-9) for w in pool.worth])
    books = f"a sale is {_times(report, book)} a loss in the books"
    if not _owes(pool.worth):
        return books
    return f"the loan is {_times(report, water)} under water; {books}"


def _owes(worth: tuple[Worth, ...]) -> bool:
    return any(w.owed_usd for w in worth)


def runs(flags: list[bool]) -> list[Run]:
    """First and last months of the times in which it holds."""
    found: list[Run] = []
    for month, holds in enumerate(flags):
        if holds and found and found[-1][1] == month - 1:
            found[-1] = (found[-1][0], month)
        elif holds:
            found.append((month, month))
    return found


def _times(report: ReplaceReport, times: list[Run]) -> str:
    line = Timeline(report.start, report.months)
    if not times:
        return "never"
    return " and ".join(f"from {line.label(a)} to {line.label(b)}" for a, b in times)


def _off(pool: PoolReplacement) -> str:
    off = pool.switch_off
    far = f"in none of {off.looked_ahead_months} months"
    alone = far if off.month is None else f"in month {off.month}"
    said = f"left as they are, running costs eat their rent {alone}"
    if not pool.space_usd_per_kw_month:
        return said
    both = far if off.with_space_month is None else f"in month {off.with_space_month}"
    return f"{said}, with the space {both}"


# --- the boundary ---------------------------------------------------------------------------------


def price_at(pool: PoolReplacement, month: int, level: float) -> float:
    """The rent of a card (or the price level) that a rent level of a month is."""
    return float(level * pool.price_drift_factor ** (month / 12) * pool.price_today)


def bands(pool: PoolReplacement, month: int) -> list[Band]:
    """What is best in a month, from low rents to high ones."""
    return [band for band in pool.best.boundary if band.month == month]


def shown_months(report: ReplaceReport, pool: PoolReplacement) -> list[int]:
    """Today, each half year, and the month of the first move."""
    months = {*range(0, report.months, STEP_MONTHS)}
    return sorted(months | ({pool.month} if pool.month is not None else set()))


def band_line(pool: PoolReplacement, month: int) -> str:
    """`redeploy below 1.20, keep up to 3.10, swap to b200 above`."""
    found = bands(pool, month)
    if len(found) == 1:
        return f"{found[0].action} at any rent"
    tops = [digits(price_at(pool, month, band.high)) for band in found[:-1]]
    parts = [f"{found[0].action} below {tops[0]}"]
    parts += [f"{b.action} up to {top}" for b, top in zip(found[1:-1], tops[1:], strict=True)]
    return ", ".join([*parts, f"{found[-1].action} above"])
