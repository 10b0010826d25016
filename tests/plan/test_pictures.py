"""Pictures are one file that needs nobody else."""

import re
from datetime import date
from pathlib import Path

import pytest

from wattmill.catalog.hardware import hardware
from wattmill.catalog.models import model
from wattmill.core.errors import UsageError
from wattmill.physics.deployment import deploy
from wattmill.physics.performance import Workload
from wattmill.plan.pictures import Section, figure, page, write_page
from wattmill.plan.sizing.figures import fit_page, memory_parts, size_page
from wattmill.plan.sizing.fitting import FitQuestion, fit_report
from wattmill.plan.sizing.options import SizeQuestion
from wattmill.plan.sizing.size import study
from wattmill.plan.sizing.slo import Slo

TODAY = date(2026, 11, 21)
LOADED = re.compile(
    r"""(?:src|href|action|data|poster)\s*=\s*["']?\s*(?:https?:)?//""", re.IGNORECASE
)


def sized(slo: Slo) -> str:
    asked = SizeQuestion(
        "llama-3.1-8b", Workload(1000, 300), slo, users=40, hardware=("L40S", "H100-SXM")
    )
    return size_page(study(asked, TODAY))


def fitted() -> str:
    return fit_page(fit_report(FitQuestion("llama-3.1-8b", hardware=("ada", "apple")), TODAY))


def without_script(text: str) -> str:
    """The page less what plotly.js itself says, which the policy keeps from connecting."""
    return re.sub(r"<script>.*?</script>", "", text, count=1, flags=re.DOTALL)


@pytest.mark.parametrize("text", [sized(Slo(tpot_s=0.05)), fitted()])
def test_nothing_is_loaded_from_anywhere(text: str) -> None:
    assert not LOADED.search(without_script(text))
    assert "http://" not in without_script(text).replace("http://www.w3.org/", "")
    assert "https://" not in without_script(text)
    assert "default-src 'none'" in text and "connect-src" not in text
    assert "<link" not in without_script(text) and "@import" not in without_script(text)


def test_the_script_is_there_once_and_before_the_figures() -> None:
    text = sized(Slo(tpot_s=0.05))
    assert text.count("plotly.js v") == 1
    assert text.index("plotly.js v") < text.index('id="figure-0"')


def test_a_sizing_has_its_five_parts() -> None:
    text = without_script(sized(Slo(tpot_s=0.05)))
    heads = re.findall("<h2>(.*?)</h2>", text)
    assert heads == [
        "Cost and speed", "Speed by batch", "Throughput by batch", "Memory of one card", "Options",
    ]  # fmt: skip
    assert text.count("Plotly.newPlot") == 4


def test_a_sizing_that_found_nothing_says_so() -> None:
    text = sized(Slo(tpot_s=1e-6))
    assert "nothing meets the SLO" in text and "Plotly.newPlot" not in without_script(text)


def test_words_of_a_user_are_text() -> None:
    text = page("<b>&", ["<script>alert(1)</script>"], [Section("<i>", "<u>")])
    assert "<b>" not in text and "<i>" not in text and "<u>" not in text
    assert "<script>alert" not in text


def test_a_table_is_a_table() -> None:
    text = page("t", [], [Section("s", "", table=(["a", "b"], [["1", "<2>"]]))])
    assert '<th class="n">a</th><th>b</th>' in text
    assert '<td class="n">1</td><td>&lt;2&gt;</td>' in text


@pytest.mark.parametrize(
    ("cells", "are_numbers"),
    [
        (["1,234.5", "-", "-3 %", "19.6 months", "never", "± 0.1 %"], True),
        (["2026-11", "2027-01"], False),
        (["8x B200", "4x H100"], False),
        (["own", "12"], False),
        (["-", "never"], False),
    ],
)
def test_columns_of_numbers_stand_at_the_right(cells: list[str], are_numbers: bool) -> None:
    text = page("t", [], [Section("s", "", table=(["head"], [[cell] for cell in cells]))])
    assert ('<th class="n">head</th>' in text) == are_numbers


def test_the_parts_of_the_memory_are_the_memory() -> None:
    placed = deploy(model("llama-3.1-70b"), hardware("2x H100-SXM"), "fp8")
    parts = memory_parts(placed, 10, 1300)
    assert sum(parts.values()) == pytest.approx(2 * placed.hardware.accelerator.memory_bytes)
    assert parts["KV cache"] == pytest.approx(10 * 1300 * 327680)


def test_figures_share_a_style() -> None:
    drawn = figure([], xaxis={"title": {"text": "x"}})
    assert drawn.layout.xaxis.title.text == "x" and drawn.layout.height == 460


def test_a_file_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        write_page(tmp_path / "no" / "page.html", "")
    assert refused.value.hint and refused.value.place == "--html"
