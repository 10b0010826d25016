"""`examples/audit/delivery.toml` against a second recomputation."""

from tests.plan.audit.recomputed_delivery import RECOMPUTED
from tests.plan.audit.support import disagreements_of, findings


def test_every_claim_on_delivery_agrees_with_raw_numbers() -> None:
    assert disagreements_of("delivery.toml", RECOMPUTED) == []


def test_the_wrong_amps_are_those_of_another_number_of_phases() -> None:
    remedies = findings("delivery.toml")["mr-amps"].remedies
    assert "single-phase" in [remedy.needed for remedy in remedies]


def test_parts_of_the_waste_table_add_up_to_its_totals() -> None:
    found = findings("delivery.toml")
    for row in ("120v", "208v"):
        power, cooling, total = (
            found[f"hvdc-{row}-{part}"].recomputed for part in ("power", "cooling", "total")
        )
        assert power and cooling and total
        for i in range(2):
            assert abs(power[i] + cooling[i] - total[i]) < 1e-9
