"""Engines count in their own ways; the books know disjoint meters only."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.records import Usage
from wattmill.gateway.usage import (
    EngineUsage,
    UsageMismatch,
    disjoint,
    output_of_answer,
    usage_of_answer,
)

TOTALS = {"prompt_tokens": 100, "completion_tokens": 40}


def read(usage: dict[str, Any], *, generates: bool = True) -> Usage | None:
    return usage_of_answer(json.dumps({"usage": usage}).encode(), generates=generates)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        pytest.param(TOTALS, Usage(100, 0, 0, 40), id="totals alone"),
        pytest.param(
            {**TOTALS, "prompt_tokens_details": None, "completion_tokens_details": None},
            Usage(100, 0, 0, 40),
            id="vLLM: null details",
        ),
        pytest.param(
            {**TOTALS, "prompt_tokens_details": {"cached_tokens": 64}},
            Usage(36, 64, 0, 40),
            id="cached tokens are part of the prompt",
        ),
        pytest.param(
            {**TOTALS, "prompt_tokens_details": {"cached_tokens": None}},
            Usage(100, 0, 0, 40),
            id="cached: null",
        ),
        pytest.param(
            {**TOTALS, "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10}},
            Usage(30, 60, 10, 40),
            id="cache written and read",
        ),
        pytest.param(
            {**TOTALS, "completion_tokens_details": {"reasoning_tokens": 25}},
            Usage(100, 0, 0, 15, 25),
            id="reasoning is part of the completion",
        ),
        pytest.param(
            {**TOTALS, "reasoning_tokens": 25},
            Usage(100, 0, 0, 15, 25),
            id="SGLang: reasoning at the top level",
        ),
        pytest.param(
            {
                **TOTALS,
                "prompt_tokens_details": {"audio_tokens": 10, "image_tokens": 20},
                "completion_tokens_details": {"audio_tokens": 30},
            },
            Usage(70, 0, 0, 10, 0, 10, 30, 20),
            id="sound and pictures",
        ),
        pytest.param(
            {**TOTALS, "total_tokens": 140, "surprise": {"a": [1]}},
            Usage(100, 0, 0, 40),
            id="fields nobody knows",
        ),
        pytest.param({"prompt_tokens": 0, "completion_tokens": 0}, Usage(), id="zero is a count"),
        pytest.param({"prompt_tokens": 100}, None, id="half a count is none"),
        pytest.param({"prompt_tokens": None, "completion_tokens": 4}, None, id="null is no count"),
        pytest.param({}, None, id="empty"),
    ],
)
def test_each_convention_becomes_disjoint(usage: dict[str, Any], expected: Usage | None) -> None:
    assert read(usage) == expected


def test_an_embedding_has_no_completion() -> None:
    assert read({"prompt_tokens": 9, "total_tokens": 9}, generates=False) == Usage(9)


@pytest.mark.parametrize("body", [b"{}", b'{"usage": null}', b'{"choices": []}'])
def test_absent_usage_is_not_zero(body: bytes) -> None:
    assert usage_of_answer(body, generates=True) is None


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"completion_tokens": 40}, 40),
        ({"prompt_tokens": None, "completion_tokens": 40}, 40),
        ({"prompt_tokens": 100, "completion_tokens": 40}, 0),
        ({"completion_tokens": None}, 0),
        ({"completion_tokens": -1}, 0),
        ({"completion_tokens": 10**18}, 0),
        (None, 0),
    ],
)
def test_an_answer_is_counted_where_only_its_prompt_is_not(
    usage: dict[str, Any] | None, expected: int
) -> None:
    assert output_of_answer(json.dumps({"usage": usage}).encode()) == expected


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"usage": 5}', b'{"usage": {'])
def test_an_answer_that_is_none(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        usage_of_answer(body, generates=True)


@pytest.mark.parametrize(
    "usage",
    [
        {**TOTALS, "prompt_tokens_details": {"cached_tokens": 101}},
        {**TOTALS, "prompt_tokens_details": {"cached_tokens": -1}},
        {**TOTALS, "completion_tokens_details": {"reasoning_tokens": 41}},
        {"prompt_tokens": -1, "completion_tokens": 0},
        {"prompt_tokens": 10**18, "completion_tokens": 0},
    ],
)
def test_counts_that_do_not_add_up_are_set_aside_and_not_bent(usage: dict[str, Any]) -> None:
    with pytest.raises(UsageMismatch):
        read(usage)


counts = st.none() | st.integers(-3, 300)
details = st.none() | st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ["cached_tokens", "cache_write_tokens", "reasoning_tokens", "audio_tokens", "image_tokens"],
        counts,
    ),
)


@given(
    st.fixed_dictionaries(
        {"prompt_tokens": counts, "completion_tokens": counts},
        optional={
            "prompt_tokens_details": details,
            "completion_tokens_details": details,
            "reasoning_tokens": counts,
        },
    )
)
def test_it_adds_up_or_is_set_aside(fields: dict[str, Any]) -> None:
    given_usage = msgspec.convert(fields, EngineUsage)
    try:
        usage = disjoint(given_usage, generates=True)
    except UsageMismatch:
        return
    if usage is None:
        assert given_usage.prompt_tokens is None or given_usage.completion_tokens is None
        return
    assert usage.input_tokens == given_usage.prompt_tokens
    assert usage.output_tokens == given_usage.completion_tokens
    assert min(usage.meters) >= 0
