"""A month's lines from nothing but the rows of a usage export and the text of factory files, in plain Decimal.

No line of wattmill is used here. It knows the plans of ``examples/month`` and no others, and says so when a file asks
for more. A line is known by its month, kind, plan version, model, pool, band, meter and price.
"""

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal, localcontext
from typing import Any
from zoneinfo import ZoneInfo

MTOK = Decimal(10**6)
CENT = Decimal("0.01")
ZERO = Decimal(0)
METERS = {
    "input_uncached": "input",
    "input_cached": "cached_input",
    "output_text": "output",
    "output_reasoning": "reasoning",
}
KINDS = {"cached_input": "input", "reasoning": "output"}
KNOWN = {
    *("name", "eur_per_mtok", "valid_from", "free_mtok", "markup_percent", "rate", "band"),
    *("timezone", "fee_eur_per_month", "seat_eur_per_month", "minimum_eur_per_month", "commitment"),
}

Line = tuple[str, int, str, str, str, str, Decimal]
"""Kind, version of the plan (0 is the older), model, pool, band, meter and price."""
Plan = dict[str, Any]


class Tariff:
    """What one tenant pays: its plan in the file of 1 October, and in the one of 16 October."""

    def __init__(self, files: Iterable[str], tenant: str) -> None:
        self.files = [tomllib.loads(text, parse_float=Decimal) for text in files]
        self.plans = [_plan_of(file, tenant) for file in self.files]
        zone = ZoneInfo(self.files[0]["site"]["timezone"])
        changed = self.plans[-1].get("valid_from")
        self.changed = None if changed is None else datetime.combine(changed, time(), zone)
        self.timezone = ZoneInfo(_tenant(self.files[0], tenant).get("timezone", zone.key))

    def version(self, held: datetime) -> int:
        return int(self.changed is not None and held >= self.changed)

    def month(self, name: str) -> tuple[datetime, datetime]:
        year, month = map(int, name.split("-"))
        ends = date(year, month, 1), date(year + month // 12, month % 12 + 1, 1)
        start, end = (datetime.combine(day, time(), self.timezone).astimezone(UTC) for day in ends)
        return start, end

    def shares(self, month: str) -> list[tuple[int, Decimal]]:
        """The share of the month in which each version was in force, by the seconds that really passed."""
        start, end = self.month(month)
        cut = start if self.changed is None else min(max(self.changed.astimezone(UTC), start), end)
        parts = [(0, cut - start), (1, end - cut)] if self.changed else [(0, end - start)]
        whole = Decimal((end - start).total_seconds())
        return [(n, Decimal(part.total_seconds()) / whole) for n, part in parts if part]


def _tenant(file: Plan, name: str) -> Plan:
    return next(one for one in file["tenant"] if one["name"] == name)


def _plan_of(file: Plan, tenant: str) -> Plan:
    """The plan with what the tenant has of its own."""
    spec = _tenant(file, tenant)
    plan = next(one for one in file["rate_plan"] if one["name"] == spec["rate_plan"])
    assert set(plan) <= KNOWN, set(plan) - KNOWN
    prices = {**plan["eur_per_mtok"], **spec.get("eur_per_mtok", {})}
    return {**plan, "eur_per_mtok": prices, "seats": spec.get("seats", 0)}


# --- lines ----------------------------------------------------------------------------------------


def lines(tariff: Tariff, rows: Iterable[Mapping[str, str]], month: str) -> dict[Line, Decimal]:
    """Each line's exact amount in EUR, of the rows of a month that were charged."""
    with localcontext(prec=60):
        used = _used(tariff, rows, month)
        found: dict[Line, Decimal] = defaultdict(Decimal)
        for version, plan in enumerate(tariff.plans):
            for key, amount in _usage_lines(tariff, version, plan, used):
                found[key] += amount
        for key, amount in _closing_lines(tariff, month, sum(found.values(), ZERO)):
            found[key] += amount
        return dict(found)


Cell = tuple[int, str, str, str, str]
"""Version, model, pool, band, meter."""


def _used(tariff: Tariff, rows: Iterable[Mapping[str, str]], month: str) -> dict[Cell, int]:
    start, end = tariff.month(month)
    used: dict[Cell, int] = defaultdict(int)
    for row in rows:
        held = datetime.fromisoformat(row["time"])
        assert start <= held < end
        if row["state"] == "charged":
            version = tariff.version(held)
            band = _band(tariff.plans[version], held)
            for column, meter in METERS.items():
                used[version, row["model"], row["pool"], band, meter] += int(row[column])
            assert not any(int(row[name]) for name in ("cache_write", "audio_in", "image_in"))
    return used


def _band(plan: Plan, held: datetime) -> str:
    for band in plan.get("band", []):
        now = held.astimezone(ZoneInfo(plan["timezone"])).strftime("%H:%M")
        start, end = band["hours"].split("-")
        assert start > end, "only bands over midnight are known here"
        if now >= start or now < end:
            return str(band["name"])
    return ""


def _usage_lines(
    tariff: Tariff, version: int, plan: Plan, used: Mapping[Cell, int]
) -> Iterator[tuple[Line, Decimal]]:
    """Prices by the token line by line; what is counted over the month, by how far the month has come."""
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for (when, model, pool, band, meter), tokens in used.items():
        price, named, where = _price(tariff, version, plan, model, pool, band, meter)
        is_flat = isinstance(price, Decimal | int) and named not in plan.get("free_mtok", {})
        if not is_flat:
            count = counts[where, named]
            count[0] += tokens if when < version else 0
            count[1] += tokens if when <= version else 0
            count[2] += tokens
        elif when == version and tokens:
            unit = Decimal(price)
            yield ("usage", version, model, where, band, meter, unit), tokens * unit / MTOK
    for (where, named), (before, after, total) in counts.items():
        assert not where
        scheme = plan["eur_per_mtok"][named]
        free = Decimal(plan.get("free_mtok", {}).get(named, 0))
        start, end, whole = (max(Decimal(n) / MTOK - free, ZERO) for n in (before, after, total))
        for kind, unit, quantity in _parts(scheme, start, end, whole):
            yield (kind, version, "", "", "", named, unit), quantity * unit
        if free:
            yield ("usage", version, "", "", "", named, ZERO), ZERO


def _price(
    tariff: Tariff, version: int, plan: Plan, model: str, pool: str, band: str, meter: str
) -> tuple[Any, str, str]:
    """What a token costs, the meter that it is counted with, and the pool if the price is that of a pool."""
    cloud = next(one for one in tariff.files[version]["pool"] if one["name"] == pool)
    if "markup_percent" in plan and "eur_per_mtok" in cloud:
        own = cloud["eur_per_mtok"]
        named = meter if meter in own else KINDS[meter]
        return own[named] * (100 + plan["markup_percent"]) / 100, named, pool
    special: Plan = next((one for one in plan.get("rate", []) if one["model"] == model), {})
    prices = {**plan["eur_per_mtok"], **special.get("eur_per_mtok", {})}
    named = meter if meter in prices else KINDS[meter]
    off = sum(one["discount_percent"] for one in plan.get("band", []) if one["name"] == band)
    price = prices[named]
    return (price * (100 - off) / 100 if off else price), named, ""


def _parts(
    scheme: Any, start: Decimal, end: Decimal, whole: Decimal
) -> Iterator[tuple[str, Decimal, Decimal]]:
    """Kind, price and quantity of what lies between two positions of the month."""
    if not isinstance(scheme, dict):
        yield "usage", Decimal(scheme), end - start
    elif "package_mtok" in scheme:
        begun = [
            (n / scheme["package_mtok"]).to_integral_value(ROUND_CEILING) for n in (start, end)
        ]
        yield "package", scheme["package_eur"], begun[1] - begun[0]
    elif "volume" in scheme:
        tier = next(t for t in scheme["volume"] if whole <= t.get("up_to_mtok", whole))
        yield "usage", tier["eur_per_mtok"], end - start
    else:
        low = ZERO
        for tier in scheme["graduated"]:
            high = Decimal(tier.get("up_to_mtok", max(end, low)))
            yield "usage", tier["eur_per_mtok"], max(min(end, high) - max(start, low), ZERO)
            low = high


def _closing_lines(tariff: Tariff, month: str, used: Decimal) -> Iterator[tuple[Line, Decimal]]:
    shares = tariff.shares(month)
    last, plan = shares[-1][0], tariff.plans[-1]
    least = Decimal(plan.get("minimum_eur_per_month", 0))
    yield ("minimum", last, "", "", "", "", Decimal(1)), max(least - used, ZERO)
    if "commitment" in plan:
        promised, percent = plan["commitment"]["eur"], plan["commitment"]["overage_percent"]
        beyond = max(used - promised, ZERO)
        yield ("commitment", last, "", "", "", "", Decimal(1)), max(promised - used, ZERO)
        yield (
            ("overage", last, "", "", "", "", Decimal(percent) / 100 - 1),
            beyond * (Decimal(percent) / 100 - 1),
        )
    for version, share in shares:
        own = tariff.plans[version]
        fee, seat = (
            Decimal(own.get(key, 0)) for key in ("fee_eur_per_month", "seat_eur_per_month")
        )
        yield ("fee", version, "", "", "", "", fee), share * fee
        yield ("seats", version, "", "", "", "", seat), share * own["seats"] * seat


CLOSING = ("overage", "minimum", "commitment")
"""What is rounded together with the usage that it closes, in the order of an invoice."""


def billed(exact: Mapping[Line, Decimal]) -> dict[Line, int]:
    """The cents of each line."""
    with localcontext(prec=60):
        cents = {line: rounded(amount) for line, amount in exact.items()}
        usage = [line for line in exact if line[0] not in (*CLOSING, "fee", "seats")]
        amount, paid = sum((exact[line] for line in usage), ZERO), sum(cents[n] for n in usage)
        closing = (line for kind in CLOSING for line in exact if line[0] == kind and exact[line])
        for line in closing:
            amount += exact[line]
            cents[line] = rounded(amount) - paid
            paid += cents[line]
        return cents


def rounded(amount: Decimal) -> int:
    """Cents, halves away from zero."""
    return int(amount.quantize(CENT, ROUND_HALF_UP).scaleb(2))
