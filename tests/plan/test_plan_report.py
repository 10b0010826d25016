"""A whole factory planned: sums add up, refusals say what would fit, the example is recorded."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from wattmill.catalog.factory import Factory, load_factory, parse_factory
from wattmill.core.errors import CatalogError, PlanError
from wattmill.plan.report import PlanReport, plan_factory
from wattmill.plan.text import render

EXAMPLES = Path(__file__).parents[2] / "examples" / "plan"
TODAY = date(2026, 11, 21)


def planned(found: Factory, today: date = TODAY, **changes: Any) -> PlanReport:
    return plan_factory(found, today, **changes)


def factory(pool: str, site: str = "", more: str = "") -> Factory:
    text = f'[site]\n{site}\n[[pool]]\nname = "box"\n{pool}\n{more}\n'
    return parse_factory(text + '[[model]]\nalias = "m"\nroute = ["box"]\n', "factory.toml")


def example() -> Factory:
    found = load_factory(EXAMPLES / "four-l40s.toml")
    return msgspec.structs.replace(found, path=Path("four-l40s.toml"))


def text_of(report: PlanReport) -> str:
    console = Console(width=100, file=io.StringIO(), color_system=None)
    with console.capture() as captured:
        console.print(render(report))
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def test_the_example_reads_as_recorded() -> None:
    assert text_of(planned(example())) == (EXAMPLES / "four-l40s.txt").read_text()


def test_a_report_is_json() -> None:
    report = planned(example())
    assert msgspec.json.decode(msgspec.json.encode(report), type=PlanReport) == report


def test_costs_add_up() -> None:
    pool = planned(example()).pools[0]
    cost = pool.cost
    assert cost.amortisation_usd_per_month == 2000
    assert cost.usd_per_month == pytest.approx(2000 + cost.energy_usd_per_month)
    assert cost.energy_usd_per_month == pytest.approx(pool.mean_kw * 730 * 0.09)
    assert cost.usd_per_mtok is not None
    assert cost.usd_per_month == pytest.approx(cost.usd_per_mtok * pool.tokens_per_month / 1e6)
    assert cost.usd_per_mtok_output == pytest.approx(cost.usd_per_mtok * 1300 / 300)
    assert cost.lcot_usd_per_mtok is not None
    assert cost.lcot_usd_per_mtok > cost.usd_per_mtok  # money now is worth more than tokens later


def test_without_discount_lcot_is_the_plain_cost() -> None:
    cost = planned(example(), discount_frac_per_year=0.0).pools[0].cost
    assert cost.lcot_usd_per_mtok == pytest.approx(cost.usd_per_mtok)


@given(st.floats(0.01, 1.0))
def test_more_load_makes_cheaper_tokens(load_frac: float) -> None:
    some, full = (planned(example(), load_frac=load).pools[0] for load in (load_frac, 1.0))
    assert some.cost.usd_per_mtok is not None
    assert full.cost.usd_per_mtok is not None
    assert some.cost.usd_per_mtok >= full.cost.usd_per_mtok
    assert max(some.mean_kw, full.mean_kw) <= full.committed_kw


def test_payback_is_the_price_over_what_is_saved() -> None:
    cheap = factory('model = "gpt-oss-120b"\nhardware = "H100"\nengine = "vllm"\n'
                    'precision = "mxfp4"\npaid_usd = 12_000')  # fmt: skip
    payback = planned(cheap).pools[0].payback
    assert payback is not None
    assert payback.months == pytest.approx(12_000 / payback.saved_usd_per_month)
    assert payback.offer.basis == "same model"


def test_an_own_cloud_comes_before_the_catalog() -> None:
    payback = planned(example()).pools[0].payback
    assert payback is not None
    assert (payback.offer.name, payback.offer.basis) == ("cloud-70b", "factory file")
    assert payback.offer.usd_per_mtok == pytest.approx(0.88)


def test_a_model_without_a_price_is_held_against_the_nearest_in_size() -> None:
    report = planned(factory('model = "qwen3-4b"\nhardware = "H100"\nengine = "vllm"'))
    payback = report.pools[0].payback
    assert payback is not None
    assert payback.offer.basis == "nearest size"
    assert any("nearest in size" in note for note in report.notes)


BOUGHT_NEW = 'model = "gpt-oss-120b"\nhardware = "H100"\nengine = "vllm"\nprecision = "mxfp4"'


def test_a_price_of_the_catalog_carries_its_date_and_says_when_it_is_stale() -> None:
    fresh = planned(factory(BOUGHT_NEW), date(2020, 1, 1))
    assert {price.what for price in fresh.pools[0].prices} == {"new", "api"}
    assert not any(price.is_stale for price in fresh.pools[0].prices)
    assert not any("half-life" in note for note in fresh.notes)
    old = planned(factory(BOUGHT_NEW), date(2040, 1, 1))
    card = old.pools[0].prices[0]
    assert (card.of, card.what, card.is_stale) == ("H100-SXM", "new", True)
    assert card.dated == f"{card.as_of}, stale" and card.half_lives > 10
    assert sum("half-life of 12 months" in note for note in old.notes) == 1
    assert sum("half-life of 6 months" in note for note in old.notes) == 1
    assert text_of(old).count(", stale)") == 4  # beside the two figures, and in the two notes


def test_what_the_factory_file_states_has_no_date() -> None:
    assert planned(example(), date(2040, 1, 1)).pools[0].prices == ()


def test_a_toy_is_held_against_nothing() -> None:
    demo = factory('model = "wattmill-demo"\nhardware = "cpu"\npaid_usd = 1200')
    report = planned(demo)
    assert report.pools[0].cost.usd_per_mtok is not None
    assert report.pools[0].payback is None
    assert any("so no payback" in note for note in report.notes)


def test_a_price_that_nobody_knows_stays_unknown() -> None:
    report = planned(factory('model = "wattmill-demo"\nhardware = "cpu"\nprecision = "q8_0"'))
    cost = report.pools[0].cost
    assert (cost.paid_usd, cost.usd_per_mtok, cost.lcot_usd_per_mtok) == (None, None, None)
    assert report.pools[0].payback is None
    assert cost.energy_usd_per_month > 0
    assert any("give paid_usd" in note for note in report.notes)
    assert "payback" in text_of(report)


def test_a_short_model_is_planned_with_shorter_requests_and_says_so() -> None:
    demo = factory('model = "wattmill-demo"\nhardware = "cpu"\nprecision = "q8_0"')
    report = planned(demo, isl=8000, osl=2000)
    workload = report.pools[0].workload
    assert workload.isl + workload.osl == 4096
    assert workload.isl / workload.osl == pytest.approx(4, rel=0.01)
    assert "takes 4096 tokens" in report.notes[0]


@pytest.mark.parametrize(
    ("pool", "message", "hints"),
    [
        (
            'model = "llama-3.1-70b"\nhardware = "2x L40S"\nengine = "vllm"',
            r"llama-3.1-70b in bf16 does not fit: weights 141\.1 GB",
            ['precision = "fp8" would fit', "4x L40S would"],
        ),
        (
            'model = "llama-3.1-70b"\nhardware = "RTX 4090"\nprecision = "q4_k_m"',
            r"1x RTX-4090 give 24\.5 GB of 25\.8 GB",
            ["2x RTX-4090 would"],
        ),
        (
            'model = "kimi-k2"\nhardware = "RTX 3090"\nprecision = "q2_k"\nengine = "vllm"',
            "does not fit",
            ["RTX-3090 would"],
        ),
    ],
)
def test_a_model_that_does_not_fit_is_refused_with_what_would(
    pool: str, message: str, hints: list[str]
) -> None:
    with pytest.raises(PlanError, match=message) as caught:
        planned(factory(pool))
    assert caught.value.place == "factory.toml: pool box"
    assert all(hint in caught.value.hint for hint in hints)


def test_what_is_hinted_does_fit() -> None:
    pool = 'model = "llama-3.1-70b"\nhardware = "{}x L40S"\nengine = "vllm"\nprecision = "{}"'
    for cards, precision in ((2, "fp8"), (4, "bf16")):
        assert planned(factory(pool.format(cards, precision))).pools[0].users >= 1


@pytest.mark.parametrize(
    ("pool", "hint"),
    [
        ('model = "lama-3.1-70b"\nhardware = "H100"', "llama-3.1-70b"),
        ('model = "llama-3.1-8b"\nhardware = "H10"', "H100"),
    ],
)
def test_an_unknown_name_is_named_with_its_pool(pool: str, hint: str) -> None:
    with pytest.raises(CatalogError) as caught:
        planned(factory(pool))
    assert caught.value.place == "factory.toml: pool box"
    assert hint in caught.value.hint


def test_the_power_cap_binds() -> None:
    box = 'model = "llama-3.1-8b"\nhardware = "8x H100"\nengine = "vllm"'
    over = planned(factory(box, "power_cap_kw = 5"))
    assert over.site.over_cap_kw == pytest.approx(over.site.committed_kw - 5)
    assert over.pools[0].binds == "power cap"
    assert "too much" in text_of(over)
    assert planned(factory(box)).pools[0].binds != "power cap"


def test_measured_watts_come_before_the_data_sheet() -> None:
    box = 'model = "llama-3.1-8b"\nhardware = "H100"\nengine = "vllm"\nidle_w = 100\nbusy_w = 900'
    report = planned(factory(box, "pue = 1.0"), load_frac=1.0)
    assert report.site.committed_kw == report.site.mean_kw == 0.9


def test_an_api_without_hardware_or_price_is_shown_as_unknown() -> None:
    report = planned(factory('model = "secret-sauce"\nurl = "https://h/v1"'))
    assert report.pools == ()
    assert report.clouds[0].offer is None
    assert "secret-sauce" in text_of(report)


def test_users_are_counted_at_the_context_asked_for() -> None:
    by_context = [
        planned(example(), context_tokens=tokens).pools[0].users for tokens in (4096, 8192)
    ]
    assert by_context[0] == pytest.approx(2 * by_context[1], abs=1)
    own = factory('model = "llama-3.1-8b"\nhardware = "H100"\nengine = "vllm"\ncontext = 4096')
    assert planned(own).pools[0].fit.context_tokens == 4096


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"load_frac": 0.0}, "load of 0.0"),
        ({"isl": 0}, "is no workload"),
        ({"hit_frac": 1.0}, "is no workload"),
        ({"context_tokens": 10**9}, "context of 1000000000"),
        ({"discount_frac_per_year": -2.0}, "discount of -2.0"),
    ],
)
def test_impossible_studies_are_refused(changed: dict[str, float], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        planned(example(), **changed)  # type: ignore[arg-type]


def test_without_a_price_of_power_the_region_has_one_and_a_note_says_so() -> None:
    pool = 'hardware = "1x L40S"\nmodel = "llama-3.1-8b"\npaid_usd = 8000'
    told = planned(factory(pool, "power_usd_per_kwh = 0.12"))
    texan, nowhere = planned(factory(pool, 'region = "US-TX"')), planned(factory(pool))
    cheap, dear = (each.pools[0].cost.energy_usd_per_month for each in (texan, told))
    assert cheap < 0.9 * dear
    assert nowhere.pools[0].cost == told.pools[0].cost
    assert any("catalog: power_usd_per_kwh of US-TX" in note for note in texan.notes)
    assert any("default: a judgement" in note for note in nowhere.notes)
    assert not any("power at" in note for note in told.notes)
