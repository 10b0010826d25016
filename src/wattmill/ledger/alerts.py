"""Soft alerts: a share of a budget is spent, or an hour costs far more than such hours do. Pure; nothing is stopped.

Each is told once. What makes it the same one (``about``) names the crossing and nothing that goes on moving, so that
whoever looks again, after a restart or a minute later, tells the same message, and the outbox has it already.

**The rule for spikes.** The forecast for an hour is the *median* of what the same hour of the same weekday cost in the
eight weeks before it, on the tenant's own clock. An hour is a spike as soon as it has cost ``factor`` times that, and
at least ``least_pusd``: three times nothing is nothing. The median does not move for one bad week or a holiday, and
the weekday keeps nights, Mondays and weekends apart. With fewer than four such hours since the tenant began the
forecast is unknown, and nothing is a spike: a guess would teach people to ignore alerts.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from statistics import median
from typing import Any, Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from wattmill.core.money import pusd_to_usd
from wattmill.ledger.outbox import Message, message_of

LOG, WEBHOOK = "log", "webhook"
"""Destinations of alerts."""
WEEKS = 8
FEWEST_WEEKS = 4
HOUR_S = 3600

Scope = Literal["tenant", "reseller", "key"]


class Standing(Struct, frozen=True):
    """An account with a budget: what it has spent of it in its month, and at which shares (in percent) to tell."""

    scope: Scope
    name: str
    month: str
    spent_pusd: int
    budget_pusd: int
    at_percent: tuple[int, ...]


class BudgetAlert(Struct, frozen=True):
    """``percent`` of a budget is spent in a month. A budget that is changed is another one to cross."""

    scope: Scope
    name: str
    month: str
    percent: int
    spent_pusd: int
    budget_pusd: int

    @property
    def about(self) -> dict[str, Any]:
        """What makes it this alert."""
        return {
            "alert": "budget",
            "scope": self.scope,
            "name": self.name,
            "month": self.month,
            "percent": self.percent,
            "budget_pusd": self.budget_pusd,
        }

    def data(self, currency: str) -> dict[str, Any]:
        """What a receiver reads; amounts are decimals of whole units."""
        return {
            self.scope: self.name,
            "month": self.month,
            "percent": self.percent,
            "spent": _amount(self.spent_pusd),
            "budget": _amount(self.budget_pusd),
            "currency": currency,
        }

    def sentence(self, currency: str) -> str:
        """For people."""
        return (
            f"{self.scope} {self.name} has spent {_amount(self.spent_pusd)} of {_amount(self.budget_pusd)} "
            f"{currency} in {self.month}: {self.percent} % are reached"
        )


class SpikeAlert(Struct, frozen=True):
    """The hour that begins at ``hour_s`` has cost a tenant far more than its forecast."""

    name: str
    hour_s: int
    spent_pusd: int
    forecast_pusd: Fraction
    factor: int
    timezone: str

    @property
    def about(self) -> dict[str, Any]:
        """What makes it this alert."""
        return {"alert": "spike", "tenant": self.name, "hour_s": self.hour_s}

    def data(self, currency: str) -> dict[str, Any]:
        """What a receiver reads; amounts are decimals of whole units."""
        return {
            "tenant": self.name,
            "hour": self._hour(),
            "spent": _amount(self.spent_pusd),
            "forecast": _amount(round(self.forecast_pusd)),
            "factor": self.factor,
            "currency": currency,
        }

    def sentence(self, currency: str) -> str:
        """For people."""
        return (
            f"tenant {self.name} has spent {_amount(self.spent_pusd)} {currency} in the hour from {self._hour()}: "
            f"{self.factor} times the forecast of {_amount(round(self.forecast_pusd))} are reached"
        )

    def _hour(self) -> str:
        return datetime.fromtimestamp(self.hour_s, ZoneInfo(self.timezone)).isoformat()


Alert = BudgetAlert | SpikeAlert
_TYPES: dict[type, str] = {BudgetAlert: "budget.reached", SpikeAlert: "spend.spiked"}


def alert_message(alert: Alert, destination: str, currency: str, at_s: float) -> Message:
    """The alert as a message; the same crossing has the same id, whenever it is seen."""
    body = {
        "type": _TYPES[type(alert)],
        "text": alert.sentence(currency),
        "timestamp": datetime.fromtimestamp(int(at_s), ZoneInfo("UTC")).isoformat(),
        "data": alert.data(currency),
    }
    return message_of(destination, body, about=alert.about)


# --- budgets ----------------------------------------------------------------------------------------------------------


def budget_alerts(standings: Iterable[Standing]) -> list[BudgetAlert]:
    """Every share that is reached, in whole numbers. A budget of nothing has no shares."""
    return [
        BudgetAlert(
            standing.scope,
            standing.name,
            standing.month,
            percent,
            standing.spent_pusd,
            standing.budget_pusd,
        )
        for standing in standings
        for percent in standing.at_percent
        if standing.budget_pusd > 0 and standing.spent_pusd * 100 >= percent * standing.budget_pusd
    ]


# --- spikes -----------------------------------------------------------------------------------------------------------


def hour_at(at_s: float, timezone: str) -> int:
    """When the hour on a zone's clock began that contains an instant."""
    offset = datetime.fromtimestamp(at_s, ZoneInfo(timezone)).utcoffset() or timedelta()
    offset_s = int(offset.total_seconds())
    return int((at_s + offset_s) // HOUR_S) * HOUR_S - offset_s


def same_hours(hour_s: int, timezone: str, begins_s: float) -> list[int]:
    """When the same hour of the same weekday began, one to eight weeks earlier, on the zone's clock; none from before
    ``begins_s``."""
    zone = ZoneInfo(timezone)
    local = datetime.fromtimestamp(hour_s, zone)
    weeks = (local - timedelta(days=7 * week) for week in range(1, WEEKS + 1))
    starts = (int(when.timestamp()) for when in weeks)
    return [start for start in starts if start >= begins_s]


def forecast_pusd(spent_pusd: Sequence[int]) -> Fraction | None:
    """The median of what such hours cost; ``None`` with fewer than four of them."""
    if len(spent_pusd) < FEWEST_WEEKS:
        return None
    return median(map(Fraction, spent_pusd))


def is_spike(
    spent_pusd: int, forecast: Fraction | None, *, factor: int, least_pusd: int
) -> bool | None:
    """Whether an hour has cost far more than foreseen; ``None`` when nothing is."""
    if forecast is None:
        return None
    return spent_pusd >= least_pusd and spent_pusd >= factor * forecast


def _amount(pusd: int) -> str:
    """``412.5``: every digit, and none that says nothing."""
    text = f"{pusd_to_usd(pusd):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
