"""One table of the file while it is read: the numbers and the money in it, which stay exact."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import TypeVar

from wattmill.catalog.factory.text_table import TextTable, kind_of
from wattmill.core.money import usd_to_uusd

T = TypeVar("T")

MAX_USD = Decimal(10**12)
FINEST_DECIMALS = 12
EXACT = Context(prec=200)
"""Prices are products of at most three numbers of the file, so nothing is ever rounded."""


class Table(TextTable):
    """Each key by its kind; money is called `usd` whatever the file's currency is."""

    def number(
        self,
        key: str,
        default: T,
        *,
        low: float = 0.0,
        high: float = 1e12,
        above: float | None = None,
    ) -> float | T:
        """A finite number within [low, high], and over `above` where that is given."""
        if key not in self.values:
            return default
        value = self.decimal(key)
        if not Decimal(str(low)) <= value <= Decimal(str(high)) or (
            above is not None and value <= above
        ):
            least = f"more than {above:g}" if above is not None else f"at least {low:g}"
            self.fail(
                key,
                f"{key} = {_brief(value)} must be {least} and at most {high:g}",
                f"correct {key}, or leave it out",
            )
        return float(value)

    def count(self, key: str, default: T, *, low: int = 1, high: int = 10**9) -> int | T:
        """A whole number within [low, high]."""
        if key not in self.values:
            return default
        value = self.values[key]
        if not isinstance(value, int) or isinstance(value, bool):
            self.fail(
                key, f"{key} must be a whole number, not {kind_of(value)}", f"write {key} = {low}"
            )
        if not low <= value <= high:
            self.fail(
                key,
                f"{key} = {_brief(Decimal(value))} must be {low} to {high}",
                f"correct {key}, or leave it out",
            )
        return value

    def percents(self, key: str, default: T) -> tuple[int, ...] | T:
        """Rising whole percentages from 1 on; an empty list is none."""
        if key not in self.values:
            return default
        values = self.values[key]
        whole = isinstance(values, list) and all(type(value) is int for value in values)
        if not whole or values != sorted({value for value in values if 1 <= value <= 1000}):
            self.fail(
                key,
                f"{key} must be rising whole percentages from 1 to 1000",
                f"write {key} = [50, 80, 100]",
            )
        return tuple(values)

    def decimal(self, key: str) -> Decimal:
        value = self.values[key]
        if not isinstance(value, int | Decimal) or isinstance(value, bool):
            self.fail(key, f"{key} must be a number, not {kind_of(value)}", f"write {key} = 1.0")
        number = Decimal(value)
        if not number.is_finite():
            self.fail(
                key,
                f"{key} must be a finite number, not {number}",
                "leave the key out if it is not known",
            )
        return number

    def uusd(self, key: str, default: T) -> int | T:
        """An amount of money as an exact int of micro-units."""
        if key not in self.values:
            return default
        uusd = _exact_uusd(self._usd(key))
        if uusd is None:
            micro = f"micro-{self.source.currency}"
            self.fail(key, f"{key} is finer than one {micro}", "use at most six decimals")
        return uusd

    def usd(self, key: str, default: T) -> Decimal | T:
        """An amount of money of up to twelve decimals, exactly."""
        if key not in self.values:
            return default
        return self._no_finer(key, self._usd(key), FINEST_DECIMALS)

    def mtok(self, key: str, default: T) -> Decimal | T:
        """Millions of tokens, to the token."""
        if key not in self.values:
            return default
        self.number(key, 0.0, high=1e9)
        return self._no_finer(key, self.decimal(key), 6)

    def percent(
        self, key: str, default: T, *, low: float = 0.0, high: float = 1000.0
    ) -> Decimal | T:
        """So many hundredths, exactly."""
        if key not in self.values:
            return default
        self.number(key, 0.0, low=low, high=high)
        return self._no_finer(key, self.decimal(key), 4)

    def flag(self, key: str, default: bool) -> bool:
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            self.fail(key, f"{key} must be true or false, not {kind_of(value)}", f"{key} = true")
        return value

    def _usd(self, key: str) -> Decimal:
        usd = self.decimal(key)
        if not 0 <= usd <= MAX_USD:
            self.fail(key, f"{key} = {_brief(usd)} must be 0 to 1e12", f"correct {key}")
        return usd

    def _no_finer(self, key: str, value: Decimal, decimals: int) -> Decimal:
        if (value and value.adjusted() < -decimals) or -_exponent(value) > decimals:
            self.fail(key, f"{key} has more than {decimals} decimals", "round it")
        return plain_decimal(value)


def _exact_uusd(usd: Decimal) -> int | None:
    """Micro-USD of an amount in [0, 1e12] USD, or None if it is finer than that."""
    if usd and usd.adjusted() < -6:
        return None  # before the exact division, which would write every zero of 1e-999999999
    try:
        return usd_to_uusd(usd)
    except ValueError:
        return None


def _brief(value: Decimal) -> str:
    """A number for a message, however many digits it was written with."""
    text = str(value)
    return text if len(text) <= 24 else text[:20] + "…"


def plain_decimal(value: Decimal) -> Decimal:
    """The same number, always written in the same way: without exponent and zeros at its end."""
    return Decimal(f"{value.normalize(EXACT):f}") if value else Decimal(0)


def times(value: Decimal, percent: Decimal) -> Decimal:
    """So many hundredths of a number, exactly."""
    return plain_decimal(EXACT.scaleb(EXACT.multiply(value, percent), -2))


def _exponent(value: Decimal) -> int:
    exponent = value.normalize(EXACT).as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0
