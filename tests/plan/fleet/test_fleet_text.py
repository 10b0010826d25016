"""What a person sees of a fleet."""

from __future__ import annotations

from rich.console import Console

from tests.plan.fleet.cases import machine
from wattmill.plan.fleet.mix import best_mix
from wattmill.plan.fleet.records import Envelope, Market, Mix
from wattmill.plan.fleet.text import fleet_screen


def shown(mix: Mix) -> str:
    console = Console(width=140, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        console.print(fleet_screen(mix))
    return captured.get()


def test_machines_limits_and_proof() -> None:
    types = [machine("good"), machine("late", meets_slo=False)]
    text = shown(
        best_mix(types, [Market("m", 1.0)], Envelope(kw=9.0, racks=99.0), steps={"kw": 1.0})
    )
    assert "most margin: 400 USD/month" in text
    assert "50 USD/month per kW" in text
    assert "100 for 1 more" in text
    assert "nothing" in text  # more racks would bring nothing
    assert "no fleet is better by more than 0.000%" in text
    assert "late is left out: it misses its SLO" in text


def test_what_fits_no_rack_is_one_note_however_many_layouts_there_are() -> None:
    too_much = "needs 132 kW in a rack for 40 kW"
    types = [machine("good"), *(machine(f"tp{n}", why_not=too_much) for n in (1, 2, 4))]
    text = shown(best_mix(types, [Market("m", 1.0)], Envelope(kw=9.0)))
    assert "tp1 and 2 more are left out: each needs 132 kW in a rack for 40 kW" in text


def test_no_fleet_is_an_answer_too() -> None:
    text = shown(
        best_mix([machine(fixed_usd_per_month=500.0)], [Market("m", 1.0)], Envelope(kw=9.0))
    )
    assert "no machine is worth having" in text
