"""Every invoice's usage anew, from the requests and not from sums: `python -m bench.ledger.recount FOLDER`.

That is what the books do for whatever they knew at an earlier block. Prints requests and pUSD by tenant as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.ledger.month import MONTH, TENANTS
from wattmill.ledger.chain import tail
from wattmill.ledger.periods import month_named
from wattmill.ledger.store import Store
from wattmill.ledger.usage import usage


def recount(folder: Path) -> dict[str, tuple[int, int]]:
    """Charged requests and what they come to, by tenant."""
    month = month_named(MONTH, "UTC")
    found = {}
    with Store(folder, write=False) as store:
        with store.reading() as connection:
            bound = tail(connection).number
        for tenant in TENANTS:
            groups = usage(store, month.start_s, month.end_s, tenant, bound)
            charged = [group for group in groups if group.state == "charged"]
            requests = sum(group.requests for group in charged)
            found[tenant] = (requests, sum(group.amount_pusd for group in charged))
    return found


def main() -> None:
    print(json.dumps({"charged": recount(Path(sys.argv[1]))}))


if __name__ == "__main__":
    main()
