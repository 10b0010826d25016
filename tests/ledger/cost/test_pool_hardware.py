"""Watts, electricity and space of machines."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from tests.ledger.cost.cost_books import instant_us

from wattmill.catalog.factory import Pool, Site
from wattmill.catalog.hardware import accelerator
from wattmill.ledger.cost.hardware import (
    HOUR_US,
    draw,
    drawn_mwh,
    energy_pusd,
    has_hardware,
    in_service,
    pue_loss_pusd,
    space_pusd,
)
from wattmill.physics.efficiency import DECODE_POWER_FRAC, HOST_IDLE_FRAC

SITE = Site(power_usd_per_kwh=0.09, pue=1.3, colo_usd_per_kw_month=120.0)
DAY_US = 24 * HOUR_US


def spec(**values: Any) -> Pool:
    return Pool(**{"name": "l40s", "model": "llama-3.1-70b", **values})


def test_watts_come_from_the_file_and_else_from_the_data_sheet() -> None:
    sheet = draw(spec(hardware="4x L40S"))
    assert sheet is not None
    card = accelerator("L40S")
    assert sheet.idle_w == pytest.approx(4 * (card.idle_w + HOST_IDLE_FRAC * card.host_w))
    assert sheet.busy_w == pytest.approx(4 * (DECODE_POWER_FRAC * card.tdp_w + card.host_w))
    assert sheet.peak_w == 4 * (card.tdp_w + card.host_w)
    told = draw(spec(hardware="4x L40S", idle_w=400.0))
    assert told is not None and (told.idle_w, told.busy_w) == (400.0, sheet.busy_w)
    assert draw(spec(idle_w=10.0, busy_w=90.0)) is not None
    assert draw(spec(idle_w=10.0)) is draw(spec()) is draw(spec(hardware="a toaster")) is None


def test_electricity_is_watts_by_hours_by_price() -> None:
    """1,400 W for 10 hours at 9 cents are 1.26 USD."""
    drawn = drawn_mwh(Fraction(1400), 10 * HOUR_US)
    assert drawn == 14 * 10**6
    assert energy_pusd(drawn, SITE) == 1_260_000_000_000
    assert pue_loss_pusd(SITE, 1_260_000_000_000) == 378_000_000_000


def test_space_is_let_by_the_peak_kilowatt_with_cooling() -> None:
    """2 kW × 1.3 × 120 USD for half a month."""
    assert space_pusd(SITE, 2000.0, 15 * DAY_US, 30 * DAY_US) == 120 * 10**12
    assert space_pusd(SITE, 2000.0, 0, 30 * DAY_US) == 0


def test_machines_are_in_service_from_the_day_they_were_bought() -> None:
    month = instant_us("2026-11-01"), instant_us("2026-12-01")
    bought = {"bought": "2026-11-11"}

    def service(**values: Any) -> tuple[int, int]:
        from datetime import date

        dated = {"bought": date.fromisoformat(values["bought"])} if values else {}
        return in_service(spec(**dated), "Europe/Berlin", *month)

    assert service() == month
    assert service(**bought) == (instant_us("2026-11-11"), month[1])
    assert service(bought="2026-06-01") == month
    start, end = service(bought="2027-01-01")
    assert start == end


@pytest.mark.parametrize(
    ("values", "ours"),
    [
        ({}, True),
        ({"uusd_per_mtok": object()}, False),
        ({"uusd_per_mtok": object(), "paid_usd": 1.0}, True),
        ({"uusd_per_mtok": object(), "idle_w": 1.0}, True),
    ],
)
def test_a_pool_is_ours_unless_it_charges_and_names_no_machine(
    values: dict[str, Any], ours: bool
) -> None:
    assert has_hardware(spec(**values)) is ours
