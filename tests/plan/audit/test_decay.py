"""`examples/audit/decay.toml` against a second recomputation."""

from tests.plan.audit.recomputed_decay import RECOMPUTED
from tests.plan.audit.support import disagreements_of, findings


def test_every_claim_on_decay_agrees_with_raw_numbers() -> None:
    assert disagreements_of("decay.toml", RECOMPUTED) == []


def test_three_versions_of_one_fall_are_one_computation() -> None:
    found = findings("decay.toml")
    names = ("rental-h100", "rental-h100-64-75", "rental-h100-70-80")
    assert len({found[name].recomputed for name in names}) == 1
    assert len({found[name].stated for name in names}) == 3


def test_an_old_card_that_is_sold_brings_the_new_one_s_payback_nearer() -> None:
    found = findings("decay.toml")
    kept, sold = found["repl-months"].recomputed, found["repl-months-sold"].recomputed
    assert kept and sold
    assert sold[0] < kept[0] / 2


def test_values_and_rents_of_one_card_do_not_fall_alike() -> None:
    found = findings("decay.toml")
    left, gone = found["resale-60-73"].recomputed, found["rental-h100"].recomputed
    assert left and gone
    assert min(left) > 100 - min(gone)
