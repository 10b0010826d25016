"""The tables of the factory file about money over time, and about what could be had."""

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.factory import Candidate, Demand, Factory, Finance, Site, parse_factory
from wattmill.catalog.factory.money import PROCESSES
from wattmill.core.errors import FactoryError

SMALL = """\
[[pool]]
name = "box"
model = "llama-3.1-8b"
hardware = "RTX 4090"

[[model]]
alias = "house"
route = ["box"]
"""

MONEY = """
[site]
energised = 2027-03-01
rack_kw = 44
feed_phases = 1

[site.power_contract]
kind = "ppa"
usd_per_kwh = 0.07
until = 2030-01-01
then_usd_per_kwh = 0.11
peak_usd_per_kwh = 0.20
peak_frac = 0.3

[[site.lead_time]]
name = "transformer"
months = [18, 24, 40]
shape = "lognormal"

[[site.lead_time]]
name = "hall"
months = 6
after = ["transformer"]
done_frac = 0.9

[finance]
sells = "gpu_hours"
depreciation = "macrs5"
contracted_frac = 0.5
contract_months = 24
elasticity = 1.5
price_frac_per_year = -0.3

[finance.rent]
anchor_frac_per_year = -0.2
scarcity_factor = 1.8

[finance.correlation]
"rent:resale" = 0.7
"power:rent" = -0.25

[[capex]]
name = "racks"
usd = 5_000.5
resale_usd = 500

[[loan]]
name = "bank"
usd = 60_000
rate_frac_per_year = 0.12
months = 48
kind = "balloon"
balloon_frac = 0.3
covenant_dscr = 1.2

[[loan]]
name = "fund"
rate_frac_per_year = 0.09
months = 36
kind = "sculpted"
dscr = 1.3
max_share_frac = 0.7

[[lease]]
name = "let"
pool = "box"
usd_per_month = 120
months = 36
buyout_usd = 1

[demand]
input_mtok_per_month = 900
output_mtok_per_month = 300

[[offer]]
name = "card"
kind = "rent"
hardware = "1x L40S"
usd_per_hour = 0.79

[[offer]]
name = "cloud"
kind = "api"
usd_per_mtok = { input = 0.3, output = 0.9 }

[[offer]]
name = "both"
kind = "hybrid"
parts = ["card", "cloud"]

[[candidate]]
name = "b200"
hardware = "8x B200"
available = 2027-06-01

[[change]]
name = "smaller"
kind = "distill"
model = "llama-3.2-3b"
usd = 9_000
repeat_months = 12
prompt_tokens = -200
"""
WHOLE = SMALL + MONEY


def whole() -> Factory:
    return parse_factory(WHOLE, "f.toml")


def test_a_file_without_any_of_it_reads_as_before() -> None:
    factory = parse_factory(SMALL, "f.toml")
    assert factory.site == Site()
    assert (factory.finance, factory.demand) == (Finance(), Demand())
    nothing = (factory.capexes, factory.loans, factory.leases, factory.offers)
    assert (*nothing, factory.candidates, factory.changes) == ((),) * 6


def test_site_contract_and_lead_times() -> None:
    site = whole().site
    assert (site.energised, site.rack_kw, site.feed_phases) == (date(2027, 3, 1), 44.0, 1)
    assert site.power_contract is not None
    assert (site.power_contract.kind, site.power_contract.then_usd_per_kwh) == ("ppa", 0.11)
    transformer, hall = site.lead_time
    assert (transformer.months, transformer.shape) == ((18.0, 24.0, 40.0), "lognormal")
    assert (hall.months, hall.after, hall.done_frac) == ((6.0,) * 3, ("transformer",), 0.9)


def test_finance_and_its_processes() -> None:
    finance = whole().finance
    assert (finance.sells, finance.depreciation) == ("gpu_hours", "macrs5")
    assert (finance.price_frac_per_year, finance.elasticity) == (-0.3, 1.5)
    assert finance.rent is not None
    assert (finance.rent.scarcity_factor, finance.rent.start) == (1.8, None)
    assert finance.power is None


def test_a_pair_has_one_name_however_it_is_written() -> None:
    assert whole().finance.correlation == {"rent:resale": 0.7, "rent:power": -0.25}


def test_loans_leases_and_what_is_bought() -> None:
    factory = whole()
    bank, fund = factory.loans
    assert (bank.usd, bank.balloon_frac, bank.covenant_dscr) == (60_000.0, 0.3, 1.2)
    assert (fund.usd, fund.share_frac, fund.dscr) == (None, None, 1.3)
    assert (factory.leases[0].pool, factory.leases[0].buyout_usd) == ("box", 1.0)
    assert (factory.capexes[0].usd, factory.capexes[0].life_months) == (5000.5, 60)


def test_choices() -> None:
    factory = whole()
    card, cloud, both = factory.offers
    assert (card.usd_per_hour, card.billed_frac) == (0.79, 1.0)
    assert cloud.uusd_per_mtok is not None
    assert (cloud.uusd_per_mtok.output, both.parts) == (900_000, ("card", "cloud"))
    assert factory.candidates == (Candidate("b200", "8x B200", available=date(2027, 6, 1)),)
    assert (factory.changes[0].prompt_tokens, factory.changes[0].repeat_months) == (-200, 12)


def test_what_the_file_says_is_told_from_defaults() -> None:
    factory = whole()
    assert factory.says("finance", "sells")
    assert factory.says("finance", "rent", "scarcity_factor")
    assert factory.says("loan", "bank", "usd")
    assert factory.says("site", "lead_time", "hall", "after")
    assert not factory.says("finance", "tax_frac")
    assert not factory.says("loan", "fund", "usd")


def test_in_euros_keys_are_written_in_euros_and_told_in_dollars() -> None:
    euros = WHOLE.replace("usd", "eur").replace("[site]", '[site]\ncurrency = "EUR"')
    factory = parse_factory(euros, "f.toml")
    assert factory.loans[0].usd == 60_000.0
    assert factory.says("loan", "bank", "usd")
    with pytest.raises(FactoryError, match="is in USD, and the money of this factory is EUR"):
        parse_factory(euros.replace("eur = 60_000", "usd = 60_000"), "f.toml")


BROKEN = [
    ("rack_kw = 44", "rack_kW = 44", "unknown key 'rack_kW'", "rack_kw"),
    ("rack_kw = 44", "rack_kw = 0", "more than 0", "rack_kw"),
    ("feed_phases = 1", "feed_phases = 2", "must be 1 or 3", "count as 1"),
    ("feed_phases = 1", "power_factor = 1.2", "at most 1", "power_factor"),
    ('kind = "ppa"', 'kind = "ppx"', "unknown kind 'ppx'", "ppa"),
    ("peak_frac = 0.3", "escalation_frac_per_year = 0.1", "belong together", "both"),
    ("months = [18, 24, 40]", "months = [24, 18, 40]", "rising", "[6, 9, 18]"),
    ("months = [18, 24, 40]", "months = [18, 24]", "rising", "[6, 9, 18]"),
    ("months = [18, 24, 40]", "months = true", "rising", "[6, 9, 18]"),
    ("months = [18, 24, 40]", "months = [nan, 24, 40]", "rising", "[6, 9, 18]"),
    ("months = [18, 24, 40]", "months = [18, 24, inf]", "rising", "[6, 9, 18]"),
    ('after = ["transformer"]', 'after = ["transfomer"]', "not in this file", "transformer"),
    ('after = ["transformer"]', 'after = ["hall"]', "waits for itself", "after"),
    ("done_frac = 0.9", "done_frac = 0", "more than 0", "done_frac"),
    ('sells = "gpu_hours"', 'sells = "gpu_hour"', "unknown sells", "gpu_hours"),
    ('depreciation = "macrs5"', 'depreciation = "macrs9"', "unknown depreciation", "macrs5"),
    ("contracted_frac = 0.5", "contracted_frac = 1.5", "at most 1", "contracted_frac"),
    ("price_frac_per_year = -0.3", "price_frac_per_year = -1", "at least -0.99", "price_frac"),
    ("price_frac_per_year = -0.3", "resale_curve = []", "one, two", "[0.65"),
    ("price_frac_per_year = -0.3", "resale_curve = [2, -1]", "one, two", "[0.65"),
    ("elasticity = 1.5", "elasticity = -1.5", "at least 0", "elasticity"),
    ("price_frac_per_year = -0.3", "horizon_months = 0", "1 to 600", "horizon_months"),
    ("price_frac_per_year = -0.3", "paths = 3", "16 to 1000000", "paths"),
    ("scarcity_factor = 1.8", "scarcity_facto = 1.8", "unknown key", "scarcity_factor"),
    ('"rent:resale" = 0.7', '"rent:sale" = 0.7', "unknown key 'rent:sale'", "rent:resale"),
    ('"rent:resale" = 0.7', '"rent:resale" = 1.7', "at most 1", "rent:resale"),
    ('"rent:resale" = 0.7', '"rent:power" = 0.7', "written twice", "keep one"),
    ("resale_usd = 500", "resale_usd = 50_000", "more than usd", "both"),
    ("balloon_frac = 0.3", "interest_only_months = 3", "either balloon_usd or", "0.3"),
    ("balloon_frac = 0.3", "balloon_frac = 1.3", "at most 1", "balloon_frac"),
    ("covenant_dscr = 1.2", "share_frac = 0.5", "not of both", "leave one out"),
    ("covenant_dscr = 1.2", "dscr = 1.2", "has no dscr", "covenant_dscr"),
    ("covenant_dscr = 1.2", "draw_months = 48", "less than months = 48", "shorten"),
    ("dscr = 1.3\n", "", "the loan fund has no sum", "dscr = 1.3"),
    ('pool = "box"', 'pool = "bx"', "not in this file", "box"),
    ("usd_per_month = 120\n", "", "lease 1 has no usd_per_month", "usd_per_month"),
    ("input_mtok_per_month = 900\n", "", "needs input_mtok_per_month", "APIs"),
    ('kind = "rent"', 'kind = "renting"', "unknown kind 'renting'", "rent"),
    ('kind = "rent"\n', "", "offer 1 has no kind", "kind"),
    ("usd_per_hour = 0.79", "usd = 9", "a rent offer has no usd", "buy"),
    ('hardware = "1x L40S"\n', "", "offer 1 has no hardware", "hardware"),
    ('parts = ["card", "cloud"]', 'parts = ["cart"]', "not in this file", "card"),
    ('parts = ["card", "cloud"]', 'parts = ["both"]', "not in this file", "known"),
    ('hardware = "8x B200"\n', "", "candidate 1 has no hardware", "hardware"),
    ('model = "llama-3.2-3b"\n', "", "change 1 has no model", "model"),
    ("repeat_months = 12", "repeat_usd = 12", "needs repeat_months", "12"),
]


def test_a_limit_itself_is_within_it() -> None:
    least = WHOLE.replace("price_frac_per_year = -0.3", "price_frac_per_year = -0.99")
    assert parse_factory(least, "f.toml").finance.price_frac_per_year == -0.99


@pytest.mark.parametrize(("old", "new", "message", "hint"), BROKEN)
def test_a_mistake_is_named_with_its_table_and_the_next_step(
    old: str, new: str, message: str, hint: str
) -> None:
    assert WHOLE.count(old) == 1, old
    with pytest.raises(FactoryError, match=re.escape(message)) as caught:
        parse_factory(WHOLE.replace(old, new), "f.toml")
    line = int(caught.value.place.removeprefix("f.toml:"))
    title = WHOLE[: WHOLE.index(old)].count("\n") + 1
    assert abs(line - title) <= 8, "the line is in or beside the table"
    assert hint in caught.value.hint


def test_what_is_missing_beside_a_value_is_named() -> None:
    with pytest.raises(FactoryError, match="contracted_frac needs contract_months"):
        parse_factory(WHOLE.replace("contract_months = 24\n", ""), "f.toml")
    with pytest.raises(FactoryError, match="leaves nothing for then_usd_per_kwh"):
        parse_factory(WHOLE.replace("until = 2030-01-01\n", ""), "f.toml")
    with pytest.raises(FactoryError, match=r"the loan bank has no sum") as caught:
        parse_factory(WHOLE.replace("usd = 60_000\n", ""), "f.toml")
    assert "share_frac" in caught.value.hint


def test_two_of_a_name_are_refused() -> None:
    for text in ('[[capex]]\nname = "racks"\nusd = 1\n', '[[site.lead_time]]\nname = "hall"\n'):
        with pytest.raises(FactoryError, match="a second"):
            parse_factory(WHOLE + text, "f.toml")


def test_a_hybrid_is_not_made_of_hybrids() -> None:
    text = WHOLE + '[[offer]]\nname = "all"\nkind = "hybrid"\nparts = ["both"]\n'
    with pytest.raises(FactoryError, match="both is a hybrid itself"):
        parse_factory(text, "f.toml")


steps = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=8)


@given(steps)
def test_lead_times_are_read_if_and_only_if_they_have_an_order(
    edges: list[tuple[int, int]],
) -> None:
    after: dict[int, set[int]] = {n: {a for m, a in edges if m == n} for n in range(5)}
    rows = (
        f'[[site.lead_time]]\nname = "s{n}"\nmonths = 1\nafter = {sorted(f"s{a}" for a in some)}\n'
        for n, some in after.items()
    )
    done: set[int] = set()
    while ready := {n for n in set(after) - done if after[n] <= done}:
        done |= ready
    text = SMALL + "".join(rows)
    if len(done) == 5:
        assert len(parse_factory(text, "f.toml").site.lead_time) == 5
    else:
        with pytest.raises(FactoryError, match="waits for itself"):
            parse_factory(text, "f.toml")


@given(st.sampled_from(PROCESSES), st.floats(0.001, 1e6, allow_nan=False))
def test_any_process_takes_any_start(name: str, start: float) -> None:
    factory = parse_factory(f"{SMALL}\n[finance.{name}]\nstart = {start!r}\n", "f.toml")
    process = getattr(factory.finance, name)
    assert process is not None
    assert process.start == start
