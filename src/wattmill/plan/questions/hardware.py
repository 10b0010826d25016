"""How hardware compares: per watt, per dollar, per gigabyte, and on a common scale."""

from typing import Annotated

from wattmill.core.errors import PlanError
from wattmill.plan.questions.deployments import Served
from wattmill.plan.questions.inputs import (
    Bandwidth,
    Bytes,
    Flops,
    LinkBandwidth,
    Machines,
    Memory,
    NumberFormat,
    Power,
    Throughput,
    Usd,
    count,
    number,
    positive,
    share,
)
from wattmill.plan.questions.registry import Found, question
from wattmill.plan.questions.serving import throughput_tok_s
from wattmill.plan.score import min_max_score, weighted_score

RATIO = "Definition: one figure over the other"
SHEET = "Data sheet of the accelerator, as the catalog names it"


@question("hardware", gives="tok/s/W", source=RATIO)
def tok_s_per_w(throughput: Throughput, power: Power) -> float:
    """Tokens per second for each watt, which is tokens per joule."""
    return throughput / power


@question("hardware", gives="USD*s/tok", source=RATIO)
def usd_per_tok_s(price: Usd, throughput: Throughput) -> float:
    """Price for each token per second."""
    return price / throughput


@question("hardware", gives="USD/GB", source=RATIO)
def usd_per_gb(price: Usd, memory: Memory) -> float:
    """Price for each gigabyte of memory."""
    return price / memory


@question("hardware", gives="USD*s/GB", source=RATIO)
def usd_per_bandwidth(price: Usd, bandwidth: Bandwidth) -> float:
    """Price for each GB/s of memory bandwidth."""
    return price / bandwidth


@question("hardware", gives="TFLOP/s/W", source=RATIO)
def flops_per_w(flops: Flops, power: Power) -> float:
    """Arithmetic rate for each watt."""
    return flops / power


@question("hardware", gives="TFLOP/s/W", source=SHEET)
def device_flops_per_w(hardware: Machines, number_format: NumberFormat = "bf16") -> float:
    """Dense arithmetic rate of accelerators for each watt of their thermal design power."""
    card = hardware.accelerator
    return card.rate_flops_per_s(number_format) / card.tdp_w


@question("hardware", gives="GB/s/W", source=SHEET)
def device_bandwidth_per_w(hardware: Machines) -> float:
    """Memory bandwidth of accelerators for each watt of their thermal design power."""
    return hardware.accelerator.bandwidth_bytes_per_s / hardware.accelerator.tdp_w


@question("hardware", gives="1/s", source="Definition: bandwidth over capacity")
def memory_passes_per_s(bandwidth: Bandwidth, memory: Memory) -> float:
    """How often a second the whole memory can be read: a bound of decode with memory full."""
    return bandwidth / memory


@question("hardware", gives="GB/s", source="Definition: transfers per second · width of the bus")
def bus_bandwidth(
    transfers: Annotated[float, positive("transfers per second", "MT/s")],
    bus: Annotated[float, positive("width of the memory bus", "bit")],
) -> float:
    """Bandwidth of memory from its transfer rate and the width of its bus."""
    return transfers * bus


@question(
    "hardware", gives="TFLOP/s", source="NVIDIA and AMD: 2:4 sparsity doubles the printed rate"
)
def dense_of_sparse(
    sparse: Annotated[float, positive("rate printed for sparse operands", "TFLOP/s")],
    halvings: Annotated[float, number("doublings of the operand's width", high=8)] = 0.0,
) -> float:
    """Dense rate behind a printed sparse one, after so many doublings of the operand's width.

    FP4 sparse to FP16 dense: halvings = 2 (FP4 to FP8, FP8 to FP16) after sparsity's own.
    """
    return sparse / 2 / 2**halvings


@question("hardware", gives="GB/s", source=RATIO)
def fabric_bandwidth(
    devices: Annotated[float, count("devices on the fabric", 1e7)],
    bandwidth_each: LinkBandwidth,
    in_network: Annotated[float, positive("factor of reduction in the switches", high=10)] = 1.0,
) -> float:
    """Bandwidth of a whole fabric: all devices together, times what in-network reduction gives."""
    return devices * bandwidth_each * in_network


@question("hardware", gives="score", source="Definition: min-max scale")
def min_max(
    value: Annotated[float, number("the figure of one machine")],
    least: Annotated[float, number("the least of those compared")],
    most: Annotated[float, number("the most of those compared")],
) -> float:
    """Where a figure lies between the least (0) and the most (1) of those compared."""
    return min_max_score(value, least, most)


@question("hardware", gives="score", source="Weighted min-max scale of capacity and bandwidth")
def memory_score(
    memory: Memory,
    bandwidth: Bandwidth,
    least_memory: Bytes,
    most_memory: Memory,
    least_bandwidth: Annotated[float, number("the least bandwidth compared", "GB/s")],
    most_bandwidth: Bandwidth,
    capacity_weight: Annotated[float, share("weight of the capacity")] = 0.5,
) -> float:
    """One score of capacity and bandwidth among those compared, each on a scale of 0 to 1."""
    capacity = min_max_score(memory, least_memory, most_memory)
    speed = min_max_score(bandwidth, least_bandwidth, most_bandwidth)
    return weighted_score(capacity, speed, capacity_weight)


@question("hardware", gives="tok/s/USD", source="wattmill.physics; quotes that the catalog names")
def throughput_per_usd(
    served: Served,
    price: Annotated[
        float, number("price of all machines; 0: as the catalog knows it", "USD")
    ] = 0.0,
) -> Found:
    """Output tokens per second at full load for each dollar that machines cost."""
    return _over(throughput_tok_s(served), price or _price(served.hardware))


@question("hardware", gives="tok/s/GB", source="wattmill.physics")
def throughput_per_gb(served: Served) -> Found:
    """Output tokens per second at full load for each gigabyte of memory."""
    machines = served.hardware
    return _over(throughput_tok_s(served), machines.count * machines.accelerator.memory_bytes)


def _price(hardware: Machines) -> float:
    price = hardware.accelerator.price_usd
    if price is None:
        name = hardware.accelerator.name
        raise PlanError(f"no price of {name} is known", hint="give price=…")
    return hardware.count * price


def _over(found: Found, divisor: float) -> Found:
    assert found.low is not None and found.high is not None
    return Found(
        found.value / divisor, found.low / divisor, found.high / divisor, found.binds, found.note
    )
