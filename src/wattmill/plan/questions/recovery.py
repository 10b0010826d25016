"""Prices that fall and recover: how likely that is, and where they may stand."""

import math
from typing import Annotated

import numpy as np

from wattmill.finance import processes
from wattmill.plan.questions.debt import whole_months
from wattmill.plan.questions.decay import Fall
from wattmill.plan.questions.inputs import positive, whole
from wattmill.plan.questions.registry import Bundle, Found, Input, question
from wattmill.plan.questions.units import MONTH_S, YEAR_S
from wattmill.plan.studies.uncertainty import DEFAULTS

OU = "Ornstein-Uhlenbeck around a falling anchor, with spells of scarcity (docs/finance.md)"
RENT = DEFAULTS["rent"]
SETS, SET_FUTURES = 10, 128
NORMAL_95, STUDENT_95 = 1.645, 1.833
"""95 % points in standard deviations: of a normal, and of the mean of SETS sets (nine degrees of freedom)."""

Ahead = Annotated[float, Input("time from today", "month", 1.0, 120.0)]


class Price(Bundle, frozen=True):
    """A price as a share of today's; defaults are those of rents."""

    fall: Fall = 0.27
    volatility: Annotated[float, Input("volatility of a year", "", 0.0, 5.0)] = RENT[
        "volatility_frac_per_year"
    ]
    half_life: Annotated[
        float, Input("half-life of a distance from the anchor", "month", 0.1, 1200.0)
    ] = RENT["half_life_months"] * MONTH_S
    scarcity: Annotated[
        float, Input("factor on the anchor while it is scarce", "", 0.01, 100.0)
    ] = RENT["scarcity_factor"]
    starts: Annotated[float, Input("spells of scarcity that begin", "1/year", 0.0, 12.0)] = (
        RENT["scarcity_starts_per_year"] / YEAR_S
    )
    lasts: Annotated[float, Input("how long scarcity lasts in the mean", "month", 0.1, 1200.0)] = (
        RENT["scarcity_months"] * MONTH_S
    )

    @property
    def process(self) -> processes.PriceProcess:
        """Today at its anchor, and not scarce."""
        return processes.PriceProcess(
            1.0, 1.0, -self.fall, self.half_life / MONTH_S, self.volatility, self.scarcity,
            self.starts * YEAR_S, self.lasts / MONTH_S,
        )  # fmt: skip


@question("market", gives="%", source=OU)
def chance_of_recovery(
    price: Price,
    rise: Annotated[float, positive("rise from the lowest price before", "", 100.0)] = 0.2,
    time: Ahead = 60 * MONTH_S,
    seed: Annotated[int, whole("which futures are drawn", 2**31, low=0)] = 1,
) -> Found:
    """Chance that a price once stands so much above its lowest, within a time. By 1,280 futures."""
    months, seeds = whole_months(time), np.random.SeedSequence(seed).generate_state(SETS)
    shares = [
        processes.recovered_frac(
            processes.paths({"price": price.process}, None, months, SET_FUTURES, int(each))[
                "price"
            ],
            rise,
        )
        for each in seeds
    ]
    mean = float(np.mean(shares))
    error = STUDENT_95 * float(np.std(shares, ddof=1)) / math.sqrt(SETS)
    return Found(mean, max(0.0, mean - error), min(1.0, mean + error), note="error of the sampling")


@question("market", gives="x", source=OU)
def price_ahead(price: Price, time: Ahead) -> Found:
    """The middle of where a price may stand after a time, over today's, and a 90 % interval.

    Mean and variance of the logarithm are exact; that it is normal is not, while scarcity may come.
    """
    months = whole_months(time)
    mean, variance = processes.log_moments(price.process, months)
    spread = NORMAL_95 * math.sqrt(float(variance[-1]))
    middle = float(mean[-1])
    return Found(math.exp(middle), math.exp(middle - spread), math.exp(middle + spread))
