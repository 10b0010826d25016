"""The tax of a document: rounded once for each rate, on what its lines come to after credit."""

from collections.abc import Callable, Sequence
from fractions import Fraction

from wattmill.core.money import pusd_per_minor, round_to_minor, split
from wattmill.ledger.billing.documents import Line, TaxLine
from wattmill.tariff.tax import Tax

TaxOf = Callable[[str], Tax]
"""The tax that applies to a month, by its name."""


def tax_lines(
    lines: Sequence[Line], credit_minor: int, tax_of: TaxOf, currency: str, rounding: str
) -> tuple[TaxLine, ...]:
    """A tax line for each rate that applies to a month of these lines.

    A month has the rate that was in force on its last day. Credit is taken off by the share of each.
    """
    months = dict.fromkeys(line.month for line in lines)
    groups: dict[Tax, list[str]] = {}
    for month in months:
        groups.setdefault(tax_of(month), []).append(month)
    nets = [
        sum(line.amount_minor for line in lines if line.month in members)
        for members in groups.values()
    ]
    credits = _shares(credit_minor, nets)
    return tuple(
        _tax_line(tax, tuple(members), net - credit, currency, rounding)
        for (tax, members), net, credit in zip(groups.items(), nets, credits, strict=True)
        if tax.rate or tax.note
    )


def _shares(credit_minor: int, nets: Sequence[int]) -> list[int]:
    weights = [max(0, net) for net in nets]
    return split(credit_minor, weights) if any(weights) else [0] * len(nets)


def _tax_line(
    tax: Tax, months: tuple[str, ...], base_minor: int, currency: str, rounding: str
) -> TaxLine:
    exact_pusd = Fraction(tax.rate) * base_minor * pusd_per_minor(currency)
    amount_minor = round_to_minor(exact_pusd, currency, rounding)
    where = (tax.jurisdiction, tax.category, tax.rate)
    return TaxLine(*where, months, base_minor, amount_minor, tax.note)
