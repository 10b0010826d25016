"""What carries power to the racks of a site, and what other chains would lose."""

from __future__ import annotations

from wattmill.catalog import electrical
from wattmill.catalog.electrical import Breakers, Chain, Phases
from wattmill.catalog.factory import Factory
from wattmill.catalog.units import KILO
from wattmill.core.errors import PlanError
from wattmill.plan.studies.site.room_report import ChainRow, Envelope, FeederRow, Stand
from wattmill.plan.studies.sourced import Sources
from wattmill.site import delivery, feeders

LENGTH_M = 30.0
SMALL_A = {"nec": 60.0, "iec": 63.0}
"""Breakers of the usual large rack PDU in three phases."""

SMALL_PHASES = 3
NORTH_AMERICA = ("US", "CA", "MX")
IEC_V = {1: 230.0, 3: 400.0}
"""IEC 60038: to neutral, and between phases."""
MM2_PER_M2 = 1e6
PHASES: dict[int, Phases] = {1: 1, 3: 3}


def feeder_rows(factory: Factory, envelope: Envelope, sources: Sources) -> tuple[FeederRow, ...]:
    """Each pool's rack at the site's voltage, then the densest rack at the voltages of all chains."""
    series = _series(factory, sources)
    sources.add("feeder.length_m", LENGTH_M, "m", "default: from the panel to a rack")
    sources.told("site.power_factor", factory.site.power_factor, "ratio")
    volts, phases = _feed(factory, sources)
    own = [_row(factory, each, volts, phases, series, is_own=True) for each in envelope.stands]
    densest = max(envelope.stands, key=lambda each: each.rack_kw)
    others = dict.fromkeys((chain.feed_v, chain.phases) for chain in electrical.chains())
    rest = [
        _row(factory, densest, v, p, series, is_own=False)
        for v, p in others
        if (v, p) != (volts, phases)
    ]
    return (*own, *rest)


def _feed(factory: Factory, sources: Sources) -> tuple[float, Phases]:
    """Volts and phases at the rack: of the file, else of the chain that it names."""
    site = factory.site
    if site.delivery is not None and not factory.says("site", "feed_v"):
        chain = electrical.chain(site.delivery)
        said = f"catalog: as {chain.name} comes to a rack"
        sources.add("site.feed_phases", chain.phases, "phases (0: DC)", said)
        return sources.add("site.feed_v", chain.feed_v, "V", said), chain.phases
    phases = sources.told("site.feed_phases", site.feed_phases, "phases")
    if not factory.says("site", "feed_v") and not _is_north_america(site.region):
        said = "default: by IEC 60038, outside North America"
        return sources.add("site.feed_v", IEC_V[phases], "V", said), PHASES[phases]
    volts = sources.told("site.feed_v", site.feed_v, "V", "default: 208 V three-phase")
    return volts, PHASES[phases]


def _is_north_america(region: str | None) -> bool:
    """Whether the codes and voltages of North America hold; they do for want of a region."""
    return region is None or region.split("-")[0] in NORTH_AMERICA


def _series(factory: Factory, sources: Sources) -> Breakers:
    region = factory.site.region
    name = "nec" if _is_north_america(region) else "iec"
    said = "computed by the region" if region else "default: NEC, for want of a region"
    return electrical.breakers(sources.add("feeder.breakers", name, "series", said))


def _row(
    factory: Factory, each: Stand, volts: float, phases: Phases, series: Breakers, *, is_own: bool
) -> FeederRow:
    """One feed for the whole rack, so that each of two carries it while the other is away."""
    factor, load_w = factory.site.power_factor, each.rack_kw * KILO
    amps = feeders.current_a(load_w, volts, phases, factor)
    line = feeders.Line(
        volts, phases, series, electrical.conductors(), electrical.metal("copper"), LENGTH_M, factor
    )
    try:
        made = feeders.feeder(load_w, line)
    except PlanError as error:
        return FeederRow(
            each.pool, volts, phases, each.rack_kw, is_own, amps,
            refusal=f"{error.message}; {error.hint}",
        )  # fmt: skip
    small = _small(load_w, volts, phases, factor, series)
    return FeederRow(
        each.pool, volts, phases, each.rack_kw, is_own, made.current_a, made.breaker_a,
        _named(made.wires, series),
        made.drop_frac, made.loss_w, made.metal_kg, SMALL_A[series.name] if small else None, small,
    )  # fmt: skip


def _named(wires: feeders.Wires, series: Breakers) -> str:
    """By the gauge in North America, by the area of the same wire elsewhere."""
    wire = wires.conductor
    name = wire.name if series.name == "nec" else f"{wire.area_m2 * MM2_PER_M2:.0f} mm2"
    return f"{wires.parallel}x {name}" if wires.parallel > 1 else name


def _small(
    load_w: float, volts: float, phases: Phases, factor: float, series: Breakers
) -> int | None:
    """Feeds of the usual size, and one more; None where a rack is not fed so."""
    if phases != SMALL_PHASES:
        return None
    amps = SMALL_A[series.name] * series.continuous_frac
    return feeders.feeds_needed(load_w, feeders.power_w(amps, volts, phases, factor), redundant=1)


# --- chains ---------------------------------------------------------------------------------------


def own_chain(factory: Factory, sources: Sources) -> Chain:
    """The delivery chain of the site: by name, else the first that is fed as it is."""
    site = factory.site
    if site.delivery is not None:
        return electrical.chain(sources.told("site.delivery", site.delivery, "chain"))
    volts, phases = _feed(factory, sources)
    alike = [c for c in electrical.chains() if c.phases == phases]
    nearest = min(alike or electrical.chains(), key=lambda c: abs(c.feed_v - volts))
    said = f"computed by the feed: the catalog's chain nearest to {volts:g} V"
    sources.add("site.delivery", nearest.name, "chain", said)
    return nearest


def chain_rows(
    factory: Factory, envelope: Envelope, usd_per_kwh: float, sources: Sources, notes: list[str]
) -> tuple[ChainRow, ...]:
    """Every chain for the same boards, the site's own first; nothing where the PUE leaves no room.

    What the facility loses is a part of the PUE, so it is not added to it: cooling is what the PUE has
    beside it, for each watt that comes in, and every chain is cooled so.
    """
    own = own_chain(factory, sources)
    machines_w = envelope.mean_machines_kw * KILO
    board_w = machines_w / _machines_per_board(own)
    now = delivery.deliver(board_w, own)
    cooling_frac = envelope.pue * machines_w / now.input_w - 1
    if cooling_frac < 0:
        notes.append(
            f"chains are not compared: {own.name} alone makes a PUE of {now.pue_part:.2f}, which"
            f" {envelope.pue:g} does not hold; give [site] delivery or another pue"
        )
        return ()
    others = [chain for chain in electrical.chains() if chain.name != own.name]
    meter_kw = envelope.mean_kw
    return tuple(
        _chain_row(chain, board_w, cooling_frac, meter_kw, usd_per_kwh, is_own=chain is own)
        for chain in (own, *others)
    )


def _machines_per_board(chain: Chain) -> float:
    return delivery.deliver(1.0, chain).machines_w


def _chain_row(
    chain: Chain, board_w: float, cooling_frac: float, own_kw: float, usd_per_kwh: float,
    *, is_own: bool,
) -> ChainRow:  # fmt: skip
    found = delivery.deliver(board_w, chain)
    meter_kw = found.input_w * (1 + cooling_frac) / KILO
    it_w = found.machines_w - board_w
    saved_kwh = delivery.energy_kwh_per_year(1.0) * (own_kw - meter_kw) * KILO
    stated = chain.stated
    return ChainRow(
        name=chain.name,
        is_own=is_own,
        efficiency_frac=found.efficiency_frac,
        facility_loss_kw=(found.loss_w - it_w) / KILO,
        it_loss_kw=it_w / KILO,
        meter_kw=meter_kw,
        pue=meter_kw * KILO / found.machines_w,
        losses_usd_per_year=delivery.loss_usd_per_year(found.loss_w, usd_per_kwh, cooling_frac),
        saves_usd_per_year=saved_kwh * usd_per_kwh,
        stated=None if stated is None else (stated.low_frac, stated.high_frac),
    )
