"""The comparison that the audits of the examples rest on notices what it should."""

from dataclasses import replace

import pytest

from tests.plan.audit.support import Recomputed, Within, disagreements
from wattmill.plan.audit import Finding
from wattmill.plan.audit.claims import Row
from wattmill.plan.audit.findings import judge

GQA = Row(
    id="gqa", text="64 heads share 8", ask="gqa_reduction", inputs={"heads": 64, "kv_heads": 8},
    stated="8 x",
)  # fmt: skip


def found(value: Recomputed, finding: Finding | None = None) -> list[str]:
    return list(disagreements({"gqa": finding or judge(GQA)}, {"gqa": value}))


@pytest.mark.parametrize("same", [8, 8.07, [8], Within(9, 0.2, "rounded")])
def test_values_within_one_per_cent_or_the_stated_reason_agree(same: Recomputed) -> None:
    assert found(same) == []


@pytest.mark.parametrize("other", [8.2, [8, 8], None, Within(9, 0.05, "rounded"), -8])
def test_other_values_do_not(other: Recomputed) -> None:
    assert len(found(other)) == 1


def test_a_verdict_that_the_file_does_not_expect_is_told() -> None:
    assert "expected refuted" in found(8, replace(judge(GQA), expected="refuted"))[0]


def test_a_claim_that_only_one_side_has_is_told() -> None:
    assert list(disagreements({"gqa": judge(GQA)}, {"mqa": 8})) == [
        "gqa: only audited",
        "mqa: only recomputed",
    ]
