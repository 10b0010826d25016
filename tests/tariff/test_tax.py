"""Which tax: by country and day, reverse charge, abroad, and what only the seller can know."""

from datetime import date
from decimal import Decimal

import pytest

from wattmill.catalog.tax import in_eu, tax_rate, tax_rates
from wattmill.core.errors import UsageError
from wattmill.tariff.tax import Party, Tax, TaxRule, is_vat_number, tax

DAY = date(2026, 11, 30)
NONE = Decimal(0)
GERMANY = Party("DE", "DE136695976")
VAT_NUMBERS = {
    "AT": "ATU13585627",
    "BE": "BE0428759497",
    "DE": "DE136695976",
    "FR": "FR40303265045",
    "GR": "EL094259216",
    "IT": "IT00743110157",
    "NL": "NL004495445B01",
    "PL": "PL8567346215",
}
"""Examples of the formats, as their descriptions give them."""


def due(seller: Party, buyer: Party, day: date = DAY, rule: TaxRule | None = None) -> Tax:
    return tax(seller, buyer, day, rule)


def test_at_home_the_standard_rate_is_due_whoever_buys() -> None:
    for buyer in (Party("DE"), Party("DE", "DE136695976")):
        found = due(GERMANY, buyer)
        assert (found.rate, found.category, found.jurisdiction) == (
            Decimal("0.19"),
            "standard",
            "DE",
        )
    assert due(Party("CH"), Party("CH")).rate == Decimal("0.081")
    assert due(Party("GB"), Party("GB")).rate == Decimal("0.2")
    assert due(Party("NO"), Party("NO")).code == "S"


@pytest.mark.parametrize("country", [*VAT_NUMBERS])
def test_a_business_elsewhere_in_the_union_owes_the_tax_itself(country: str) -> None:
    seller = Party("IE")
    found = due(seller, Party(country, VAT_NUMBERS[country]))
    assert (found.rate, found.code) == (NONE, "AE")
    assert "Reverse charge" in found.note


@pytest.mark.parametrize("number", ["", "ATU13585626", "DE136695976", "not a number"])
def test_without_a_valid_number_of_its_own_country_a_buyer_is_a_consumer(number: str) -> None:
    found = due(GERMANY, Party("AT", number))
    assert (found.rate, found.category) == (Decimal("0.2"), "destination")
    assert found.jurisdiction == "AT"


def test_a_number_may_be_written_with_spaces_and_dots() -> None:
    assert is_vat_number(Party("BE", "BE 0428.759.497"))
    assert not is_vat_number(Party(None, "BE0428759497"))


@pytest.mark.parametrize(
    ("seller", "buyer"), [("DE", "US"), ("DE", "GB"), ("GB", "DE"), ("CH", "FR"), ("NO", "SE")]
)
def test_abroad_no_tax_of_the_seller_is_due(seller: str, buyer: str) -> None:
    found = due(Party(seller), Party(buyer))
    assert (found.rate, found.category, found.code) == (NONE, "outside", "O")
    assert seller in found.note


def test_a_rate_that_somebody_decided_on_goes_before_all() -> None:
    rule = TaxRule(Decimal("8.875"), "New York", "US-NY")
    found = due(Party("US"), Party("US"), rule=rule)
    assert (found.rate, found.category, found.jurisdiction) == (
        Decimal("0.08875"),
        "explicit",
        "US-NY",
    )
    assert found.code == "S"
    small = due(GERMANY, Party("DE"), rule=TaxRule(Decimal(0), "Small business, § 19 UStG"))
    assert (small.rate, small.code, small.jurisdiction) == (NONE, "E", "DE")


def test_what_the_table_does_not_know_must_be_told() -> None:
    for seller, buyer in [("US", "US"), ("US", "DE")]:
        with pytest.raises(UsageError, match="no tax rate of US") as caught:
            due(Party(seller), Party(buyer))
        assert "rate_percent" in caught.value.hint
    with pytest.raises(UsageError, match="must know the buyer's country"):
        due(GERMANY, Party(None))
    with pytest.raises(UsageError, match="2023"):
        due(GERMANY, Party("DE"), date(2023, 12, 31))


def test_who_names_no_country_charges_no_tax() -> None:
    assert due(Party(None), Party("DE")) == Tax(Decimal(0), "not_stated")
    assert due(Party(""), Party(None)).rate == 0


@pytest.mark.parametrize(
    ("country", "day", "percent"),
    [
        ("EE", "2025-06-30", "22"),
        ("EE", "2025-07-01", "24"),
        ("FI", "2024-08-31", "24"),
        ("FI", "2024-09-01", "25.5"),
        ("RO", "2025-07-31", "19"),
        ("RO", "2025-08-01", "21"),
        ("SK", "2024-12-31", "20"),
        ("SK", "2025-01-01", "23"),
    ],
)
def test_a_rate_holds_from_its_day_on(country: str, day: str, percent: str) -> None:
    found = tax_rate(country, date.fromisoformat(day))
    assert found is not None
    assert found.rate_percent == Decimal(percent)


def test_the_table_has_the_whole_union_and_sane_rates() -> None:
    assert len({rate.country for rate in tax_rates() if rate.eu}) == 27
    assert not any(in_eu(country) for country in ("GB", "CH", "NO", "US"))
    for rate in tax_rates():
        assert 0 < rate.rate_percent < 30
        assert rate.source
