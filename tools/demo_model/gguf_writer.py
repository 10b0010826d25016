"""Writes metadata, tokenizer, chat template and weights into one GGUF file."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
from network import Llama, ModelShape
from numpy.typing import NDArray
from tokenizer import CHAT_TEMPLATE, END, END_OF_TEXT, SPECIAL_IDS
from tokenizers import Tokenizer


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
