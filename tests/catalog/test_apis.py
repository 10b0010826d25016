"""API prices over time: possible, dated, of models that the catalog knows; the newest is in force."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.apis import api_price_history, api_prices, api_prices_of, is_yours
from wattmill.catalog.models import model
from wattmill.catalog.names import plain
from wattmill.catalog.staleness import first_day
from wattmill.core.errors import CatalogError

DAYS = st.dates(date(2022, 6, 1), date(2028, 1, 1))


def test_prices_are_possible() -> None:
    for price in api_price_history():
        assert 0 < price.input_usd_per_mtok <= price.output_usd_per_mtok < 100, price
        cached, write = price.cached_input_usd_per_mtok, price.cache_write_usd_per_mtok
        assert cached is None or 0 < cached <= price.input_usd_per_mtok, price
        assert write is None or price.input_usd_per_mtok <= write <= 2 * price.input_usd_per_mtok
        batch = (price.batch_input_usd_per_mtok, price.batch_output_usd_per_mtok)
        assert (batch[0] is None) == (batch[1] is None), price
        assert (batch[0] or 0) <= price.input_usd_per_mtok, price
        assert (batch[1] or 0) <= price.output_usd_per_mtok, price
        assert price.source
        assert date(2023, 1, 1) < first_day(price.as_of) < date(2027, 1, 1)
        assert price.open_model is None or model(price.open_model).name == price.open_model


def test_there_are_many_current_ones() -> None:
    assert len(api_prices()) >= 60
    current = [price for price in api_prices() if first_day(price.as_of) >= date(2026, 5, 1)]
    assert len(current) >= 60
    makers = {"OpenAI", "Anthropic", "Google", "DeepSeek", "Mistral", "xAI"}
    hosts = {
        "Together",
        "Fireworks",
        "Groq",
        "Cerebras",
        "DeepInfra",
        "Amazon Bedrock",
        "OpenRouter",
    }
    assert makers | hosts <= {price.provider for price in api_prices()}


def test_a_day_has_one_price_of_an_offer() -> None:
    dated = [(plain(p.provider), plain(p.name), p.as_of) for p in api_price_history()]
    assert len(set(dated)) == len(dated)


@given(DAYS)
def test_the_newest_price_of_the_day_is_in_force(day: date) -> None:
    found = api_prices(day)
    offers = [(plain(price.provider), plain(price.name)) for price in found]
    assert len(set(offers)) == len(offers)
    for price in found:
        assert first_day(price.as_of) <= day
    for price in api_price_history():
        if first_day(price.as_of) <= day:
            chosen = found[offers.index((plain(price.provider), plain(price.name)))]
            assert first_day(chosen.as_of) >= first_day(price.as_of)
    assert api_prices(day.isoformat()) == found


def test_prices_of_a_model_change_with_the_day() -> None:
    def output(day: str) -> list[float]:
        found = api_prices_of("deepseek-v3", at=day)
        return [price.output_usd_per_mtok for price in found if price.provider == "DeepSeek"]

    assert [output(day) for day in ("2024-11", "2025-01", "2025-06")] == [[], [0.28], [1.1]]
    assert output("2025-10") == []  # the same name is another model by then


def test_all_providers_of_an_open_model_are_found() -> None:
    assert {"Together", "Groq", "DeepInfra"} <= {p.provider for p in api_prices_of("Llama 3.3 70B")}
    assert api_prices_of("no-such-model") == ()


# --- a catalog file of one's own ------------------------------------------------------------------

MINE = """[[api]]
name = "gpt 4o"
provider = "openai"
input_usd_per_mtok = 2.0
output_usd_per_mtok = 8
source = "our contract"
as_of = "2026-10"
"""


def test_ones_own_price_replaces_the_offer(own_catalog: Callable[[str], Path]) -> None:
    own_catalog(MINE)
    found = [price for price in api_price_history() if plain(price.name) == "gpt4o"]
    assert [(price.input_usd_per_mtok, is_yours(price)) for price in found] == [(2.0, True)]
    assert not any(is_yours(price) for price in api_prices() if price not in found)


def test_an_offer_of_ones_own_is_added(own_catalog: Callable[[str], Path]) -> None:
    before = len(api_prices())
    own_catalog(MINE.replace("gpt 4o", "phi-4").replace("openai", "us") + 'open_model = "Phi 4"\n')
    assert len(api_prices()) == before + 1
    assert "us" in {price.provider for price in api_prices_of("phi-4")}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (MINE.replace("2026-10", "October"), 7, "'October' is no date"),
        (MINE + "cached_input_usd_per_mtok = 3", 8, "cached input at 3"),
        (MINE.replace("= 2.0", "= -2.0"), 4, "input_usd_per_mtok = -2.0"),
        (MINE + "cached_usd = 1", 8, "no field 'cached_usd'"),
    ],
)
def test_a_broken_price_says_where(
    own_catalog: Callable[[str], Path], text: str, line: int, message: str
) -> None:
    path = own_catalog(text)
    with pytest.raises(CatalogError) as caught:
        api_prices()
    assert caught.value.place == f"{path}:{line}"
    assert message in caught.value.message
    assert caught.value.hint
