"""Which tax is on an invoice for tokens, which are an electronically supplied service.

seller and buyer             tax                                         category
---------------------------  ------------------------------------------  --------------
a rate of their own          that rate                                   explicit
one country                  its standard rate                           standard
two countries of the EU:
  buyer with a VAT number    none; the buyer owes it (Art. 44, 196)      reverse_charge
  buyer without              the buyer's standard rate (Art. 58, OSS)    destination
any others                   none: the service is supplied abroad        outside
the seller names no country  none                                        not_stated

Articles are of Directive 2006/112/EC. A VAT number counts when its country is the buyer's and its check digits are
right; whether it is in use only the authorities know. What no table has (US states, reduced rates, small
businesses, special territories) is said in the factory file: ``tax = { rate_percent = …, note = … }``.
"""

from datetime import date
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from wattmill.catalog import factory
from wattmill.catalog.tax import TaxRate, in_eu, tax_rate
from wattmill.core.errors import UsageError

Category = Literal["standard", "destination", "reverse_charge", "outside", "explicit", "not_stated"]
EN16931: dict[str, str] = {
    "standard": "S",
    "destination": "S",
    "reverse_charge": "AE",
    "outside": "O",
    "not_stated": "O",
}
"""Codes of the European norm for invoices."""

REVERSE_CHARGE = "Reverse charge: VAT is owed by the recipient (Art. 196 of Directive 2006/112/EC)."
OUTSIDE = "Supplied outside of {seller}: no {seller} VAT is due."
VAT_PREFIXES = {"GR": "EL"}
"""Where a VAT number begins otherwise than the country is called."""


class Party(Struct, frozen=True):
    """Who sells or buys: country by ISO 3166-1, and a tax number; empty where not known."""

    country: str | None
    tax_id: str = ""


class TaxRule(Struct, frozen=True):
    """A tax that somebody decided on, whatever the table says."""

    rate_percent: Decimal
    note: str = ""
    jurisdiction: str = ""


class Tax(Struct, frozen=True):
    """``rate`` is a share (0.19). ``note`` must be printed; ``source`` says where the rate is from."""

    rate: Decimal
    category: Category
    jurisdiction: str = ""
    note: str = ""
    source: str = ""

    @property
    def code(self) -> str:
        """The category's code in EN 16931: S, AE, O, or E for an explicit rate of zero."""
        if self.category == "explicit":
            return "S" if self.rate else "E"
        return EN16931[self.category]


def rule_of(written: "factory.Tax | None", country: str | None) -> TaxRule | None:
    """The tax of a factory file as a rule."""
    if written is None:
        return None
    return TaxRule(written.rate_percent, written.note, country or written.name)


def tax(seller: Party, buyer: Party, on: date, rule: TaxRule | None = None) -> Tax:
    """The tax on what is supplied on a day. ``UsageError`` when that cannot be said without being told more."""
    if rule is not None:
        where = rule.jurisdiction or seller.country or ""
        return Tax(_share(rule.rate_percent), "explicit", where, rule.note, "factory file")
    if not seller.country:
        return Tax(Decimal(0), "not_stated")
    if not buyer.country:
        raise UsageError(
            f"a seller in {seller.country} must know the buyer's country to say which tax is due",
            hint='add country = "…" to the tenant, or tax = { rate_percent = … }',
        )
    if seller.country == buyer.country:
        return _at(_rate(seller.country, on), "standard")
    if in_eu(seller.country) and in_eu(buyer.country):
        if is_vat_number(buyer):
            return Tax(Decimal(0), "reverse_charge", buyer.country, REVERSE_CHARGE)
        return _at(_rate(buyer.country, on), "destination")
    _rate(seller.country, on)
    return Tax(Decimal(0), "outside", "", OUTSIDE.format(seller=seller.country))


def is_vat_number(party: Party) -> bool:
    """Whether a tax number is a VAT number of the EU, of the party's own country, with right check digits."""
    from stdnum.eu import vat  # here, because few invoices need it

    if not party.country or not vat.is_valid(party.tax_id):
        return False
    prefix = VAT_PREFIXES.get(party.country, party.country)
    return str(vat.compact(party.tax_id)).startswith(prefix)


def _rate(country: str, on: date) -> TaxRate:
    found = tax_rate(country, on)
    if found is None:
        raise UsageError(
            f"no tax rate of {country} on {on} is known",
            hint="write it in the factory file: tax = { rate_percent = … } in [seller] or [[tenant]]",
        )
    return found


def _at(rate: TaxRate, category: Category) -> Tax:
    source = f"{rate.source}, {rate.as_of}"
    return Tax(_share(rate.rate_percent), category, rate.country, source=source)


def _share(percent: Decimal) -> Decimal:
    return percent / 100
