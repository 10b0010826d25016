"""`wattmill fit` and `wattmill size`, as a person and a script call them."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from wattmill import cli
from wattmill.core.errors import UsageError
from wattmill.plan.sizing.text import Command, digits

LARGE = ("size", "--model", "deepseek-v3", "--users", "500", "--slo", "tpot=60ms", "--isl", "4000")
CHAT = ("--users", "40", "--slo", "ttft=2s,tpot=50ms")
SMALL = ("size", "--model", "llama-3.1-8b", "--hardware", "L40S,H100-SXM")


def call(words: Sequence[str], columns: int = 80) -> Result:
    return CliRunner(env={"COLUMNS": str(columns)}).invoke(cli.app, list(words))


def data(words: Sequence[str]) -> Any:
    result = call([*words, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("columns", [80, 140])
@pytest.mark.parametrize(
    "words", [(*SMALL, *CHAT), LARGE, ("fit", "llama-3.1-70b"), ("fit", "deepseek-v3")]
)
def test_every_line_fits_the_terminal_and_nothing_is_cut(
    words: Sequence[str], columns: int
) -> None:
    result = call(words, columns)
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= columns
    assert "…" not in result.stdout


def test_a_wide_terminal_sees_more() -> None:
    assert "binds" in call((*SMALL, *CHAT), 140).stdout
    assert "narrower" in call(("fit", "llama-3.1-70b"), 140).stdout


def test_sizing_as_json_has_the_whole_answer() -> None:
    found = data((*SMALL, *CHAT))
    assert found["model"] == "llama-3.1-8b" and found["users"] == 40 and found["miss"] is None
    for option in found["options"]:
        assert option["ttft_s"] <= 2 and option["tpot_s"] <= 0.05
        assert set(option["launch"]) == {"vllm", "sglang"}


def test_fit_as_json_has_every_format() -> None:
    found = data(("fit", "llama-3.1-70b", "--hardware", "hopper"))
    assert {row["precision"] for row in found["rows"]} == {"bf16", "fp8", "int4"}


def test_naming_hardware_shows_all_of_it() -> None:
    shown = call(("fit", "llama-3.1-70b", "--hardware", "4x L40S")).stdout
    assert len(re.findall(r"L40S", shown)) == 3
    assert len(call(("fit", "llama-3.1-70b", "--all")).stdout) > 3 * len(
        call(("fit", "llama-3.1-70b")).stdout
    )


def test_nothing_in_time_is_status_one_with_a_way_out() -> None:
    result = call((*SMALL, "--users", "40", "--slo", "tpot=100us"))
    assert result.exit_code == 1
    assert "nothing meets the SLO" in result.stdout and "--slo tpot=" in result.stdout


def test_nothing_that_holds_it_is_status_one_and_says_by_how_much() -> None:
    result = call(("fit", "deepseek-v3", "--hardware", "RTX-4090"))
    assert result.exit_code == 1
    assert re.search(r"does not hold it: 8x RTX-4090 in int4 by \d+ GB", result.stdout)
    sized = call(("size", "--model", "deepseek-v3", "--hardware", "RTX-4090", *CHAT))
    assert sized.exit_code == 1 and "GB too little" in sized.stdout


def test_pictures_are_written(tmp_path: Path) -> None:
    for number, words in enumerate(((*SMALL, *CHAT), ("fit", "llama-3.1-8b", "--hardware", "ada"))):
        target = tmp_path / f"{number}.html"
        assert call((*words, "--html", str(target))).exit_code == 0
        assert target.read_text("utf-8").endswith("</html>\n")


def test_requests_per_second_may_be_given() -> None:
    found = data((*SMALL, "--rps", "5", "--slo", "tpot=50ms"))
    assert found["rps"] == 5 and found["users"] is None


def test_an_slo_without_sense_is_an_error_of_ours() -> None:
    result = call((*SMALL, "--users", "4", "--slo", "soon"))
    assert isinstance(result.exception, UsageError)
    assert "'soon'" in result.exception.message and result.exception.place == "--slo"


def test_a_command_is_cut_where_a_shell_joins_it() -> None:
    console = Console(width=30, record=True, file=None, quiet=False)
    with console.capture() as captured:
        console.print(Command("vllm serve MODEL --max-model-len 1300 --max-num-seqs 40"))
    lines = captured.get().splitlines()
    assert len(lines) > 1 and all(len(line) <= 30 for line in lines)
    joined = "\n".join(lines).replace("\\\n", " ").split()
    assert joined == ["vllm", "serve", "MODEL", "--max-model-len", "1300", "--max-num-seqs", "40"]


@pytest.mark.parametrize(
    ("value", "count", "text"),
    [(0, 3, "0"), (0.1234, 3, "0.123"), (12.34, 3, "12.3"), (123.4, 3, "123"), (99.96, 3, "100"),
     (12345, 3, "12,300"), (99999, 2, "100,000"), (0.00042, 3, "0.00042"), (9.96, 2, "10")],
)  # fmt: skip
def test_digits_are_as_many_as_asked_for(value: float, count: int, text: str) -> None:
    assert digits(value, count) == text
