"""What training a model takes: operations, utilisation, money."""

from typing import Annotated

from wattmill.physics import training
from wattmill.plan.questions.inputs import Flops, Params, UsdPerHour, positive
from wattmill.plan.questions.registry import Input, question

SIX = "Kaplan et al., arXiv:2001.08361: 6 operations per weight and token"
Trained = Annotated[float, positive("tokens that it is trained on", "tokens", 1e18)]
Mfu = Annotated[
    float, Input("share of the arithmetic rate that is used", "", 0.0, 1.0, is_above=True)
]


@question("training", gives="EFLOP", source=SIX)
def training_flop(params: Params, tokens: Trained) -> float:
    """Operations of training: 6 · weights that a token meets · tokens."""
    return training.training_flop(params, tokens)


@question("training", gives="%", source=SIX)
def training_mfu(
    params: Params,
    tokens: Trained,
    time: Annotated[float, positive("time of all devices, added up", "h")],
    flops: Flops,
) -> float:
    """Share of the arithmetic rate of one device that training used; above 100 % cannot be."""
    return training.mfu_frac(training.training_flop(params, tokens), time, flops)


@question("training", gives="USD", source=SIX)
def training_usd(
    params: Params, tokens: Trained, flops: Flops, hourly: UsdPerHour, mfu: Mfu = 0.4
) -> float:
    """Rent of the devices for one training run; failed runs, people and data are left out."""
    flop = training.training_flop(params, tokens)
    return hourly * training.device_seconds(flop, flops, mfu)
