"""Questions on what hardware was quoted at."""

import statistics

import pytest

from wattmill.catalog.market import quotes
from wattmill.core.errors import PlanError, UsageError
from wattmill.plan.questions.registry import ask

CARD = "H100-SXM"


def rent(pick: str, months: float = 0, hardware: str = CARD) -> float:
    return float(ask("quoted_rent", hardware=hardware, pick=pick, months=months).value)


def test_picks_are_those_of_the_quotes() -> None:
    values = [quote.value for quote in quotes(CARD, "rent")]
    assert rent("lowest") == pytest.approx(min(values))
    assert rent("highest") == pytest.approx(max(values))
    assert rent("oldest") == pytest.approx(values[0])
    assert rent("newest") == pytest.approx(values[-1])
    assert rent("median") == pytest.approx(statistics.median(values))


def test_a_window_forgets_old_quotes_and_keeps_the_newest() -> None:
    assert rent("highest", months=12) < rent("highest")
    assert rent("newest", months=0.1) == rent("newest")
    assert rent("oldest", months=12) != rent("oldest")


def test_a_window_that_reaches_further_never_has_a_narrower_range() -> None:
    ranges = [(rent("lowest", m), rent("highest", m)) for m in (1, 6, 12, 36, 0)]
    assert [low for low, _ in ranges] == sorted((low for low, _ in ranges), reverse=True)
    assert [high for _, high in ranges] == sorted(high for _, high in ranges)


def test_eight_cards_cost_eight_times_as_much() -> None:
    assert rent("median", hardware=f"8x {CARD}") == pytest.approx(8 * rent("median"))


def test_an_answer_says_whose_quote_it_is_and_when() -> None:
    newest = quotes("L40S", "new")[-1]
    answer = ask("quoted_price", hardware="L40S")
    assert (answer.value, answer.unit) == (newest.value, "USD")
    assert answer.note == f"{newest.source}, {newest.as_of}"


def test_no_quote_is_an_error_and_never_zero() -> None:
    with pytest.raises(PlanError, match="nobody quoted"):
        ask("quoted_rent", hardware="Raspberry-Pi-5")


def test_an_unknown_pick_gets_the_nearest() -> None:
    with pytest.raises(UsageError) as error:
        ask("quoted_price", hardware="L40S", pick="newst")
    assert "newest" in str(error.value.hint)
