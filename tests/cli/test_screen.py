"""What a person reads on a screen of any width: whole words, whole numbers, no blanks at the ends of lines."""

from itertools import chain

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from wattmill.commands.screen import print_screen

WORDS = st.lists(st.text("abcdefgh0123456789,.-", min_size=1, max_size=14), min_size=1, max_size=3)
CELLS = st.lists(WORDS.map(" ".join), min_size=4, max_size=4)


def table_of(rows: list[list[str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number in range(4):
        table.add_column(f"a head {number}", justify="right" if number % 2 else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


@given(st.lists(CELLS, min_size=1, max_size=4), st.integers(10, 120))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_word_of_a_table_is_broken_or_cut(
    capsys: pytest.CaptureFixture[str], rows: list[list[str]], width: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        print_screen(table_of(rows))
    printed = capsys.readouterr().out
    assert all(line == line.rstrip() for line in printed.splitlines())
    below_head = printed.partition("─\n")[2]
    assert sorted(below_head.split()) == sorted(" ".join(chain(*rows)).split())


def test_a_table_takes_what_the_screen_has_and_its_widest_column_gives(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    print_screen(table_of([["k_00b8b0fd145b", "1,000", "a long text of many words", "2"]]))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 40
    assert any("k_00b8b0fd145b" in line and "1,000" in line for line in lines)


def test_a_wide_table_leaves_prose_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    print_screen(Group("one two three four five six seven", Group(table_of([["x" * 20] * 4]))))
    first, second, *rest = capsys.readouterr().out.splitlines()
    assert (first, second) == ("one two three four five six", "seven")
    assert any(line.count("x" * 20) == 4 for line in rest)


def test_an_address_is_folded_where_its_table_allows_that(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    table = Table(box=None, show_header=False)
    table.add_column(justify="right")
    table.add_column(overflow="fold")
    table.add_row("1", "https://example.org/" + "x" * 200)
    print_screen(table)
    assert 50 < max(map(len, capsys.readouterr().out.splitlines())) <= 60
