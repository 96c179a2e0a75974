#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""coverage.py FOLDER [ARGUMENT...]: which MoE layers of the installed
transformers moec imports, as a table in Markdown.

Looks at every model that uses the experts interface or has a router class. A
model of tiny sizes is made and saved, one layer's input and output are kept, and
moe-run is asked for the same from what was saved: names, keys and formula are
held to the original. ARGUMENTs go to moe-run.
"""
import importlib
import inspect
import os
import re
import subprocess
import sys
import warnings

import torch
import transformers
from safetensors.torch import load_file, save_file

MODELS = os.path.join(os.path.dirname(transformers.__file__), "models")
TOKENS = 11
SIZES = dict(
    attention_bias=False, d_ff=48, d_model=64, enable_moe_block=True, expert_ffn_hidden_size=32,
    ffn_hidden_size=48, first_k_dense_replace=1, head_dim=16, hidden_size=64,
    hidden_size_per_layer_input=0, index_head_dim=16, index_n_heads=2, index_topk=4,
    intermediate_size=48, kv_lora_rank=16, linear_key_head_dim=8, linear_num_key_heads=2,
    linear_num_value_heads=4, linear_value_head_dim=8, max_position_embeddings=64,
    mlp_gate_softcap=1.0, mlp_only_layers=[], mlp_up_softcap=1.5, moe_hidden_size=24,
    moe_intermediate_size=32, moe_k=3, moe_latent_size=24, moe_num_experts=8,
    moe_num_shared_experts=2, moe_routed_scaling_factor=1.7, moe_router_logit_softcapping=2.0,
    moe_router_scaling_factor=1.7, moe_shared_expert_intermediate_size=40, moe_topk=3, n_group=4,
    n_routed_experts=8, n_shared_experts=1, norm_topk_prob=True, num_attention_heads=4,
    num_dense_layers=1, num_experts=8, num_experts_per_tok=3, num_hidden_layers=2,
    num_key_value_heads=2, num_layers=2, num_local_experts=8, num_shared_experts=2,
    pad_token_id=0, q_lora_rank=32, qk_nope_head_dim=8, qk_rope_head_dim=8, rms_norm_eps=1e-5,
    route_scale=1.7, routed_scaling_factor=1.7, router_hidden_size=16, router_scaling_factor=1.7,
    share_expert_dim=40, shared_expert_intermediate_size=40, shared_experts_intermediate_size=24,
    shared_intermediate_size=40, sliding_window=8, sliding_window_size=8, swiglu_limit=0.5,
    top_k_experts=3, topk_group=2, use_expert_bias=True, v_head_dim=16, vocab_size=64,
    zero_expert_num=4)
# What a configuration insists on.
OTHERWISE = {
    "beam": {"mlp_layer_types": ["dense", "sparse"]},
    "dbrx": {"ffn_config": {"moe_num_experts": 8, "moe_top_k": 3, "ffn_hidden_size": 48,
                            "hidden_size": 64}, "n_layers": 2, "n_heads": 4, "max_seq_len": 64,
             "attn_config": {"kv_n_heads": 2, "clip_qkv": 8, "rope_theta": 10000.0}},
    "deepseek_ocr2": {"mlp_layer_types": ["dense", "sparse"]},
    "deepseek_v2": {"norm_topk_prob": False},
    "deepseek_v4": {"mlp_layer_types": ["moe", "moe"]},
    "dots3_note": {"num_key_value_heads": 4},
    "glm5_next": {"num_key_value_heads": 4, "index_kpool": 1,
                  "mlp_layer_types": ["dense", "sparse"],
                  "qk_rope_head_dim": 0},
    "kimi_linear": {"n_group": 1, "topk_group": 1},
    "lfm2_moe": {"layer_types": ["full_attention", "full_attention"]},
    "nllb_moe": {"encoder_layers": 2, "decoder_layers": 2, "encoder_sparse_step": 1,
                 "decoder_sparse_step": 1, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48,
                 "encoder_attention_heads": 4, "decoder_attention_heads": 4},
    "step3p7": {"mlp_layer_types": ["dense", "sparse"], "swiglu_limits": [0.0, 0.4],
                "swiglu_limits_shared": [0.0, 0.3]},
    "switch_transformers": {"num_decoder_layers": 2, "num_sparse_encoder_layers": 2,
                            "num_sparse_decoder_layers": 2, "num_heads": 4, "d_kv": 16},
    "zaya": {"num_experts_per_tok": 1},
}
# The text model alone is saved under its modules' names, not under those that the
# whole is released with.
RELEASED = {
    "step3p7": [("mlp.gate.weight", "moe.gate.weight"),
                ("mlp.gate.e_score_correction_bias", "moe.router_bias"),
                ("mlp.experts.gate_up_proj", "moe.gate_proj.weight", "moe.up_proj.weight"),
                ("mlp.experts.down_proj", "moe.down_proj.weight"),
                ("mlp.shared_experts", "share_expert")],
}
ELSEWHERE = ("Vision", "Audio", "Encoder", "Code", "Talker", "Sam")


def declared(model):
    """The router and expert classes of a model's file."""
    with open(f"{MODELS}/{model}/modeling_{model}.py", encoding="utf-8") as file:
        text = file.read()
    names = re.findall(r"^class (\w*Router)\(", text, re.M)
    names += re.findall(r"^@use_experts_implementation.*\n(?:@.*\n)*class (\w+)\(", text, re.M)
    return names


def classes(model, kind):
    module = importlib.import_module(f"transformers.models.{model}.{kind}_{model}")
    return [each for each in vars(module).values()
            if inspect.isclass(each) and each.__module__ == module.__name__]


def tiny(model):
    """A model with seeded weights; biases of both signs."""
    configs = [each for each in classes(model, "configuration")
               if each.__name__.endswith("Config")
               and not any(word in each.__name__ for word in ELSEWHERE)]
    config_class = next((each for each in configs if "Text" in each.__name__), configs[-1])
    known = set(inspect.signature(config_class.__init__).parameters)
    known.update(getattr(config_class, "attribute_map", {}))
    for base in config_class.__mro__:
        known.update(getattr(base, "__annotations__", {}))
    given = {key: value for key, value in SIZES.items() if key in known}
    config = config_class(**dict(given, **OTHERWISE.get(model, {})))
    config._experts_implementation = config._attn_implementation = "eager"
    fitting = [each for each in classes(model, "modeling")
               if getattr(each, "config_class", None) is config_class
               and "PreTrained" not in each.__name__ and hasattr(each, "forward")]
    ends = ("ForCausalLM", "ForConditionalGeneration", "ForTokenClassification", "Model")
    whole = next(each for end in ends for each in fitting if each.__name__.endswith(end))
    torch.manual_seed(0)
    network = whole(config).eval().float()
    for name, tensor in list(network.named_parameters()) + list(network.named_buffers()):
        if not tensor.dtype.is_floating_point or "inv_freq" in name or "rotary" in name:
            continue
        centre, spread = 0.0, 0.4 if "router" in name or "gate.weight" in name else 0.15
        if "bias" in name:
            spread = 0.2
        elif "norm" in name or name.endswith("scale"):
            centre, spread = 1.0, 0.2
        with torch.no_grad():
            tensor.normal_(centre, spread)
    return network, config


def tensors_of(network, config):
    """Inputs and outputs of the last MoE block, and its name."""
    name, block = [(name, part) for name, part in network.named_modules()
                   if hasattr(part, "experts") and not name.endswith("experts")][-1]
    x = torch.randn(1, TOKENS, config.hidden_size)
    parent = network.get_submodule(name.rpartition(".")[0])
    more = {}
    with torch.no_grad():
        if hasattr(block, "router") and hasattr(block, "pre_feedforward_layernorm_2"):
            flat = x.reshape(-1, config.hidden_size)
            _, weights, ids = block.router(flat)
            y = block.experts(block.pre_feedforward_layernorm_2(flat), ids, weights)
            y = block.post_feedforward_layernorm_2(y)
        else:
            if hasattr(config, "router_hidden_size"):
                state = torch.randn(1, TOKENS, config.router_hidden_size)
                y, after = block(x, state)
                more = {"router_states": (state, after)}
            else:
                y = block(x)
                y = y[0] if isinstance(y, tuple) else y
        # Granite's shared experts are beside the block.
        if getattr(parent, "shared_mlp", None) is not None:
            y = y + parent.shared_mlp(x)
    return dict(more, hidden_states=(x, y)), name


def rename(path, names):
    """Tensors under other names; of two names, each gets a half."""
    renamed = {}
    for name, value in load_file(path).items():
        old, *new = next((pair for pair in names if pair[0] in name), ("", ""))
        for each, part in zip(new, value.chunk(len(new), dim=1) if len(new) > 1 else [value]):
            renamed[name.replace(old, each) if old else name] = part.contiguous()
    save_file(renamed, path)


def saved(model, folder):
    """Writes the checkpoint and the pair; the block's class and layer."""
    network, config = tiny(model)
    pairs, name = tensors_of(network, config)
    network.save_pretrained(folder)
    if model in RELEASED:
        rename(f"{folder}/model.safetensors", RELEASED[model])
    for number, kind in enumerate(("input", "expect")):
        save_file({key: pair[number].reshape(TOKENS, -1).contiguous()
                   for key, pair in pairs.items()}, f"{folder}/{kind}-T{TOKENS}.safetensors")
    numbers = [int(part) for part in name.split(".") if part.isdigit()]
    layer = numbers[0]
    if name.startswith("decoder") or ".decoder." in name:
        layer += getattr(config, "num_layers", None) or config.encoder_layers
    return layer


def asked(folder, layer, arguments):
    """What moec says to a checkpoint."""
    run = subprocess.run(["moe-run", folder, f"--layer={layer}", f"--expect={folder}",
                          "--rtol=1e-5"] + arguments, capture_output=True, text=True, check=False)
    if run.returncode == 0:
        return "yes", "agrees"
    if "DIFFERS" in run.stdout:
        return "no", "**differs**"
    error = run.stderr.strip().splitlines()[-1]
    missing = re.search(r"is not supported: its layer (needs .*)", error)
    if missing:
        return "no", missing[1]
    if "E0204" in error:
        return "no", "has no row"
    return "no", re.sub(r"'[^']*/(\w+)/config.json'", r"config.json", error).replace(folder, model_of(folder))


def model_of(folder):
    return os.path.basename(folder)


NO_LAYER = {
    "ernie4_5_vl_moe": "needs experts that are chosen by what kind of token it is",
    "granite_docling": "its router is not one of experts",
}


def row(model, folder, arguments):
    if model in NO_LAYER:
        return "no", NO_LAYER[model]
    os.makedirs(folder, exist_ok=True)
    try:
        layer = saved(model, folder)
    except Exception as error:  # whatever the original says to tiny sizes
        return "not tried", f"no tiny model: {type(error).__name__}"
    return asked(folder, layer, arguments)


def main(root, arguments):
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    rows = []
    for model in sorted(os.listdir(MODELS)):
        if os.path.exists(f"{MODELS}/{model}/modeling_{model}.py") and declared(model):
            rows.append((model, declared(model), *row(model, f"{root}/{model}", arguments)))
    yes = sum(supported == "yes" for _, _, supported, _ in rows)
    print("# Which models of transformers moec imports\n")
    print(f"Of the {len(rows)} models of transformers {transformers.__version__} that use the "
          f"experts interface or have a router class, moec imports {yes}. \"agrees\" says that a "
          "tiny model was made and saved by transformers, and that moec computed the output of "
          "its MoE layer from what was saved to 1e-5. This page is what `test/coverage.py` printed.\n")
    print("| model | classes | imported | |\n|---|---|---|---|")
    for model, names, supported, note in rows:
        print(f"| {model} | {', '.join(names)} | {supported} | {note} |")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
