"""Train the demo model of wattmill and write it as one GGUF file.

The model is a toy: it lets anybody run the whole product without a download or a
graphics card. It learns the words of ``corpus.txt`` and, above all, to end its turn.

What this script needs is not a dependency of wattmill. Install it on its own::

    pip install torch==2.13.0 gguf==0.19.0 tokenizers==0.23.3 numpy

(jinja2 comes with torch.) Then: ``python tools/demo_model/train.py``. The same seed on the
same machine gives the same file.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import torch
from corpus import DocumentSource, read_corpus
from gguf_writer import write_gguf
from network import Llama, ModelShape
from tokenizer import TokenStream, train_tokenizer
from torch import nn
from torch.nn import functional

HERE = Path(__file__).resolve().parent
CORPUS = HERE / "corpus.txt"
OUTPUT = HERE.parents[1] / "src" / "wattmill" / "demo" / "model.gguf"


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Warm up shortly, then follow half a cosine down to a fiftieth of the peak."""
    warm_up = min(50, max(1, steps // 10))
    if step < warm_up:
        return peak * (step + 1) / warm_up
    progress = (step - warm_up) / max(1, steps - warm_up)
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))


def train(model: Llama, stream: TokenStream, steps: int, peak: float) -> None:
    """Fit the model; every tenth batch is one long row, to learn far-away positions."""
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), weight_decay=0.05)
    started = time.monotonic()
    for step in range(steps):
        rows, length = (1, model.shape.context) if step % 10 == 9 else (6, 384)
        tokens, targets = stream.batch(rows, length)
        loss = functional.cross_entropy(model(tokens).flatten(0, 1), targets.flatten())
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps, peak)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0 or step == steps - 1:
            seconds = time.monotonic() - started
            print(f"step {step:5d}  loss {loss.item():.3f}  {seconds:6.0f} s", flush=True)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train the demo model of wattmill.")
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="text to learn from")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where the GGUF goes")
    parser.add_argument("--steps", type=int, default=700, help="training steps")
    parser.add_argument("--learning-rate", type=float, default=3e-3, help="peak learning rate")
    parser.add_argument("--threads", type=int, default=1, help="processor threads to use")
    parser.add_argument("--seed", type=int, default=1, help="seed of everything random")
    return parser.parse_args()


def main() -> None:
    """Train and write the model."""
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    shape = ModelShape()
    corpus = read_corpus(arguments.corpus)
    tokenizer = train_tokenizer(corpus.all_text(), shape.vocabulary)
    stream = TokenStream(DocumentSource(corpus, arguments.seed).documents(), tokenizer)
    model = Llama(shape)
    print(f"{sum(weights.numel() for weights in model.parameters())} weights")
    train(model, stream, arguments.steps, arguments.learning_rate)
    write_gguf(arguments.output, model, tokenizer)
    print(f"{arguments.output}: {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
