"""What `wattmill site` answers about the room: kW, racks, feeders, chains, cooling, floor.

Power is in kW; `peak` is what must be provided, `mean` what the planned load draws. None is not known.
"""

from __future__ import annotations

import msgspec

from wattmill.plan.studies.electricity import LARGE_KW

TRANSMISSION_KW = 20_000.0
"""kW from which a load is connected to the transmission grid: a judgement, utilities differ."""


class Stand(msgspec.Struct, frozen=True):
    """One pool in its racks. binds: power, space or mass. rack_kw, rack_kg, rack_units: of a full rack.

    slot_w: of one card with its share of the host, at the machine. slots_per_mw: at the meter.
    """

    pool: str
    card: str
    cards: int
    system: str
    machines: int
    machine_kw: float
    is_liquid: bool
    per_rack: int
    racks: int
    binds: str
    limit_kw: float
    rack_kw: float
    rack_kg: float | None
    rack_units: float | None
    slot_w: float
    slots_per_mw: float


class PowerStep(msgspec.Struct, frozen=True):
    """One part of the way from cards to the meter, kW at the peak."""

    name: str
    kw: float


class Envelope(msgspec.Struct, frozen=True):
    """The power that is committed. steps add up to committed_kw. free_slots: whole cards that the cap
    has left, of the first pool's kind."""

    machines_kw: float
    mean_machines_kw: float
    pue: float
    committed_kw: float
    mean_kw: float
    cap_kw: float | None
    over_kw: float | None
    free_slots: int | None
    racks: int
    steps: tuple[PowerStep, ...]
    stands: tuple[Stand, ...]

    @property
    def is_large(self) -> bool:
        """Whether it may have a connection, a PPA and a plant of its own."""
        return self.committed_kw >= LARGE_KW

    @property
    def is_on_transmission(self) -> bool:
        """Whether it waits in the queue of large loads; a smaller one is on the local grid."""
        return self.committed_kw >= TRANSMISSION_KW


class FeederRow(msgspec.Struct, frozen=True):
    """One feed that carries a whole rack. small_feeds: how many of small_breaker_a would, one more
    being a spare. refusal: why no feed of this voltage does; then the rest is None."""

    rack: str
    volts: float
    phases: int
    kw: float
    is_own: bool
    current_a: float
    breaker_a: float | None = None
    wires: str | None = None
    drop_frac: float | None = None
    loss_w: float | None = None
    metal_kg: float | None = None
    small_breaker_a: float | None = None
    small_feeds: int | None = None
    refusal: str | None = None


class ChainRow(msgspec.Struct, frozen=True):
    """A delivery chain under the load of this site, at the mean.

    facility_loss_kw is inside the PUE, it_loss_kw inside the machines' own meter; both are cooled.
    meter_kw: with cooling. saves_usd_per_year: against the site's own chain. stated: what somebody
    says that the whole chain gives, low to high.
    """

    name: str
    is_own: bool
    efficiency_frac: float
    facility_loss_kw: float
    it_loss_kw: float
    meter_kw: float
    pue: float
    losses_usd_per_year: float
    saves_usd_per_year: float
    stated: tuple[float, float] | None


class CoolingRow(msgspec.Struct, frozen=True):
    """A way to cool one full rack of a pool; flows are of one rack, totals of all of them.

    pue: of a site that is cooled so. saves_usd_per_year: by that PUE against the site's; below 0 it
    costs. is_own: what the study takes.
    """

    pool: str
    way: str
    is_own: bool
    up_to_kw: float
    air_w: float
    liquid_w: float
    air_m3_per_s: float
    air_cfm: float
    liquid_l_per_min: float
    total_cfm: float
    total_l_per_min: float
    pue: float | None
    saves_usd_per_year: float | None


class FloorRow(msgspec.Struct, frozen=True):
    """A rack of a pool on the floor. aisle_m: front and rear together from which it would be borne."""

    pool: str
    rack_kg: float | None
    limit_kg_per_m2: float
    kg_per_m2: float | None
    foot_kg: float | None
    is_borne: bool | None
    reasons: tuple[str, ...]
    aisle_m: float | None
    m2: float
    w_per_m2: float
