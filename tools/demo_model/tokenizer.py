"""The tokens, the template that makes text of a chat, and the stream of tokens to learn from."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor

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

    def __init__(self, documents: Iterator[str], tokenizer: Tokenizer) -> None:
        self.documents = documents
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
