"""The figures of a row one by one: each with its unit, its source, its date and its age."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import msgspec

from wattmill.catalog.kinds import SITE, Kind
from wattmill.catalog.staleness import staleness

UNITS = {
    "_usd_per_kw_month": "USD/kW/month",
    "_usd_per_kw_year": "USD/kW/year",
    "_usd_per_kwh_year": "USD/kWh/year",
    "_usd_per_mwh": "USD/MWh",
    "_usd_per_mmbtu": "USD/MMBtu",
    "_usd_per_mtok": "USD/Mtok",
    "_usd_per_kwh": "USD/kWh",
    "_usd_per_kw": "USD/kW",
    "_usd_per_month": "USD/month",
    "_usd_per_hour": "USD/h",
    "_kg_co2_per_mmbtu": "kg CO2/MMBtu",
    "_btu_per_kwh": "Btu/kWh",
    "_g_per_kwh": "g CO2/kWh",
    "_kw_per_rack": "kW/rack",
    "_kg_per_m2": "kg/m2",
    "_kg_per_m3": "kg/m3",
    "_j_per_kg_k": "J/kg/K",
    "_gb_per_s": "GB/s",
    "_ohm_m": "ohm m",
    "_per_k": "1/K",
    "_gib": "GiB",
    "_tokens": "tokens",
    "_params": "weights",
    "_months": "months",
    "_years": "years",
    "_volts": "V",
    "_amps": "A",
    "_bits": "bits",
    "_mm2": "mm2",
    "_usd": "USD",
    "_kw": "kW",
    "_kg": "kg",
    "_us": "\u00b5s",
    "_w": "W",
    "_v": "V",
    "_a": "A",
    "_tflops": "TFLOP/s",
}
"""How a key ends, and the unit that this says; of two endings that fit the longer one holds."""

ALL_UNIT = {
    "gb_per_s": "rate",
    "usd": "price",
    "usd_per_mmbtu": "price",
    "kg_co2_per_mmbtu": "carbon",
    "g_per_kwh": "carbon",
    "kg_per_m3": "density",
    "kg_per_m2": "spread load",
    "j_per_kg_k": "specific heat",
    "per_k": "rise of resistivity",
    "volts": "voltage",
    "amps": "current",
    "months": "low, mode, high",
    "params": "weights",
}
"""Keys that are a unit and nothing else, and what they are of."""

NOT_A_FIGURE = ("name", "aliases", "source", "as_of", "confidence")


class Figure(msgspec.Struct, frozen=True):
    """One figure or word of a row as its file says it; `name` is the key, `unit` what that says.

    age_days: from as_of to today. is_stale: older than the half-life of its kind.
    """

    name: str
    value: Any
    unit: str
    source: str
    as_of: str
    confidence: str
    age_days: int = 0
    is_stale: bool = False

    @property
    def label(self) -> str:
        """The key in words, without the unit."""
        return label_of(self.name)


def figures(row: Mapping[str, Any], kind: Kind, today: date) -> Iterable[Figure]:
    """Every figure of a row; one with a source of its own has the date and confidence of that."""
    own = {key: row[key] for key in ("source", "as_of")}
    own["confidence"] = row.get("confidence", "low" if kind.name in SITE else "high")
    for key, value in row.items():
        if key in (*NOT_A_FIGURE, kind.key):
            continue
        if not isinstance(value, dict):
            yield _figure(key, value, unit_in(row, key), own, kind, today)
            continue
        quoted = own | _quoted(value)
        for inner, figure in value.items():
            if inner not in NOT_A_FIGURE:
                name = key if inner == "value" else f"{key}.{inner}"
                yield _figure(name, figure, unit_of(key), quoted, kind, today)


def label_of(key: str) -> str:
    """A key in words, without the unit: `fixed` of `fixed_usd_per_kw_year`."""
    if key in ALL_UNIT:
        return ALL_UNIT[key]
    name = f"_{key}".removesuffix(_ending(key)).removesuffix("_frac")
    return name.strip("_").replace("_", " ")


def unit_of(key: str) -> str:
    """The unit that a key says, as it is printed; empty for words, counts and shares."""
    return UNITS.get(_ending(key), "")


def _figure(
    name: str, value: Any, unit: str, said: Mapping[str, str], kind: Kind, today: date
) -> Figure:
    age = staleness(said["as_of"], kind.ages_as, today)
    return Figure(name, value, unit, **said, age_days=age.age_days, is_stale=age.is_stale)


def _quoted(value: Mapping[str, Any]) -> dict[str, str]:
    """What a figure says of its own source; low confidence where it has one and says no more."""
    if "source" not in value:
        return {}
    said = {key: str(value[key]) for key in ("source", "as_of")}
    return said | {"confidence": value.get("confidence", "low")}


def unit_in(row: Mapping[str, Any], key: str) -> str:
    """The unit of a key of a row; a fee's is in a field of its own."""
    if key in ("low", "high") and "unit" in row:
        return unit_of(str(row["unit"]))
    return unit_of(key)


def _ending(key: str) -> str:
    fits = [ending for ending in UNITS if f"_{key}".endswith(ending)]
    return max(fits, key=len, default="")
