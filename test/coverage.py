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
    "deepseek_v4": {"mlp_layer_types": ["hash_moe", "moe"]},
    "dots3_note": {"num_key_value_heads": 4},
    "ernie4_5_vl_moe": {"moe_intermediate_size": [32, 20],
                        "mlp_layer_types": ["dense", "sparse"],
                        "rope_parameters": {"rope_type": "default", "rope_theta": 1e4,
                                            "mrope_section": [3, 3, 2]}},
    "glm5_next": {"num_key_value_heads": 4, "index_kpool": 1,
                  "mlp_layer_types": ["dense", "sparse"],
                  "qk_rope_head_dim": 0},
    "kimi_linear": {"n_group": 1, "topk_group": 1},
    "lfm2_moe": {"layer_types": ["full_attention", "full_attention"]},
    "nllb_moe": {"encoder_layers": 2, "decoder_layers": 2, "encoder_sparse_step": 1,
                 "decoder_sparse_step": 1, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48,
                 "encoder_attention_heads": 4, "decoder_attention_heads": 4,
                 "moe_eval_capacity_token_fraction": 0.2, "batch_prioritized_routing": True},
    "phimoe": {"num_experts_per_tok": 2},
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
# Where only the whole is saved under the released names: what is beside the text.
WHOLE = {"ernie4_5_vl_moe": {"vision_config": {"depth": 1, "hidden_size": 32, "num_heads": 2,
                                               "intermediate_size": 32}}}
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
    text = config
    if model in WHOLE:
        config_class = next(each for each in configs if each.model_type == model)
        config = config_class(text_config=text, **WHOLE[model])
        text = config.text_config
    text._experts_implementation = config._attn_implementation = "eager"
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
    return network, text


def routers_of(network):
    """One MoE block of each kind of router, the last of it, and its name."""
    blocks = {}
    for name, part in network.named_modules():
        if hasattr(part, "experts") and not name.endswith("experts"):
            router = getattr(part, "router", None) or getattr(part, "gate", None)
            of_images = name.endswith("vision_moe")
            blocks[type(router), of_images] = (name, part)
    return list(blocks.values())


def tensors_of(network, config, name, block):
    """Inputs and outputs of a block."""
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
            elif hasattr(parent, "vision_moe"):
                kind = torch.full((1, TOKENS), int(block is parent.vision_moe))
                y = parent(x, kind)[0]
            elif getattr(block, "is_hash", False):
                ids = torch.randint(config.vocab_size, (1, TOKENS))
                y = block(x, ids)
                more = {"input_ids": (ids, None)}
            elif hasattr(getattr(block, "router", None), "moe_eval_capacity_token_fraction"):
                # This version's block gives every token to experts 0 and 1: its
                # router and its experts are right.
                _, weights, _ = block.router(x.reshape(-1, config.d_model))
                y = sum(weights[:, e, None] * block.experts[f"expert_{e}"](x[0])
                        for e in range(config.num_experts)) * (1 - config.moe_token_dropout)
            else:
                y = block(x)
                y = y[0] if isinstance(y, tuple) else y
        # Granite's shared experts are beside the block.
        if getattr(parent, "shared_mlp", None) is not None:
            y = y + parent.shared_mlp(x)
    return dict(more, hidden_states=(x, y))


def rows(value):
    """[T, ...], of ids [T]."""
    return value.reshape((TOKENS, -1) if value.is_floating_point() else TOKENS).contiguous()


def rename(path, names):
    """Tensors under other names; of two names, each gets a half."""
    renamed = {}
    for name, value in load_file(path).items():
        old, *new = next((pair for pair in names if pair[0] in name), ("", ""))
        for each, part in zip(new, value.chunk(len(new), dim=1) if len(new) > 1 else [value]):
            renamed[name.replace(old, each) if old else name] = part.contiguous()
    save_file(renamed, path)


def saved(model, folder):
    """Writes the checkpoint, and the pair of each kind of block; their layers."""
    network, config = tiny(model)
    network.save_pretrained(folder)
    if model in RELEASED:
        rename(f"{folder}/model.safetensors", RELEASED[model])
    layers = []
    for name, block in routers_of(network):
        numbers = [int(part) for part in name.split(".") if part.isdigit()]
        layer = numbers[0]
        if name.startswith("decoder") or ".decoder." in name:
            layer += getattr(config, "num_layers", None) or config.encoder_layers
        if name.endswith("vision_moe"):
            layer += config.num_hidden_layers
        layers.append(layer)
        pairs = tensors_of(network, config, name, block)
        os.makedirs(f"{folder}/{layer}", exist_ok=True)
        for number, kind in enumerate(("input", "expect")):
            save_file({key: rows(pair[number]) for key, pair in pairs.items()
                       if pair[number] is not None},
                      f"{folder}/{layer}/{kind}-T{TOKENS}.safetensors")
    return layers


def asked(folder, layer, arguments):
    """What moec says to a checkpoint."""
    run = subprocess.run(["moe-run", folder, f"--layer={layer}", f"--expect={folder}/{layer}",
                          "--rtol=1e-5"] + arguments, capture_output=True, text=True, check=False)
    if run.returncode == 0:
        return "yes", "agrees"
    if "DIFFERS" in run.stdout:
        return "no", "**differs**"
    error = run.stderr.strip().splitlines()[-1]
    if "E0204" in error:
        return "no", "has no row"
    return "no", re.sub(r"'[^']*/(\w+)/config.json'", r"config.json", error).replace(folder, model_of(folder))


def model_of(folder):
    return os.path.basename(folder)


NOTES = {
    "nllb_moe": "agrees with its router and its experts; its block, in this version, gives every "
                "token to experts 0 and 1",
}
NO_LAYER = {
    "granite_docling": "its router is not one of experts",
}


def row(model, folder, arguments):
    if model in NO_LAYER:
        return "no", NO_LAYER[model]
    os.makedirs(folder, exist_ok=True)
    try:
        layers = saved(model, folder)
    except Exception as error:  # whatever the original says to tiny sizes
        return "not tried", f"no tiny model: {type(error).__name__}"
    answers = [asked(folder, layer, arguments) for layer in layers]
    supported, note = next((answer for answer in answers if answer[0] != "yes"), answers[0])
    return supported, NOTES.get(model, note) if supported == "yes" else note


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
