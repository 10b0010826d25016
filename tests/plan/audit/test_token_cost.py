"""`examples/audit/token_cost.toml` against a second recomputation."""

from tests.plan.audit.recomputed_token_cost import RECOMPUTED
from tests.plan.audit.support import disagreements_of, findings


def test_every_claim_on_token_cost_agrees_with_raw_numbers() -> None:
    assert disagreements_of("token_cost.toml", RECOMPUTED) == []


def test_rows_of_the_cost_table_imply_falling_rents_for_better_cards() -> None:
    cards = ("a100", "h100", "h200", "b200")
    found = [findings("token_cost.toml")[f"table-{card}-implied-rent"] for card in cards]
    rents = [one.recomputed[0] for one in found if one.recomputed]
    assert len(rents) == len(cards)
    assert rents == sorted(rents, reverse=True)


def test_kv_cache_only_ever_makes_a_token_dearer() -> None:
    found = findings("token_cost.toml")
    for batch, plain in (("64", "045-usd"), ("256", "011-usd")):
        without, with_kv = (
            found[f"h100-batch-{batch}-{plain}"],
            found[f"h100-batch-{batch}-with-kv"],
        )
        assert without.recomputed and with_kv.recomputed
        assert with_kv.recomputed[0] > without.recomputed[0]
