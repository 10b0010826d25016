"""What the pages claim about the code is true: links, names, keys, defaults, metrics, commands."""

import configparser
import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import typer.main

from tests.support.factory import ROOT
from wattmill import cli
from wattmill.catalog import factory as catalog
from wattmill.catalog.factory import parse_factory
from wattmill.catalog.factory.rate_plans import OVERRIDE_KEYS
from wattmill.core.errors import FactoryError
from wattmill.gateway.tally import Tally
from wattmill.plan.audit.claims import File as AuditFile

PAGES = sorted(
    [
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    ]
)
ids = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def prose(page: Path) -> str:
    """The text without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.M)


def fenced(page: Path, kind: str) -> Iterator[str]:
    for block in re.finditer(rf"^```{kind}\n(.*?)^```$", page.read_text(), re.DOTALL | re.M):
        yield block[1]


# --- links ----------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@ids
def test_every_internal_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(there), f"{page.name}: {target}"


def test_every_page_can_be_reached_from_the_start_page() -> None:
    start = (ROOT / "docs/index.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "index.md" or f"]({page.name})" in start


# --- names ----------------------------------------------------------------------------------------

ROOMS = [path.name for path in (ROOT / "src/wattmill").iterdir() if (path / "__init__.py").exists()]
NAME = re.compile(rf"`((?:{'|'.join(ROOMS)})(?!\.(?:db|lock|sock)`)(?:\.[A-Za-z_]\w*)+)`")


def look_up(name: str) -> Any:
    """The object of a dotted name below the package: modules as far as they go, then attributes."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(["wattmill", *parts[:n]]))
        except ModuleNotFoundError:
            continue
        for part in parts[n:]:
            found = getattr(found, part)
        return found
    raise AttributeError(name)


@ids
def test_every_name_of_the_code_is_there(page: Path) -> None:
    for name in NAME.findall(prose(page)):
        assert look_up(name) is not None, name


def test_the_life_of_a_request_names_functions_of_every_room_on_the_way() -> None:
    text = prose(ROOT / "docs/design.md")
    life = text.partition("## The life of a request")[2].partition("\n## ")[0]
    named = {name.partition(".")[0] for name in NAME.findall(life)}
    assert named >= {"gateway", "policy", "ledger", "tariff"}
    assert len(NAME.findall(life)) > 25


def test_the_rooms_are_in_the_order_of_the_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
    layers = [
        [room.strip().removeprefix("wattmill.") for room in re.split(r"[|:]", layer)]
        for layer in contracts[0]["layers"]
    ]
    (drawn,) = fenced(ROOT / "docs/design.md", "text")
    names = {room for layer in layers for room in layer}
    lines = [
        [word for word in re.findall(r"\w+", line) if word in names] for line in drawn.splitlines()
    ]
    assert [line[: len(layer)] for line, layer in zip(lines, layers, strict=True)] == layers


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = (name for extra in project["optional-dependencies"].values() for name in extra)
    wanted = {re.split(r"[\[><=]", name)[0] for name in (*project["dependencies"], *extras)}
    text = (
        (ROOT / "docs/design.md").read_text().partition("## Chosen parts")[2].partition("\n## ")[0]
    )
    given = {
        name
        for row in text.splitlines()
        for name in re.findall(r"`([\w-]+)`", row.partition(" | ")[0])
    }
    assert given == wanted


def test_metrics_are_those_that_the_gateway_has() -> None:
    pool = SimpleNamespace(up=True)
    text = Tally().exposition(in_flight=0, connections=0, pools_up={"p": pool.up}).decode()
    real = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    page = (ROOT / "docs/operations.md").read_text()
    assert set(re.findall(r"`(wattmill_\w+)`", page)) == real


# --- the factory file -----------------------------------------------------------------------------

TABLES = catalog.KEYS
LEAST = """
[[pool]]
name = "p"
model = "m"
[[model]]
alias = "a"
route = ["p"]
[[rate_plan]]
name = "r"
usd_per_mtok = { input = 1, output = 2 }
[[tenant]]
name = "t"
rate_plan = "r"
[[site.lead_time]]
name = "l"
months = 3
[[capex]]
name = "c"
usd = 1
[[loan]]
name = "b"
rate_frac_per_year = 0.1
months = 12
usd = 1
[[lease]]
name = "e"
pool = "p"
usd_per_month = 1
months = 12
[[offer]]
name = "o"
kind = "api"
[[candidate]]
name = "d"
hardware = "L40S"
[[change]]
name = "g"
kind = "finetune"
"""
"""Every table with what it must have, and nothing else."""

tables = pytest.mark.parametrize("title", TABLES)


def rows(title: str) -> dict[str, list[str]]:
    """The documented keys of a table, each with its other cells."""
    text = (ROOT / "docs/factory-file.md").read_text()
    section = re.split(rf"^## `{re.escape(title)}`$", text, flags=re.M)[1].partition("\n## ")[0]
    found = re.findall(r"^\| `([\w:]+)` \|(.+)\|$", section, re.M)
    return {key: [cell.strip() for cell in cells.split("|")] for key, cells in found}


INNER = {"[site.power_contract]": catalog.PowerContract(), "[finance.rent]": catalog.Process()}
"""Tables inside others that need not be there."""


def record(title: str) -> Any:
    """What is read of a table that has only what it must."""
    factory = parse_factory(LEAST, "factory.toml")
    if title == "usd_per_mtok":
        priced = LEAST.replace('"m"', '"m"\nusd_per_mtok = { input = 1, output = 2 }', 1)
        return parse_factory(priced, "factory.toml").pools[0].uusd_per_mtok
    if title == "[alerts]":
        return catalog.Alerts()
    if title in INNER:
        return INNER[title]
    if title == "[site]":
        return msgspec.structs.replace(factory.site, lead_time=())
    holder, _, name = title.strip("[]").rpartition(".")
    if holder:
        return getattr(getattr(factory, holder), name)[0]
    many = {"capex": "capexes"}.get(name, name + "s")
    return getattr(factory, name) if title.count("[") == 1 else getattr(factory, many)[0]


@tables
def test_every_key_of_the_factory_file_is_documented(title: str) -> None:
    assert list(rows(title)) == list(TABLES[title])


RECORDS = [
    title
    for title in TABLES
    if "rate_plan" not in title
    and title not in ("tiers and packages", "tax", "[finance.correlation]")
]
"""Tables that become a record with the same fields; what rate plans mean is tested beside their reading."""


@pytest.mark.parametrize("title", RECORDS)
def test_every_documented_default_is_the_one_that_is_read(title: str) -> None:
    read = record(title)
    for key, (_, default, _) in rows(title).items():
        if key in OVERRIDE_KEYS and title == "[[tenant]]":
            assert default == "as its plan", key
            continue
        value = getattr(read, key if hasattr(read, key) else key.replace("usd", "uusd"))
        if key == "spike_least_usd":
            value //= 10**6
        if default == "required":
            assert value is not None
        elif default == "–":
            assert value is None or (title == "[[loan]]" and key == "usd"), key
        elif default.startswith("as "):
            assert value == getattr(read, default.removeprefix("as ").strip("`")), key
        else:
            expected = tomllib.loads(f"x = {default.strip('`')}")["x"]
            assert value == (tuple(expected) if isinstance(expected, list) else expected), key


@pytest.mark.parametrize("title", [*RECORDS, "[[rate_plan]]"])
def test_every_required_key_is_required(title: str) -> None:
    required = [key for key, cells in rows(title).items() if cells[1] == "required"]
    head = title if title.startswith("[") else "[[rate_plan]]"
    before, _, after = LEAST.partition(head)
    for key in required:
        without = re.sub(
            rf"(^|[{{ ]){key} = (\{{.*?\}}|[^,\n}}]+),?", r"\1", after, count=1, flags=re.M
        )
        assert without != after
        with pytest.raises(FactoryError):
            parse_factory(before + head + without, "factory.toml")


@ids
def test_every_piece_of_a_factory_file_has_known_keys(page: Path) -> None:
    for text in fenced(page, "toml"):
        tables = tomllib.loads(text)
        if "claim" in tables:
            msgspec.convert(tables, AuditFile)
            continue
        if page.name == "catalog-file.md":  # of a catalog file; tests/catalog reads it
            continue
        for name, value in tables.items():
            title = f"[{name}]" if isinstance(value, dict) else f"[[{name}]]"
            for table in [value] if isinstance(value, dict) else value:
                assert set(table) <= set(rows(title)), f"{page.name}: {title}"


def test_the_whole_file_on_the_page_loads() -> None:
    whole, plan, finance = fenced(ROOT / "docs/factory-file.md", "toml")
    assert parse_factory(whole, "factory.toml").tenants[0].name == "acme"
    assert parse_factory(whole + plan, "factory.toml").rate_plan("business").terms.bands
    assert parse_factory(whole + finance, "factory.toml").loans[0].share_frac == 0.7


# --- commands -------------------------------------------------------------------------------------


def parse_command(words: list[str]) -> Any:
    """Its context; fail if there is no such command with such options."""
    command: Any = typer.main.get_command(cli.app)
    while hasattr(command, "commands"):
        assert words and words[0] in command.commands, words
        command, words = command.commands[words[0]], words[1:]
    return command.make_context(command.name, words)


CALLERS = ("wattmill", "sudo", "podman")


def written_commands() -> Iterator[tuple[str, list[str]]]:
    for page in PAGES:
        for block in fenced(page, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                called = [n for n, word in enumerate(words) if Path(word).name == "wattmill"]
                given = words[called[-1] + 1 :] if called and words[0] in CALLERS else []
                if given and not given[0].startswith("-"):
                    yield page.name, given
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "deploy/wattmill.service")
    for key in ("ExecStart", "ExecReload"):
        yield key, shlex.split(unit["Service"][key])[1:]
    container = (ROOT / "deploy/Containerfile").read_text()
    start = re.search(r"^CMD (\[.*\])$", container, re.M)
    assert start is not None
    yield "Containerfile", msgspec.json.decode(start[1], type=list[str])


@pytest.mark.parametrize(("place", "words"), list(written_commands()))
def test_every_command_that_is_shown_exists(place: str, words: list[str]) -> None:
    assert parse_command(words) is not None


def test_every_command_of_the_changelog_exists() -> None:
    text = (ROOT / "CHANGELOG.md").read_text().partition("- **Operating**: ")[2].partition(";")[0]
    shown = set(re.findall(r"`(?:wattmill )?(\w+)`", text))
    command: Any = typer.main.get_command(cli.app)
    assert shown == set(command.commands)


def test_every_copied_path_of_the_containerfile_is_there() -> None:
    container = (ROOT / "deploy/Containerfile").read_text()
    for line in re.findall(r"^COPY (.+)$", container, re.M):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
