"""Inputs that many questions share. Functions get them in base units: bytes, bytes/s, s, J, W, USD."""

from collections.abc import Callable
from typing import Annotated, Any

from wattmill.catalog.hardware import Accelerator, Hardware, accelerator, hardware
from wattmill.catalog.hardware import NumberFormat as ArithmeticFormat
from wattmill.catalog.models import ModelSpec, model
from wattmill.catalog.precision import KV_BITS, WEIGHT_BITS
from wattmill.plan.questions.registry import Input
from wattmill.plan.questions.spec import MOST as MOST


def number(meaning: str, unit: str = "", low: float = 0.0, high: float = MOST) -> Input:
    """A quantity of 0 or more."""
    return Input(meaning, unit, low, high)


def positive(meaning: str, unit: str = "", high: float = MOST) -> Input:
    """A quantity above 0."""
    return Input(meaning, unit, 0.0, high, is_above=True)


def count(meaning: str, high: float = 1e9, low: float = 1.0, unit: str = "") -> Input:
    """How many, where a mean (9.3) makes sense."""
    return Input(meaning, unit, low, high)


def whole(meaning: str, high: float = 1e6, low: float = 1.0) -> Input:
    """How many, where only whole numbers make sense."""
    return Input(meaning, "", low, high, kind="whole")


def share(meaning: str) -> Input:
    """A share, 0 to 1; `40%` is 0.4."""
    return Input(meaning, "", 0.0, 1.0)


def choice(meaning: str, *choices: str) -> Input:
    """One of some words."""
    return Input(meaning, kind="choice", choices=choices)


def named(meaning: str, kind: str, find: Callable[[str], Any]) -> Input:
    """Something of the catalog that has a name; `find` looks it up."""
    return Input(meaning, kind=kind, find=find, written=lambda found: str(found.name))


# --- names of the catalog -------------------------------------------------------------------------

Model = Annotated[ModelSpec, named("a model", "model", model)]
Device = Annotated[
    Accelerator,
    named("an accelerator", "accelerator", accelerator),
]
Machines = Annotated[
    Hardware, Input('accelerators, like "4x L40S"', kind="hardware", find=hardware)
]
Precision = Annotated[str, choice("number format of the weights", *WEIGHT_BITS)]
KvPrecision = Annotated[str, choice("number format of the KV cache", *KV_BITS)]
Engine = Annotated[
    str,
    choice("engine", "vllm", "sglang", "tensorrt-llm", "llama.cpp", "ollama", "lmstudio"),
]
Tp = Annotated[int | None, whole("cards that share every layer; else as the engine would", 1024)]

# --- counts ---------------------------------------------------------------------------------------

Context = Annotated[float, count("tokens in the context of one sequence", 1e9, unit="tokens")]
Isl = Annotated[float, count("tokens of the prompt", 1e9, unit="tokens")]
Osl = Annotated[float, count("tokens of the answer", 1e9, unit="tokens")]
Tokens = Annotated[float, count("tokens", 1e18, low=0.0, unit="tokens")]
Batch = Annotated[float, count("sequences in one step", 1e7)]
Users = Annotated[float, count("sequences at once", 1e9)]
Params = Annotated[float, positive("weights of the model, by number", "", 1e15)]
Layers = Annotated[float, count("layers", 1e4)]
Hidden = Annotated[float, count("hidden width", 1e6)]
Cards = Annotated[float, count("cards", 1e7)]
Experts = Annotated[float, count("routed experts per layer", 1e5)]
TopK = Annotated[float, count("experts that one token meets per layer", 1e5)]
Load = Annotated[float, Input("share of full throughput", "", 0.0, 1.0, is_above=True)]
Hit = Annotated[float, share("share of prompt tokens found in the cache")]

# --- quantities -----------------------------------------------------------------------------------

Bytes = Annotated[float, number("bytes", "GB")]
Memory = Annotated[float, positive("memory", "GB")]
Weights = Annotated[float, positive("weights that a step reads", "GB")]
KvPerToken = Annotated[float, number("KV bytes per token", "B/token")]
Bits = Annotated[float, positive("bits per weight or element", "bit", 128)]
Bandwidth = Annotated[float, positive("memory bandwidth", "GB/s")]
LinkBandwidth = Annotated[float, positive("bandwidth of the link, one way", "GB/s")]
Latency = Annotated[float, number("latency", "us")]
Flops = Annotated[float, positive("arithmetic rate, dense", "TFLOP/s")]
Seconds = Annotated[float, number("time", "s")]
Power = Annotated[float, positive("power", "W")]
Throughput = Annotated[float, positive("tokens per second", "tok/s")]
Pue = Annotated[float, Input("power at the meter over power at the machines", "", 1.0, 10.0)]
PowerPrice = Annotated[float, number("price of electricity", "USD/kWh", high=100)]
Usd = Annotated[float, number("money", "USD")]
UsdPerHour = Annotated[float, number("cost of an hour", "USD/h")]
UsdPerMtok = Annotated[float, number("price of a million tokens", "USD/Mtok")]
Utilisation = Annotated[
    float, Input("share of the time at full throughput", "", 0.0, 1.0, is_above=True)
]

NumberFormat = Annotated[
    ArithmeticFormat,
    choice("number format of the arithmetic", "bf16", "fp16", "fp8", "int8", "fp4", "fp32"),
]

BITS_16 = 2.0
"""Sixteen bits, in bytes: the default where an input is in bits."""
