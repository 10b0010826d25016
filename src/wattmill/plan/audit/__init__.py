"""Holds what somebody claims against what wattmill computes: reproduced, refuted or unknown.

    [[claim]]
    id = "kv-70b-128k"
    text = "A 70B model needs 80 GB of KV cache at 128k tokens"
    ask = "kv_cache_gb"                                    # a question and its inputs, or
    inputs = { model = "llama-3.1-70b", context = "128Ki" }
    # compute = "layers * 4 kB * context / 1 GB"           # arithmetic over inputs and questions
    stated = "80 GB"                                       # a value, a range, "at most …", a list
    tolerance = "5 %"
    expect = "refuted"

A refuted claim also says what would make it true: each number that went in is solved for in turn,
within its range, and the one that has to move least comes first.
"""

from wattmill.plan.audit.findings import Audit, Finding, as_data, audit, chosen, judge, named

__all__ = ["Audit", "Finding", "as_data", "audit", "chosen", "judge", "named"]
