"""`examples/audit/power.toml` against a second recomputation."""

from tests.plan.audit.recomputed_power import RECOMPUTED
from tests.plan.audit.support import disagreements_of, findings


def test_every_claim_on_power_agrees_with_raw_numbers() -> None:
    assert disagreements_of("power.toml", RECOMPUTED) == []


def test_no_way_to_count_makes_an_nvl72_a_megawatt() -> None:
    """Cards with their share, trays, and the maker's figure agree within a fifth."""
    names = ("nvl72-1mw-gpu", "mr-nvl72-1mw", "nvl72-per-gpu")
    kilowatts = [
        found.recomputed[0] for n in names if (found := findings("power.toml")[n]).recomputed
    ]
    assert len(kilowatts) == len(names)
    assert max(kilowatts) < 1.2 * min(kilowatts) < 200
