"""`wattmill demo` against a real factory: what its clients saw is what the books say."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.factory import EXAMPLE, Factory, running_factory
from wattmill.core.errors import EngineError, UsageError
from wattmill.web.demo import demo, demo_screen

REQUESTS = 30


@pytest.fixture(scope="module")
def factory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Factory]:
    with running_factory(tmp_path_factory.mktemp("f")) as running:
        yield running


def test_three_tenants_are_served_and_charged(factory: Factory) -> None:
    said: list[str] = []
    result = demo(factory.data, REQUESTS, said.append)
    assert said == ["sending 30 real requests, charged to acme, globex, initech …"]
    assert [row.tenant for row in result.usage] == ["acme", "globex", "initech"]
    outcomes = [(row.answered, row.left, row.refused, row.failed) for row in result.usage]
    assert outcomes == [(9, 1, 0, 0), (9, 0, 0, 0), (10, 0, 1, 0)]
    assert sum(map(sum, outcomes)) == result.requests == REQUESTS
    assert "requests per minute" in result.refusal and result.problems == ()


def test_clients_were_told_what_the_books_charge(factory: Factory) -> None:
    result = demo(factory.data, REQUESTS)
    acme, *others = result.usage
    assert all(row.told_tokens == row.booked_tokens > 0 for row in others)
    assert acme.booked_tokens >= acme.told_tokens  # the client that left was told nothing
    for row in result.usage:
        assert row.booked_tokens == row.input_tokens + row.output_tokens
        assert 0 < row.cached_tokens < row.input_tokens
        assert row.charged_pusd > 0


def test_invoice_and_margin_cover_the_traffic(factory: Factory) -> None:
    result = demo(factory.data, REQUESTS)
    assert result.invoice.tenant == "acme"
    assert result.invoice.facts.charged.tokens >= result.usage[0].booked_tokens
    assert result.margin.revenue_pusd >= sum(row.charged_pusd for row in result.usage)
    assert result.margin.revenue_pusd - result.margin.cost.total_pusd == result.margin.margin_pusd


def test_no_key_of_the_demo_is_left_in_force(factory: Factory) -> None:
    demo(factory.data, 4)
    keys = [key for key in factory.run("keys", "list", "--json") if key["label"] == "demo"]
    assert keys and all(key["revoked_us"] is not None for key in keys)


def test_the_command_shows_usage_invoice_and_margin(factory: Factory) -> None:
    shown = factory.run("demo", "--requests", "12")
    for part in ("12 requests in", "charged USD", "Invoice acme-", "Margin of first"):
        assert part in shown
    written = factory.run("demo", "--requests", "12", "--json")
    assert written["invoice"]["schema"] == "wattmill.invoice/2"
    assert written["margin"]["schema"] == "wattmill.margin/2"


def test_the_screen_says_where_the_difference_comes_from(
    factory: Factory, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    Console(width=200).print(demo_screen(demo(factory.data, REQUESTS)))
    shown = capsys.readouterr().out
    assert "Clients were told of" in shown
    assert "Refused as it should be: Limit of 1 requests per minute" in shown


def test_nothing_runs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no factory runs") as caught:
        demo(tmp_path)
    assert "wattmill up" in caught.value.hint


def test_one_tenant_and_an_engine_that_is_away(tmp_path: Path) -> None:
    head, *_ = EXAMPLE.partition("[[pool]]")
    toml = (
        head
        + """
[[pool]]
name = "away"
model = "m"
url = "http://127.0.0.1:9/v1"

[[model]]
alias = "m"
route = ["away"]

[[rate_plan]]
name = "standard"
usd_per_mtok = { input = 1, output = 1 }

[[tenant]]
name = "house"
rate_plan = "standard"
"""
    )
    with running_factory(tmp_path, toml) as factory:
        with pytest.raises(EngineError, match="No engine of this model is up"):
            demo(factory.data, 4)
        factory.run("tenants", "set", "house", "--inactive")
        with pytest.raises(UsageError, match="no tenant"):
            demo(factory.data, 4)
