"""Command lines that start one replica of a layout, by the engines' own flags.

Sources, read 2026-11: vLLM "Engine Arguments" and "Data Parallel Deployment", SGLang "Server
Arguments" (with attention data parallelism its --tp-size counts all cards), llama.cpp
tools/server README and docs/multi-gpu.md. MODEL stands for a path or repository.
"""

from __future__ import annotations

import math

from wattmill.catalog.precision import KV_BITS, WEIGHT_BITS
from wattmill.physics.deployment import Deployment

FILES = {"int4": "-AWQ", "awq": "-AWQ", "gptq": "-GPTQ", "nvfp4": "-NVFP4", "int8": "-INT8"}
"""How repositories call a checkpoint in a format that an engine does not make by itself."""


def launch(deployment: Deployment, batch: int, context_tokens: int) -> dict[str, str]:
    """The command for one replica by engine, `batch` sequences of `context_tokens` each at once."""
    if deployment.runtime == "llama":
        return {"llama.cpp": llama_cpp(deployment, batch, context_tokens)}
    return {
        "vllm": vllm(deployment, batch, context_tokens),
        "sglang": sglang(deployment, batch, context_tokens),
    }


def vllm(d: Deployment, batch: int, context_tokens: int) -> str:
    """`vllm serve`; its --max-num-seqs is of one data-parallel rank."""
    words = [f"vllm serve {_checkpoint(d)}"]
    words += _if(d.tp > 1, f"--tensor-parallel-size {d.tp}")
    words += _if(d.pp > 1, f"--pipeline-parallel-size {d.pp}")
    words += _if(d.dp > 1, f"--data-parallel-size {d.dp} --enable-expert-parallel")
    words += [f"--max-model-len {context_tokens}", f"--max-num-seqs {math.ceil(batch / d.dp)}"]
    words += _if(_is_made_fp8(d), "--quantization fp8")
    words += _if(KV_BITS[d.kv_precision] == 8, "--kv-cache-dtype fp8")
    return " ".join(words)


def sglang(d: Deployment, batch: int, context_tokens: int) -> str:
    """`sglang.launch_server`; its --tp-size is all cards, of which --dp-size groups attend."""
    words = [f"python -m sglang.launch_server --model-path {_checkpoint(d)}"]
    shared = d.tp * d.dp
    words += _if(shared > 1, f"--tp-size {shared}")
    words += _if(d.pp > 1, f"--pp-size {d.pp}")
    words += _if(d.dp > 1, f"--dp-size {d.dp} --enable-dp-attention --ep-size {shared}")
    words += [f"--context-length {context_tokens}", f"--max-running-requests {batch}"]
    words += ["--mem-fraction-static 0.9"]
    words += _if(_is_made_fp8(d), "--quantization fp8")
    words += _if(KV_BITS[d.kv_precision] == 8, "--kv-cache-dtype fp8_e4m3")
    return " ".join(words)


def llama_cpp(d: Deployment, batch: int, context_tokens: int) -> str:
    """`llama-server`; its -c is shared by all -np slots."""
    words = [f"llama-server -m {d.model.name}-{d.precision.upper()}.gguf"]
    words += [f"-c {batch * context_tokens} -np {batch}"]
    words += _if(d.hardware.accelerator.family != "cpu", "-ngl all -fa on")
    words += _if(d.pp > 1, "-sm layer")
    words += _if(d.kv_precision not in ("fp16", "f16"), f"-ctk {_kv(d)} -ctv {_kv(d)}")
    return " ".join(words)


def _checkpoint(d: Deployment) -> str:
    return (
        "MODEL"
        if d.precision == d.model.default_precision
        else "MODEL" + FILES.get(d.precision, "")
    )


def _is_made_fp8(d: Deployment) -> bool:
    """Engines make fp8 weights themselves from a wider checkpoint."""
    return d.precision == "fp8" and WEIGHT_BITS[d.model.default_precision] > 8


def _kv(d: Deployment) -> str:
    return {"fp32": "f32", "fp8": "q8_0", "int8": "q8_0"}.get(d.kv_precision, d.kv_precision)


def _if(holds: bool, words: str) -> list[str]:
    return [words] if holds else []
