"""Pictures as one HTML file: figures with the script that draws them, nothing from a network.

The page forbids every connection by its content security policy, so it cannot tell anybody that it
was opened, and looks the same in ten years.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wattmill.core.errors import UsageError

if TYPE_CHECKING:
    import plotly.graph_objects as go

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline';"
    " img-src data: blob:; font-src data:"
)
STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem;
  color: #1c1c1c; background: #fff; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 0; }
p { margin: .3rem 0; color: #555; }
table { border-collapse: collapse; margin-top: .8rem; font-size: 13px; }
th, td { padding: .2rem .7rem .2rem 0; text-align: left; white-space: nowrap; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
th { border-bottom: 1px solid #999; font-weight: 600; }
.scroll { overflow-x: auto; }
footer { margin: 2rem 0; color: #777; font-size: 12px; }
"""
LAYOUT = {
    "template": "plotly_white",
    "height": 460,
    "margin": {"l": 70, "r": 20, "t": 30, "b": 60},
    "font": {"family": "system-ui, sans-serif", "size": 13},
    "legend": {"font": {"size": 11}},
}
CONFIG = {"displaylogo": False, "responsive": True, "plotlyServerURL": ""}
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")
"""Okabe and Ito's palette, which people who see few colours can tell apart as well."""


MISSING = ("", "-", "–", "never", "none", "unknown")
NUMBER = re.compile(r"[-+−±]? ?\d[\d.,]*(?![\w-])")
"""At the beginning of a cell; a date is none, nor is `8x B200`."""


class Section:
    """A heading, a sentence, and a figure or a table beneath it."""

    def __init__(
        self, title: str, text: str, figure: go.Figure | None = None,
        table: tuple[Sequence[str], Sequence[Sequence[str]]] | None = None,
    ) -> None:  # fmt: skip
        self.title, self.text, self.figure, self.table = title, text, figure, table


def page(title: str, lines: Sequence[str], sections: Sequence[Section]) -> str:
    """The whole page as HTML; the script is in it once, before the first figure."""
    body = [f"<h1>{_safe(title)}</h1>", *(f"<p>{_safe(line)}</p>" for line in lines)]
    for number, section in enumerate(sections):
        body += [f"<h2>{_safe(section.title)}</h2>", f"<p>{_safe(section.text)}</p>"]
        body += [_figure(section.figure, number)] if section.figure is not None else []
        body += [_table(*section.table)] if section.table is not None else []
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_safe(title)}</title><style>{STYLE}</style>"
        f"<script>{_script()}</script></head><body>\n" + "\n".join(body) + "\n"
        "<footer>Drawn by wattmill with plotly.js (MIT licence), which is part of this file.</footer>"
        "</body></html>\n"
    )


def write_page(path: Path, text: str) -> None:
    """Write it; UsageError where the file cannot be."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}", hint="name a file in a folder that exists",
            place="--html",
        ) from None  # fmt: skip


def figure(traces: Sequence[object], **layout: object) -> go.Figure:
    """A figure in the style of the page; layout as plotly names it."""
    import plotly.graph_objects as go

    drawn = go.Figure(data=list(traces), layout={**LAYOUT, "colorway": COLOURS})
    drawn.update_layout(**layout)
    return drawn


def _figure(drawn: go.Figure, number: int) -> str:
    from plotly.io import to_html

    return str(
        to_html(
            drawn, config=CONFIG, include_plotlyjs=False, full_html=False, div_id=f"figure-{number}",
        )
    )  # fmt: skip


def _script() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    numbers = [_is_of_numbers([row[i] for row in rows]) for i in range(len(heads))]
    lines = (_row("td", row, numbers) for row in rows)
    return f'<div class="scroll"><table>{_row("th", heads, numbers)}{"".join(lines)}</table></div>'


def _row(tag: str, cells: Sequence[str], numbers: Sequence[bool]) -> str:
    """Numbers stand at the right, so that their digits are beneath each other."""
    opened = (f'<{tag} class="n">' if is_number else f"<{tag}>" for is_number in numbers)
    inner = (f"{head}{_safe(cell)}</{tag}>" for head, cell in zip(opened, cells, strict=True))
    return f"<tr>{''.join(inner)}</tr>"


def _is_of_numbers(cells: Sequence[str]) -> bool:
    """Whether a column has numbers, with their units, and nothing else but their absence."""
    told = [cell for cell in cells if cell not in MISSING]
    return bool(told) and all(NUMBER.match(cell) for cell in told)


def _safe(text: str) -> str:
    return html.escape(text)
