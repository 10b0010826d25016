"""Weights counted from widths."""

import pytest

from wattmill.core.errors import UsageError
from wattmill.plan.questions.registry import ask


@pytest.mark.parametrize(
    ("model", "published"),
    [("llama-3.1-8b", 8.03e9), ("mixtral-8x7b", 46.7e9), ("deepseek-v3", 671e9)],
)
def test_widths_add_up_to_the_published_total(model: str, published: float) -> None:
    assert ask("model_shape_params", model=model).value == pytest.approx(published, rel=0.005)


def test_the_published_total_stands_beside_the_count() -> None:
    assert ask("model_shape_params", model="mixtral-8x7b").note == "46.7 billion are published"


def test_attention_grouped_and_latent() -> None:
    grouped = ask("model_attention_params", model="llama-3.1-8b").value
    assert grouped == 2 * 4096 * 4096 + 2 * 4096 * 1024
    # ranks 1536 and 512, 128 heads of 128 + 64, keys and values of 128 each
    queries = 7168 * 1536 + 1536 * 128 * 192
    latent = 7168 * 576 + 512 * 128 * 256 + 128 * 128 * 7168
    assert ask("model_attention_params", model="deepseek-v3").value == queries + latent


def test_a_model_that_nobody_knows_hints_at_one_that_is_known() -> None:
    with pytest.raises(UsageError, match=r"lama-3\.1-8b") as refused:
        ask("model_shape_params", model="lama-3.1-8b")
    assert "llama-3.1-8b" in (refused.value.hint or "")
