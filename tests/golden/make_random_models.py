#!/usr/bin/env python3
"""Makes small checkpoints of random weights and what Hugging Face transformers computes for them in float32:

    python3 -m venv venv && venv/bin/pip install torch transformers==5.17.0 safetensors
    venv/bin/python tests/golden/make_random_models.py [NAME ...]

Each NAME below becomes tests/golden/NAME with config.json, weights and
golden.json: some prompts with all logits after the last token, log-probabilities of the prompt's tokens after the first,
and greedy tokens with the margin between the best and the second-best logit. The configurations differ from those of
published models in what a reader could get wrong: numbers that are all different, keys in either spelling.
"""

import json
import math
import os
import shutil
import sys
import tempfile

import torch
import transformers
from safetensors.torch import load_file, save_file

HERE = os.path.dirname(os.path.abspath(__file__))
PROMPT_TOKENS = [1, 13, 90]
GREEDY_TOKENS = 24

COMMON = {
    "vocab_size": 192, "hidden_act": "silu", "rms_norm_eps": 1e-05, "bos_token_id": 0, "eos_token_id": 1,
    "torch_dtype": "bfloat16", "max_position_embeddings": 256, "tie_word_embeddings": False, "num_hidden_layers": 3,
}
LLAMA = COMMON | {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 48, "intermediate_size": 80,
    "num_attention_heads": 6, "num_key_value_heads": 2, "rope_theta": 10000.0, "attention_bias": False,
    "mlp_bias": False,
}
DEEPSEEK = COMMON | {
    "hidden_size": 60, "intermediate_size": 96, "moe_intermediate_size": 24, "num_attention_heads": 6,
    "num_key_value_heads": 6, "kv_lora_rank": 20, "qk_nope_head_dim": 12, "qk_rope_head_dim": 8, "v_head_dim": 10,
    "moe_layer_freq": 1, "rope_theta": 10000.0, "rope_scaling": None, "attention_bias": False,
}
DEEPSEEK_V3 = DEEPSEEK | {
    "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "scoring_func": "sigmoid",
    "topk_method": "noaux_tc", "num_nextn_predict_layers": 0,
}
YARN = {"type": "yarn", "factor": 6.0, "original_max_position_embeddings": 48, "beta_fast": 24, "beta_slow": 2}

MODELS = {
    "llama-linear": LLAMA | {"rope_scaling": {"type": "linear", "factor": 3.0}, "rms_norm_eps": 1e-06},
    "llama-dynamic": LLAMA | {"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}, "num_key_value_heads": 6},
    # The spelling of transformers from version 5 on, and every bias that a Llama may have.
    "llama-biases": {k: v for k, v in LLAMA.items() if k != "rope_theta"} | {
        "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True, "dtype": "bfloat16",
        "rope_parameters": {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 4.0, "low_freq_factor": 1.0,
                            "high_freq_factor": 3.0, "original_max_position_embeddings": 48},
    },
    "mistral": LLAMA | {
        "architectures": ["MistralForCausalLM"], "model_type": "mistral", "head_dim": 20, "sliding_window": None,
        "rope_theta": 1000000.0,
    },
    "qwen2-yarn": LLAMA | {
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "use_sliding_window": False,
        "sliding_window": 32, "max_window_layers": 2, "rope_theta": 1000000.0,
        "rope_scaling": {k: v for k, v in YARN.items() if not k.startswith("beta")},
    },
    "qwen3-moe": COMMON | {
        "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "num_hidden_layers": 4, "hidden_size": 48,
        "intermediate_size": 80, "moe_intermediate_size": 24, "num_attention_heads": 6, "num_key_value_heads": 2,
        "head_dim": 12, "num_experts": 10, "num_experts_per_tok": 3, "norm_topk_prob": True, "decoder_sparse_step": 1,
        "mlp_only_layers": [2], "attention_bias": True, "use_sliding_window": False, "sliding_window": None,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0},
    },
    "deepseek-v2": DEEPSEEK | {
        "architectures": ["DeepseekV2ForCausalLM"], "model_type": "deepseek_v2", "num_hidden_layers": 4,
        "q_lora_rank": 28, "first_k_dense_replace": 2, "n_routed_experts": 12, "n_shared_experts": 2,
        "num_experts_per_tok": 4, "n_group": 3, "topk_group": 2, "topk_method": "group_limited_greedy",
        "scoring_func": "softmax", "norm_topk_prob": False, "routed_scaling_factor": 4.0,
        "rope_scaling": YARN | {"mscale": 0.9, "mscale_all_dim": 0.6},
    },
    "deepseek-v3-no-query-rank": DEEPSEEK_V3 | {
        "q_lora_rank": None, "first_k_dense_replace": 0, "n_routed_experts": 9, "n_shared_experts": 1,
        "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1, "norm_topk_prob": False,
        "routed_scaling_factor": 1.5, "rope_interleave": False, "attention_bias": True, "kv_lora_rank": 36,
    },
    "deepseek-v3-fp8": DEEPSEEK_V3 | {
        "q_lora_rank": 44, "first_k_dense_replace": 1, "n_routed_experts": 16, "n_shared_experts": 1,
        "num_experts_per_tok": 5, "n_group": 8, "topk_group": 4, "norm_topk_prob": True, "routed_scaling_factor": 2.5,
        "rope_scaling": YARN | {"mscale": 1.0, "mscale_all_dim": 1.0},
        "quantization_config": {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic",
                                "weight_block_size": [16, 32]},
    },
}
SHARDED = {"mistral": 3}  # Files.


def draw(name, shape, generator):
    """Weights that keep activations around 1 and make routers choose clearly."""
    values = torch.randn(shape, generator=generator)
    if "layernorm" in name or "norm.weight" in name:
        return 1.0 + 0.1 * values
    if name.endswith("bias"):
        return 0.3 * values
    if "embed_tokens" in name:
        return values
    return values * (3.0 if "lm_head" in name or "mlp.gate." in name else 1.0) / math.sqrt(shape[-1])


def write_config(config, folder):
    with open(os.path.join(folder, "config.json"), "w") as out:
        json.dump(config, out, indent=2)


def checkpoint_of(config):
    """The tensors that transformers would save, drawn anew, in bf16 (the router's bias in f32)."""
    with tempfile.TemporaryDirectory() as folder:
        write_config(config, folder)
        read = transformers.AutoConfig.from_pretrained(folder)
        transformers.AutoModelForCausalLM.from_config(read).save_pretrained(folder)
        shapes = {name: value.shape for name, value in load_file(os.path.join(folder, "model.safetensors")).items()}
    generator = torch.Generator().manual_seed(17)
    tensors = {}
    for name in sorted(shapes):
        dtype = torch.float32 if name.endswith("e_score_correction_bias") else torch.bfloat16
        tensors[name] = draw(name, shapes[name], generator).to(dtype)
    return tensors


def quantized(tensors, block):
    """As the file has it: float8 with a scale for each block; and what that means, in bf16."""
    stored, meant = {}, {}
    for name, value in tensors.items():
        if value.dim() != 2 or ".layers." not in name or name.endswith("mlp.gate.weight"):
            stored[name] = meant[name] = value
            continue
        rows, columns = value.shape
        codes = torch.empty(value.shape, dtype=torch.float8_e4m3fn)
        scales = torch.empty(math.ceil(rows / block[0]), math.ceil(columns / block[1]))
        for i in range(scales.shape[0]):
            for j in range(scales.shape[1]):
                part = (slice(i * block[0], (i + 1) * block[0]), slice(j * block[1], (j + 1) * block[1]))
                scales[i, j] = value[part].float().abs().max() / 448.0
                codes[part] = (value[part].float() / scales[i, j]).to(torch.float8_e4m3fn)
        spread = scales.repeat_interleave(block[0], 0).repeat_interleave(block[1], 1)[:rows, :columns]
        stored[name], stored[name + "_scale_inv"] = codes, scales
        meant[name] = (codes.float() * spread).to(torch.bfloat16)
    return stored, meant


def save(tensors, folder, num_files):
    if num_files == 1:
        save_file(tensors, os.path.join(folder, "model.safetensors"), {"format": "pt"})
        return
    weight_map = {}
    names = sorted(tensors)
    for i in range(num_files):
        file = f"model-{i + 1:05}-of-{num_files:05}.safetensors"
        part = names[i * len(names) // num_files:(i + 1) * len(names) // num_files]
        save_file({name: tensors[name] for name in part}, os.path.join(folder, file), {"format": "pt"})
        weight_map |= {name: file for name in part}
    size = sum(value.numel() * value.element_size() for value in tensors.values())
    with open(os.path.join(folder, "model.safetensors.index.json"), "w") as out:
        json.dump({"metadata": {"total_size": size}, "weight_map": weight_map}, out, indent=1)


def golden_of(model, prompt):
    def logits(ids):
        with torch.no_grad():
            return model(torch.tensor([ids]), use_cache=False).logits[0]

    all_logits = logits(prompt)
    logprobs = torch.log_softmax(all_logits, -1)
    ids, greedy = list(prompt), []
    for _ in range(GREEDY_TOKENS):
        best = logits(ids)[-1].topk(2)
        greedy.append([int(best.indices[0]), round(float(best.values[0] - best.values[1]), 5)])
        ids.append(greedy[-1][0])
    return {
        "ids": prompt, "last_logits": [round(float(x), 5) for x in all_logits[-1]],
        "prompt_logprobs": [round(float(logprobs[i, prompt[i + 1]]), 5) for i in range(len(prompt) - 1)],
        "greedy_token_and_margin": greedy,
    }


def make(name, config):
    folder = os.path.join(HERE, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    write_config(config, folder)
    plain = {key: value for key, value in config.items() if key != "quantization_config"}
    stored = meant = checkpoint_of(plain)
    if "quantization_config" in config:
        stored, meant = quantized(stored, config["quantization_config"]["weight_block_size"])
    save(stored, folder, SHARDED.get(name, 1))

    with tempfile.TemporaryDirectory() as reference:
        write_config(plain, reference)
        save(meant, reference, 1)
        model, info = transformers.AutoModelForCausalLM.from_pretrained(
            reference, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager",
            output_loading_info=True)
    unclear = {key: value for key, value in info.items() if value}
    assert not unclear, unclear
    model.eval()
    generator = torch.Generator().manual_seed(23)
    prompts = [torch.randint(config["vocab_size"], (size,), generator=generator).tolist() for size in PROMPT_TOKENS]
    cases = [golden_of(model, prompt) for prompt in prompts]
    with open(os.path.join(folder, "golden.json"), "w") as out:
        json.dump({"transformers": transformers.__version__, "cases": cases}, out)
    print(name, sum(os.path.getsize(os.path.join(folder, file)) for file in os.listdir(folder)), "bytes")


def main():
    torch.set_num_threads(1)
    for name in sys.argv[1:] or MODELS:
        make(name, MODELS[name])


if __name__ == "__main__":
    main()
