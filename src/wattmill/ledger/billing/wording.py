"""What a line of an invoice is called."""

from decimal import Decimal
from fractions import Fraction

from wattmill.tariff.charges import Charge

METER_WORDS = {
    "input_uncached": "Input tokens",
    "input_cached": "Input tokens, cached",
    "cache_write": "Input tokens, written to cache",
    "output_text": "Output tokens",
    "output_reasoning": "Output tokens, reasoning",
    "audio_in": "Audio input tokens",
    "audio_out": "Audio output tokens",
    "image_in": "Image input tokens",
}
_INPUT = {name for name in METER_WORDS if "input" in name or name.endswith("_in")} | {"cache_write"}
_SIDES = {"All input tokens": _INPUT, "All output tokens": METER_WORDS.keys() - _INPUT}
_KIND_WORDS = {
    "package": "Packages",
    "overage": "Beyond the commitment",
    "allowance": "Free allowance",
    "maximum": "Not charged: above the monthly maximum",
    "drawdown": "Paid by the commitment",
    "tier_fee": "Tier fee",
    "fee": "Monthly fee",
    "seats": "Seats",
    "minimum": "Up to the monthly minimum",
    "commitment": "Commitment",
}
ABSORBED = "Not charged: used beyond prepaid credit"
PREPAID = "Prepaid credit"


def words_of(charge: Charge) -> str:
    """The line of a charge for a person: ``Output tokens, above 10 Mtok, night``."""
    meters = _meters(charge.meters)
    kind = _KIND_WORDS.get(charge.kind)
    parts = [": ".join(part for part in (kind, meters) if part), _tier(charge), charge.band]
    return ", ".join(part for part in (*parts, charge.note) if part)


def _meters(meters: tuple[str, ...]) -> str:
    if set(meters) == METER_WORDS.keys():
        return "All tokens"
    for name, side in _SIDES.items():
        if set(meters) == side:
            return name
        if set(meters) == side - {"input_cached"}:
            return f"{name} but cached"
    return " + ".join(METER_WORDS[meter] for meter in meters)


def _tier(charge: Charge) -> str:
    """``10 to 100 Mtok``; nothing where there is only one tier."""
    if charge.tier is None:
        return ""
    _number, start, end = charge.tier
    if end is None:
        return f"above {number(start)} Mtok" if start else ""
    return f"{number(start)} to {number(end)} Mtok" if start else f"up to {number(end)} Mtok"


def number(value: Decimal | Fraction | int) -> str:
    """A number without needless zeros: ``1,000``, ``0.5``."""
    text = f"{decimal_of(Fraction(value)):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def decimal_of(value: Fraction, places: int = 12) -> Decimal:
    """The same number as a decimal: exactly where one of so many places can say it, else rounded."""
    scaled = value * 10**places
    whole = round(scaled)
    found = Decimal(whole).scaleb(-places)
    return found.quantize(Decimal(1)) if found == found.to_integral_value() else found.normalize()
