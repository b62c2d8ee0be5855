"""Parameters: published counts to the unit, the trainer's own models, and configs as the Transformers library has them."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from economics.architecture import decoder_of_form, decoder_of_size
from economics.architecture.hugging_face import architecture_from_config, read_config_file
from economics.architecture.lookup import find_architecture, preset, presets
from economics.architecture.sizing import mixture_of_size
from economics.errors import InputError

PUBLISHED = sorted(name for name, (_, sizes) in presets().items() if "published" in sizes)


@pytest.mark.parametrize("name", PUBLISHED)
def test_count_equals_the_published_one(name: str) -> None:
    assert preset(name).parameters().total == presets()[name][1]["published"]


@pytest.mark.parametrize("name", sorted(presets()))
def test_parts_sum_to_the_total(name: str) -> None:
    counted = preset(name).parameters()
    assert sum(counted.by_part.values()) == counted.total
    assert counted.active <= counted.total
    assert counted.active_matmul <= counted.matmul


def test_a_mixture_counts_the_experts_that_a_token_uses() -> None:
    assert preset("mixtral-8x7b").parameters().active == 12_879_925_248


@pytest.mark.torch
@pytest.mark.parametrize(
    ("settings", "vocabulary"),
    [
        ({"form": "modern"}, 4096),
        ({"form": "modern", "num_kv_heads": 2, "qk_norm": True, "tied_embeddings": False}, 1000),
        ({"form": "modern", "head_width": 48, "feed_forward_width": 640}, 777),
        ({"form": "classic"}, 4096),
        ({"form": "classic", "tied_embeddings": False, "feed_forward_width": 300, "context_length": 64}, 512),
        ({"form": "classic", "head_width": 16, "num_heads": 4, "model_width": 96}, 512),
    ],
)
def test_the_trainers_models_are_counted_to_the_unit(settings: dict[str, object], vocabulary: int) -> None:
    torch = importlib.import_module("torch")
    from trainer.models.gpt.model import GPT
    from trainer.models.gpt.spec import GPTSpec

    spec = GPTSpec(**{"num_layers": 2, **settings})  # type: ignore[arg-type]
    with torch.device("meta"):
        real = sum(p.numel() for p in GPT(spec, vocab_size=vocabulary).parameters())
    counted = decoder_of_form(
        form=spec.form, num_layers=spec.num_layers, model_width=spec.model_width, num_heads=spec.num_heads,
        vocabulary_size=vocabulary, context_length=spec.context_length, num_kv_heads=spec.num_kv_heads,
        head_width=spec.head_width, feed_forward_width=spec.feed_forward_width,
        tied_embeddings=spec.tied_embeddings, qk_norm=spec.qk_norm,
    )  # fmt: skip
    assert counted.parameters().total == real


CHANGES: list[dict[str, object]] = [
    {"model_type": "llama", "hidden_size": 256, "num_attention_heads": 8, "attention_bias": True, "mlp_bias": True},
    {"model_type": "llama", "num_hidden_layers": 3, "num_key_value_heads": 4, "head_dim": 64, "tie_word_embeddings": True},
    {"model_type": "gpt2", "n_embd": 320, "n_head": 5, "n_layer": 3, "n_inner": 777, "tie_word_embeddings": False},
    {"model_type": "qwen3_moe", "num_hidden_layers": 4, "mlp_only_layers": [1], "num_experts_per_tok": 3},
    {"model_type": "qwen2", "num_hidden_layers": 2, "num_key_value_heads": 8},
    {"model_type": "mistral", "num_hidden_layers": 2, "head_dim": 96},
    {"model_type": "gemma2", "num_hidden_layers": 3},
    {"model_type": "deepseek_v3", "num_hidden_layers": 5, "first_k_dense_replace": 2, "q_lora_rank": None},
    {"model_type": "gpt_neox", "num_hidden_layers": 2, "use_parallel_residual": False},
    {"model_type": "falcon", "num_hidden_layers": 2, "new_decoder_architecture": True, "num_kv_heads": 8, "hidden_size": 512,
     "num_attention_heads": 8},
    {"model_type": "phi", "num_hidden_layers": 2},
    {"model_type": "olmo2", "num_hidden_layers": 2},
    {"model_type": "gpt_oss", "num_hidden_layers": 2},
    {"model_type": "deepseek_v2", "num_hidden_layers": 2, "q_lora_rank": None, "num_key_value_heads": 32},
    {"model_type": "deepseek_v3", "num_hidden_layers": 2, "attention_bias": True},
    {"model_type": "qwen2_moe", "num_hidden_layers": 2, "qkv_bias": False},
    {"model_type": "phi", "num_hidden_layers": 2, "qk_layernorm": True},
    {"model_type": "stablelm", "num_hidden_layers": 2, "qk_layernorm": True},
    {"model_type": "cohere", "num_hidden_layers": 2, "use_qk_norm": True},
    {"model_type": "gpt_bigcode", "n_layer": 2, "multi_query": False},
    {"model_type": "llama4_text", "num_hidden_layers": 4, "interleave_moe_layer_step": 2, "intermediate_size": 512},
    {"model_type": "ernie4_5_moe", "num_hidden_layers": 3, "moe_layer_start_index": 2, "moe_num_experts": 8},
    {"model_type": "glm4_moe_lite", "num_hidden_layers": 3, "num_experts_per_tok": 2},
    {"model_type": "minicpm3", "num_hidden_layers": 2, "q_lora_rank": 96},
    {"model_type": "granitemoeshared", "num_hidden_layers": 2, "shared_intermediate_size": 64},
    {"model_type": "apertus", "num_hidden_layers": 2},
    {"model_type": "openai-gpt", "n_layer": 2},
    {"model_type": "persimmon", "num_hidden_layers": 2, "qk_layernorm": False},
    {"model_type": "nanochat", "num_hidden_layers": 2},
    {"model_type": "xglm", "num_layers": 2, "attention_heads": 8},
    {"model_type": "jais2", "num_hidden_layers": 2},
    {"model_type": "vaultgemma", "num_hidden_layers": 2},
    {"model_type": "exaone_moe", "num_hidden_layers": 3, "num_experts": 8},
    {"model_type": "flex_olmo", "num_hidden_layers": 2},
    {"model_type": "sarvam_mla", "num_hidden_layers": 2, "q_lora_rank": 64},
    {"model_type": "hy_v3", "num_hidden_layers": 2, "num_experts": 16},
    {"model_type": "granitemoe_swa", "num_hidden_layers": 2},
    {"model_type": "solar_open", "num_hidden_layers": 2, "n_routed_experts": 8},
    {"model_type": "youtu", "num_hidden_layers": 2, "kv_lora_rank": 96},
    {"model_type": "mamba", "hidden_size": 320, "num_hidden_layers": 2, "time_step_rank": 20, "use_bias": True,
     "use_conv_bias": False, "intermediate_size": 640},
    {"model_type": "mamba2", "hidden_size": 320, "num_heads": 10, "n_groups": 1, "num_hidden_layers": 2},
    {"model_type": "jamba", "num_hidden_layers": 8, "hidden_size": 256, "intermediate_size": 512, "mamba_dt_rank": 16},
    {"model_type": "jamba", "num_hidden_layers": 8, "hidden_size": 256, "num_experts": 1, "num_experts_per_tok": 1},
    {"model_type": "bamba", "num_hidden_layers": 4, "attn_layer_indices": [1, 3]},
    {"model_type": "falcon_h1", "num_hidden_layers": 2, "mamba_d_ssm": 2048, "mamba_n_heads": 32, "mamba_d_head": 64,
     "mamba_rms_norm": True},
    {"model_type": "nemotron_h", "hybrid_override_pattern": "M-M*-E", "hidden_size": 512, "mamba_num_heads": 16},
    {"model_type": "granitemoehybrid", "num_hidden_layers": 3, "layer_types": ["mamba", "mamba", "attention"],
     "num_local_experts": 0, "shared_intermediate_size": 512},
    {"model_type": "granitemoehybrid", "num_hidden_layers": 3, "layer_types": ["mamba", "attention", "mamba"]},
    {"model_type": "qwen3_next", "num_hidden_layers": 8, "mlp_only_layers": [1], "num_experts": 16},
    {"model_type": "qwen3_5_text", "num_hidden_layers": 4, "linear_num_value_heads": 16},
    {"model_type": "qwen3_5_moe_text", "num_hidden_layers": 4, "num_experts": 16},
    {"model_type": "olmo_hybrid", "num_hidden_layers": 4},
    {"model_type": "opt", "hidden_size": 1024, "word_embed_proj_dim": 512, "do_layer_norm_before": False,
     "num_hidden_layers": 2, "num_attention_heads": 16, "ffn_dim": 4096},
    {"model_type": "bitnet", "num_hidden_layers": 2},
    {"model_type": "deepseek_v32", "num_hidden_layers": 2, "index_n_heads": 16, "index_head_dim": 64},
    {"model_type": "glm_moe_dsa", "num_hidden_layers": 4, "n_routed_experts": 8},
    {"model_type": "lfm2", "num_hidden_layers": 3, "layer_types": ["conv", "full_attention", "conv"], "conv_bias": True},
    {"model_type": "lfm2", "num_hidden_layers": 2, "full_attn_idxs": [1], "block_ffn_dim_multiplier": 1.3},
]  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize("config", CHANGES, ids=lambda config: "-".join(str(value) for value in config.values())[:60])
def test_a_config_counts_as_the_transformers_library_counts_it(config: dict[str, object]) -> None:
    torch = importlib.import_module("torch")
    transformers = importlib.import_module("transformers")
    fields = {key: value for key, value in config.items() if key != "model_type"}
    theirs = transformers.CONFIG_MAPPING[config["model_type"]](**fields)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(theirs)
    expected = sum(p.numel() for p in model.parameters())
    assert architecture_from_config(config).parameters().total == expected


ENCODERS: list[dict[str, object]] = [
    {"model_type": "albert", "num_hidden_groups": 2},
    {"model_type": "electra", "hidden_size": 128, "num_attention_heads": 2},
    {"model_type": "mpnet", "num_hidden_layers": 2},
    {"model_type": "deberta-v2", "num_hidden_layers": 2, "relative_attention": True, "position_buckets": 256,
     "norm_rel_ebd": "layer_norm", "share_att_key": True, "pos_att_type": "p2c|c2p", "position_biased_input": False},
    {"model_type": "mbart", "encoder_layers": 2, "decoder_layers": 3},
    {"model_type": "modernbert", "num_hidden_layers": 4, "attention_bias": True, "mlp_bias": True, "norm_bias": True},
    {"model_type": "whisper", "d_model": 96, "encoder_layers": 2, "decoder_layers": 3, "num_mel_bins": 128,
     "max_target_positions": 99},
]  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize("config", ENCODERS, ids=lambda config: str(config["model_type"]))
def test_an_encoder_counts_as_the_transformers_library_counts_it(config: dict[str, object]) -> None:
    torch = importlib.import_module("torch")
    transformers = importlib.import_module("transformers")
    fields = {key: value for key, value in config.items() if key != "model_type"}
    with torch.device("meta"):
        model = transformers.AutoModel.from_config(transformers.CONFIG_MAPPING[config["model_type"]](**fields))
    assert architecture_from_config(config).parameters().total == sum(p.numel() for p in model.parameters())


def test_parts_of_a_config_in_tables_of_their_own_are_read() -> None:
    sixteen = {
        "model_type": "dbrx", "d_model": 6144, "n_heads": 48, "n_layers": 40, "vocab_size": 100352,
        "attn_config": {"kv_n_heads": 8}, "ffn_config": {"ffn_hidden_size": 10752, "moe_num_experts": 16, "moe_top_k": 4},
    }  # fmt: skip
    assert architecture_from_config(sixteen).parameters().total == 131_596_523_520
    seeing = {"model_type": "gemma3", "tie_word_embeddings": False, "text_config": {"model_type": "gemma3_text"}}
    assert "output_head" in architecture_from_config(seeing).parameters().by_part


@pytest.mark.parametrize(
    ("config", "total"),
    [
        ({"model_type": "bloom", "n_embed": 14336, "n_layer": 70, "num_attention_heads": 112}, 176_247_271_424),
        (
            {"model_type": "RefinedWeb", "hidden_size": 8192, "n_layer": 60, "n_head": 128, "n_head_kv": 8},
            41_303_293_952,
        ),
        ({"model_type": "baichuan"}, 7_505_973_248),
        ({"model_type": "grok-1"}, 315_684_820_992),
        (
            {"model_type": "chatglm", "add_qkv_bias": True, "multi_query_attention": True, "multi_query_group_num": 2},
            6_243_584_000,
        ),
    ],
    ids=lambda value: value["model_type"] if isinstance(value, dict) else "",
)
def test_configs_that_their_makers_wrote_otherwise(config: dict[str, object], total: int) -> None:
    assert architecture_from_config(config).parameters().total == total


def test_a_class_that_only_begins_like_a_known_one_is_not_taken_for_it() -> None:
    assert architecture_from_config({"architectures": ["Qwen3ForCausalLM"]}).parameters().total > 1e9
    assert architecture_from_config({"architectures": ["BertForMaskedLM"]}).parameters().total == 109_482_240
    with pytest.raises(InputError, match="model_type"):
        architecture_from_config({"architectures": ["Qwen3WarpForCausalLM"]})


def test_a_config_file_is_read_whatever_its_name_and_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "anything.json").write_text(json.dumps({"model_type": "gpt2"}))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    assert read_config_file(tmp_path / "anything.json").parameters().total == 124_439_808
    assert find_architecture(str(tmp_path))[0].parameters().total == 6_738_415_616


@pytest.mark.parametrize(
    ("config", "right"),
    [
        ({"model_type": "nemotron_h", "layers_block_type": ["mamba", "warp"]}, "layers_block_type is 'warp'"),
        ({"model_type": "qwen3_next", "layer_types": "full_attention"}, "layer_types is 'full_attention'"),
        ({"model_type": "bamba", "attn_layer_indices": "abc"}, "attn_layer_indices is 'abc'"),
        ({"model_type": "mamba", "state_size": -4}, "state_size is -4"),
        ({"model_type": "llama", "hidden_size": 4096.5}, "hidden_size is 4096.5; it must be a whole number from 1"),
        ({"model_type": "llama", "num_hidden_layers": 10**30}, "num_hidden_layers is 1000"),
        ({"model_type": "whisper", "d_model": 0}, "d_model is 0; it must be a whole number from 1"),
        ({"model_type": "llama", "num_attention_heads": True}, "num_attention_heads is True"),
        ({"model_type": "modernbert", "local_attention": -5}, "local_attention is -5"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_sizes_and_kinds_of_layers_that_cannot_be_are_named(config: dict[str, object], right: str) -> None:
    with pytest.raises(InputError, match=right):
        architecture_from_config(config)


def test_a_config_that_never_ends_is_refused(tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text('{"model_type":' + "[" * 50_000 + "]" * 50_000 + "}")
    with pytest.raises(InputError, match="a JSON file"):
        read_config_file(tmp_path / "deep.json")


def test_an_unknown_model_type_names_those_that_are_known() -> None:
    with pytest.raises(InputError, match=r"model_type is 'warp'; it must be one of .*llama"):
        architecture_from_config({"model_type": "warp"})


@pytest.mark.parametrize("size", [1e5, 3e6, 5e7, 1.3e8, 1e9, 7e9, 33e9, 70e9, 175e9, 1e12])
def test_a_decoder_of_a_size_has_about_that_size(size: float) -> None:
    assert decoder_of_size(size).parameters().total == pytest.approx(size, rel=0.05 if size > 1e7 else 0.15)


@pytest.mark.parametrize(("total", "active"), [(47e9, 13e9), (671e9, 37e9), (30e9, 3e9), (1e12, 32e9)])
def test_a_mixture_of_a_size_has_about_those_sizes(total: float, active: float) -> None:
    counted = mixture_of_size(total, active).parameters()
    assert counted.total == pytest.approx(total, rel=0.1)
    assert counted.active == pytest.approx(active, rel=0.1)


@pytest.mark.torch
def test_the_trainers_bag_of_words_is_counted_to_the_unit() -> None:
    from economics.architecture.bag import BagOfWords
    from trainer.models.bow.task import BagOfWords as Theirs

    real = sum(p.numel() for p in Theirs(vocab_size=500, width=24, num_labels=7, dropout=0.0).parameters())
    assert BagOfWords(vocabulary_size=500, width=24, num_labels=7).parameters().total == real
