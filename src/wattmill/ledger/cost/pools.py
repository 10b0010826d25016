"""What one pool cost in each hour of a window, under both schedules.

Energy is what the meter counted where it was read; the rest of an hour is modelled from idle and
busy watts. Of measured energy the idle watts are standing cost and what is above them is work; where
the watts are not known, all of it goes by time.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from msgspec import Struct

from wattmill.catalog.factory import Pool, Site
from wattmill.core import roster
from wattmill.core.errors import UsageError
from wattmill.ledger.cost.attribution import NOTHING, Cost, HardwareCost, Rates, Work, charges_pusd
from wattmill.ledger.cost.hardware import (
    draw,
    drawn_mwh,
    energy_pusd,
    exact,
    has_hardware,
    in_service,
    pue_loss_pusd,
    space_pusd,
)
from wattmill.ledger.cost.hours import Window
from wattmill.ledger.cost.readings import Metered
from wattmill.ledger.cost.schedule import SCHEDULES, LostBy, ScheduleName, lost_by


class PoolHour(Struct, frozen=True):
    """A pool in one hour: its machines' cost under each schedule, and what is the site's.

    ``overhead`` is what cooling and conversion take, and space. ``modelled``: what no meter counted
    is known from watts.
    """

    costs: dict[ScheduleName, HardwareCost]
    overhead: Cost
    metered: Metered
    modelled: bool


_NOT_METERED = Metered()


def _nothing(service_us: int) -> PoolHour:
    """An hour of a cloud, or of machines that were not bought yet."""
    costs = {name: HardwareCost(service_us) for name in SCHEDULES}
    return PoolHour(costs, NOTHING, _NOT_METERED, True)


class PoolHours:
    """A pool over a window."""

    def __init__(
        self,
        spec: Pool,
        site: Site,
        served: roster.Pool | None,
        window: Window,
    ) -> None:
        self.spec = spec
        self.own = has_hardware(spec)
        self.draw = draw(spec) if self.own else None
        self._site, self._served, self._window = site, served, window
        self._rates: Rates | None = None
        self._edges = self._service_edges()
        self._metered: Sequence[Metered] = ()
        self._lost: dict[ScheduleName, LostBy | None] = {
            name: lost_by(spec, site.timezone, name) if self.own else None for name in SCHEDULES
        }

    @property
    def edges(self) -> list[int]:
        """The instants between hours, moved to when the pool was bought where that is later."""
        return self._edges

    def take_readings(self, metered: Sequence[Metered]) -> None:
        """What the pool's meter says of the times between ``edges``."""
        self._metered = metered

    def work(self, meters: Sequence[int]) -> Work:
        """What tokens are for this pool. ``UsageError`` when machines of ours have no rates."""
        charged = charges_pusd(self.spec, meters)
        if not self.own:
            return Work(0, charged)
        if self._rates is None:
            self._rates = self._require_rates()
        return Work(self._rates.busy_us(meters), charged)

    def hour(self, index: int, busy_us: int) -> PoolHour:
        """The ``index``-th hour of the window, of which the pool worked ``busy_us``."""
        start_us, end_us = self._edges[index], self._edges[index + 1]
        service_us = end_us - start_us
        metered = self._metered[index] if self._metered else _NOT_METERED
        if not self.own or not service_us:
            return _nothing(service_us if self.own else 0)
        standing, working = self._energy(service_us, min(busy_us, service_us), metered)
        costs = {
            name: HardwareCost(service_us, self._wear(name, start_us, end_us), standing, working)
            for name in SCHEDULES
        }
        drawn_pusd = (standing or 0) + (working or 0)
        loss_pusd = pue_loss_pusd(self._site, drawn_pusd)
        overhead = Cost(energy_pusd=loss_pusd, space_pusd=self._space(start_us, end_us))
        return PoolHour(costs, overhead, metered, self.draw is not None)

    # --- parts ------------------------------------------------------------------------------------

    def _service_edges(self) -> list[int]:
        edges = self._window.edges
        begin_us, _ = in_service(self.spec, self._site.timezone, edges[0], edges[-1])
        return [max(edge, begin_us) for edge in edges]

    def _require_rates(self) -> Rates:
        if self._served is None:
            raise UsageError(
                f"the pool {self.spec.name!r} is not in the roster", hint="wattmill reload"
            )
        return Rates(self._served)

    def _energy(
        self, service_us: int, busy_us: int, metered: Metered
    ) -> tuple[int | None, int | None]:
        """Standing and working electricity in pUSD; ``None`` where neither meter nor model knows."""
        modelled_us = service_us - metered.measured_us
        standing, working = self._measured(metered)
        if self.draw is not None and modelled_us:
            idle_w = exact(self.draw.idle_w)
            above_w = exact(self.draw.busy_w) - idle_w
            standing += drawn_mwh(idle_w, modelled_us)
            working += drawn_mwh(above_w, busy_us) * modelled_us / service_us
        if self.draw is None and modelled_us:
            known = metered.measured_us > 0
            return (energy_pusd(standing, self._site), 0) if known else (None, None)
        return energy_pusd(standing, self._site), energy_pusd(working, self._site)

    def _measured(self, metered: Metered) -> tuple[Fraction, Fraction]:
        whole = Fraction(metered.milliwatt_hours)
        if self.draw is None:
            return whole, Fraction(0)
        standing = min(whole, drawn_mwh(exact(self.draw.idle_w), metered.measured_us))
        return standing, whole - standing

    def _wear(self, schedule: ScheduleName, start_us: int, end_us: int) -> int | None:
        lost = self._lost[schedule]
        return None if lost is None else lost(end_us) - lost(start_us)

    def _space(self, start_us: int, end_us: int) -> int:
        """By the time since the window began, so that all hours add up to the whole."""
        if self.draw is None:
            return 0
        month_us = self._window.month_end_us - self._window.month_us
        begin_us = self._edges[0]
        upto = (
            space_pusd(self._site, self.draw.peak_w, at_us - begin_us, month_us)
            for at_us in (start_us, end_us)
        )
        before, after = upto
        return after - before
