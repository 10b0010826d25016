"""Questions of racks, power and cooling: figures by hand, and words where there is no number."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from wattmill.core.errors import PlanError, UsageError
from wattmill.plan.questions.registry import ask

CFM = 0.3048**3 / 60


@pytest.mark.parametrize(
    ("name", "inputs", "expected"),
    [
        ("rack_power", {"system": "10.2kW", "systems": 4, "other": "1.5kW"}, 42.3),
        ("systems_per_rack", {"limit": "25kW", "system": "10.2kW"}, 2),
        ("slot_power", {"system": "10.2kW", "accelerators": 8, "pue": 1.2}, 1530),
        ("accelerators_per_mw", {"slot": 700, "pue": 1.2}, 1e6 / 840),
        ("committed_power", {"power": "40kW", "pue": 1.3}, 52),
        ("supply_capacity", {"supplies": 8, "supply": "3kW", "redundant": 4}, 12),
        ("system_mass", {"system": "GB200-NVL72"}, 1360),
        ("rack_height", {"units": 42}, 1.8669),
        ("rack_volume", {"height": 2, "width": 0.6, "depth": 1.2}, 1.44),
        ("foot_load", {"mass": 1360}, 340),
        ("rack_load", {"mass": "3000 lb"}, 3000 * 0.45359237 / 0.72),
        ("floor_bears", {"floor": "rated-3"}, 1220),
        ("feed_current", {"power": "100kW", "volts": 208}, 1e5 / math.sqrt(3) / 208),
        ("feed_current", {"power": "1MW", "volts": 54, "feed": "direct"}, 1e6 / 54),
        ("feed_power", {"current": 30, "volts": 120, "feed": "single-phase"}, 3.6),
        ("design_current", {"current": 24}, 30),
        ("breaker_size", {"current": 278}, 350),
        ("breaker_size", {"current": 40, "series": "iec"}, 40),
        ("wire_area", {"current": 350}, 2 * 67.43),
        ("bus_bar_power", {"bar": "nvl72"}, 75.6),
        ("conduction_gain", {"low": 48, "high": 800}, 277.78),
        ("cascade_loss", {"efficiency": 0.94, "stages": 5}, 100 * (1 - 0.94**5)),
        ("loss_of_input", {"power": "1MW", "efficiency": 0.95}, 50),
        ("loss_of_load", {"power": "1MW", "efficiency": 0.95}, 1000 / 19),
        ("cooling_of_loss", {"loss": "100kW", "cooling": 0.25}, 25),
        ("loss_cost_per_year", {"loss": "100kW", "price": 0.065, "cooling": 0.25}, 71_175),
        ("stated_efficiency", {"chain": "48v", "end": "high"}, 96),
        ("stage_efficiency", {"stage": "psu-titanium"}, 96),
        ("air_flow", {"power": "100kW", "rise": 20}, 1e5 / (1.2041 * 1006 * 20) / CFM),
        ("air_rise", {"power": "100kW", "flow": "3000 CFM"}, 58.3),
        ("liquid_flow", {"power": "1MW", "rise": 10}, 6e7 / (0.9922 * 4180 * 10)),
        ("liquid_rise", {"power": "1kW", "flow": "1.2 LPM"}, 12.06),
        ("heat_by_volume", {}, 992.2 * 4180 / (1.2041 * 1006)),
        ("mover_power", {"flow": 0.001, "pressure": "200 kPa"}, 400),
        ("air_heat", {"power": "100kW", "liquid": "70%"}, 30),
        ("cooling_limit", {"way": "rdhx"}, 50),
        ("air_limit", {}, 40),
        ("chip_temperature", {"coolant": 45, "rise": 40, "less": 0.65}, 59),
        ("dew_point", {"temperature": 25}, 13.86),
        ("overhead_power", {"power": "1kW", "pue": 1.3}, 0.3),
        ("pue_saving_per_year", {"power": "1MW", "pue": 1.4, "better": 1.2, "price": 0.065}, 113_880),
        ("pue_at_load", {"pue": 1.3, "load": "50%"}, 1.45),
    ],
)  # fmt: skip
def test_figures_by_hand(name: str, inputs: dict[str, object], expected: float) -> None:
    assert ask(name, **inputs).value == pytest.approx(expected, rel=1e-3)


def test_a_chain_says_which_stage_loses_most() -> None:
    assert ask("chain_efficiency", chain="120v").binds == "psu-gold-115v"
    lost, whole = ask("chain_loss", power="1MW", chain="48v"), ask("chain_efficiency", chain="48v")
    assert isinstance(lost.value, float)
    assert isinstance(whole.value, float)
    assert lost.value == pytest.approx(1000 * (100 / whole.value - 1))
    assert ask("chain_pue", chain="48v").value == pytest.approx(1 / 0.9953 / 0.995)
    half_full = ask("chain_efficiency", chain="120v", load=0.2).value
    assert isinstance(half_full, float)
    assert half_full < 81


def test_temperatures_are_read_with_their_degrees() -> None:
    told = ask("chip_temperature", coolant="45 °C", rise="40 K", less="65 %")
    assert told.value == pytest.approx(59) and told.unit == "°C"
    assert told.inputs["coolant"] == "45 °C" and told.inputs["rise"] == "40 kelvin"


def test_density_answers_with_a_word() -> None:
    assert ask("cooling_way", power="30kW").value == "air-contained"
    assert ask("cooling_way", power="132kW").value == "direct-to-chip"


def test_wires_and_drops() -> None:
    """30 m of 4 AWG under 57 A of three phases."""
    inputs = {"current": 57, "length": 30, "area": "21.15 mm2"}
    ohm = 1.7241e-8 * (1 + 0.00393 * 55) * 30 / 21.15e-6
    assert ask("wire_loss", **inputs).value == pytest.approx(3 * 57**2 * ohm)
    assert ask("voltage_drop", **inputs).value == pytest.approx(math.sqrt(3) * 57 * ohm)
    mass = ask("conductor_mass", length=30, area="21.15 mm2", conductors=3).value
    assert mass == pytest.approx(3 * 30 * 21.15e-6 * 8890)
    area = ask("area_of_mass", mass=mass, length=30, conductors=3).value
    assert area == pytest.approx(21.15)


def test_the_weather() -> None:
    cold = ask("free_cooling_hours", mean=5, supply=15).value
    warm = ask("free_cooling_hours", mean=20, supply=15).value
    assert isinstance(cold, float)
    assert isinstance(warm, float)
    assert warm < 2000 < cold
    assert ask("climate_pue", mean=5).value == pytest.approx(1.04 + 0.05 * 1.04)


def test_breakers_and_coolants_may_be_rows_of_ones_own(own_catalog: Callable[[str], Path]) -> None:
    own_catalog(
        """[[coolant]]
name = "oil"
kg_per_m3 = 800
j_per_kg_k = 2000
source = "its maker"
as_of = "2026-10"

[[breakers]]
name = "jis"
sizes_a = [30, 50, 100]
continuous_frac = 0.8
source = "a catalogue"
as_of = "2026-10"
"""
    )
    litres = ask("liquid_flow", power="100kW", rise=10, coolant="OIL").value
    assert litres == pytest.approx(1e5 / (800 * 2000 * 10) * 60_000)
    assert ask("breaker_size", current=41, series="jis").value == 100


def test_a_density_of_a_room() -> None:
    assert ask("floor_density", power="40kW").value == pytest.approx(40_000 / (0.6 * 2.25))
    spread = (1360 + 73 * 0.6 * 1.05) / (0.6 * 2.25)
    assert ask("floor_load", mass=1360).value == pytest.approx(spread)
    assert ask("cards_power", hardware="8x H100-SXM").value == pytest.approx(10.2)


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("system_mass", {"system": "Vera-Rubin-NVL72"}),
        ("stated_efficiency", {"chain": "800vdc"}),
        ("cooling_way", {"power": "2MW"}),
        ("breaker_size", {"current": 18_519}),
    ],
)
def test_what_is_not_known_is_refused_with_the_next_step(
    name: str, inputs: dict[str, object]
) -> None:
    with pytest.raises(PlanError) as caught:
        ask(name, **inputs)
    assert caught.value.hint


def test_watts_are_no_amps() -> None:
    with pytest.raises(UsageError, match="does not fit"):
        ask("design_current", current="10 kW")
