"""What the readers of offers share: the file, its demand and months, and where each number is from."""

from __future__ import annotations

from datetime import date

from wattmill.catalog.factory import Factory, Offer
from wattmill.core.errors import PlanError
from wattmill.plan.studies.demand import asked
from wattmill.plan.studies.selling import drift
from wattmill.plan.studies.sourced import Sources, T, place
from wattmill.plan.studies.timeline import decision_line

FOREVER = 10**6
"""A month after every study."""


class Reading:
    """One file; `notes` gather what a reader must know beside the numbers. PlanError without a demand."""

    def __init__(self, factory: Factory, today: date) -> None:
        self.factory = factory
        self.sources = Sources(factory)
        self.notes: list[str] = []
        self.line = decision_line(factory, today, self.sources)
        self.asked = asked(factory, self.sources)
        self.growth = drift(factory, self.sources)

    def told(self, offer: Offer, key: str, value: T, unit: str) -> T:
        """A value that an offer gives or has by default."""
        return self.sources.told(f"offer.{offer.name}.{key}", value, unit)

    def choice(self, offer: Offer, key: str, value: str, otherwise: str) -> str:
        """A word that an offer gives, or that is chosen for it."""
        return self.sources.told(f"offer.{offer.name}.{key}", value, key, otherwise)

    def fees(self, offer: Offer) -> tuple[float, float]:
        """What it costs once and what each month, beside everything else."""
        setup = self.told(offer, "setup_usd", offer.setup_usd, "USD")
        return setup, self.told(
            offer, "other_usd_per_month", offer.other_usd_per_month, "USD/month"
        )

    def first(self, offer: Offer) -> int:
        """The month at whose end it starts."""
        if offer.available is None:
            return 0
        day = self.told(offer, "available", offer.available, "date")
        return max(0, self.line.month(day))

    def ends(self, offer: Offer, month: int) -> int:
        """The same month, with a note where that is before the study ends."""
        if month < self.line.months:
            self.notes.append(
                f"{offer.name}: serves until month {month} ({self.line.label(month)});"
                " after it the next part of the offer does, or the API"
            )
        return month

    def missing(self, offer: Offer, key: str, what: str) -> PlanError:
        """The error for a price that neither the file nor the catalog has."""
        return PlanError(
            f"{what} is not known",
            hint=f"give {key}",
            place=f"{self.factory.path}: {place(['offer', offer.name, key])}",
        )
