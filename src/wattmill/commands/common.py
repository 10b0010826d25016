"""What all commands share: where the books are, how results are shown, how amounts and days are read."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattmill.core.errors import UsageError
from wattmill.start import say

if TYPE_CHECKING:
    from wattmill.ledger.billing.documents import Document

__all__ = ["say"]

Data = Annotated[
    Path,
    typer.Option(
        "--data", envvar="WATTMILL_DATA", help="The folder of the books.", show_default=True
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Month = Annotated[
    str | None, typer.Option("--month", help="For example 2026-11; default: the current one.")
]
Rpm = Annotated[int | None, typer.Option("--rpm", min=1, help="Requests per minute at the most.")]
Concurrency = Annotated[
    int | None, typer.Option("--concurrency", min=1, help="Requests at a time at the most.")
]
OneTenant = Annotated[
    str | None, typer.Argument(metavar="TENANT", help="Default: all.", show_default=False)
]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept with the entry.")]
FactoryFile = Annotated[
    Path | None,
    typer.Argument(metavar="FACTORY.toml", help="Default: ./factory.toml, else the first example."),
]
Html = Annotated[Path | None, typer.Option("--html", help="Write pictures to this file.")]
DATA = Path(".wattmill")


def factory_path(given: Path | None) -> Path:
    """The factory file that a command is about; ``UsageError`` if there is none without a name."""
    if given is not None:
        return given
    here = Path("factory.toml")
    return here if here.exists() else _first_example(Path(__file__).parents[1])


def _first_example(package: Path) -> Path:
    """As it ships with the package, or as it stands in a checkout."""
    places = (package / "demo" / "factory.toml", package.parents[1] / "examples/first/factory.toml")
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise UsageError(
            "there is no factory.toml in this folder",
            hint="give the path of a factory file; `wattmill init` writes one",
        )
    return found


def one_thread() -> None:
    """Let NumPy compute in one thread, unless the caller chose: in small matrices threads only wait.

    Before NumPy is loaded.
    """
    import os

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def show(data: Any, as_json: bool, text: Callable[[], Any]) -> None:
    """Print the result of a command: JSON, or what ``text`` returns for a person."""
    if as_json:
        import msgspec

        print(msgspec.json.format(msgspec.json.encode(data), indent=2).decode())
        return
    from wattmill.commands.screen import print_screen

    print_screen(text())


def show_document(document: "Document", pdf: Path | None, csv: bool, as_json: bool) -> None:
    """Print an invoice or a credit note, or write it as a PDF."""
    from wattmill.ledger import export

    if pdf is not None:
        pdf.write_bytes(export.invoice_pdf(document))
        say(f"{pdf} is written")
    if csv:
        print(export.invoice_csv(document), end="")
    elif as_json:
        print(export.invoice_json(document))
    elif pdf is None:
        show(None, False, lambda: export.invoice_screen(document))


def call_and_show(
    data: Path, as_json: bool, operation: str, text: Callable[[Any], Any], **arguments: Any
) -> None:
    """Have the books do something, and print what comes back."""
    from wattmill.web.control import call

    result = call(data, operation, **arguments)
    show(result, as_json, lambda: text(result))


def uusd(amount: str | None) -> int | None:
    """µUSD of an amount as people write it, not below zero; ``UsageError`` for anything else."""
    from wattmill.core.money import usd_to_uusd

    if amount is None:
        return None
    found = _money(amount, usd_to_uusd)
    if found < 0:
        raise UsageError(f"a budget cannot be negative: {amount}", hint="write it as 500 or 12.50")
    return found


def pusd(amount: str) -> int:
    """pUSD of an amount as people write it; ``UsageError`` for anything else."""
    from wattmill.core.money import usd_to_pusd

    return _money(amount, usd_to_pusd)


_AMOUNT = r"[+-]?([0-9][0-9_]*|[0-9]{1,3}(,[0-9]{3})+)(\.[0-9]+)?"
"""Commas only where they part thousands: 12,50 is refused, because it would be read as 1,250."""


def _money(amount: str, units: Callable[[str], int]) -> int:
    import re

    if not re.fullmatch(_AMOUNT, amount):
        hint = "write it as 500, 1,250 or 12.50"
        raise UsageError(f"{amount!r} is not an amount of money", hint=hint)
    try:
        return units(amount.replace(",", "").replace("_", ""))
    except ValueError:
        hint = "write it as 500 or 12.50"
        raise UsageError(f"{amount!r} is not an amount: it is too fine", hint=hint) from None


def day(text: str | None) -> str | None:
    """A day as ``2026-11-30``; ``UsageError`` for anything else."""
    from datetime import date

    if text is None:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise UsageError(f"{text!r} is not a day", hint="write it as 2026-11-30") from None


def tenant_name(name: str) -> str:
    """A name that a new tenant may have."""
    import re

    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
        hint = "use a-z, 0-9, '.', '_' and '-', beginning with a letter or digit"
        raise UsageError(f"{name!r} is not a name for a tenant", hint=hint)
    return name


def require_country(code: str | None) -> str | None:
    """A country as two capital letters."""
    import re

    if code is not None and not re.fullmatch("[A-Z]{2}", code):
        raise UsageError(f"{code!r} is not a country by ISO 3166", hint="for example DE")
    return code


def require_timezone(name: str) -> str:
    """A time zone that there is."""
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UsageError(
            f"there is no time zone {name!r}", hint="for example Europe/Berlin"
        ) from None
    return name
