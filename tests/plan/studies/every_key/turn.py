"""A key that is turned: what it becomes, what must move then, and what must not."""

from __future__ import annotations

from typing import NamedTuple

Edit = tuple[str, str, str | None]
Rows = dict[str, tuple[str | None, str, str]]


class Turn(NamedTuple):
    """One key of one file, turned; `moves` and `stays` are paths in the answer of the study, or their beginnings.

    also: what is changed in both files, so that the key can matter.
    """

    study: str
    file: str
    place: str
    key: str
    new: str | None
    moves: str
    stays: str
    also: tuple[Edit, ...] = ()
    inside: tuple[str, str] | None = None

    @property
    def counts_for(self) -> tuple[str, str]:
        """Title of a table of `KEYS`, and the key; of a value in braces the key inside."""
        title = self.place.partition(" ")[0]
        same = "[finance.rent]" if title in PROCESSES else title
        return self.inside or (same, self.key.strip('"'))


PROCESSES = ("[finance.token_price]", "[finance.power]", "[finance.resale]")
TURNS: list[Turn] = []


def turn(study: str, file: str, place: str, rows: Rows, *also: Edit) -> None:
    """Rows of one table: key -> (new value, what moves, what stays)."""
    TURNS.extend(Turn(study, file, place, key, *row, also) for key, row in rows.items())


def alike(moves: str, stays: str, **new: str | None) -> Rows:
    """Keys that move the same."""
    return {key: (value, moves, stays) for key, value in new.items()}


SOLD, SPENT, FLOW = "monthly.revenue_usd", "monthly.opex_usd", "monthly.project_flow_usd"
EARNED, OWED, OWNS = "monthly.ebitda_usd", "monthly.balance_usd", "monthly.equity_flow_usd"
BOOKS, MARKET = "monthly.book_value_usd", "monthly.market_value_usd"
UNTOLD: tuple[Edit, ...] = (
    ("[demand]", "input_mtok_per_month", None),
    ("[demand]", "output_mtok_per_month", None),
)
"""Without a demand the file's own share of full load counts."""
RICH: tuple[Edit, ...] = (*UNTOLD, ("[site]", "facility_usd_per_mw", None))
LATE: tuple[Edit, ...] = (
    *RICH,
    ("[site]", "energised", "2028-01-01"),
    ("[[loan]] bank", "usd", "300_000"),
)
"""With profits that are taxed after a year of losses."""
LETS: tuple[Edit, ...] = (
    ("[finance]", "sells", '"gpu_hours"'),
    ("[finance]", "usd_per_mtok", None),
    ("[finance]", "usd_per_hour", "1.5"),
)
RENTS = (*LETS, ("[finance.rent]", "volatility_frac_per_year", "0.3"))
