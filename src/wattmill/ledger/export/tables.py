"""Parts of screens. What users wrote is shown as text, never read as markup.

``rich`` is imported where it is used: most commands do not need it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from wattmill.ledger.export import words

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text


def table(*left: str, right: Sequence[str] = ()) -> Table:
    """A table with columns of words, then of numbers; without a header where no column has a name."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD if left else None, pad_edge=False, show_header=bool(left))
    for name in left:
        made.add_column(name, overflow="fold")
    for name in right:
        made.add_column(name, justify="right", overflow="fold")
    return made


def text(content: str, style: str = "") -> Text:
    """One line of text as it is."""
    from rich.text import Text

    return Text(words.one_line(content), style=style)


def dim(sentences: Iterable[str]) -> list[Text]:
    """Remarks at the foot of a screen."""
    return [text(sentence, "dim") for sentence in sentences]
