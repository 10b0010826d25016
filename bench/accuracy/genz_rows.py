"""Ask genz-llm for each row that it knows; runs in an environment of its own.

    pip install genz-llm==0.0.16 seaborn ipython paretoset

Reads and writes what `aiconfigurator_rows` does. TPOT is its decode step with its usual efficiency of 0.8,
which holds no prefill; it has no engine overhead to give.
"""

import contextlib
import io
import json
import sys
import time
from typing import Any

MODELS = {"llama-3.1-8b": "meta-llama/Llama-3.1-8B", "llama-3.1-70b": "meta-llama/Llama-3.1-70B",
          "deepseek-v3": "deepseek-ai/DeepSeek-V3-Base", "deepseek-r1": "deepseek-ai/DeepSeek-V3-Base"}  # fmt: skip
SYSTEMS = {"H100-SXM": (989, 80, 3350, 450), "H200-SXM": (989, 141, 4800, 450),
           "B200": (2250, 180, 8000, 900)}  # fmt: skip
BITS = {"bf16": "bf16", "fp8": "fp8", "nvfp4": "int4"}


def estimate(row: dict[str, Any]) -> float:
    """Seconds of its decode step."""
    from GenZ import decode_moddeling

    flops, memory, bandwidth, link = SYSTEMS[row["hardware"]]
    found = decode_moddeling(
        model=MODELS[row["model"]], batch_size=max(1, row["batch"] // row["dp"]),
        input_tokens=row["isl"], output_tokens=row["osl"], Bb=1, bits=BITS[row["precision"]],
        system_name={"Flops": flops, "Memory_size": memory, "Memory_BW": bandwidth, "ICN": link,
                     "real_values": True},
        tensor_parallel=row["tp"] * row["dp"], system_eff=0.8, debug=False,
    )  # fmt: skip
    return float(found["Latency"]) / 1e3


def main() -> None:
    for line in sys.stdin:
        row = json.loads(line)
        if row["model"] not in MODELS:
            continue
        began = time.perf_counter()
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                answer: dict[str, Any] = {"tpot_s": estimate(row)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"[:200]}
        answer |= {"key": row["key"], "wall_s": time.perf_counter() - began}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
