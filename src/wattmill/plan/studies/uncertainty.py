"""How the prices of a project may move: from the factory file, else defaults that are said."""

from __future__ import annotations

import msgspec

from wattmill.catalog.factory import Factory
from wattmill.catalog.factory.money import PROCESSES
from wattmill.finance.processes import PriceProcess
from wattmill.finance.project import Project
from wattmill.plan.studies.sourced import Sources

UNITS = {
    "anchor_frac_per_year": "1/year",
    "half_life_months": "months",
    "volatility_frac_per_year": "1/√year",
    "scarcity_factor": "ratio",
    "scarcity_starts_per_year": "1/year",
    "scarcity_months": "months",
    "scarce_now": "flag",
}
DEFAULTS: dict[str, dict[str, float]] = {
    "rent": {
        "half_life_months": 12,
        "volatility_frac_per_year": 0.30,
        "scarcity_factor": 1.5,
        "scarcity_starts_per_year": 0.3,
        "scarcity_months": 9,
    },
    "token_price": {
        "half_life_months": 12,
        "volatility_frac_per_year": 0.25,
        "scarcity_factor": 1.2,
        "scarcity_starts_per_year": 0.3,
        "scarcity_months": 9,
    },
    "power": {"half_life_months": 12, "volatility_frac_per_year": 0.10},
    "resale": {"half_life_months": 18, "volatility_frac_per_year": 0.25},
}
"""Where the file says nothing. Rents: those of the H100 fell by a third in two years (2.85 to 1.70
USD/h, 2024-01 to 2025-10), then rose by 38 % in five months and stayed there for most of a year; the
factor, how often and how long are read off that one cycle. The rest are judgements."""

BASIS = {
    "rent": "default: read off H100 rents, 2023 to 2026",
    "token_price": "default: a judgement, steadier than rents",
    "power": "default: a judgement",
    "resale": "default: a judgement",
}
CORRELATION = {"rent:token_price": 0.6, "rent:resale": 0.6, "token_price:resale": 0.4}
"""What makes rents rise makes machines dear as well; power goes its own way."""

FALLS = ("rent", "token_price")


def processes(
    factory: Factory, project: Project, sources: Sources
) -> tuple[dict[str, PriceProcess], dict[str, float]]:
    """The processes that the project's prices name, and the correlations among them."""
    made = {name: _process(factory, name, used, sources) for name, used in _used(project).items()}
    made = {
        name: each for name, each in made.items() if each.volatility_frac_per_year or each.regimes
    }
    return made, _correlation(factory, set(made), sources)


def _used(project: Project) -> dict[str, tuple[float, float]]:
    """Names of random prices in the project, each with today's price and its yearly growth."""
    found: dict[str, tuple[float, float]] = {}
    for asset in project.assets:
        for sale in asset.sales:
            if sale.price.path is not None:
                found[sale.price.path] = (sale.price.usd, sale.price.growth_frac_per_year)
    power = project.power
    if power is not None and power.price.path is not None and _is_open(project):
        found["power"] = (power.price.usd, power.price.growth_frac_per_year)
    if any(asset.resale_path for asset in project.assets):
        found["resale"] = (1.0, 0.0)
    return {name: found[name] for name in PROCESSES if name in found}


def _is_open(project: Project) -> bool:
    """Whether any electricity is bought at a price that is not agreed."""
    power = project.power
    if power is None or power.locked_frac < 1 or power.locked_months is None:
        return power is not None and power.locked_frac < 1
    return power.locked_months < project.months


def _process(
    factory: Factory, name: str, used: tuple[float, float], sources: Sources
) -> PriceProcess:
    price, growth = used
    given = getattr(factory.finance, name)
    unit = "factor" if name == "resale" else "USD"
    values: dict[str, float] = {"start": price, "anchor": price, "anchor_frac_per_year": growth}
    values |= DEFAULTS[name]
    contract = factory.site.power_contract
    if name == "power" and contract is not None and contract.volatility_frac_per_year is not None:
        values["volatility_frac_per_year"] = sources.told(
            "site.power_contract.volatility_frac_per_year",
            contract.volatility_frac_per_year,
            "1/√year",
        )
    for key in PriceProcess.__struct_fields__:
        path = f"finance.{name}.{key}"
        own = getattr(given, key) if given is not None else None
        if own is not None:
            values[key] = sources.told(path, own, UNITS.get(key, unit))
        elif key in values:
            is_price = key in ("start", "anchor", "anchor_frac_per_year")
            said = "computed by today's price and its drift" if is_price else BASIS[name]
            sources.add(path, values[key], UNITS.get(key, unit), said)
    return msgspec.convert(values, PriceProcess)


def _correlation(factory: Factory, names: set[str], sources: Sources) -> dict[str, float]:
    """Pairs of prices that are both random; the file's go before the defaults."""
    given = factory.finance.correlation
    found: dict[str, float] = {}
    for pair, share in {**CORRELATION, **given}.items():
        if set(pair.split(":")) <= names:
            said = "factory file [finance.correlation]" if pair in given else "default: a judgement"
            found[pair] = sources.add(f"finance.correlation.{pair}", share, "-1 to 1", said)
    return found
