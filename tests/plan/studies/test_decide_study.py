"""`wattmill decide`: what a change saves on an own machine and on an API, and when it has paid back."""

import json
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from tests.plan.studies.choices import BOX, CLOUD, DEMAND, STEADY, choice, plain
from tests.plan.studies.factories import TODAY
from wattmill.catalog.factory import Factory, parse_factory
from wattmill.cli import app
from wattmill.core.errors import PlanError, UsageError
from wattmill.finance.cashflow import monthly_rate, npv
from wattmill.finance.demand import served_at_peaks
from wattmill.finance.savings import second_node_usd
from wattmill.plan.studies.buy.factory_reading import Reading
from wattmill.plan.studies.buy.inputs import terms_before_tax
from wattmill.plan.studies.decide.page import decide_page
from wattmill.plan.studies.decide.report import ChangeReport
from wattmill.plan.studies.decide.study import study
from wattmill.plan.studies.decide.work import Work, work

LITTLE = STEADY.replace("= 300", "= 6").replace("= 100", "= 2")
"""A machine that is idle nearly all the time."""
MUCH = STEADY.replace("= 300", "= 1200").replace("= 100", "= 400")
"""More than it can serve at peaks."""


def change(kind: str, more: str, pool: str = "box") -> str:
    return f'[[change]]\nname = "it"\nkind = "{kind}"\npool = "{pool}"\n{more}\n'


QUANTISE = change("quantise", 'precision = "int4"\nusd = 1_000\nusd_per_month = 10')
CACHE = change("cache", "hit_frac = 0.7\nusd = 1_000\nusd_per_month = 10")
NODE = change("second-node", 'hardware = "4x L40S"\nusd = 20_000')


def decided(kind: str, *parts: str, demand: str = STEADY, finance: str = "") -> ChangeReport:
    factory = choice(*parts, demand=demand, finance=finance or plain())
    (found,) = study(kind, factory, TODAY).changes
    return found


def made(factory: Factory) -> Work:
    reading = Reading(factory, TODAY)
    return work(reading, factory.changes[0], terms_before_tax(reading))


# --- on an own machine ----------------------------------------------------------------------------


def test_nothing_is_saved_while_the_machine_is_idle() -> None:
    found = decided("cache", BOX, CACHE, demand=LITTLE)
    assert found.verdict == "nothing is saved"
    assert "while the machine is idle" in found.because
    assert found.saved.waiting_usd == pytest.approx(0, abs=0.01)
    assert found.break_even_months is None and found.npv_usd < 0
    assert found.list_usd_per_month > found.saved_usd_per_month, "an API's price is not saved"


def test_what_is_left_is_the_electricity_of_the_work() -> None:
    """Less work at the same speed: kW above idle × hours × PUE × price."""
    found = decided("cache", BOX, CACHE, demand=LITTLE)
    one = made(choice(BOX, CACHE, demand=LITTLE, finance=plain()))
    assert one.before is not None and one.speed_up is not None
    load = 2 / one.before.full_output_mtok
    freed = load * (1 - 1 / one.speed_up)
    kw = (one.before.busy_kw - one.before.idle_kw) * one.terms.power.pue
    assert found.freed_frac == pytest.approx(freed)
    assert found.saved.power_usd == pytest.approx(freed * kw * 730 * one.terms.power.price.usd)


def test_where_work_waits_the_room_is_worth_its_price() -> None:
    found = decided("cache", BOX, CACHE, demand=MUCH)
    one = made(choice(BOX, CACHE, demand=MUCH, finance=plain()))
    assert one.before is not None and one.speed_up is not None
    more = served_at_peaks(400, one.before.output_mtok * one.speed_up, 3.0) - served_at_peaks(
        400, one.before.output_mtok, 3.0
    )
    each = 2.25 * 0.8 + 0.75 * 0.2 + 1.6
    assert found.saved.waiting_usd == pytest.approx(more * each)
    assert found.verdict == "pays"


def test_break_even_is_what_was_paid_over_what_is_left_each_month() -> None:
    found = decided("cache", BOX, CACHE, demand=MUCH)
    assert found.break_even_months == pytest.approx(1_000 / (found.saved_usd_per_month - 10))
    months = decided("cache", BOX, CACHE.replace("usd = 1", "months = 4\nusd = 1"), demand=MUCH)
    assert found.break_even_months is not None
    assert months.break_even_months == pytest.approx(4 + found.break_even_months)
    assert months.works_from == "2027-03"


def test_doing_it_again_is_paid_again() -> None:
    again = CACHE + "repeat_months = 12\nrepeat_usd = 700\n"
    once, often = (decided("cache", BOX, text, demand=MUCH) for text in (CACHE, again))
    paid = [a - b for a, b in zip(once.flow_usd, often.flow_usd, strict=True)]
    assert {t: usd for t, usd in enumerate(paid) if usd} == {12: 700, 24: 700, 36: 700}
    assert often.upkeep_usd_per_month == pytest.approx(10 + 700 / 12)


def test_upkeep_that_eats_the_savings_never_pays() -> None:
    dear = CACHE.replace("usd_per_month = 10", "usd_per_month = 100_000")
    found = decided("cache", BOX, dear, demand=MUCH)
    assert found.verdict == "never" and "keeping it up" in found.because
    late = CACHE.replace("usd = 1_000", "usd = 10_000_000")
    assert decided("cache", BOX, late, demand=MUCH).verdict == "too late"


def test_a_slower_format_costs_work() -> None:
    wide = change("quantise", 'precision = "bf16"\nusd = 1')
    box = BOX.replace("4x L40S", "8x L40S")
    found = decided("quantise", box, wide, demand=MUCH)
    assert found.speed_up is not None and found.speed_up < 1
    assert found.saved_usd_per_month < 0
    assert found.verdict == "nothing is saved"


def test_a_share_that_fails_is_asked_again() -> None:
    more = 'model = "llama-3.1-8b"\ntraffic_frac = {}\nretry_frac = {}'
    factors = [
        made(choice(BOX, change("distill", more.format(*each)))).factor
        for each in ((0.0, 0.0), (0.5, 0.0), (0.5, 0.2), (1.0, 0.0))
    ]
    none, half, retried, whole = factors
    assert none == 1 and retried == pytest.approx(half + 0.5 * 0.2)
    assert half == pytest.approx((1 + whole) / 2)
    assert whole < 0.5, "a model of an eighth of the size"


def test_whole_copies_can_go() -> None:
    """Eight replicas on eight cards: what one less is worth is its wear, idle power and space."""
    box = BOX.replace("llama-3.1-70b", "llama-3.1-8b").replace("4x", "8x") + "tp = 1\n"
    text = BOX.replace(BOX, box) + change("cache", "hit_frac = 0.9")
    cloud = CLOUD.replace("llama-3.1-70b", "llama-3.1-8b")
    demand = STEADY.replace("= 300", "= 36_000").replace("= 100", "= 12_000")
    factory = parse_factory("\n".join([plain(), demand, cloud, text]), "factory.toml")
    (found,) = study("cache", factory, TODAY).changes
    assert found.saved.machines_less > 0
    assert found.saved.machines_usd > 0


def test_pools_of_one_model_share_the_demand() -> None:
    twin = BOX.replace('"box"', '"twin"')
    alone, shared = (made(choice(*boxes, CACHE)) for boxes in ((BOX,), (BOX, twin)))
    assert alone.asked.output_mtok == 100
    assert shared.asked.output_mtok == pytest.approx(50)
    assert shared.asked.input_mtok == pytest.approx(150)


# --- a second node --------------------------------------------------------------------------------


@pytest.mark.parametrize("demand", [LITTLE, STEADY, MUCH])
def test_a_node_is_worth_what_it_lets_one_serve(demand: str) -> None:
    """`finance.savings` has the same for a node of the same kind."""
    box = BOX + "tp = 2\n"
    factory = choice(box, NODE, demand=demand, finance=plain())
    one = made(factory)
    assert one.before is not None and one.node is not None
    assert one.before.output_mtok == pytest.approx(one.node.output_mtok)
    per_kw = one.terms.power.pue * 730 * one.terms.power.price.usd
    expected = second_node_usd(
        asked_mtok=one.asked.output_mtok,
        capacity_mtok=one.node.output_mtok,
        usd_per_mtok=2.25 * 0.8 + 0.75 * 0.2 + 1.6,
        busy_usd_per_mtok=(one.node.busy_kw - one.node.idle_kw) * per_kw / one.node.output_mtok,
        running_usd_per_month=one.node.idle_kw * per_kw,
        peak_to_mean=3.0,
    )
    found = decided("second-node", box, NODE, demand=demand)
    assert found.saved_usd_per_month == pytest.approx(expected)
    assert (found.verdict == "nothing is saved") is (demand is not MUCH)


def test_a_node_is_sold_at_the_end_and_kept_up_until_then() -> None:
    more = plain(
        "maintenance_frac_per_year = 0.06\nresale_frac_per_year = 0.5\nselling_cost_frac = 0.1"
    )
    found = decided("second-node", BOX, NODE, demand=LITTLE, finance=more)
    assert found.upkeep_usd_per_month == pytest.approx(100)
    last = found.saved_by_month_usd[-1] - 100 + 20_000 * 0.5**3 * 0.9
    assert found.flow_usd[-1] == pytest.approx(last)
    assert found.flow_usd[0] == -20_000


def test_two_nodes_that_share_layers_depend_on_the_link() -> None:
    found = decided("second-node", BOX, NODE).alone_tok_per_s
    alone, slow, fast = found.values()
    assert slow < fast < 2 * alone
    assert next(iter(found)) == "on the pool"
    other = change("second-node", 'hardware = "2x RTX PRO 6000"\nusd = 25_000')
    assert decided("second-node", BOX, other).alone_tok_per_s == {}


# --- on an API ------------------------------------------------------------------------------------


def test_shorter_prompts_make_an_apis_bill_smaller() -> None:
    found = decided("finetune", change("finetune", "prompt_tokens = -500\nusd = 300", "cloud"))
    before = 225 * 0.8 + 75 * 0.2 + 100 * 1.6
    after = (225 * 0.8 + 75 * 0.2) * 2 / 3 + 100 * 1.6
    assert found.saved_usd_per_month == pytest.approx(before - after)
    assert found.break_even_months == pytest.approx(300 / (before - after))
    assert not found.is_own and found.speed_up is None


def test_cached_prompts_are_cheaper_on_an_api() -> None:
    found = decided("cache", change("cache", "hit_frac = 0.75\nusd = 300", "cloud"))
    assert found.saved_usd_per_month == pytest.approx(300 * 0.5 * (0.8 - 0.2))


def test_what_is_not_yours_cannot_be_quantised() -> None:
    with pytest.raises(PlanError, match="somebody else's machine") as error:
        decided("quantise", change("quantise", 'precision = "int4"', "cloud"))
    assert "wattmill buy" in error.value.hint


# --- the load, the kinds --------------------------------------------------------------------------


def test_at_the_load_from_which_it_pays_it_is_worth_nothing() -> None:
    found = decided("cache", BOX, CACHE, demand=STEADY)
    at = found.pays_from_output_mtok
    assert at is not None
    demand = STEADY.replace("= 300", f"= {3 * at!r}").replace("= 100", f"= {at!r}")
    there = decided("cache", BOX, CACHE, demand=demand)
    assert npv(monthly_rate(0.12), list(there.flow_usd)) == pytest.approx(0, abs=1.0)
    assert there.npv_usd == pytest.approx(0, abs=1.0)


def test_a_demand_that_grows_gets_there_in_time() -> None:
    grows = DEMAND.replace("growth_frac_per_year = 0.2", "growth_frac_per_year = 3.0")
    found = decided("cache", BOX, CACHE.replace("= 1_000", "= 4_000"), demand=grows)
    at = found.pays_from_output_mtok
    assert at is not None
    assert (found.reached is None) is (at <= 100)


def test_prices_of_the_catalog_are_not_converted_and_that_is_said() -> None:
    node = change("second-node", 'hardware = "4x L40S"')
    euros = [part.replace("usd", "eur") for part in (CLOUD, BOX, node)]
    text = "\n".join(['[site]\ncurrency = "EUR"', plain(), STEADY, *euros])
    report = study("second-node", parse_factory(text, "factory.toml"), TODAY)
    assert any("are USD, not EUR: change.it.usd" in note for note in report.notes)


def test_kinds_that_are_not_there() -> None:
    with pytest.raises(UsageError, match="no decision") as error:
        study("quantize", choice(BOX, CACHE), TODAY)
    assert "quantise" in error.value.hint
    with pytest.raises(PlanError, match="no \\[\\[change\\]\\]") as missing:
        study("rag", choice(BOX, CACHE), TODAY)
    assert "prompt_tokens" in missing.value.hint
    with pytest.raises(PlanError, match="after the study ends"):
        decided("cache", BOX, CACHE + "months = 40\n")


# --- inputs ---------------------------------------------------------------------------------------

RICH = (
    "[site]\npower_usd_per_kwh = 0.2\npue = 1.3\ncolo_usd_per_kw_month = 100\n"
    + plain(
        "discount_frac_per_year = 0.1\ninflation_frac_per_year = 0.02\nresale_frac_per_year = 0.7"
    )
    + MUCH
    + "tpot_ms = 60\n"
    + CLOUD
    + BOX
    + "bought = 2026-05-01\nidle_w = 300\nbusy_w = 1500\n"
    + change(
        "distill",
        'model = "llama-3.1-8b"\nprecision = "fp8"\nusd = 5_000\nusd_per_month = 50\nmonths = 2\nrepeat_months = 9\n'
        "repeat_usd = 900\ntraffic_frac = 0.5\nretry_frac = 0.1\nprompt_tokens = -100\nhit_frac = 0.3",
    )
)
TURNED = {
    "power_usd_per_kwh = 0.2": "power_usd_per_kwh = 0.3",
    "pue = 1.3": "pue = 1.4",
    "starts = 2026-11-01": "starts = 2026-12-01",
    "horizon_months = 36": "horizon_months = 37",
    "price_frac_per_year = 0.0": "price_frac_per_year = -0.1",
    "discount_frac_per_year = 0.1": "discount_frac_per_year = 0.11",
    "input_mtok_per_month = 1200": "input_mtok_per_month = 1201",
    "output_mtok_per_month = 400": "output_mtok_per_month = 401",
    "cached_frac = 0.25": "cached_frac = 0.26",
    "peak_to_mean = 3.0": "peak_to_mean = 3.1",
    "growth_frac_per_year = 0.0": "growth_frac_per_year = 0.1",
    "isl = 1500": "isl = 1510",
    "osl = 500": "osl = 505",
    "tpot_ms = 60": "tpot_ms = 50",
    "input = 0.8": "input = 0.9",
    "output = 1.6": "output = 1.7",
    "idle_w = 300": "idle_w = 310",
    "busy_w = 1500": "busy_w = 1510",
    '"llama-3.1-8b"': '"llama-3.2-3b"',
    'precision = "fp8"\nusd': 'precision = "int4"\nusd',
    "usd = 5_000": "usd = 5_100",
    "usd_per_month = 50": "usd_per_month = 51",
    "\nmonths = 2": "\nmonths = 3",
    "repeat_months = 9": "repeat_months = 10",
    "repeat_usd = 900": "repeat_usd = 910",
    "traffic_frac = 0.5": "traffic_frac = 0.6",
    "retry_frac = 0.1": "retry_frac = 0.2",
    "prompt_tokens = -100": "prompt_tokens = -110",
    "hit_frac = 0.3": "hit_frac = 0.4",
}


def figures(text: str) -> bytes:
    return msgspec.json.encode(study("distill", parse_factory(text, "f.toml"), TODAY).changes)


@pytest.fixture(scope="module")
def before() -> bytes:
    return figures(RICH)


@pytest.mark.parametrize("old", TURNED)
def test_every_input_moves_something(old: str, before: bytes) -> None:
    text = RICH.replace(old, TURNED[old], 1)
    assert text != RICH
    assert figures(text) != before


def test_every_key_of_a_change_is_walked() -> None:
    from wattmill.catalog.factory import KEYS

    keys = {*KEYS["[[change]]"]} - {"name", "kind", "pool", "hardware", "model"}
    walked = " ".join(TURNED)
    assert {key for key in keys if f"{key} =" not in walked} == set()
    beside = RICH + 'hardware = "1x L40S"\n'
    assert figures(beside) != figures(RICH), "machines of its own"


def test_machines_of_its_own_are_paid_and_run() -> None:
    more = 'model = "llama-3.1-8b"\nprecision = "fp8"\nusd = 9_000\nhardware = "1x L40S"\ntraffic_frac = 0.6'
    found = decided("distill", BOX, change("distill", more), demand=LITTLE)
    assert found.saved.power_usd < 0, "an idle machine beside an idle machine"
    assert found.flow_usd[0] == -9_000 and found.flow_usd[-1] > found.flow_usd[-2]


# --- the command ----------------------------------------------------------------------------------


def test_the_command_prints_text_json_and_a_page(tmp_path: Path) -> None:
    file, page = tmp_path / "factory.toml", tmp_path / "decide.html"
    file.write_text(RICH)
    done = CliRunner().invoke(
        app, ["decide", "distill", str(file), "--html", str(page), "--inputs"]
    )
    assert done.exit_code == 0, done.output
    assert "change.it.retry_frac" in done.stdout
    assert "default-src 'none'" in page.read_text()
    done = CliRunner().invoke(app, ["decide", "distill", str(file), "--json"])
    (found,) = json.loads(done.stdout)["changes"]
    assert found["name"] == "it" and len(found["flow_usd"]) == 37


def test_the_page_has_every_input() -> None:
    report = study("cache", choice(BOX, CACHE), TODAY)
    text = decide_page(report)
    assert all(f"<td>{each.name}</td>" in text for each in report.inputs)
