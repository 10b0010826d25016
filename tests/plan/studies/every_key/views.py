"""What each study answers, as plain values, without where its numbers are from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec

from tests.plan.studies.factories import TODAY
from wattmill.catalog.factory import Factory, RatePlan, parse_factory
from wattmill.catalog.factory.choices import CHANGE_KINDS
from wattmill.core.records import METERS
from wattmill.finance.statement import statement
from wattmill.plan.report import plan_factory
from wattmill.plan.studies.buy import study as buy
from wattmill.plan.studies.buy.inputs import buy_inputs
from wattmill.plan.studies.buy.option_reports import option_reports
from wattmill.plan.studies.decide import study as decide
from wattmill.plan.studies.finance import study as finance
from wattmill.plan.studies.inputs import study_inputs
from wattmill.plan.studies.lenders import lenders
from wattmill.plan.studies.replace import study as replace
from wattmill.plan.studies.replace.options import ReplaceOptions
from wattmill.plan.studies.site import study as site
from wattmill.plan.studies.site.fleet import Limits
from wattmill.tariff.bands import band_at
from wattmill.tariff.period import BillingPeriod, PlanVersion, Quantity, rate_period, spans
from wattmill.tariff.tax import rule_of
from wattmill.web.pools import roster_models, roster_pools
from wattmill.web.supervisor import engine_settings

LESS = ("factory", "inputs", "notes")
"""Of a report: what only repeats the file."""


def books(factory: Factory) -> Any:
    """What the study of finance starts from, and its statement, without knobs and futures."""
    found = study_inputs(factory, TODAY)
    made = statement(found.project)
    return {
        "start": found.timeline.start,
        "discount": found.discount_frac_per_year,
        "random": found.processes,
        "correlation": found.correlation,
        "lenders": lenders(factory, found.project, made),
        "monthly": {name: getattr(made, name).tolist() for name in LINES},
    }


def options(factory: Factory) -> Any:
    """What the study of a purchase says of each option, without turns and knobs."""
    found = buy_inputs(factory, TODAY)
    reports = option_reports(found.case, found.timeline)
    return {
        "start": found.timeline.start,
        "random": found.processes,
        "correlation": found.correlation,
        **{report.name: report for report in reports},
    }


LINES = (
    *("revenue_usd", "opex_usd", "ebitda_usd", "service_usd", "equity_flow_usd", "balance_usd"),
    *("book_value_usd", "market_value_usd", "cash_usd", "project_flow_usd", "cfads_usd"),
)


def decided(factory: Factory, kinds: tuple[str, ...] = CHANGE_KINDS) -> Any:
    """Every change of the file of these kinds, by its name."""
    asked = {change.kind for change in factory.changes} & set(kinds)
    found = [decide.study(kind, factory, TODAY) for kind in sorted(asked)]
    changes = {change.name: change for report in found for change in report.changes}
    return {"demand": found[0].demand, **changes}


def bills(factory: Factory) -> Any:
    """What each plan, and each tenant's, comes to in a month: USD by kind of charge and by meter."""
    plans = {plan.name: bill(factory, plan) for plan in factory.rate_plans}
    tenants = {each.name: plans[each.rate_plan] for each in factory.tenants}
    return {"plans": plans, "tenants": tenants}


def bill(factory: Factory, plan: RatePlan) -> dict[str, dict[str, str]]:
    """Of a Mtok of each meter, model and pool, four times on a weekday and a weekend, from mid-month on."""
    month = BillingPeriod("2026-11", START_US, START_US + 30 * DAY_US)
    version = PlanVersion(1, plan.name, START_US + 15 * DAY_US, plan.terms)
    used = [
        Quantity(1, model.alias, pool, None if band is None else band.name, meter, MEGA)
        for band in (band_at(plan.terms.bands, at_us / MEGA) for at_us in TIMES_US)
        for model in factory.models
        for pool in model.route
        for meter in METERS
    ]
    charges = rate_period(spans([version], month), used, month).charges
    found: dict[str, dict[str, Fraction]] = {"by_kind": {}, "by_meter": {}}
    for each in charges:
        where = f"{each.model}/{each.pool}/{each.band}/{'+'.join(each.meters)}"
        for rows, name in ((found["by_kind"], each.kind), (found["by_meter"], where)):
            rows[name] = rows.get(name, Fraction(0)) + each.amount_usd
    return {by: {name: str(usd) for name, usd in rows.items()} for by, rows in found.items()}


def gateway(factory: Factory) -> Any:
    """What the gateway, the engines that wattmill runs and the invoices are told."""
    own = [pool for pool in factory.pools if pool.embedded]
    return {
        "pools": {each.name: msgspec.structs.asdict(each) for each in roster_pools(factory, {})},
        "models": {each.alias: msgspec.structs.asdict(each) for each in roster_models(factory)},
        "tax": {each.name: rule_of(each.tax, each.country) for each in factory.tenants},
        "engines": [msgspec.json.encode(engine_settings(p, Path(), 1)).decode() for p in own],
    }


MEGA, DAY_US = 10**6, 24 * 3600 * 10**6
START_US = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp()) * MEGA
TIMES_US = [
    START_US + day * DAY_US + hour * DAY_US // 24 for day in (19, 20) for hour in (1, 9, 17, 23)
]

STUDIES: dict[str, Callable[[Factory], Any]] = {
    "plan": lambda factory: plan_factory(factory, TODAY),
    "books": books,
    "finance": lambda factory: finance.study(factory, TODAY),
    "buy": lambda factory: buy.study(factory, TODAY, paths=0),
    "options": options,
    "replace": lambda factory: replace.study(factory, TODAY, ReplaceOptions(lower_frac=0)),
    "site": lambda factory: site.study(factory, TODAY),
    "fleet": lambda factory: site.study(factory, TODAY, mix=Limits("margin")),
    "decide": decided,
    "bills": bills,
    "gateway": gateway,
    **{kind: partial(decided, kinds=(kind,)) for kind in CHANGE_KINDS},
}


@cache
def seen(study: str, text: str) -> dict[str, Any]:
    """Every value of the answer by its path; rows of a list go by their name where they have one."""
    found = msgspec.to_builtins(STUDIES[study](parse_factory(text, "factory.toml")))
    return dict(_leaves("", {key: each for key, each in found.items() if key not in LESS}))


def _leaves(path: str, value: Any) -> Any:
    if isinstance(value, dict):
        rows = value
    elif isinstance(value, list | tuple) and any(isinstance(row, dict) for row in value):
        names = [_name(row) for row in value]
        unique = all(names) and len(set(names)) == len(names)
        rows = dict(zip(names if unique else map(str, range(len(names))), value, strict=True))
    else:
        yield path, value
        return
    for name, row in rows.items():
        yield from _leaves(f"{path}.{name}" if path else name, row)


def _name(row: dict[str, Any]) -> str | None:
    return next((row[key] for key in ("name", "pool", "region", "way") if key in row), None)
