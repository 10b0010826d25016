"""The tables of `wattmill site` about the room: power, racks, feeders, chains, cooling, floor."""

from __future__ import annotations

from wattmill.plan.studies.site.report import SiteReport
from wattmill.plan.studies.site.room_report import CoolingRow, FeederRow, FloorRow
from wattmill.plan.studies.site.words import Sheet, kilowatts, some
from wattmill.plan.studies.words import UNKNOWN, digits, percent, whole

CURRENT = {0: "DC", 1: "1ph", 3: "3ph"}


def power(report: SiteReport) -> Sheet:
    """From cards to what is committed, and the cap."""
    seen = report.envelope
    rows = [(step.name, kilowatts(step.kw)) for step in seen.steps]
    rows += [("committed", kilowatts(seen.committed_kw)), ("mean", kilowatts(seen.mean_kw))]
    if seen.cap_kw is not None:
        rows.append(("cap", kilowatts(seen.cap_kw)))
    text = (
        f"PUE {seen.pue:g}: a tenth of it is {whole(report.pue_tenth_usd_per_year)}"
        f" {report.currency} a year; with half of the machines it is {report.pue_half:.2f}."
    )
    return Sheet("power", "Power", text + _room(report), ("kW", ""), tuple(rows))


def _room(report: SiteReport) -> str:
    seen = report.envelope
    if seen.cap_kw is None:
        return " There is no cap."
    if seen.over_kw:
        return f" It is {kilowatts(seen.over_kw)} kW above the cap."
    return f" The cap leaves {seen.free_slots:,} cards."


def racks(report: SiteReport) -> Sheet:
    """What fills the racks."""
    rows = tuple(
        (
            each.pool, f"{each.machines}x {each.system}", f"{each.machine_kw:.2f}",
            str(each.racks), f"{each.per_rack} by {each.binds}",
            f"{each.rack_kw:.1f}/{each.limit_kw:g}", some(each.rack_units, "g"),
            some(each.rack_kg, ",.0f"), f"{each.slots_per_mw:,.0f}",
        )
        for each in report.envelope.stands
    )  # fmt: skip
    heads = (
        "pool", "machines", "kW", "racks", "full at", "kW/rack", "U", "kg", "slots/MW",
    )  # fmt: skip
    text = (
        "Machines to a rack until power, space or mass ends it; a slot is one card and its share."
    )
    return Sheet("racks", "Racks", text, heads, rows, (0, 1))


# --- electricity ----------------------------------------------------------------------------------


def feeders(report: SiteReport) -> Sheet:
    """Feeds of a rack."""
    heads = ("rack", "feed", "A", "breaker", "wires", "drop", "lost W", "kg", "small")
    text = (
        "One feed that carries a full rack, over 30 m; two of them let either fail. First the site's own,"
        " then what the densest rack would take. kg: of copper; small: feeds of 60 A (63 A) instead, one spare."
    )
    rows = tuple(map(_feeder, report.feeders))
    return Sheet("feeders", "Feeders", text, heads, rows, (0, 1, 4))


def _feeder(row: FeederRow) -> tuple[str, ...]:
    name = f"{row.volts:g} V {CURRENT[row.phases]}"
    amps = f"{row.current_a:,.0f}"
    if row.refusal is not None:
        return (row.rack, name, amps, NONE, row.refusal, "", "", "", "")
    return (
        row.rack, name, amps, some(row.breaker_a, "g"), row.wires or UNKNOWN,
        percent(row.drop_frac), some(row.loss_w, ",.0f"), some(row.metal_kg, ",.0f"),
        some(row.small_feeds, "d"),
    )  # fmt: skip


NONE = "none"


def chains(report: SiteReport) -> Sheet:
    """Delivery chains."""
    heads = (
        "chain", "gives", "stated", "lost", "inside", "meter", "PUE", "a year", "saves",
    )  # fmt: skip
    rows = tuple(
        (
            f"{each.name} *" if each.is_own else each.name,
            f"{each.efficiency_frac:.3f}",
            UNKNOWN if each.stated is None else f"{each.stated[0]:.2f}-{each.stated[1]:.2f}",
            digits(each.facility_loss_kw), digits(each.it_loss_kw), kilowatts(each.meter_kw),
            f"{each.pue:.3f}", whole(each.losses_usd_per_year), whole(each.saves_usd_per_year),
        )
        for each in report.chains
    )  # fmt: skip
    text = (
        f"The same boards behind each chain, at the mean load, in kW and {report.currency} a year. What is"
        " lost before the machines is inside the PUE, not on top of it; `inside` is lost in racks and machines."
        " What is lost in a year is with its cooling. *: the site's."
    )
    return Sheet("chains", "Delivery chains", text, heads, rows)


# --- the room -------------------------------------------------------------------------------------


def cooling(report: SiteReport) -> Sheet:
    """Ways to cool."""
    heads = (
        "rack of", "way", "kW", "CFM", "l/min", "all CFM", "all l/min", "PUE", "saves",
    )  # fmt: skip
    text = (
        "Every way that bears the racks, up to so many kW; the first is taken. Air and liquid for one"
        " rack, then for all. Its usual PUE, and what that saves against the site's."
    )
    rows = tuple(map(_cooling, report.cooling))
    return Sheet("cooling", "Cooling", text, heads, rows, (0, 1))


def _cooling(row: CoolingRow) -> tuple[str, ...]:
    saves = UNKNOWN if row.saves_usd_per_year is None else whole(row.saves_usd_per_year)
    return (
        row.pool, row.way, f"{row.up_to_kw:g}",
        whole(row.air_cfm), f"{row.liquid_l_per_min:,.1f}", whole(row.total_cfm),
        f"{row.total_l_per_min:,.0f}", some(row.pue, "g"), saves,
    )  # fmt: skip


def floor(report: SiteReport) -> Sheet:
    """Racks on the floor."""
    heads = ("rack of", "kg", "kg/m2", "of", "kg a foot", "borne", "m2 in all", "W/m2")
    text = "Spread over the rack and half of its aisles, 600 by 1,200 mm; four feet."
    rows = tuple(map(_floor, report.floor))
    return Sheet("floor", "Floor", text, heads, rows, (0, 5))


def _floor(row: FloorRow) -> tuple[str, ...]:
    borne = "mass is not known"
    if row.is_borne is not None:
        borne = "yes" if row.is_borne else "; ".join(row.reasons)
    if row.aisle_m:
        borne += f": yes with {row.aisle_m:.1f} m of aisles"
    return (
        row.pool, some(row.rack_kg, ",.0f"), some(row.kg_per_m2, ",.0f"),
        whole(row.limit_kg_per_m2), some(row.foot_kg, ",.0f"), borne, f"{row.m2:,.1f}",
        whole(row.w_per_m2),
    )  # fmt: skip
