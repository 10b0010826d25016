"""What a config.json of each `model_type` does not say, because its class holds it."""

from __future__ import annotations

from typing import Any

import msgspec

from wattmill.catalog.models import Bias, Modality


class Architecture(msgspec.Struct, frozen=True):
    """What a configuration of this `model_type` does not say.

    window_every: every n-th layer sees the whole context and the others a window; 1 is none,
    0 is that all layers are windowed. defaults: the class's own values, which a `text_config`
    inside a multimodal configuration leaves out.
    """

    family: str
    tied: bool = False
    bias: Bias = "none"
    mlp_matrices: int = 3
    modality: Modality = "text"
    gated_attention: bool = False
    intermediate_is_expert: bool = False
    window_every: int = 0
    defaults: dict[str, Any] = msgspec.field(default_factory=dict)


LLAMA_7B = {
    "vocab_size": 32000,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "max_position_embeddings": 2048,
}
GEMMA_3 = {
    "vocab_size": 262208,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "max_position_embeddings": 131072,
}
MISTRAL_7B = {**LLAMA_7B, "intermediate_size": 14336, "num_key_value_heads": 8}
BERT = Architecture("bert", bias="all", mlp_matrices=2, modality="embedding", tied=True)

ARCHITECTURES: dict[str, Architecture] = {
    "bert": BERT,
    "roberta": BERT,
    "xlm-roberta": BERT,
    "camembert": BERT,
    "nomic_bert": Architecture("nomic-bert", modality="embedding", tied=True),
    "new": Architecture("gte", bias="qkv", modality="embedding", tied=True),
    "modernbert": Architecture("modernbert", modality="embedding", tied=True, window_every=3),
    "whisper": Architecture("whisper", tied=True, bias="all", mlp_matrices=2, modality="speech"),
    "llama": Architecture("llama", defaults=LLAMA_7B),
    "mistral": Architecture("mistral", defaults=MISTRAL_7B),
    "ministral3": Architecture("mistral", defaults=MISTRAL_7B),
    "ministral": Architecture("mistral"),
    "mixtral": Architecture("mixtral", intermediate_is_expert=True),
    "phimoe": Architecture("phimoe", bias="all", intermediate_is_expert=True),
    "qwen2": Architecture("qwen2", bias="qkv"),
    "qwen2_moe": Architecture("qwen2-moe", bias="qkv"),
    "qwen2_vl": Architecture("qwen2", bias="qkv"),
    "qwen2_vl_text": Architecture("qwen2", bias="qkv"),
    "qwen2_5_vl": Architecture("qwen2", bias="qkv"),
    "qwen2_5_vl_text": Architecture("qwen2", bias="qkv"),
    "qwen3": Architecture("qwen3"),
    "qwen3_vl_text": Architecture("qwen3"),
    "qwen3_moe": Architecture("qwen3-moe"),
    "qwen3_vl_moe_text": Architecture("qwen3-moe"),
    "qwen3_next": Architecture("qwen3-next", gated_attention=True),
    "qwen3_5_text": Architecture("qwen3.5", gated_attention=True),
    "qwen3_5_moe_text": Architecture("qwen3.5-moe", gated_attention=True),
    "deepseek": Architecture("deepseek"),
    "deepseek_v2": Architecture("deepseek-v2"),
    "deepseek_v3": Architecture("deepseek-v3"),
    "deepseek_v32": Architecture("deepseek-v3.2"),
    "deepseek_v4": Architecture("deepseek-v4"),
    "kimi_k2": Architecture("deepseek-v3"),
    "kimi_linear": Architecture("kimi-linear"),
    "mistral4": Architecture("deepseek-v3"),
    "glm": Architecture("glm", bias="qkv"),
    "glm4": Architecture("glm4", bias="qkv"),
    "glm4_moe": Architecture("glm4-moe"),
    "glm4_moe_lite": Architecture("deepseek-v3"),
    "glm_moe_dsa": Architecture("glm5"),
    "gpt_oss": Architecture("gpt-oss", bias="all", intermediate_is_expert=True, window_every=2),
    "gemma": Architecture("gemma", tied=True),
    "gemma2": Architecture("gemma2", tied=True, window_every=2),
    "gemma3_text": Architecture("gemma3", tied=True, window_every=6, defaults=GEMMA_3),
    "gemma3n_text": Architecture("gemma3n", tied=True, window_every=5),
    "gemma4_text": Architecture("gemma4", tied=True, window_every=6),
    "phi3": Architecture("phi3"),
    "minimax": Architecture("minimax-m1", intermediate_is_expert=True, window_every=1),
    "minimax_text_01": Architecture("minimax-m1", intermediate_is_expert=True, window_every=1),
    "minimax_m1": Architecture("minimax-m1", intermediate_is_expert=True, window_every=1),
    "minimax_m2": Architecture("minimax-m2", intermediate_is_expert=True),
    "minimax_m3": Architecture("minimax-m3"),
    "cohere": Architecture("cohere", tied=True),
    "cohere2": Architecture("cohere2", tied=True, window_every=4),
    "granite": Architecture("granite"),
    "granitemoe": Architecture("granite-moe", intermediate_is_expert=True),
    "granitemoehybrid": Architecture("granite-hybrid", intermediate_is_expert=True),
    "nemotron": Architecture("nemotron", mlp_matrices=2),
    "nemotron_h": Architecture("nemotron-h", mlp_matrices=2),
    "nemotron-nas": Architecture("nemotron-nas"),
    "llama4_text": Architecture("llama4", intermediate_is_expert=True, window_every=4),
    "mllama_text_model": Architecture("llama3"),
    "olmo": Architecture("olmo"),
    "olmo2": Architecture("olmo2"),
    "olmo3": Architecture("olmo3", window_every=4),
    "olmoe": Architecture("olmoe", intermediate_is_expert=True),
    "starcoder2": Architecture("starcoder2", tied=True, bias="all", mlp_matrices=2),
    "smollm3": Architecture("smollm3", tied=True),
    "hunyuan_v1_dense": Architecture("hunyuan"),
    "hunyuan_v1_moe": Architecture("hunyuan-moe"),
    "hunyuan": Architecture("hunyuan-moe"),
    "ernie4_5": Architecture("ernie4.5", tied=True),
    "ernie4_5_moe": Architecture("ernie4.5-moe", tied=True),
    "dots1": Architecture("dots1", window_every=1),
    "step3p5": Architecture("step3.5"),
    "step3p7": Architecture("step3.5"),
    "mimo": Architecture("mimo", bias="qkv"),
    "mimo_v2_flash": Architecture("mimo-v2"),
    "seed_oss": Architecture("seed-oss", bias="qkv"),
    "exaone4": Architecture("exaone4", window_every=4),
    "internlm2": Architecture("internlm2"),
    "falcon_h1": Architecture("falcon-h1"),
    "jamba": Architecture("jamba"),
    "bamba": Architecture("bamba"),
    "mamba": Architecture("mamba", tied=True),
    "mamba2": Architecture("mamba2"),
    "rwkv7": Architecture("rwkv7", mlp_matrices=2),
}
"""What is understood, by `model_type`."""

SAME_AS = {
    "gemma3": "gemma3_text",
    "gemma3n": "gemma3n_text",
    "gemma4": "gemma4_text",
    "llama4": "llama4_text",
    "qwen3_5": "qwen3_5_text",
    "qwen3_5_moe": "qwen3_5_moe_text",
    "qwen3_vl": "qwen3_vl_text",
    "qwen3_vl_moe": "qwen3_vl_moe_text",
    "kimi_k25": "kimi_k2",
    "minimax_m3_vl": "minimax_m3",
    "xlm_roberta": "xlm-roberta",
    "nemotron_nas": "nemotron-nas",
}
"""Other words for a `model_type` of `ARCHITECTURES`."""
