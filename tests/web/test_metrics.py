"""What several gateways count is one text for Prometheus."""

from prometheus_client.parser import text_string_to_metric_families

from wattmill.core.records import Usage
from wattmill.gateway.tally import Tally
from wattmill.web.metrics import merged


def exposition(gateway: int | None, tokens: int) -> str:
    tally = Tally()
    tally.used("here", Usage(output_text=tokens))
    return tally.exposition(
        in_flight=tokens, connections=2, pools_up={"here": True}, gateway=gateway
    ).decode()


def test_each_family_is_there_once_with_the_samples_of_all() -> None:
    text = merged([exposition(1, 30), exposition(2, 4)])
    families = {family.name: family for family in text_string_to_metric_families(text)}
    tokens = [sample for sample in families["wattmill_tokens"].samples if sample.value]
    assert {(sample.labels["gateway"], sample.value) for sample in tokens} == {("1", 30), ("2", 4)}
    assert sum(sample.value for sample in families["wattmill_in_flight"].samples) == 34
    assert text.count("# TYPE wattmill_tokens_total counter") == 1


def test_what_one_gateway_says_is_said_again() -> None:
    assert merged([exposition(None, 7)]) == exposition(None, 7)
    assert merged([]) == ""
