"""A tenant recomputes its invoice from its usage export; whoever changes either is found out."""

from __future__ import annotations

import copy
import csv
import io
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.ledger.billing.world import GERMAN_VAT, World, flat, only_output, tiered

from wattmill.core.terms import Commitment
from wattmill.ledger.billing.documents import Document
from wattmill.ledger.export import invoice_json, recompute, usage_rows
from wattmill.ledger.export.recompute import Finding, round_by
from wattmill.ledger.export.usage_rows import COLUMNS, usage_lines
from wattmill.ledger.periods import month_named

NOVEMBER = month_named("2026-11", "UTC")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """One tenant, acme, at 1 EUR per Mtok of everything and 19 % VAT; it is 1 December 2026."""
    made = World(tmp_path)
    made.plan("standard", flat(output_text="1.60", input_uncached="0.4"))
    made.tenant("acme", tax=GERMAN_VAT)
    yield made
    made.store.close()


def exported(world: World, tenant: str = "acme", month: str = "2026-11") -> str:
    prices = {price.version: price for price in world.prices()}
    return "".join(usage_lines(world.store, tenant, month_named(month, "UTC"), prices))


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def checked(made: Document, usage: str) -> list[Finding]:
    return recompute.recompute(json.loads(invoice_json(made)), rows(usage))


def verdicts(made: Document, usage: str) -> set[str]:
    return {finding.verdict for finding in checked(made, usage)}


def busy(world: World, days: int = 9) -> None:
    """Requests of every state over some days."""
    for day in range(1, days + 1):
        world.serve(f"2026-11-0{day} 12:00", output=day * 123, input=1_000 + day)
        world.serve(f"2026-11-0{day} 13:00", output=7, state="waived")
        world.serve(f"2026-11-0{day} 14:00", output=9, state="void")


# --- the export -----------------------------------------------------------------------------------


def test_a_row_for_each_request(world: World) -> None:
    world.serve("2026-11-10 12:00", output=2, input=10)
    world.serve("2026-11-11 12:00", output=3, state="void")
    first, second = rows(exported(world))
    assert tuple(first) == COLUMNS
    assert (first["request"], first["time"]) == ("1", "2026-11-10T12:00:00.000000Z")
    assert (first["input_uncached"], first["output_text"]) == ("10000", "2000")
    assert Decimal(first["amount"]) == Decimal("0.0072")
    assert (first["plan"], first["plan_version"], first["state"]) == ("standard", "1", "charged")
    assert (second["state"], second["price"], second["amount"]) == ("void", "", "0.000000000000")


def test_the_months_bounds_are_half_open(world: World) -> None:
    for at in (
        "2026-10-31 23:59:59",
        "2026-11-01 00:00",
        "2026-11-30 23:59:59",
        "2026-12-01 00:00",
    ):
        world.serve(at, output=1)
    assert [row["request"] for row in rows(exported(world))] == ["2", "3"]


def test_a_reseller_sees_its_clients_at_its_own_price(world: World) -> None:
    world.plan("wholesale", only_output("0.80"))
    world.tenant("mesa", "wholesale")
    world.tenant("client", parent="mesa")
    world.serve("2026-11-10 12:00", tenant="client", output=1_000)
    (row,) = rows(exported(world, "mesa"))
    assert (row["kind"], row["client"], row["plan"]) == ("resold", "client", "wholesale")
    assert Decimal(row["amount"]) == Decimal("0.80")


@pytest.mark.parametrize("name", ["=1+1", "-x", "@a", '"quoted", and more'])
def test_no_cell_is_a_formula_and_all_is_read_back(world: World, name: str) -> None:
    world.serve("2026-11-10 12:00", output=5, model=name)
    (row,) = rows(exported(world))
    assert row["model"] in (name, "'" + name) and row["model"][0] not in "=-@"
    assert verdicts(world.draft(), exported(world)) == {"agrees"}


def test_memory_does_not_grow_with_the_rows(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_rows, "AT_ONCE", 50)
    requests = [
        world.serve(f"2026-11-10 {hour:02d}:{minute:02d}", output=1, enter=False)
        for hour in range(24)
        for minute in range(60)
    ]
    world.enter(requests)
    prices = {price.version: price for price in world.prices()}

    def exported_lines() -> int:
        return sum(1 for _ in usage_lines(world.store, "acme", NOVEMBER, prices))

    def peak_bytes() -> int:
        tracemalloc.start()
        exported_lines()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert (
        exported_lines() == 1_441
    )  # statements are compiled once: what is kept of them is not the rows'
    assert (
        min(peak_bytes() for _ in range(3)) < 500_000
    )  # others of this process may allocate as well


# --- what agrees ----------------------------------------------------------------------------------


def test_an_honest_invoice_agrees_in_every_line(world: World) -> None:
    busy(world)
    made = world.issued()
    findings = checked(made, exported(world))
    assert {finding.verdict for finding in findings} == {"agrees"}
    assert [f.what for f in findings if f.what.startswith("tokens")] == [
        "tokens house-large input_uncached (standard v1)",
        "tokens house-large output_text (standard v1)",
    ]
    assert findings[-1].says == findings[-1].computed == f"{made.total_minor / 100:.2f} EUR"


def test_tiers_fees_and_credit_agree(world: World) -> None:
    terms = tiered("2", "1.3", fee=Decimal(49), allowance=Decimal(5), minimum=Decimal(20))
    world.plan("tiers", terms)
    world.tenant("acme", "tiers", tax=GERMAN_VAT)
    world.grant("7.77")
    for day in range(1, 8):
        world.serve(f"2026-11-0{day} 12:00", output=1_234, input=3_210)
    made = world.issued()
    assert made.credit_minor and len(made.lines) > 3
    assert verdicts(made, exported(world)) == {"agrees"}


def test_a_commitment_agrees(world: World) -> None:
    terms = flat(output_text="1.60")
    committed = type(terms)(terms.cards, commitment=Commitment(Decimal(100)))
    world.plan("committed", committed)
    world.tenant("acme", "committed")
    world.serve("2026-11-10 12:00", output=10_000)
    assert verdicts(world.issued(), exported(world)) == {"agrees"}


def test_usage_beyond_credit_is_bounded_by_what_the_requests_say(world: World) -> None:
    world.serve("2026-11-10 12:00", output=1_000, absorbed_pusd=10**12)
    made = world.issued()
    assert any(line.kind == "absorbed" for line in made.lines)
    assert verdicts(made, exported(world)) == {"agrees"}
    without = exported(world).replace("1.000000000000", "0.500000000000")
    assert "differs" in verdicts(made, without)


def test_a_reseller_can_recompute_too(world: World) -> None:
    world.plan("wholesale", only_output("0.80"))
    world.tenant("mesa", "wholesale")
    world.tenant("client", parent="mesa")
    world.serve("2026-11-10 12:00", tenant="client", output=1_000)
    world.serve("2026-11-10 12:00", tenant="mesa", output=500)
    assert verdicts(world.issued("mesa"), exported(world, "mesa")) == {"agrees"}


def test_what_came_after_the_invoice_is_not_held_against_it(world: World) -> None:
    busy(world, 2)
    made = world.issued()
    world.serve("2026-11-20 12:00", output=500)
    assert verdicts(made, exported(world)) == {"agrees"}


def test_late_lines_are_said_to_be_unchecked(world: World) -> None:
    busy(world, 2)
    world.issued()
    world.serve("2026-11-20 12:00", output=500)
    world.now_s += 40 * 86_400
    world.serve("2026-12-20 12:00", output=300)
    made = world.issued(month="2026-12")
    findings = checked(made, exported(world, month="2026-12"))
    assert {f.verdict for f in findings} == {"agrees", "unchecked"}
    assert [f.why[:26] for f in findings if f.verdict == "unchecked"] == [
        "a difference of 2026-11: i"
    ]


def whole(world: World, made: Document, *earlier: Document) -> list[Finding]:
    """With the usage of all months, and the invoices before it."""
    usage = rows(exported(world, month="2026-11")) + rows(exported(world, month="2026-12"))
    others = [json.loads(invoice_json(one)) for one in earlier]
    return recompute.recompute(json.loads(invoice_json(made)), usage, others)


def late(world: World, days: int = 2) -> tuple[Document, Document]:
    """November's invoice, and December's with what came late of November."""
    busy(world, days)
    first = world.issued()
    world.serve("2026-11-20 12:00", output=500)
    world.now_s += 40 * 86_400
    world.serve("2026-12-20 12:00", output=300)
    return first, world.issued(month="2026-12")


def test_late_lines_agree_together_with_the_invoices_before(world: World) -> None:
    first, second = late(world)
    findings = whole(world, second, first)
    assert {finding.verdict for finding in findings} == {"agrees"}
    named = [finding.what for finding in findings if "2026-11" in finding.what]
    assert named[0] == "house-large: Output tokens of 2026-11, with INV-00001"
    assert named[-1] == "tokens house-large output_text (standard v1) of 2026-11"


def test_what_is_late_twice_needs_both_invoices_before(world: World) -> None:
    first, second = late(world)
    world.serve("2026-11-21 12:00", output=50)
    world.now_s += 40 * 86_400
    third = world.issued(month="2027-01")
    assert {f.verdict for f in whole(world, third, first, second)} == {"agrees"}
    assert "differs" in {f.verdict for f in whole(world, third, first)}
    assert {f.verdict for f in whole(world, third)} == {"agrees", "unchecked"}


def test_an_invoice_that_came_after_or_is_void_is_left_out(world: World) -> None:
    first, second = late(world)
    assert {f.verdict for f in whole(world, first, second)} == {"agrees"}
    void = replace(first, status="void")
    assert "unchecked" in {f.verdict for f in whole(world, second, void)}


def test_a_late_line_that_says_too_much_is_found(world: World) -> None:
    first, second = late(world)
    for change in ({"amount_minor": 1}, {"tokens": 1}, {"quantity": "9"}, {"amount_usd": "9"}):
        invoice = json.loads(invoice_json(second))
        line = next(one for one in invoice["lines"] if one["is_late"])
        for name, by in change.items():
            line[name] = line[name] + by if isinstance(by, int) else by
        usage = rows(exported(world)) + rows(exported(world, month="2026-12"))
        found = recompute.recompute(invoice, usage, [json.loads(invoice_json(first))])
        assert "differs" in {f.verdict for f in found if "of 2026-11" in f.what}, change


@settings(max_examples=10)
@given(
    before=st.lists(st.integers(0, 10**5), max_size=4),
    after=st.lists(st.integers(1, 10**5), min_size=1, max_size=4),
    minimum=st.one_of(st.none(), st.integers(1, 200)),
    allowance=st.integers(0, 20),
    maximum=st.one_of(st.none(), st.integers(200, 400)),
)
def test_late_usage_agrees_whatever_the_plan_makes_of_it(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[int],
    after: list[int],
    minimum: int | None,
    allowance: int,
    maximum: int | None,
) -> None:
    given_ = {"minimum": minimum, "maximum": maximum}
    bounds = {name: Decimal(usd) for name, usd in given_.items() if usd is not None}
    terms = tiered("2", "1.333333", allowance=Decimal(allowance), **bounds)
    world = World(tmp_path_factory.mktemp("books"))
    world.plan("tiers", terms)
    world.tenant("acme", "tiers", tax=GERMAN_VAT)
    for output in before:
        world.serve("2026-11-03 12:00", output=output)
    first = world.issue().document
    for output in after:
        world.serve("2026-11-04 12:00", input=output)
    world.now_s += 40 * 86_400
    second = world.issue(month="2026-12").document
    if first is not None and second is not None:
        assert {f.verdict for f in whole(world, second, first)} <= {"agrees"}
    world.store.close()


@settings(max_examples=15)
@given(
    requests=st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 28)), max_size=8
    ),
    prices=st.tuples(st.decimals("0", "99", places=6), st.decimals("0", "99", places=6)),
    has_tiers=st.booleans(),
)
def test_every_invoice_agrees_with_its_own_usage(
    tmp_path_factory: pytest.TempPathFactory,
    requests: list[tuple[int, int, int]],
    prices: tuple[Decimal, Decimal],
    has_tiers: bool,
) -> None:
    world = World(tmp_path_factory.mktemp("books"))
    first, second = map(str, prices)
    terms = tiered(first, second) if has_tiers else flat(output_text=first, input_uncached=second)
    world.plan("standard", terms)
    world.tenant("acme", tax=GERMAN_VAT)
    served = (
        world.serve(f"2026-11-{day:02d} 12:00", output=output, input=input_, enter=False)
        for output, input_, day in requests
    )
    world.enter(served)
    assert verdicts(world.draft(), exported(world)) <= {"agrees"}
    world.store.close()


# --- what differs ---------------------------------------------------------------------------------

Change = Callable[[dict[str, Any]], None]


def _set(*path: Any, by: Any) -> Change:
    def change(invoice: dict[str, Any]) -> None:
        *steps, last = path
        target: Any = invoice
        for step in steps:
            target = target[step]
        old = target[last]
        target[last] = old + by if isinstance(by, int) else by

    return change


CHANGES: dict[str, Change] = {
    "a token more": _set("lines", 0, "tokens", by=1),
    "a larger quantity": _set("lines", 0, "quantity", by="99"),
    "a higher price": _set("lines", 0, "unit_price", by="0.41"),
    "a higher amount": _set("lines", 0, "amount_usd", by="99"),
    "a cent more on a line": _set("lines", 0, "amount_minor", by=1),
    "a cent more net": _set("net_minor", by=1),
    "a cent more after credit": _set("taxable_minor", by=1),
    "a higher tax rate": _set("taxes", 0, "rate", by="0.20"),
    "a cent more tax": _set("taxes", 0, "amount_minor", by=1),
    "a cent more in all": _set("total_minor", by=1),
    "another rule of rounding": _set("rounding", by="down"),
    "a line of its own": lambda invoice: invoice["lines"].append(
        copy.deepcopy(invoice["lines"][0])
    ),
    "a line less": lambda invoice: invoice["lines"].pop(),
}


@pytest.mark.parametrize("name", CHANGES)
def test_any_change_of_the_invoice_is_found(world: World, name: str) -> None:
    busy(world)
    invoice = json.loads(invoice_json(world.issued()))
    CHANGES[name](invoice)
    findings = recompute.recompute(invoice, rows(exported(world)))
    assert "differs" in {finding.verdict for finding in findings}


@pytest.mark.parametrize("change", ["left out", "twice", "a token more"])
def test_any_change_of_the_usage_is_found(world: World, change: str) -> None:
    busy(world)
    made, usage = world.issued(), rows(exported(world))
    charged = next(row for row in usage if row["state"] == "charged")
    if change == "left out":
        usage.remove(charged)
    elif change == "twice":
        usage.append(charged)
    else:
        charged["output_text"] = str(int(charged["output_text"]) + 1)
    findings = recompute.recompute(json.loads(invoice_json(made)), usage)
    assert any(f.verdict == "differs" and f.what.startswith("tokens") for f in findings)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("half_up", [1, 2, 3, -3]),
        ("half_even", [0, 2, 2, -2]),
        ("half_down", [0, 1, 2, -2]),
        ("up", [1, 2, 3, -3]),
        ("down", [0, 1, 2, -2]),
    ],
)
def test_rules_of_rounding(rule: str, expected: list[int]) -> None:
    halves = [Decimal(text) for text in ("0.5", "1.5", "2.5", "-2.5")]
    assert [round_by(Fraction(half), rule) for half in halves] == expected


# --- as a program ---------------------------------------------------------------------------------


def alone(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The file by itself: no packages, not even wattmill's."""
    command = [sys.executable, "-I", "-S", recompute.__file__, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_it_reads_the_files_of_other_months_too(world: World, tmp_path: Path) -> None:
    files = []
    for number, made in enumerate(reversed(late(world))):
        files += [tmp_path / f"{number}.json", tmp_path / f"{number}.csv"]
        files[-2].write_text(invoice_json(made))
        files[-1].write_text(exported(world, month=made.period.month))
    assert alone(*files).stdout.endswith("\nAll agree.\n")
    assert alone(*files[:2]).stdout.endswith("\nAll agree; 1 not checked.\n")


def test_it_runs_by_itself_and_says_so_by_its_status(world: World, tmp_path: Path) -> None:
    busy(world)
    made = world.issued()
    invoice, usage = tmp_path / "invoice.json", tmp_path / "usage.csv"
    invoice.write_text(invoice_json(made))
    usage.write_text(exported(world))
    good = alone(invoice, usage)
    assert good.returncode == 0 and good.stdout.endswith("\nAll agree.\n"), (
        good.stdout + good.stderr
    )
    invoice.write_text(invoice_json(made).replace('"unit_price": "1.6', '"unit_price": "1.7'))
    bad = alone(invoice, usage)
    assert bad.returncode == 1 and "differs    house-large: Output tokens" in bad.stdout


@pytest.mark.parametrize("text", ["{}", "not json", '{"schema": "wattmill.invoice/1"}', "[]"])
def test_a_file_that_is_no_invoice_is_status_2(tmp_path: Path, text: str) -> None:
    invoice, usage = tmp_path / "invoice.json", tmp_path / "usage.csv"
    invoice.write_text(text)
    usage.write_text("time\n")
    assert alone(invoice, usage).returncode == 2
    assert alone(invoice, tmp_path / "absent").returncode == 2
    assert alone().returncode == 2
