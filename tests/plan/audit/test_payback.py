"""`examples/audit/payback.toml` against a second recomputation."""

import pytest

from tests.plan.audit.recomputed_payback import RECOMPUTED
from tests.plan.audit.support import disagreements_of, findings


def test_every_claim_on_payback_agrees_with_raw_numbers() -> None:
    assert disagreements_of("payback.toml", RECOMPUTED) == []


def test_a_box_pays_back_in_the_stated_time_only_for_tokens_that_it_cannot_make() -> None:
    found = findings("payback.toml")
    assert found["small-2mo"].verdict == "reproduced"
    assert found["small-feasible"].verdict == found["small-2mo-served"].verdict == "refuted"
    wished, served = found["small-2mo"].recomputed, found["small-2mo-served"].recomputed
    makes = found["small-feasible"].recomputed
    assert wished and served and makes
    assert served[0] / wished[0] == pytest.approx(500 / makes[1])


def test_tokens_of_a_month_that_are_a_thousand_times_too_few_are_named() -> None:
    remedies = {one.input: one for one in findings("payback.toml")["medium-20000"].remedies}
    factor = remedies["output"].factor
    assert factor is not None
    assert round(factor, -1) == 1000
