"""Own machines: what a change that frees some of them is worth, and what a token of theirs costs."""

from typing import Annotated

from wattmill.core.errors import PlanError
from wattmill.finance import against_api, decisions, lcot, savings
from wattmill.finance.decisions import Effort
from wattmill.finance.savings import OwnWork
from wattmill.plan.questions.debt import whole_months
from wattmill.plan.questions.inputs import (
    Throughput,
    Usd,
    UsdPerMtok,
    choice,
    number,
    positive,
    share,
    whole,
)
from wattmill.plan.questions.payback import MTOK, PEAKS, Bought, Peak
from wattmill.plan.questions.registry import Bundle, Found, Input, question
from wattmill.plan.questions.units import MONTH_S

FREED = "Freed room saves power; it earns where work waits or a whole machine goes"
OPENCOST = "OpenCost 1.121: cost by request seconds, cached tokens free"
ALL_IN = (
    "Definition: fixed cost of a month over what an API charges for an output token and its input"
)

Once = Annotated[float, number("paid once", "USD")]
Upkeep = Annotated[float, number("what keeping it up costs", "USD/month")]
InUse = Annotated[float, Input("time that it is of use", "month", 1.0, 240.0)]


class Work(Bundle, frozen=True):
    """Own machines at work; shares are of all of them together."""

    load: Annotated[float, share("share of them that is busy")]
    freed: Annotated[float, share("share of them that the change frees; `freed_share` tells it")]
    busy: Annotated[float, number("power of a month at full load, above idle", "USD/month")] = 0.0
    waiting: Annotated[float, share("work that is turned away for lack of room")] = 0.0
    earned: Annotated[float, number("what a full month of that work brings", "USD/month")] = 0.0
    machines: Annotated[int, whole("machines")] = 1
    machine: Annotated[float, number("what ends when one machine goes", "USD/month")] = 0.0
    peak: Peak = 1.0

    @property
    def own(self) -> OwnWork:
        """By the month."""
        return OwnWork(
            self.load, self.busy * MONTH_S, self.waiting, self.earned * MONTH_S, self.machines,
            self.machine * MONTH_S, self.peak,
        )  # fmt: skip


@question("payback", gives="month", source=FREED)
def own_change_payback(
    once: Once, work: Work, upkeep: Upkeep = 0.0, life: InUse = 36 * MONTH_S
) -> Found:
    """Time until a change that frees room on own machines has paid; refused where room stays idle."""
    effort = Effort(once, upkeep * MONTH_S, life_months=whole_months(life))
    found = decisions.decide_on_own("change", effort, work.own, work.freed)
    if found.verdict == "nothing is saved" or found.break_even_months is None:
        raise PlanError(found.because, hint="sell the room, or give a machine away")
    return Found(found.break_even_months * MONTH_S, note=found.because)


@question("payback", gives="USD/month", source="Definition: once / life + upkeep")
def least_saving(once: Once, upkeep: Upkeep = 0.0, life: InUse = 36 * MONTH_S) -> float:
    """What a change must save each month to have paid at the end of its life."""
    effort = Effort(once, upkeep * MONTH_S, life_months=whole_months(life))
    return decisions.worth_it_usd_per_month(effort) / MONTH_S


@question("payback", gives="USD/month", source="Definition: tokens less · price, less the search")
def retrieval_saving(
    requests: Annotated[float, number("requests of a month", "1/month")],
    tokens: Annotated[float, number("tokens by which each prompt is shorter", "tokens")],
    price: UsdPerMtok,
    search: Annotated[float, number("cost of finding the passages for one request", "USD")] = 0.0,
) -> float:
    """What passages that are looked up save beside long prompts; below 0 they cost more."""
    return savings.retrieval_usd(requests, tokens, price * MTOK, search)


@question("payback", gives="USD/month", source=PEAKS + "; tokens more · price, less what it costs")
def next_node_worth(
    asked: Annotated[float, positive("tokens that are asked for", "Mtok/month")],
    throughput: Throughput,
    price: UsdPerMtok,
    running: Upkeep = 0.0,
    busy: UsdPerMtok = 0.0,
    peak: Peak = 1.0,
    nodes: Annotated[int, whole("nodes that are there", 1e4)] = 1,
) -> float:
    """What one more node of the same kind brings, as tenants pay or an API charges for its tokens."""
    return savings.second_node_usd(
        asked, throughput, price, busy, running, peak_to_mean=peak, nodes=nodes
    )


@question("payback", gives="Mtok/month", source=ALL_IN)
def break_even_output(
    bought: Bought,
    fixed: Annotated[
        float, positive("cost of the machine, wear too, whatever its load", "USD/month")
    ],
    busy: UsdPerMtok = 0.0,
) -> float:
    """Output of a month from which an own machine costs less than an API, at the mix of what is bought.

    Whether one machine can make so much is not asked.
    """
    found = against_api.break_even_output_mtok(
        bought.price, bought.tokens(), fixed * MONTH_S, busy * MTOK
    )
    if found is None:
        raise PlanError("the API charges less than the power for it", hint="stay with the API")
    return found * MTOK / MONTH_S


@question("cost", gives="USD/Mtok", source=OPENCOST)
def spot_usd_per_mtok(
    cost: Usd,
    input: Annotated[float, positive("tokens read", "tokens")],
    output: Annotated[float, positive("tokens written", "tokens")],
    of: Annotated[str, choice("of which tokens", "blended", "input", "output")] = "blended",
    cached: Annotated[float, Input("share of the input that hits a cache", "", 0.0, 0.999)] = 0.0,
    ratio: Annotated[float, positive("time of an output token over one of input", high=1e4)] = 2.5,
) -> float:
    """Cost of an hour's or a month's tokens, split between prompts and answers; not levelised."""
    made = (input / MTOK, input * cached / MTOK, output / MTOK)
    found = lcot.effective_usd_per_mtok(cost, *made, output_to_input=ratio)
    return float(getattr(found, of)) / MTOK
