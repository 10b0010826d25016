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
import json
import math
import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import gguf
import jinja2
import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn
from torch.nn import functional

HERE = Path(__file__).resolve().parent
CORPUS = HERE / "corpus.txt"
OUTPUT = HERE.parents[1] / "src" / "wattmill" / "demo" / "model.gguf"

END_OF_TEXT = "<|endoftext|>"
SYSTEM = "<|system|>"
USER = "<|user|>"
ASSISTANT = "<|assistant|>"
END = "<|end|>"
SPECIAL_TOKENS = [END_OF_TEXT, SYSTEM, USER, ASSISTANT, END]
SPECIAL_IDS = {token: index for index, token in enumerate(SPECIAL_TOKENS)}

# The engine and the training text use this one template, so they cannot drift apart.
# Tools are only named, and calls are left out: the model is far too small for them, and
# llama.cpp would take a call in the template for a format that every answer must have.
CHAT_TEMPLATE = """\
{%- macro text(content) -%}
    {%- if content is string -%}
        {{- content | trim -}}
    {%- elif content -%}
        {%- for part in content -%}{{- part.text | default('') | trim -}}{%- endfor -%}
    {%- endif -%}
{%- endmacro -%}
{%- if tools -%}
    {{- '<|system|>Tools:' -}}
    {%- for tool in tools -%}{{- ' ' + tool.function.name -}}{%- endfor -%}
    {{- '<|end|>' -}}
{%- endif -%}
{%- for message in messages -%}
    {%- if message.role == 'assistant' -%}
        {{- '<|assistant|>' + text(message.content) -}}
    {%- elif message.role == 'system' or message.role == 'developer' -%}
        {{- '<|system|>' + text(message.content) -}}
    {%- elif message.role == 'tool' -%}
        {{- '<|user|>Tool result: ' + text(message.content) -}}
    {%- else -%}
        {{- '<|user|>' + text(message.content) -}}
    {%- endif -%}
    {{- '<|end|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '<|assistant|>' -}}
{%- endif -%}
"""

ARTICLE_QUESTIONS = [
    "Tell me about {title}.",
    "tell me about {title}",
    "Explain {title}.",
    "Please explain {title}.",
    "Can you explain {title} to me?",
    "What should I know about {title}?",
    "Write a few words about {title}.",
    "Write a paragraph about {title}.",
    "I want to learn about {title}.",
    "What about {title}?",
]
QUESTION_FRAMES = [
    "{question}",
    "Please tell me: {question}",
    "I have a question. {question}",
    "Hello! {question}",
    "In a few words: {question}",
    "{question} Thank you.",
]
SYSTEM_MESSAGES = [
    "You are a helpful assistant.",
    "You are a helpful assistant. Answer briefly.",
    "You are wattmill-demo, a small model.",
    "You are a friendly miller.",
    "Be brief.",
    "Be polite and explain things in simple words.",
]
TOOL_NAMES = ["get_weather", "read_meter", "search", "send_invoice", "calculator"]

Message = dict[str, str]


@dataclass(frozen=True)
class ModelShape:
    """The sizes of the network; rows are multiples of 32, as Q8_0 demands."""

    vocabulary: int = 1536
    width: int = 192
    layers: int = 4
    heads: int = 6
    key_value_heads: int = 2
    hidden: int = 512
    context: int = 4096
    rope_base: float = 10000.0
    norm_epsilon: float = 1e-5

    @property
    def head_width(self) -> int:
        """Numbers per attention head."""
        return self.width // self.heads


@dataclass
class Corpus:
    """What ``corpus.txt`` holds, taken apart."""

    chats: list[list[Message]] = field(default_factory=list)
    articles: list[tuple[str, str]] = field(default_factory=list)

    def all_text(self) -> list[str]:
        """List every piece of text, for the tokenizer to learn from."""
        said = [message["content"] for chat in self.chats for message in chat]
        return said + [body for _, body in self.articles]


def read_corpus(path: Path) -> Corpus:
    """Take the corpus file apart into chats and articles."""
    corpus = Corpus()
    lines = path.read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    for block in re.split(r"\n\s*\n", text.strip()):
        first, _, rest = block.strip().partition("\n")
        if first.startswith("T: "):
            corpus.articles.append((first[3:], rest.strip()))
        else:
            corpus.chats.append(parse_chat(block.strip()))
    return corpus


def parse_chat(block: str) -> list[Message]:
    """Turn the "S:", "Q:" and "A:" lines of one block into chat messages."""
    roles = {"S": "system", "Q": "user", "A": "assistant"}
    messages = []
    for line in block.splitlines():
        mark, _, content = line.partition(": ")
        messages.append({"role": roles[mark], "content": content})
    return messages


class DocumentSource:
    """Draws an endless, seeded variety of training documents from the corpus."""

    def __init__(self, corpus: Corpus, seed: int) -> None:
        self.corpus = corpus
        self.random = random.Random(seed)
        self.single_turns = [chat for chat in corpus.chats if len(chat) == 2]
        self.words = " ".join(corpus.all_text()).split()
        self.template = jinja2.Environment(autoescape=False).from_string(CHAT_TEMPLATE)

    def documents(self) -> Iterator[str]:
        """Yield documents without end; each one closes with the end-of-text token."""
        kinds = [self.turn, self.joined_turns, self.article_chat, self.article, self.salad]
        while True:
            (kind,) = self.random.choices(kinds, weights=[25, 25, 30, 8, 9])
            yield kind() + END_OF_TEXT

    def turn(self) -> str:
        """Draw a conversation of the corpus, its question put in varying ways."""
        chat = self.random.choice(self.corpus.chats)
        if len(chat) > 2:
            return self.render(chat)
        return self.render(self.opening() + self.vary(chat))

    def joined_turns(self) -> str:
        """Put several questions in a row, so that the model keeps its turns in long chats."""
        count = self.random.randint(2, 8)
        turns = [self.vary(self.random.choice(self.single_turns)) for _ in range(count)]
        return self.render(self.opening() + [message for turn in turns for message in turn])

    def article_chat(self) -> str:
        """Ask about an article and answer with a few sentences from it."""
        title, body = self.random.choice(self.corpus.articles)
        question = self.random.choice(ARTICLE_QUESTIONS).format(title=title)
        return self.render(self.ask(question, self.excerpt(body)))

    def article(self) -> str:
        """Give a whole article as plain text, for requests that use no chat template."""
        title, body = self.random.choice(self.corpus.articles)
        return f"{title[0].upper()}{title[1:]}\n{body}"

    def salad(self) -> str:
        """Ask something without sense: the answer must still begin well and end."""
        count = int(math.exp(self.random.uniform(math.log(3), math.log(2500))))
        question = " ".join(self.random.choices(self.words, k=count))
        _, body = self.random.choice(self.corpus.articles)
        short = self.random.choice(self.single_turns)[1]["content"]
        return self.render(self.ask(question, self.random.choice([short, self.excerpt(body)])))

    def excerpt(self, body: str) -> str:
        """Take two to five sentences in a row, most often from the beginning."""
        sentences = re.split(r"(?<=[.?!]) ", body)
        start = self.random.choice([0, 0, 0, 1, 2])
        return " ".join(sentences[start : start + self.random.randint(2, 5)])

    def ask(self, question: str, answer: str) -> list[Message]:
        """Make one turn of a question and its answer."""
        turn = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        return self.opening() + turn

    def opening(self) -> list[Message]:
        """Open with a system message, now and then."""
        if self.random.random() < 0.6:
            return []
        return [{"role": "system", "content": self.random.choice(SYSTEM_MESSAGES)}]

    def vary(self, turn: list[Message]) -> list[Message]:
        """Put the same question in a frame, in lower case or without its mark."""
        question = turn[0]["content"]
        if self.random.random() < 0.4:
            question = self.random.choice(QUESTION_FRAMES).format(question=question)
        if self.random.random() < 0.2:
            question = question.lower().rstrip("?.!")
        return [{"role": "user", "content": question}, turn[1]]

    def render(self, messages: list[Message]) -> str:
        """Make the text that the engine would make of these messages."""
        tools = None
        if self.random.random() < 0.03:
            names = self.random.sample(TOOL_NAMES, self.random.randint(1, 3))
            tools = [{"function": {"name": name}} for name in names]
        return self.template.render(messages=messages, tools=tools)


def train_tokenizer(texts: list[str], vocabulary: int) -> Tokenizer:
    """Learn a byte-level BPE; its splitting is what llama.cpp calls "gpt-2"."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if tokenizer.get_vocab_size() != vocabulary:
        raise ValueError(f"the corpus yields only {tokenizer.get_vocab_size()} tokens")
    return tokenizer


class TokenStream:
    """Packs documents end to end into blocks of tokens with a mask of what to learn."""

    def __init__(self, source: DocumentSource, tokenizer: Tokenizer) -> None:
        self.documents = source.documents()
        self.tokenizer = tokenizer
        self.tokens: list[int] = [SPECIAL_IDS[END_OF_TEXT]]
        self.learned: list[bool] = [True]

    def batch(self, rows: int, length: int) -> tuple[Tensor, Tensor]:
        """Cut inputs and targets, ``rows`` by ``length``; -100 marks a target to ignore."""
        needed = rows * length + 1
        while len(self.tokens) < needed:
            self.append(self.tokenizer.encode(next(self.documents)).ids)
        tokens = torch.tensor(self.tokens[:needed])
        learned = torch.tensor(self.learned[:needed])
        del self.tokens[: needed - 1], self.learned[: needed - 1]
        targets = torch.where(learned, tokens, -100)[1:]
        return tokens[:-1].view(rows, length), targets.view(rows, length)

    def append(self, ids: list[int]) -> None:
        """Add a document: only its answers and plain text are worth learning by heart."""
        asked = {SPECIAL_IDS[SYSTEM], SPECIAL_IDS[USER]}
        spoken = True
        for token in ids:
            self.learned.append(spoken and token not in asked)
            self.tokens.append(token)
            if token in asked:
                spoken = False
            elif token in SPECIAL_IDS.values():
                spoken = True


class Layer(nn.Module):
    """Attention and a gated feed-forward, each behind its own norm.

    The weights carry the names that llama.cpp knows them by, so that they can be
    written to the file under their own names.
    """

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        shared_width = shape.key_value_heads * shape.head_width
        self.attn_norm = nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        self.attn_q = nn.Linear(shape.width, shape.width, bias=False)
        self.attn_k = nn.Linear(shape.width, shared_width, bias=False)
        self.attn_v = nn.Linear(shape.width, shared_width, bias=False)
        self.attn_output = nn.Linear(shape.width, shape.width, bias=False)
        self.ffn_norm = nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        self.ffn_gate = nn.Linear(shape.width, shape.hidden, bias=False)
        self.ffn_up = nn.Linear(shape.width, shape.hidden, bias=False)
        self.ffn_down = nn.Linear(shape.hidden, shape.width, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """Add what both halves have to say."""
        x = x + self.attend(self.attn_norm(x), cosine, sine)
        gated: Tensor = self.ffn_norm(x)
        gated = functional.silu(self.ffn_gate(gated)) * self.ffn_up(gated)
        narrowed: Tensor = self.ffn_down(gated)
        return x + narrowed

    def attend(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """Let every position look back; several query heads share one key/value head."""
        group = self.shape.heads // self.shape.key_value_heads
        query = rotate(self.split(self.attn_q(x)), cosine, sine)
        key = rotate(self.split(self.attn_k(x)), cosine, sine).repeat_interleave(group, dim=1)
        value = self.split(self.attn_v(x)).repeat_interleave(group, dim=1)
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        mixed: Tensor = self.attn_output(seen.transpose(1, 2).flatten(2))
        return mixed

    def split(self, x: Tensor) -> Tensor:
        """Cut the last axis into heads and move them to the front."""
        return x.view(*x.shape[:2], -1, self.shape.head_width).transpose(1, 2)


class Llama(nn.Module):
    """A small decoder whose embedding also serves as its output matrix."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocabulary, shape.width)
        self.blk = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.output_norm = nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        for weights in self.parameters():
            if weights.dim() == 2:
                nn.init.normal_(weights, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        """Score every token as the one that follows each position."""
        cosine, sine = rope_tables(self.shape, tokens.shape[1])
        x: Tensor = self.token_embd(tokens)
        for layer in self.blk:
            x = layer(x, cosine, sine)
        return functional.linear(self.output_norm(x), self.token_embd.weight)


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn neighbouring pairs by their position, in the order that llama.cpp expects."""
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), dim=-1)
    return turned.flatten(-2)


def rope_tables(shape: ModelShape, length: int) -> tuple[Tensor, Tensor]:
    """Tabulate cosines and sines of the rotary angles, one row per position."""
    exponents = torch.arange(0, shape.head_width, 2) / shape.head_width
    angles = torch.outer(torch.arange(length), shape.rope_base**-exponents)
    return angles.cos(), angles.sin()


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


def write_gguf(path: Path, model: Llama, tokenizer: Tokenizer) -> None:
    """Write metadata, tokenizer, template and weights into one file.

    The file takes its place in one step: an engine that has the old one mapped would
    crash if it were written over.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    writer = gguf.GGUFWriter(unfinished, "llama")
    add_metadata(writer, model.shape)
    add_tokenizer(writer, tokenizer)
    for name, weights in model.named_parameters():
        add_weights(writer, name, weights.detach().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    unfinished.replace(path)


def add_metadata(writer: gguf.GGUFWriter, shape: ModelShape) -> None:
    """Say what the model is and how large its parts are."""
    writer.add_type("model")
    writer.add_name("wattmill-demo")
    writer.add_description("A toy that talks nonsense about token factories; for trying wattmill.")
    writer.add_license("Apache-2.0")
    writer.add_languages(["en"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.key_value_heads)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)


def add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    """Store the vocabulary, the merges and the chat template."""
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    vocabulary = tokenizer.get_vocab()
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([control if token in SPECIAL_IDS else normal for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(SPECIAL_IDS[END_OF_TEXT])
    writer.add_eos_token_id(SPECIAL_IDS[END_OF_TEXT])
    writer.add_eot_token_id(SPECIAL_IDS[END])
    writer.add_add_bos_token(True)
    writer.add_chat_template(CHAT_TEMPLATE)


def add_weights(writer: gguf.GGUFWriter, name: str, weights: NDArray[np.float32]) -> None:
    """Store matrices as Q8_0 and the small norm vectors as they are."""
    if weights.ndim == 1:
        writer.add_tensor(name, weights)
        return
    kind = gguf.GGMLQuantizationType.Q8_0
    writer.add_tensor(name, gguf.quants.quantize(weights, kind), raw_dtype=kind)


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
    stream = TokenStream(DocumentSource(corpus, arguments.seed), tokenizer)
    model = Llama(shape)
    print(f"{sum(weights.numel() for weights in model.parameters())} weights")
    train(model, stream, arguments.steps, arguments.learning_rate)
    write_gguf(arguments.output, model, tokenizer)
    print(f"{arguments.output}: {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
