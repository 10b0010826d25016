"""Books with one big month in them, and what they must come to: `python -m bench.ledger.month FOLDER REQUESTS`.

Twelve tenants on three rate plans, four models on two pools, a price that changes in the middle of the month; a few
requests are waived or void. They come in through ``Store.load``, in blocks as the loader makes them, with the running
accounts that belong to them, so that `wattmill doctor` has all of them to check. Prints one line of JSON.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path
from typing import Any

from wattmill.catalog.factory import parse_factory
from wattmill.core.records import Price, Usage, UsageSource
from wattmill.ledger.accounts import AccountsState, Balance, Finished, State
from wattmill.ledger.entries import RUN_BITS, Settle, Void
from wattmill.ledger.periods import Month, month_named
from wattmill.tariff.rating import PriceBook, rate
from wattmill.web.books import Books

MONTH = "2025-06"
LOADED_S = datetime(2025, 5, 20, tzinfo=UTC).timestamp()
EDITED_S = datetime(2025, 6, 10, tzinfo=UTC).timestamp()
CHANGES = "2025-06-16"
TENANTS = tuple(f"tenant-{number:02}" for number in range(12))
PLANS = ("flat", "tiered", "committed")
MODELS = ("house-small", "house-large", "house-code", "house-vision")
POOLS = ("l40s", "h200")
BLOCK_REQUESTS = 6_600
"""As the loader makes them: 20,000 entries, three for each request."""

PATTERNS = 4_096
"""Requests that differ in tokens and in how they ended; they come again and again, at ever new times."""


def factory_text(output_usd: str, valid_from: str | None = None) -> str:
    """The site, with a price of output tokens that will be changed."""
    dated = "" if valid_from is None else f"valid_from = {valid_from}\n"
    pools = "".join(_POOL.format(name=name) for name in POOLS)
    models = "".join(_MODEL.format(alias=alias, route=json.dumps(POOLS)) for alias in MODELS)
    plans = _PLANS.format(dated=dated, output=output_usd)
    tenants = "".join(
        _TENANT.format(name=name, plan=PLANS[number % len(PLANS)])
        for number, name in enumerate(TENANTS)
    )
    return pools + models + plans + tenants


_POOL = '[[pool]]\nname = "{name}"\nmodel = "{name}"\nurl = "http://127.0.0.1:1/v1"\n'
_MODEL = '[[model]]\nalias = "{alias}"\nroute = {route}\n'
_TENANT = '[[tenant]]\nname = "{name}"\nrate_plan = "{plan}"\n'
_PLANS = """
[[rate_plan]]
name = "flat"
{dated}usd_per_mtok = {{ input = 0.40, cached_input = 0.04, output = {output} }}
[[rate_plan.rate]]
model = "house-large"
usd_per_mtok = {{ input = 2, output = 8 }}

[[rate_plan]]
name = "tiered"
{dated}free_mtok = {{ output = 5 }}
[rate_plan.usd_per_mtok]
input = 0.40
cached_input = 0.04
output = {{ graduated = [{{ up_to_mtok = 20, usd_per_mtok = {output} }}, {{ usd_per_mtok = 1.20 }}] }}

[[rate_plan]]
name = "committed"
{dated}usd_per_mtok = {{ input = 0.35, cached_input = 0.04, output = {output} }}
[rate_plan.commitment]
usd = 1000
"""


def prepare(folder: Path, requests: int) -> dict[str, Any]:
    """Make the books; returns what every tenant's invoice must be made of, and how long it took."""
    books = Books(folder)
    try:
        for text, now_s in ((factory_text("1.60"), LOADED_S), _edited()):
            books.registry.load_factory(
                parse_factory(text, str(folder / "factory.toml")), text, now_s
            )
        traffic = Traffic(books, requests)
        began_s = time.perf_counter()
        for finished in traffic.blocks():
            books.store.load(finished, {}, traffic.state(), traffic.recorded_us)
        books.publish()
        took_s = time.perf_counter() - began_s
    finally:
        books.close()
    size_mb = (folder / "ledger.db").stat().st_size / 2**20
    return {"seconds": took_s, "size_mb": size_mb, "charged": traffic.charged()}


def _edited() -> tuple[str, float]:
    return factory_text("1.80", CHANGES), EDITED_S


class Traffic:
    """The requests of a month in the order of their holds, and what they add up to."""

    def __init__(self, books: Books, requests: int) -> None:
        self.recorded_us = 0
        self._requests = requests
        self._month = month_named(MONTH, "UTC")
        self._prices = PriceBook(books.registry.prices())
        self._keys = {name: books.registry.create_key(name, LOADED_S).id for name in TENANTS}
        self._spent_pusd: Counter[str] = Counter()
        self._charged: Counter[str] = Counter()
        self._patterns = tuple(islice(_patterns(), PATTERNS))
        self._found: dict[tuple[str, str, str, bool], Price] = {}
        self._changes_s = datetime.fromisoformat(CHANGES).replace(tzinfo=UTC).timestamp()

    def blocks(self) -> Iterator[Sequence[Finished]]:
        """What is over, a block at a time."""
        numbers = iter(range(self._requests))
        while batch := [self._finished(number) for number in islice(numbers, BLOCK_REQUESTS)]:
            self.recorded_us = round(batch[-1].ended_at_s * 1e6) + 1
            yield batch

    def state(self) -> AccountsState:
        """The running accounts after the last block."""
        month, spent = self._month, self._spent_pusd
        keys = {self._keys[name]: Balance(month, spent[name]) for name in TENANTS}
        return AccountsState({name: Balance(month, spent[name]) for name in TENANTS}, keys=keys)

    def charged(self) -> dict[str, tuple[int, int]]:
        """Requests and pUSD that are charged, by tenant."""
        return {name: (self._charged[name], self._spent_pusd[name]) for name in TENANTS}

    def _finished(self, number: int) -> Finished:
        held_s = _instant(self._month, number, self._requests)
        usage, state, model, pool = self._patterns[number * 7 % PATTERNS]
        tenant = TENANTS[number % len(TENANTS)]
        request = (1 << RUN_BITS) + number
        who = (tenant, self._keys[tenant], model, pool)
        if state == "void":
            end = Void(request, held_s + 1, held_s, *who, "engine_failed", usage)
            return Finished(end, state, held_s + 1, "engine_failed")
        price = self._price(tenant, model, pool, held_s)
        amount_pusd = rate(usage, price)
        settled = Settle(
            request, held_s + 1, held_s, *who, price.version, usage, amount_pusd, "finished"
        )
        if state == "waived":
            return Finished(settled, state, held_s + 2, "gateway_died")
        self._charged[tenant] += 1
        self._spent_pusd[tenant] += amount_pusd
        return Finished(settled, state, held_s + 2)

    def _price(self, tenant: str, model: str, pool: str, held_s: float) -> Price:
        key = (tenant, model, pool, held_s >= self._changes_s)
        found = self._found.get(key)
        if found is None:
            plan = PLANS[TENANTS.index(tenant) % len(PLANS)]
            found = self._prices.price(plan, model, pool, held_s)
            assert found is not None
            self._found[key] = found
        return found


def _instant(month: Month, number: int, requests: int) -> float:
    """Evenly over the month, in whole microseconds."""
    length_us = round((month.end_s - month.start_s) * 1e6)
    return (round(month.start_s * 1e6) + length_us * number // requests) / 1e6


def _patterns() -> Iterator[tuple[Usage, State, str, str]]:
    """Mostly charged and counted by the engine; one in a hundred waived, one in fifty void."""
    dice = random.Random(4)
    for number in count():
        cached = dice.choice((0, 0, 512, 2048))
        source: UsageSource = "counted" if number % 20 == 0 else "engine"
        usage = Usage(dice.randrange(1, 4_000), cached, 0, dice.randrange(1, 900), source=source)
        state: State = "waived" if number % 100 == 1 else "void" if number % 50 == 2 else "charged"
        yield usage, state, dice.choice(MODELS), POOLS[number % 3 == 0]


def main() -> None:
    folder, requests = sys.argv[1:]
    print(json.dumps(prepare(Path(folder), int(requests))))


if __name__ == "__main__":
    main()
