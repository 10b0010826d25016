"""Exact money.

Three integer units, each a million times finer than the one before: USD, µUSD (prices: µUSD per million tokens) and
pUSD (amounts in the books). A price in µUSD per million tokens is the same number as pUSD per token, so
``tokens × price`` is an exact integer of pUSD and nothing is rounded before the invoice line.

The books of a site are in one currency. Where that is another one, ``usd`` in a name means its unit, and its *minor
unit* (cents, or none for yen) is what documents are rounded to.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

PUSD_PER_UUSD = 10**6
PUSD_PER_CENT = 10**10
PUSD_PER_USD = 10**12
UUSD_PER_USD = 10**6

ROUNDING_RULES = ("half_up", "half_even", "half_down", "up", "down")
"""Halves go away from zero, to the even unit, or towards it; anything goes away from zero, or towards it."""

_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY "
    "COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR "
    "IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD "
    "NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC "
    "SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD XCG YER ZAR ZMW ZWG",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
EXPONENTS = MappingProxyType({code: n for n, codes in _DIGITS.items() for code in codes.split()})
"""Decimals of each currency's minor unit, by its code in ISO 4217."""


def round_whole(value: Fraction | int, rule: str = "half_up") -> int:
    """The whole number that a named rule of ``ROUNDING_RULES`` gives; ``ValueError`` for another name."""
    if rule not in ROUNDING_RULES:
        raise ValueError(f"no rounding rule is called {rule!r}: {', '.join(ROUNDING_RULES)}")
    exact = Fraction(value)
    sign = -1 if exact < 0 else 1
    whole, rest = divmod(abs(exact.numerator), exact.denominator)
    over_half = 2 * rest - exact.denominator
    goes_away = {
        "half_up": over_half >= 0,
        "half_even": over_half > 0 or (over_half == 0 and whole % 2 == 1),
        "half_down": over_half > 0,
        "up": rest > 0,
        "down": False,
    }[rule]
    return whole * sign + (sign if goes_away else 0)


def round_to_minor(pusd: Fraction | int, currency: str = "USD", rule: str = "half_up") -> int:
    """Minor units of an exact amount by a named rule; ``KeyError`` for a currency that ISO 4217 does not list."""
    return round_whole(Fraction(pusd) / pusd_per_minor(currency), rule)


def pusd_per_minor(currency: str = "USD") -> int:
    """How many pUSD are one cent, or whatever the currency has in its place."""
    return int(PUSD_PER_USD // 10 ** EXPONENTS[currency])


def format_minor(minor: int, currency: str = "USD") -> str:
    """``1,234.50``, ``1,235`` in yen, ``1,234.500`` in Kuwaiti dinar: for people, without the code."""
    return _with_point(minor, EXPONENTS[currency])


def _with_point(units: int, places: int) -> str:
    """Whole units as a decimal with thousands, in integers: a Decimal would stop at 28 digits."""
    whole, rest = divmod(abs(units), 10**places)
    fraction = f".{rest:0{places}d}" if places else ""
    return f"{'-' if units < 0 else ''}{whole:,d}{fraction}"


def usd_to_uusd(usd: Decimal | int | str) -> int:
    """Exact µUSD of a dollar amount; ``ValueError`` when it is finer than a µUSD or no finite number."""
    return _scaled(Decimal(usd), UUSD_PER_USD)


def usd_to_pusd(usd: Decimal | int | str) -> int:
    """Exact pUSD of a dollar amount; ``ValueError`` when it is finer than a pUSD or no finite number."""
    return _scaled(Decimal(usd), PUSD_PER_USD)


def _scaled(usd: Decimal, units_per_usd: int) -> int:
    if not usd.is_finite():
        raise ValueError(f"{usd} is not an amount of money")
    numerator, denominator = usd.as_integer_ratio()
    units, rest = divmod(numerator * units_per_usd, denominator)
    if rest:
        raise ValueError(f"{usd} USD is finer than 1/{units_per_usd} USD")
    return units


def pusd_to_usd(pusd: int) -> Decimal:
    """The exact dollar amount, as a Decimal."""
    return Decimal(f"{pusd}e-12")  # from text it is exact, however long


def split(total: int, weights: Sequence[int | Fraction]) -> list[int]:
    """Split an integer by non-negative weights so that the parts add up exactly (largest remainder).

    Ties go to the earlier part. ``ValueError`` when nothing can carry a total that is not zero.
    """
    whole = sum(weights)
    if any(weight < 0 for weight in weights):
        raise ValueError("a weight is negative")
    if whole == 0:
        if total:
            raise ValueError(f"cannot split {total} over weights that are all zero")
        return [0] * len(weights)
    sign = -1 if total < 0 else 1
    shares = [divmod(abs(total) * weight, whole) for weight in weights]
    parts = [quotient for quotient, _ in shares]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-shares[i][1], i))
    for index in by_remainder[: abs(total) - sum(parts)]:
        parts[index] += 1
    return [sign * part for part in parts]


def format_usd(pusd: int, places: int = 2) -> str:
    """``1,234.50``: for people, never to compute with. Halves go away from zero."""
    return _with_point(round_whole(Fraction(pusd * 10**places, PUSD_PER_USD)), places)
