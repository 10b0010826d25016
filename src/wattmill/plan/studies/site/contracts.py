"""Ways to buy the power of a site, as bills over the years of the study."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from wattmill.catalog.factory import Factory, PowerContract
from wattmill.catalog.market import Quote, latest
from wattmill.finance.processes import PriceProcess, paths
from wattmill.plan.studies.electricity import power_usd_per_kwh
from wattmill.plan.studies.site.report import ContractRow, Contracts
from wattmill.plan.studies.site.room_report import Envelope
from wattmill.plan.studies.sourced import Sources, quoted
from wattmill.plan.studies.timeline import Timeline
from wattmill.plan.studies.uncertainty import BASIS, DEFAULTS
from wattmill.site import contracts as buying
from wattmill.site.contracts import Contract

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

MARKETS = {
    "US-TX": "ERCOT", "US-CA": "CAISO", "US-VA": "PJM", "US-OH": "PJM", "US-PA": "PJM",
    "US-NJ": "PJM", "US-IL": "PJM", "US-IN": "MISO", "US-IA": "MISO", "US-MA": "ISO-NE",
}  # fmt: skip
"""Where the power of a state is traded."""

SPOT_PATHS = 512
MWH = 1000.0
MONTHS = 12


class Load(msgspec.Struct, frozen=True):
    """What is bought: months, kW at the meter, and the rate that bills are discounted at."""

    months: int
    mean_kw: float
    peak_kw: float
    discount: float
    seed: int


def contracts(factory: Factory, envelope: Envelope, line: Timeline, sources: Sources) -> Contracts:
    """Tariff, what is agreed, a PPA of the catalog and spot, over the horizon."""
    finance = factory.finance
    load = Load(
        line.months,
        envelope.mean_kw,
        envelope.committed_kw,
        sources.told("finance.discount_frac_per_year", finance.discount_frac_per_year, "1/year"),
        finance.seed,
    )
    tariff = _tariff(factory, sources)
    rows = [_row("tariff", tariff, load)]
    if factory.site.power_contract is not None:
        rows.append(_agreed(factory, factory.site.power_contract, tariff, line, load, sources))
    quote = ppa(factory.site.region)
    if quote is not None and envelope.is_large:
        rows.append(_ppa(quote, load, sources))
    if tariff.usd_per_kwh:
        rows.append(_spot(factory, tariff, load, sources))
    return Contracts(load.months, load.mean_kw, rows[0].pv_usd / _energy_pv(load), tuple(rows))


def _tariff(factory: Factory, sources: Sources) -> Contract:
    finance = factory.finance
    usd = power_usd_per_kwh(factory, sources)
    rise = sources.told(
        "finance.inflation_frac_per_year", finance.inflation_frac_per_year, "1/year"
    )
    return Contract("tariff", usd, rise)


def ppa(region: str | None) -> Quote | None:
    """The catalog's newest PPA of the market of a region, else of the United States."""
    market = MARKETS.get(region or "", "US")
    return latest(market, "ppa_usd_per_mwh") or latest("US", "ppa_usd_per_mwh")


def _row(name: str, contract: Contract, load: Load, tariff: Contract | None = None) -> ContractRow:
    bill = buying.bill(contract, load.months, load.mean_kw, load.peak_kw).total_usd
    return _billed(name, contract.usd_per_kwh, bill, load, _break_even(contract, tariff, load))


def _break_even(locked: Contract, tariff: Contract | None, load: Load) -> float | None:
    if tariff is None:
        return None
    return buying.break_even_escalation(locked, tariff, load.months, load.mean_kw, load.discount)


def _billed(
    name: str, first: float, bill: Array, load: Load, break_even: float | None = None
) -> ContractRow:
    pv = float(buying.present_value_usd(bill, load.discount))
    return ContractRow(
        name, first, _by_year(bill), pv, pv / _energy_pv(load), break_even_frac_per_year=break_even
    )


def _by_year(bill: Array) -> tuple[float, ...]:
    return tuple(float(bill[at : at + MONTHS].sum()) for at in range(0, len(bill), MONTHS))


def _energy_pv(load: Load) -> float:
    """Present value of the kWh, so that a bill over it is a levelised price."""
    kwh = buying.bill(Contract("tariff", 1.0), load.months, load.mean_kw).energy_usd
    return float(buying.present_value_usd(kwh, load.discount))


# --- what is agreed -------------------------------------------------------------------------------


def _agreed(
    factory: Factory,
    terms: PowerContract,
    tariff: Contract,
    line: Timeline,
    load: Load,
    sources: Sources,
) -> ContractRow:
    """The file's contract: its share at its price until it ends, the rest at what follows."""
    at = "site.power_contract"
    first = _first_price(terms, tariff, sources)
    rise = sources.told(f"{at}.escalation_frac_per_year", terms.escalation_frac_per_year, "1/year")
    demand = sources.told(
        f"{at}.demand_usd_per_kw_month", terms.demand_usd_per_kw_month, "USD/kW/month"
    )
    share = sources.told(f"{at}.share_frac", terms.share_frac, "share")
    rest = _rest(terms, tariff, sources)
    own = Contract(_kind(terms), first, rise, _held(terms, line, sources), then=rest)
    agreed, open_ = (buying.bill(each, load.months, load.mean_kw).total_usd for each in (own, rest))
    bill = share * agreed + (1 - share) * open_ + demand * load.peak_kw
    found = _billed(f"agreed: {terms.kind}", first, bill, load)
    of_mean = demand * load.peak_kw / load.mean_kw
    held = Contract(_kind(terms), first, rise, demand_usd_per_kw_month=of_mean)
    even = _break_even(held, tariff, load)
    return msgspec.structs.replace(found, break_even_frac_per_year=even, is_agreed=True)


def _kind(terms: PowerContract) -> buying.Kind:
    kinds: dict[str, buying.Kind] = {"tariff": "tariff", "ppa": "ppa", "spot": "spot"}
    return kinds[terms.kind]


def _first_price(terms: PowerContract, tariff: Contract, sources: Sources) -> float:
    at, agreed = "site.power_contract", tariff.usd_per_kwh
    if terms.usd_per_kwh is not None:
        agreed = sources.told(f"{at}.usd_per_kwh", terms.usd_per_kwh, "USD/kWh")
    if terms.peak_usd_per_kwh is None:
        return agreed
    share = sources.told(f"{at}.peak_frac", terms.peak_frac, "share")
    dear = sources.told(f"{at}.peak_usd_per_kwh", terms.peak_usd_per_kwh, "USD/kWh")
    return share * dear + (1 - share) * agreed


def _rest(terms: PowerContract, tariff: Contract, sources: Sources) -> Contract:
    """What is paid for energy that the contract does not cover."""
    if terms.then_usd_per_kwh is None:
        return tariff
    then = sources.told("site.power_contract.then_usd_per_kwh", terms.then_usd_per_kwh, "USD/kWh")
    return msgspec.structs.replace(tariff, usd_per_kwh=then)


def _held(terms: PowerContract, line: Timeline, sources: Sources) -> int | None:
    """Months that the contract holds from the start of the study; None is all of them."""
    if terms.until is None:
        return None
    sources.told("site.power_contract.until", terms.until, "date")
    return max(1, line.month(terms.until))


# --- what there is beside it ----------------------------------------------------------------------


def _ppa(quote: Quote, load: Load, sources: Sources) -> ContractRow:
    """A PPA at the catalog's price, which is of energy alone, so it is not held against a tariff with wires."""
    usd = sources.add("ppa.usd_per_kwh", quote.value / MWH, "USD/kWh", quoted(quote))
    return _row(f"PPA in {quote.of}", Contract("ppa", usd), load)


def _spot(factory: Factory, tariff: Contract, load: Load, sources: Sources) -> ContractRow:
    """The tariff's price moving at random: the middle bill, and the band of eight in ten."""
    process = _process(factory, tariff, sources)
    drawn = paths({"power": process}, None, load.months, SPOT_PATHS, load.seed)["power"]
    own = msgspec.structs.replace(tariff, kind="spot")
    bills = buying.bill(
        own, load.months, load.mean_kw, load.peak_kw, spot_usd_per_kwh=drawn[:, 1:]
    ).total_usd
    worth = buying.present_value_usd(bills, load.discount)
    low, middle, high = (float(v) for v in np.percentile(worth, (10, 50, 90)))
    found = _billed("spot", process.start, np.median(bills, axis=0), load)
    usd_per_kwh = middle / _energy_pv(load)
    return msgspec.structs.replace(
        found, pv_usd=middle, usd_per_kwh=usd_per_kwh, p10_usd=low, p90_usd=high
    )


def _process(factory: Factory, tariff: Contract, sources: Sources) -> PriceProcess:
    """How the price moves: of the file, else the default of `wattmill finance`."""
    values: dict[str, float] = {
        "start": tariff.usd_per_kwh,
        "anchor": tariff.usd_per_kwh,
        "anchor_frac_per_year": tariff.escalation_frac_per_year,
        **DEFAULTS["power"],
    }
    terms, given = factory.site.power_contract, factory.finance.power
    if terms is not None and terms.volatility_frac_per_year is not None:
        values["volatility_frac_per_year"] = sources.told(
            "site.power_contract.volatility_frac_per_year",
            terms.volatility_frac_per_year,
            "1/√year",
        )
    for key in PriceProcess.__struct_fields__:
        own = getattr(given, key) if given is not None else None
        if own is not None:
            values[key] = sources.told(f"finance.power.{key}", own, "as the process")
        elif key in DEFAULTS["power"]:
            sources.add(f"finance.power.{key}", values[key], "as the process", BASIS["power"])
    return msgspec.convert(values, PriceProcess)
