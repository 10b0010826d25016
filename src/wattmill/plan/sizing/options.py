"""Records of a sizing study, as they are printed and as `--json` gives them."""

from __future__ import annotations

import msgspec

from wattmill.physics.performance import Workload
from wattmill.plan.sizing.money import Terms
from wattmill.plan.sizing.slo import Slo


class SizeQuestion(msgspec.Struct, frozen=True):
    """What must be served, and what may be bought for it.

    users: sequences in flight at once, at the peak. rps: requests per second instead. Exactly one of
    both is set. hardware, precisions: words of the catalog; none is all that is sold, and what is
    close to lossless. kv_precision: of the KV cache.
    """

    model: str
    workload: Workload
    slo: Slo
    users: int | None = None
    rps: float | None = None
    hardware: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    kv_precision: str = "fp16"
    terms: Terms = Terms()


class Option(msgspec.Struct, frozen=True):
    """One way to serve it, at the peak; None is not known.

    hardware: all cards, `16x H100-SXM`, of `accelerator`; machines: whole systems, where it is sold as such. replicas
    of tp · dp · pp cards each hold `batch` sequences at most; ep: cards that share experts.
    tok_per_s: answers of all replicas; power_w: all cards and hosts before cooling; mean_power_w,
    usd_per_hour and usd_per_mtok: at the mean load. usd_per_mtok counts prompt and answer alike.
    is_sure: the SLO holds at the upper end of the interval, too. limited_by: why a replica takes no
    more; binds: what takes the largest share of its time. best_at: cost, power, speed.
    """

    hardware: str
    accelerator: str
    system: str | None
    machines: int | None
    cards: int
    engine: str
    precision: str
    kv_precision: str
    tp: int
    pp: int
    dp: int
    ep: int
    replicas: int
    batch: int
    ttft_s: float
    tpot_s: float
    tpot_low_s: float
    tpot_high_s: float
    tok_per_s: float
    requests_per_s: float
    power_w: float
    mean_power_w: float
    usd_per_hour: float | None
    usd_per_mtok: float | None
    usd_per_mtok_output: float | None
    usd_basis: str | None
    usd_as_of: str | None
    is_usd_stale: bool
    is_sure: bool
    limited_by: str
    binds: str
    best_at: tuple[str, ...]
    launch: dict[str, str]


class Miss(msgspec.Struct, frozen=True):
    """What came nearest, with as many replicas as there may be, and what would make it.

    batch, ttft_s, tpot_s: where time is what lacks. most_users: sequences at once, where there are
    too few cards to hold all. missing_bytes: where there is no room for one. The others are None.
    """

    hardware: str
    precision: str
    layout: str
    batch: int | None = None
    ttft_s: float | None = None
    tpot_s: float | None = None
    most_users: int | None = None
    missing_bytes: float | None = None
    knobs: tuple[str, ...] = ()


class SizeReport(msgspec.Struct, frozen=True):
    """The answer. options: of the front, cheapest first; front: how many it has in all, up to ten
    times the least cost and power.

    others: the cheapest on other hardware, which something on the front beats; cheapest first.
    configurations: how many were evaluated. miss: where nothing meets the SLO.
    """

    model: str
    users: int | None
    rps: float | None
    workload: Workload
    slo: Slo
    terms: Terms
    layouts: int
    configurations: int
    front: int
    options: tuple[Option, ...]
    others: tuple[Option, ...]
    miss: Miss | None
    notes: tuple[str, ...]
