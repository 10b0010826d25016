"""Ask aiconfigurator for each row; runs in an environment of its own (`pip install aiconfigurator==0.12.0`).

Reads JSON lines on standard input (the fields of `tools.calibration.measured.Served`) and writes one
JSON line per row: its id, TPOT and TTFT in seconds, or the error. Its default database is used, as
its own evaluation does; the measured engines are older.
"""

import contextlib
import io
import json
import logging
import sys
import time
from typing import Any

Row = dict[str, Any]

logging.disable(logging.CRITICAL)

NAMES = {"meta-llama/Llama-3.1-70B": "meta-llama/Meta-Llama-3.1-70B", "zhipuai/GLM-5": "zai-org/GLM-5",
         "meta-llama/Llama-3.1-8B-Instruct": "meta-llama/Meta-Llama-3.1-8B",
         "nvidia/Llama-3.1-8B-Instruct-FP8": "meta-llama/Meta-Llama-3.1-8B"}  # fmt: skip
SYSTEMS = {"H100-SXM": "h100_sxm", "H200-SXM": "h200_sxm", "B200": "b200_sxm"}


def estimate(row: Row) -> Any:
    """Its answer with the row's own number formats, or with those of the checkpoint."""
    try:
        return estimate_with(row, {"gemm_quant_mode": row["gemm"], "moe_quant_mode": row["moe"]})
    except Exception:
        return estimate_with(row, {})


def estimate_with(row: Row, quant: Row) -> Any:
    from aiconfigurator.cli.api import cli_estimate

    spread = row["ep"] > 1
    moe = {"moe_tp_size": 1 if spread else row["tp"] * row["dp"],
           "moe_ep_size": row["tp"] * row["dp"] if spread else 1}  # fmt: skip
    is_moe = "llama" not in row["model"]
    return cli_estimate(
        NAMES.get(row["published_model"], row["published_model"]), SYSTEMS[row["hardware"]],
        backend_name=row["engine"], isl=row["isl"], osl=row["osl"],
        batch_size=max(1, row["batch"] // row["dp"]), tp_size=row["tp"],
        attention_dp_size=row["dp"], **(moe if is_moe else {}),
        **{name: value for name, value in quant.items() if value and (is_moe or "gemm" in name)},
    )  # fmt: skip


def main() -> None:
    for line in sys.stdin:
        row = json.loads(line)
        began = time.perf_counter()
        try:
            with (
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                found = estimate(row)
            answer = {"tpot_s": found.tpot / 1e3, "ttft_s": found.ttft / 1e3}
        except BaseException as error:  # its own exits included
            if isinstance(error, KeyboardInterrupt):
                raise
            answer = {"error": f"{type(error).__name__}: {error}"[:200]}
        answer |= {"key": row["key"], "wall_s": time.perf_counter() - began}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
