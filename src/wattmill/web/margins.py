"""What ``wattmill margin`` prints: the site's month, or one request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from wattmill.catalog.names import nearest
from wattmill.core.errors import UsageError
from wattmill.ledger import export
from wattmill.ledger.cost.schedule import require_schedule
from wattmill.ledger.export.margins import By
from wattmill.web.reports import one_request, site_currency, site_margin

Screen = Callable[[Any, bool, Callable[[], Any]], None]


def show(
    data: Path,
    month: str | None,
    by: str,
    schedule: str,
    request: str | None,
    *,
    csv: bool,
    as_json: bool,
    screen: Screen,
) -> None:
    """Print it in the form that was asked for. ``UsageError`` for words that nobody knows."""
    rows, wear = _require_rows(by), require_schedule(schedule)
    if request is not None:
        _refuse_together(request=True, month=month is not None, csv=csv)
        one = one_request(data, request, wear)
        if as_json:
            print(export.request_margin_json(one), end="")
        else:
            screen(None, False, lambda: export.request_screen(one, site_currency(data)))
        return
    report = site_margin(data, month, wear)
    if as_json:
        print(export.margin_json(report))
    elif csv:
        print(export.margin_csv(report), end="")
    else:
        screen(None, False, lambda: export.margin_screen(report, rows, site_currency(data)))


def _require_rows(by: str) -> By:
    known: tuple[By, ...] = get_args(By)
    for name in known:
        if by == name:
            return name
    raise UsageError(f"there are no rows by {by!r}", hint=nearest(by, known))


def _refuse_together(**given: bool) -> None:
    if given["month"] or given["csv"]:
        raise UsageError(
            "--request goes with neither --month nor --csv",
            hint="a request knows its month; --json prints it for programs",
        )
