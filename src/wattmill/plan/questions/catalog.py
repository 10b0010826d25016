"""What the catalog knows: shapes of models, data sheets of accelerators, links, systems, prices."""

from functools import cache
from typing import Annotated

from wattmill.catalog.apis import ApiPrice, api_prices
from wattmill.catalog.links import Link, link
from wattmill.catalog.names import plain
from wattmill.catalog.precision import WEIGHT_BITS
from wattmill.catalog.systems import System, system
from wattmill.core.errors import CatalogError, PlanError
from wattmill.plan.questions.inputs import Device, Machines, Model, NumberFormat, Precision, named
from wattmill.plan.questions.registry import Found, Input, near, question

MODEL = "Published configuration of the model, as the catalog names it"
SHEET = "Data sheet of the accelerator, as the catalog names it"
LinkName = Annotated[Link, named("a link", "link", link)]
SystemName = Annotated[System, named("a node, rack or desk machine", "system", system)]


@cache
def _api(name: str) -> ApiPrice:
    """The offer called `model` or `provider/model`; of several providers the cheapest output."""
    provider, _, called = name.rpartition("/")
    prices = api_prices()
    found = [
        p
        for p in prices
        if plain(p.name) == plain(called) and (not provider or plain(p.provider) == plain(provider))
    ]
    if not found:
        known = [f"{p.provider}/{p.name}" if provider else p.name for p in prices]
        hint = near(name, known, "docs/catalog.md lists them")
        raise CatalogError(f"the catalog knows no API price of {name!r}", hint=hint)
    return min(found, key=lambda p: p.output_usd_per_mtok)


ApiName = Annotated[
    ApiPrice,
    Input(
        "a model of an API, like gpt-4o or provider/model", kind="api", find=_api,
        written=lambda p: f"{p.provider}/{p.name}",
    ),
]  # fmt: skip
MTOK = 1e6


@question("catalog", source=MODEL)
def model_params(model: Model) -> float:
    """Weights of a model, by number."""
    return model.params


@question("catalog", source=MODEL)
def model_active_params(model: Model) -> float:
    """Weights that one token meets: all of a dense model, the chosen experts of a mixture."""
    return model.active_params


@question("catalog", source=MODEL)
def model_layers(model: Model) -> float:
    """Layers of a model."""
    return float(model.layers)


@question("catalog", source=MODEL)
def model_hidden(model: Model) -> float:
    """Hidden width of a model."""
    return float(model.hidden)


@question("catalog", source=MODEL)
def model_heads(model: Model) -> float:
    """Attention heads of a model."""
    return float(model.heads)


@question("catalog", source=MODEL)
def model_kv_heads(model: Model) -> float:
    """Heads of a model that store keys and values."""
    return float(model.kv_heads)


@question("catalog", source=MODEL)
def model_head_dim(model: Model) -> float:
    """Width of one attention head of a model."""
    return float(model.head_dim)


@question("catalog", source=MODEL)
def model_experts(model: Model) -> float:
    """Routed experts per layer of a model; 1 is dense."""
    return float(model.experts)


@question("catalog", source=MODEL)
def model_experts_per_token(model: Model) -> float:
    """Routed experts that one token meets in a layer."""
    return float(model.experts_per_token)


@question("catalog", gives="tokens", source=MODEL)
def model_max_context(model: Model) -> float:
    """Longest context that a model was made for."""
    return float(model.max_context_tokens)


@question("catalog", gives="bit", source="Block layouts of llama.cpp, OCP MX 1.0, NVIDIA NVFP4")
def bits_per_weight(precision: Precision) -> float:
    """Bits that a weight takes in a number format, scales included."""
    return WEIGHT_BITS[precision] / 8


@question("catalog", gives="GB", source=SHEET)
def device_memory_gb(hardware: Machines) -> float:
    """Memory of accelerators, all together, in 10⁹ bytes as the driver reports it."""
    return hardware.count * hardware.accelerator.memory_bytes


@question("catalog", gives="GB/s", source=SHEET)
def device_bandwidth(hardware: Machines) -> float:
    """Memory bandwidth of accelerators, all together."""
    return hardware.count * hardware.accelerator.bandwidth_bytes_per_s


@question("catalog", gives="TFLOP/s", source=SHEET)
def device_flops(hardware: Machines, number_format: NumberFormat = "bf16") -> float:
    """Dense arithmetic rate of accelerators in a number format, all together."""
    return hardware.count * hardware.accelerator.rate_flops_per_s(number_format)


@question("catalog", gives="W", source=SHEET)
def device_tdp(hardware: Machines) -> float:
    """Thermal design power of accelerators, all together, without their host."""
    return hardware.count * hardware.accelerator.tdp_w


@question(
    "catalog", gives="W", source="Board readings, as the catalog names them; host share estimated"
)
def device_idle_power(hardware: Machines) -> float:
    """Power of accelerators that hold a model and wait."""
    return hardware.count * hardware.accelerator.idle_w


@question("catalog", gives="USD", source="Quotes that the catalog names")
def device_price(hardware: Machines) -> float:
    """Price of accelerators, all together, as last seen; no answer where none is known."""
    price = hardware.accelerator.price_usd
    if price is None:
        raise PlanError(f"no price of {hardware.accelerator.name} is known", hint="give your own")
    return hardware.count * price


@question("catalog", gives="GB/s", source="Data sheet of the link, one direction")
def link_bandwidth(link: LinkName) -> float:
    """Bandwidth of a link in one direction; no collective reaches it."""
    return link.bytes_per_s


@question("catalog", gives="us", source="Measured, as the catalog names it")
def link_latency(link: LinkName) -> float:
    """Latency of a few bytes over a link, without a collective library."""
    if link.latency_s is None:
        raise PlanError(f"nobody measured the latency of {link.name}", hint="give your own")
    return link.latency_s


@question("catalog", gives="GB/s", source=SHEET)
def device_link_bandwidth(device: Device) -> float:
    """Bandwidth between an accelerator and its neighbours, one direction."""
    if device.link_bytes_per_s is None:
        raise PlanError(
            f"{device.name} has no link", hint="name a link of the host: link_bandwidth"
        )
    return device.link_bytes_per_s


@question(
    "catalog", gives="W", source="Maker's figure at the wall, or a sum, as the catalog names it"
)
def system_power(system: SystemName) -> Found:
    """The most that a node, rack or desk machine draws at the wall."""
    if system.max_w is None:
        raise PlanError(f"no wall power of {system.name} is known", hint="give your own")
    return Found(system.max_w.value, note=f"{system.max_w.source}, {system.max_w.as_of}")


@question("catalog", source="Data sheet of the system")
def system_devices(system: SystemName) -> float:
    """Accelerators in a node, rack or desk machine."""
    return float(system.hardware.count)


@question("catalog", gives="USD/Mtok", source="Price list of the provider, as the catalog names it")
def api_input_price(api: ApiName) -> Found:
    """List price of input tokens of an API; of several providers, the one with the cheapest output."""
    return Found(api.input_usd_per_mtok / MTOK, note=f"{api.provider}, {api.as_of}")


@question("catalog", gives="USD/Mtok", source="Price list of the provider, as the catalog names it")
def api_output_price(api: ApiName) -> Found:
    """List price of output tokens of an API; of several providers, the cheapest."""
    return Found(api.output_usd_per_mtok / MTOK, note=f"{api.provider}, {api.as_of}")


@question("catalog", gives="USD/Mtok", source="Price list of the provider, as the catalog names it")
def api_cached_price(api: ApiName) -> Found:
    """List price of cached input tokens of an API."""
    if api.cached_input_usd_per_mtok is None:
        raise PlanError(f"{api.provider} states no price for cached input", hint="give your own")
    return Found(api.cached_input_usd_per_mtok / MTOK, note=f"{api.provider}, {api.as_of}")
