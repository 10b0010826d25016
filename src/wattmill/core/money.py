"""Exact money.

Three integer units, each a million times finer than the one before: USD, µUSD (prices: µUSD per million tokens) and
pUSD (amounts in the books). A price in µUSD per million tokens is the same number as pUSD per token, so
``tokens × price`` is an exact integer of pUSD and nothing is rounded before the invoice line.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

PUSD_PER_UUSD = 10**6
PUSD_PER_CENT = 10**10
PUSD_PER_USD = 10**12
UUSD_PER_USD = 10**6

ROUNDING_RULES = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN}


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
    return Decimal(pusd).scaleb(-12)


def round_to_cents(pusd: int, rule: str = "half_up") -> int:
    """Cents of an exact amount by a named rule (halves go away from zero, or to the even cent)."""
    return int((Decimal(pusd) / PUSD_PER_CENT).quantize(Decimal(1), rounding=ROUNDING_RULES[rule]))


def split(total: int, weights: Sequence[int]) -> list[int]:
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
    return f"{pusd_to_usd(pusd).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP):,f}"


def format_cents(cents: int) -> str:
    """``1,234.50`` from a whole number of cents."""
    return f"{Decimal(cents).scaleb(-2):,.2f}"
