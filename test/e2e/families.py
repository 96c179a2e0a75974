#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""families.py FOLDER [ARGUMENT...]: small checkpoints of families without a
fixture, and what the formulas of their published code give for them in float64.

A case says how the model routes, what its experts are and where its tensors
are: on its own, so that a wrong row of the importer's table does not agree.
ARGUMENTs go to moe-run.
"""
import json
import math
import os
import random
import struct
import subprocess
import sys

E, H, I, T = 8, 12, 6, 9
BITS = {"F32": "f", "I32": "i", "I64": "q"}


def flat(value):
    return [x for item in value for x in flat(item)] if isinstance(value, list) else [value]


def shape(value):
    return [len(value)] + shape(value[0]) if isinstance(value, list) else []


class Long(list):
    """Stored as i64."""


def save(path, tensors):
    head, body = {}, b""
    for name, value in tensors.items():
        values = flat(value)
        dtype = ("I64" if isinstance(value, Long) else
                 "I32" if isinstance(values[0], int) else "F32")
        raw = struct.pack(f"<{len(values)}{BITS[dtype]}", *values)
        head[name] = {"dtype": dtype, "shape": shape(value),
                      "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(head).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)


def single(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def matrix(rows, columns, size=0.5):
    return [[single(random.gauss(0, size)) for _ in range(columns)] for _ in range(rows)]


def turned(m):
    return [list(column) for column in zip(*m)]


def times(m, x):
    return [sum(a * b for a, b in zip(row, x)) for row in m]


def softmax(values):
    powers = [math.exp(value - max(values)) for value in values]
    return [power / sum(powers) for power in powers]


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def silu(gate, up):
    return gate * sigmoid(gate) * up


def clamped(gate, up):
    gate, up = min(gate, 1.5), max(min(up, 1.5), -1.5)
    return gate * sigmoid(1.702 * gate) * (up + 1)


def clamped_swiglu(gate, up):
    gate, up = min(gate, 0.5), max(min(up, 0.5), -0.5)
    return gate * sigmoid(gate) * up


def clamped_after(gate, up):
    return min(gate * sigmoid(gate), 0.4) * max(min(up, 0.4), -0.4)


def bent(gate, up):
    return 1.2 * math.tanh(gate / 1.2) * sigmoid(gate) * 1.5 * math.tanh(up / 1.5)


def gelu_tanh(gate, up):
    inner = 0.7978845608028654 * (gate + 0.044715 * gate ** 3)
    return 0.5 * gate * (1 + math.tanh(inner)) * up


def relu2(_, up):
    return max(up, 0.0) ** 2


def normed(x, eps, weight=None):
    root = math.sqrt(sum(v * v for v in x) / len(x) + eps)
    return [v / root * w for v, w in zip(x, weight or [1.0] * len(x))]


def mlp(x, gate, up, down, act):
    return times(down, [act(g, u) for g, u in zip(times(gate, x), times(up, x))])


def relu(_, up):
    return max(up, 0.0)


def mixed_sparsely(logits, eps):
    """Each of two picks as a softmax over those near it that no pick has before."""
    ids, weights = [], []
    for _ in range(2):
        left = [e for e in range(len(logits)) if e not in ids]
        best = max(left, key=lambda e: logits[e])
        near = [e for e in left if e != best and
                (logits[best] - logits[e]) / max(abs(logits[e]), logits[best]) <= 2 * eps]
        weights.append(softmax([logits[best]] + [logits[e] for e in near])[0])
        ids.append(best)
    return ids, weights


def limited(routings, share, by_score):
    """First choices take an expert's places before any second, tokens in order or
    by their first weight; the weights that stay are divided by their sum."""
    places, taken = math.ceil(share * len(routings)), [0] * E
    order = sorted(range(len(routings)), key=lambda t: -routings[t][1][0] if by_score else 0)
    kept = [([-1, -1], [0.0, 0.0]) for _ in routings]
    for rank in range(2):
        for t in order:
            ids, weights = routings[t]
            if taken[ids[rank]] < places:
                taken[ids[rank]] += 1
                kept[t][0][rank], kept[t][1][rank] = ids[rank], weights[rank]
    return [(ids, [w / max(sum(weights), 2.0 ** -23) for w in weights])
            for ids, weights in kept]


def route(case, logits, bias, hashed=None):
    """ids and weights of one token, whose experts a table may hold."""
    if "mixer" in case:
        return mixed_sparsely(logits, case["mixer"])
    always = case.get("always", 0)
    score = case["score"]
    scores = (softmax(logits) if score == "softmax" else
              [sigmoid(x) for x in logits] if score == "sigmoid" else
              [math.sqrt(math.log1p(math.exp(x))) for x in logits] if score == "sqrtsoftplus" else
              list(logits))
    choice = [s + b for s, b in zip(scores, bias)] if case.get("bias") else list(scores)
    if "groups" in case:  # the best by the sum of their two best
        count, keep = case["groups"]
        size = E // count
        sums = [sum(sorted(choice[g * size:(g + 1) * size])[-2:]) for g in range(count)]
        best = sorted(range(count), key=lambda g: -sums[g])[:keep]
        fill = case.get("fill", -math.inf)
        choice = [c if e // size in best else fill for e, c in enumerate(choice)]
    ids = hashed or sorted(range(len(choice) - always), key=lambda e: -choice[e])[:case["k"]]
    ids = ids + list(range(E, E + always))
    weights = [scores[e] for e in ids]
    norm = case.get("norm")
    if norm == "softmax":
        weights = softmax(weights)
    elif norm == "sigmoid":
        weights = [sigmoid(w) for w in weights]
    elif norm == "sigmoid, l1":
        weights = [sigmoid(w) for w in weights]
        weights = [w / sum(weights) for w in weights]
    elif norm is not None:
        weights = [w / (sum(weights) + norm) for w in weights]
    return ids, [w * case.get("scale", 1.0) for w in weights]


def numbered(block, w):
    return {f"{block}.experts.{e}.{name}.weight": m[e]
            for name, m in zip(("w1", "w3", "w2"), w) for e in range(E)}


def named(block, w, first=0):
    return {f"{block}.experts.{first + e}.{name}_proj.weight": m[e]
            for name, m in zip(("gate", "up", "down"), w) for e in range(E)}


def of_two_kinds(second):
    """As many other experts, before these or behind them."""
    def at(block, w):
        other = [[matrix(len(m), len(m[0])) for m in part] for part in w]
        return {**named(block, w, E * second), **named(block, other, E * (1 - second))}
    return at


def numbered_fc(block, w):
    return {f"{block}.experts.expert_{e}.{name}.weight": m[e]
            for name, m in (("fc1", w[1]), ("fc2", w[2])) for e in range(E)}


def ungated(block, w):
    return {name: value for name, value in named(block, w).items() if "gate" not in name}


def fused(block, w):
    return {f"{block}.experts.gate_up_proj": [g + u for g, u in zip(w[0], w[1])],
            f"{block}.experts.down_proj": w[2]}


def transposed(block, w):
    return {name: [turned(m) for m in value] for name, value in fused(block, w).items()}


def in_moe(block, w):
    return {f"{block}.{name}_proj.weight": m for name, m in zip(("gate", "up", "down"), w)}


def interleaved(block, w):
    return {f"{block}.experts.w13_weight": [[row for pair in zip(g, u) for row in pair]
                                            for g, u in zip(w[0], w[1])],
            f"{block}.experts.w2_weight": w[2]}


def aria(block, w):
    named_so = transposed(block, w)
    return {f"{block}.experts.fc1.weight": named_so[f"{block}.experts.gate_up_proj"],
            f"{block}.experts.fc2.weight": named_so[f"{block}.experts.down_proj"]}


def linears(block, w):
    return {f"{block}.experts.{e}.{name}.weight": m[e]
            for name, m in zip(("linear", "linear_v", "linear_1"), w) for e in range(E)}


def granite(block, w):
    return {f"{block}.input_linear.weight": [g + u for g, u in zip(w[0], w[1])],
            f"{block}.output_linear.weight": w[2]}


def shared_in(name, gated=True):
    return lambda block, s: {f"{block}.{name}.{part}_proj.weight": m
                             for part, m in zip(("gate", "up", "down"), s)
                             if gated or part != "gate"}


def shared_beside(block, s):
    layer = block.rsplit(".", 1)[0]
    return {f"{layer}.shared_mlp.input_linear.weight": s[0] + s[1],
            f"{layer}.shared_mlp.output_linear.weight": s[2]}


def in_one(block, s):
    """Experts that all tokens go to: rows of gate and up alternate."""
    return {f"{block}.shared_experts.shared_w13_weight":
            [[row for pair in zip(g, u) for row in pair] for g, u in zip(s[0], s[1])],
            f"{block}.shared_experts.shared_w2_weight": s[2]}


MLP, SPARSE, FEED = ("model.layers.1." + name for name in ("mlp", "block_sparse_moe", "feed_forward"))
MANY = {"num_experts": E, "num_experts_per_tok": 3, "moe_intermediate_size": I}
LOCAL = {"num_local_experts": E, "num_experts_per_tok": 3, "intermediate_size": I}
ROUTED = {"n_routed_experts": E, "num_experts_per_tok": 3, "moe_intermediate_size": I}
GROUPS = {"n_group": 4, "topk_group": 2, "norm_topk_prob": True, "routed_scaling_factor": 2.5}
V3 = {"score": "sigmoid", "bias": True, "k": 3, "norm": 1e-20, "scale": 2.5, "groups": (4, 2)}
QWEN = {"score": "softmax", "k": 3, "norm": 0.0, "block": MLP, "router": "gate.weight"}
GATED = {"shared": I, "sigma": True, "shared_at": shared_in("shared_expert")}

CASES = {
    "jamba": dict(score="softmax", k=3, block=FEED, router="router.weight", experts=named,
                  config={"num_experts": E, "num_experts_per_tok": 3, "intermediate_size": I}),
    "ernie4_5_moe": dict(
        score="softmax", bias=True, k=3, norm=0.0, block=MLP, router="gate.weight", experts=named,
        bias_at="moe_statics.e_score_correction_bias", bias_rows=1, shared=2 * I,
        shared_at=shared_in("shared_experts"),
        config={"moe_num_experts": E, "moe_k": 3, "moe_intermediate_size": I,
                "moe_num_shared_experts": 2, "use_bias": False, "moe_norm_min": 1e-12}),
    "hunyuan_v1_moe": dict(
        score="softmax", k=3, norm=0.0, block=MLP, router="gate.wg.weight", experts=named, shared=I,
        shared_at=shared_in("shared_mlp"),
        config={"num_experts": E, "moe_topk": [1, 3], "intermediate_size": I}),
    "arctic": dict(score="softmax", k=2, norm=0.0, block=SPARSE, router="gate.weight",
                   experts=numbered, config=dict(LOCAL, num_experts_per_tok=2)),
    "qwen3_next": dict(QWEN, **GATED, experts=named,
                       config=dict(MANY, norm_topk_prob=True, shared_expert_intermediate_size=I)),
    "qwen3_5_moe": dict(QWEN, **GATED, experts=fused, outer="model.language_model.",
                        nested=("text_config",),
                        config=dict(MANY, shared_expert_intermediate_size=I)),
    "qwen3_vl_moe": dict(QWEN, experts=transposed, outer="model.language_model.",
                         nested=("text_config",), config=MANY),
    "qwen3_omni_moe": dict(QWEN, experts=named, outer="thinker.model.",
                           nested=("thinker_config", "text_config"),
                           config=dict(MANY, norm_topk_prob=True)),
    "granitemoe": dict(score="none", k=3, norm="softmax", block=SPARSE,
                       router="router.layer.weight", experts=granite, config=LOCAL),
    "granitemoehybrid": dict(score="none", k=3, norm="softmax", block=SPARSE,
                             router="router.layer.weight", experts=granite, shared=10,
                             shared_at=shared_beside,
                             config=dict(LOCAL, shared_intermediate_size=10)),
    "glm4_moe_lite": dict(V3, block=MLP, router="gate.weight", experts=named, shared=I,
                          bias_at="gate.e_score_correction_bias",
                          shared_at=shared_in("shared_experts"),
                          config=dict(ROUTED, **GROUPS, n_shared_experts=1)),
    "dots1": dict(V3, block=MLP, router="gate.weight", experts=named, shared=2 * I,
                  bias_at="gate.e_score_correction_bias", shared_at=shared_in("shared_experts"),
                  config=dict(ROUTED, **GROUPS, n_shared_experts=2, scoring_func="noaux_tc")),
    "exaone_moe": dict(V3, block=MLP, router="gate.weight", experts=named, shared=I,
                       bias_at="e_score_correction_bias",
                       shared_at=shared_in("shared_experts"),
                       config=dict(MANY, **GROUPS, num_shared_experts=1)),
    "bailing_hybrid": dict(V3, block=MLP, router="gate.weight", experts=named, shared=I,
                           bias_at="gate.expert_bias", shared_at=shared_in("shared_experts"),
                           config=dict(MANY, **GROUPS, num_shared_experts=1)),
    "kimi_linear": dict(score="sigmoid", bias=True, k=3, norm=1e-20, scale=2.446, block=SPARSE,
                        router="gate.weight", experts=numbered, shared=I,
                        bias_at="gate.e_score_correction_bias",
                        shared_at=shared_in("shared_experts"),
                        config={"num_experts": E, "num_experts_per_token": 3,
                                "moe_intermediate_size": I, "num_shared_experts": 1,
                                "routed_scaling_factor": 2.446, "num_expert_group": 1}),
    "afmoe": dict(score="sigmoid", bias=True, k=3, norm=1e-20, scale=2.826, block=MLP,
                  router="router.gate.weight", experts=named, shared=I, bias_at="expert_bias",
                  shared_at=shared_in("shared_experts"),
                  config=dict(MANY, num_shared_experts=1, route_scale=2.826, route_norm=True)),
    "minimax_m2": dict(score="sigmoid", bias=True, k=3, norm=0.0, block=SPARSE,
                       router="gate.weight", experts=numbered,
                       bias_at="e_score_correction_bias", config=LOCAL),
    "minimax_m3_vl": dict(score="sigmoid", bias=True, k=3, norm=0.0, sum_scale=2.0, block=SPARSE,
                          router="gate.weight", experts=numbered, act=clamped, shared=10,
                          bias_at="e_score_correction_bias", outer="language_model.model.",
                          nested=("text_config",), shared_at=shared_in("shared_experts"),
                          config=dict(LOCAL, shared_intermediate_size=10, swiglu_limit=1.5)),
    "lfm2_moe": dict(score="sigmoid", bias=True, k=3, norm=1e-6, scale=1.5, block=FEED,
                     router="gate.weight", experts=numbered, bias_at="expert_bias",
                     config=dict(MANY, use_expert_bias=True, norm_topk_prob=True,
                                 routed_scaling_factor=1.5)),
    "nemotron_h": dict(V3, block="backbone.layers.1.mixer", router="gate.weight", experts=ungated,
                       act=relu2, bias_at="gate.e_score_correction_bias", shared=10,
                       shared_at=shared_in("shared_experts", gated=False),
                       config=dict(ROUTED, **GROUPS, moe_shared_expert_intermediate_size=10,
                                   mlp_hidden_act="relu2", n_shared_experts=1)),
    "laguna": dict(score="sigmoid", bias=True, k=3, norm=0.0, sum_scale=1.7, block=MLP,
                   router="gate.weight", experts=named, shared=10,
                   bias_at="experts.e_score_correction_bias",
                   shared_at=shared_in("shared_expert"),
                   config=dict(MANY, shared_expert_intermediate_size=10,
                               moe_routed_scaling_factor=1.7,
                               moe_router_logit_softcapping=0.0)),
}


CASES.update({
    "axk1": dict(V3, block=MLP, router="gate.weight", experts=named, shared=I, after=1e-6,
                 bias_at="gate.e_score_correction_bias", shared_at=shared_in("shared_experts"),
                 config=dict(ROUTED, **GROUPS, n_shared_experts=1, rms_norm_eps=1e-6)),
    "axk2": dict(V3, block=MLP, router="gate.weight", experts=named, shared=I, fill=0.0,
                 bias_at="gate.e_score_correction_bias", bias_mean=-0.8,
                 shared_at=shared_in("shared_experts"),
                 config=dict(ROUTED, **GROUPS, n_shared_experts=1)),
    "mimo_v2_flash": dict(V3, block=MLP, router="gate.weight", experts=named,
                          bias_at="gate.e_score_correction_bias",
                          config=dict(ROUTED, **GROUPS)),
    "dots3_note": dict(V3, block=MLP, router="gate.weight", experts=named, shared=10,
                       nested=("text_config",), outer="model.language_model.",
                       bias_at="gate.e_score_correction_bias",
                       shared_at=shared_in("shared_experts"),
                       config=dict(ROUTED, **GROUPS, n_shared_experts=2,
                                   shared_experts_intermediate_size=5)),
    "beam": dict(V3, block=MLP, router="gate.weight", experts=named, scale=1.0, sum_scale=2.5,
                 bias_at="gate.e_score_correction_bias", config=dict(MANY, **GROUPS)),
    "hy_v3": dict(score="sigmoid", bias=True, k=3, norm=1e-20, scale=1.3, block=MLP,
                  router="router.gate.weight", experts=named, shared=2 * I,
                  bias_at="expert_bias", shared_at=shared_in("shared_mlp"),
                  config=dict(MANY, num_shared_experts=2, router_scaling_factor=1.3)),
    "hy_v4": dict(V3, block=MLP, router="gate.weight", experts=named, shared=I,
                  act=clamped_swiglu, shared_act=silu, bias_at="gate.e_score_correction_bias",
                  shared_at=shared_in("shared_experts"),
                  config=dict(ROUTED, **GROUPS, n_shared_experts=1, swiglu_limit=0.5)),
    "glm5_next": dict(V3, block=MLP, router="gate.weight", experts=named, shared=I,
                      act=clamped_swiglu, bias_at="gate.e_score_correction_bias",
                      nested=("text_config",), outer="model.language_model.",
                      shared_at=shared_in("shared_experts"),
                      config=dict(ROUTED, **GROUPS, n_shared_experts=1, swiglu_limit=0.5)),
    "Klear": dict(score="sigmoid", bias=True, k=3, norm=0.0, block=MLP, router="gate.weight",
                  experts=named, shared=2 * I, bias_at="expert_bias", mix=True,
                  shared_at=shared_in("shared_experts"),
                  config=dict(MANY, n_shared_experts=2, norm_topk_prob=True)),
    "flint": dict(score="sigmoid", k=3, norm=0.0, block=MLP, router="gate.weight", experts=named,
                  shared=10, shared_at=shared_in("shared_expert"),
                  config=dict(MANY, shared_expert_intermediate_size=10)),
    "step3p5": dict(score="sigmoid", bias=True, k=3, norm=0.0, sum_scale=1.7,
                    block="model.layers.1.moe", router="gate.weight", experts=in_moe,
                    bias_at="router_bias", shared=10, act=clamped_after, shared_act=silu,
                    shared_at=lambda block, s: {
                        f"model.layers.1.share_expert.{part}_proj.weight": m
                        for part, m in zip(("gate", "up", "down"), s)},
                    config=dict(moe_num_experts=E, moe_top_k=3, moe_intermediate_size=I,
                                share_expert_dim=10, moe_router_scaling_factor=1.7,
                                swiglu_limits=[0.0, 0.4], swiglu_limits_shared=[0.3, 0.0])),
    "inkling2": dict(score="sigmoid", bias=True, k=3, norm=1e-20, scale=1.3,
                     block="model.llm.layers.1.mlp", router="gate.weight", experts=interleaved,
                     act=bent, bias_at="gate.bias", nested=("text_config",), outer="model.",
                     config=dict(ROUTED, route_scale=1.3, mlp_gate_softcap=1.2,
                                 mlp_up_softcap=1.5)),
    "muse_spark": dict(score="sigmoid", bias=True, k=3, norm=1e-15, scale=1.3, block=MLP,
                       router="gate.weight", experts=fused, latent=7, multiplier=0.3,
                       latent_at=("pre_expert_proj", "post_expert_proj"), muse=(1e-5, 1e-3),
                       bias_at="gate.e_score_correction_bias", nested=("text_config",),
                       outer="model.language_model.",
                       config=dict(num_local_experts=E, num_experts_per_tok=3,
                                   moe_intermediate_size=I, moe_hidden_size=7,
                                   output_multiplier=0.3, routed_scaling_factor=1.3,
                                   rms_norm_eps=1e-5, post_norm_eps=1e-3)),
    "nemotron_h latent": dict(V3, block="backbone.layers.1.mixer", router="gate.weight",
                              experts=ungated, act=relu2, shared=10, latent=7,
                              latent_at=("fc1_latent_proj", "fc2_latent_proj"),
                              bias_at="gate.e_score_correction_bias",
                              shared_at=shared_in("shared_experts", gated=False),
                              config=dict(ROUTED, **GROUPS, moe_latent_size=7,
                                          moe_shared_expert_intermediate_size=10)),
    "laguna softcap": dict(CASES["laguna"], cap=0.7,
                           config=dict(CASES["laguna"]["config"],
                                       moe_router_logit_softcapping=0.7)),
    "mellum": dict(QWEN, experts=named, config=dict(MANY, norm_topk_prob=True)),
    "mistral4": dict(score="softmax", k=3, norm=1e-20, scale=1.7, groups=(4, 2), fill=0.0,
                     block=MLP, router="gate.weight", experts=named, shared=I,
                     shared_at=shared_in("shared_experts"),
                     config=dict(ROUTED, n_group=4, topk_group=2, norm_topk_prob=True,
                                 routed_scaling_factor=1.7, n_shared_experts=1)),
    "mistral_large4": dict(score="softmax", k=3, norm=1e-20, scale=1.7, block="layers.1",
                           router="gate.weight", experts=numbered, shared=I,
                           nested=("text_config",),
                           shared_at=lambda block, s: {
                               f"layers.1.shared_experts.{part}.weight": m
                               for part, m in zip(("w1", "w3", "w2"), s)},
                           config=dict(ROUTED, routed_scaling_factor=1.7, n_shared_experts=1)),
    "bailing_moe": dict(score="softmax", k=3, norm=0.0, block=MLP, router="gate.weight",
                        experts=named, shared=2 * I, shared_at=shared_in("shared_experts"),
                        config=dict(MANY, norm_topk_prob=True, num_shared_experts=2)),
    "grok-1": dict(score="softmax", k=2, block="model.layers.1.moe_block", router="gate.weight",
                   experts=linears, act=gelu_tanh,
                   config=dict(num_experts=E, num_experts_per_tok=2, intermediate_size=I)),
    "aria": dict(score="none", k=3, norm="softmax", block=MLP, router="router.weight",
                 experts=aria, shared=2 * I, shared_at=shared_in("shared_experts"),
                 nested=("text_config",), outer="language_model.model.",
                 config=dict(moe_num_experts=E, moe_topk=3, intermediate_size=I)),
    "cohere2_moe": dict(score="none", k=3, norm="softmax", block=MLP, router="gate.weight",
                        experts=named, shared=2 * I, sum_scale=0.5, shared_scale=0.5,
                        shared_at=shared_in("shared_experts"),
                        config=dict(num_experts=E, num_experts_per_tok=3, intermediate_size=I,
                                    num_shared_experts=2)),
    "cohere2_moe sigmoid": dict(score="none", k=3, norm="sigmoid, l1", block=MLP,
                                router="gate.weight", experts=named, shared=I,
                                shared_at=shared_in("shared_experts"),
                                config=dict(num_experts=E, num_experts_per_tok=3,
                                            intermediate_size=I, num_shared_experts=1,
                                            expert_selection_fn="sigmoid",
                                            shared_expert_combination_strategy="sum")),
    "gemma4": dict(score="softmax", k=3, norm=0.0, block="model.layers.1",
                   router="router.proj.weight", experts=fused, act=gelu_tanh, gemma=1e-6,
                   nested=("text_config",), outer="model.language_model.",
                   config=dict(num_experts=E, top_k_experts=3, moe_intermediate_size=I,
                               enable_moe_block=True, rms_norm_eps=1e-6)),
    "longcat_flash": dict(score="softmax", bias=True, k=4, scale=6.0, block=MLP,
                          router="router.classifier.weight", experts=named, identity=4,
                          bias_at="router.e_score_correction_bias", bias_size=0.05,
                          config=dict(n_routed_experts=E, zero_expert_num=4, moe_topk=4,
                                      num_layers=2, expert_ffn_hidden_size=I,
                                      zero_expert_type="identity", routed_scaling_factor=6.0)),
    "deepseek_v4": dict(score="sqrtsoftplus", bias=True, k=3, norm=1e-20, scale=1.5,
                        block="layers.1.ffn", router="gate.weight", experts=numbered, shared=I,
                        act=clamped_swiglu, bias_at="gate.bias",
                        shared_at=lambda block, s: {
                            f"{block}.shared_experts.{part}.weight": m
                            for part, m in zip(("w1", "w3", "w2"), s)},
                        config=dict(ROUTED, n_shared_experts=1, swiglu_limit=0.5,
                                    routed_scaling_factor=1.5, scoring_func="sqrtsoftplus")),
    "zaya": dict(score="softmax", bias=True, k=1, block=MLP, skip=1, state=5,
                 router="gate.router_mlp.out_proj.weight", experts=fused,
                 bias_at="gate.balancing_biases", bias_size=0.05,
                 config=dict(num_experts=E, num_experts_per_tok=1, moe_intermediate_size=I,
                             router_hidden_size=5, rms_norm_eps=1e-5)),
    "kolibri1": dict(score="none", bias=True, k=3, norm="sigmoid", block=MLP,
                     router="gate.weight", experts=named, shared=10,
                     bias_at="../moe.router.expert_bias", shared_at=shared_in("shared_experts"),
                     config=dict(MANY, shared_expert_intermediate_size=10)),
    "phimoe": dict(mixer=0.2, k=2, block=SPARSE, router="gate.weight", experts=numbered,
                   config=dict(LOCAL, num_experts_per_tok=2, router_jitter_noise=0.2)),
    "hunyuan": dict(score="softmax", k=1, block=MLP, router="gate.wg.weight", experts=named,
                    shared=I, shared_at=shared_in("shared_mlp"),
                    config={"num_experts": E, "moe_topk": 1, "intermediate_size": I,
                            "num_shared_expert": 1}),
    "inkling_mm_model": dict(score="sigmoid", bias=True, k=3, norm=0.0, scale=1.3, always=2,
                             factor=0.7, block="model.llm.layers.1.mlp", router="gate.weight",
                             experts=interleaved, bias_at="gate.bias", nested=("text_config",),
                             outer="model.",
                             config=dict(ROUTED, route_scale=1.3, n_shared_experts=2)),
})
NLLB = dict(score="softmax", k=2, block="model.encoder.layers.1.ffn", share=0.2,
            router="router.classifier.weight", experts=numbered_fc, act=relu, sum_scale=0.75,
            fc_biases=True)
NLLB_KEYS = dict(d_model=H, encoder_layers=2, decoder_layers=2, encoder_sparse_step=2,
                 decoder_sparse_step=2, encoder_ffn_dim=I, decoder_ffn_dim=7, num_experts=E,
                 moe_token_dropout=0.25, moe_eval_capacity_token_fraction=0.2)
ERNIE = dict(score="softmax", bias=True, k=3, norm=0.0, block=MLP, bias_rows=2,
             router_turned=True, bias_at="moe_statics.e_score_correction_bias", shared=14,
             shared_at=shared_in("shared_experts"))
ERNIE_KEYS = dict(moe_num_experts=[E, E], moe_k=3, moe_num_shared_experts=2)
CASES.update({
    "nllb-moe": dict(NLLB, by_score=False, config=NLLB_KEYS),
    "nllb-moe by score": dict(NLLB, by_score=True,
                              config=dict(NLLB_KEYS, batch_prioritized_routing=True)),
    "nllb-moe all": dict(NLLB, share=1.0, by_score=False,
                         config=dict(NLLB_KEYS, moe_eval_capacity_token_fraction=1.0)),
    "ernie4_5_moe_vl": dict(ERNIE, router="gate.weight", experts=of_two_kinds(0),
                            config=dict(ERNIE_KEYS, moe_intermediate_size=[I, 7]), shared=2 * I),
    "ernie4_5_moe_vl images": dict(ERNIE, router="gate.weight_1", experts=of_two_kinds(1),
                                   bias_row=1, layer=3,
                                   config=dict(ERNIE_KEYS, moe_intermediate_size=[7, I])),
    "deepseek_v4 hash": dict(CASES["deepseek_v4"], bias=False, table=20,
                             config=dict(CASES["deepseek_v4"]["config"], vocab_size=20)),
})


def write(model_type, case, folder):
    """The checkpoint, an input and what the layer gives for it."""
    always = case.get("always", 0)
    columns = E + case.get("identity", 0) + case.get("skip", 0) + always
    router_width = case.get("state", H)
    router = matrix(columns, router_width, 0.6)
    into, state_scale = matrix(router_width, H), matrix(3, router_width, 0.5)
    layers = [matrix(router_width, router_width) for _ in range(2)]
    bias = [single(case.get("bias_mean", 0.0) + b)
            for b in matrix(1, columns, case.get("bias_size", 0.2))[0]]
    inner = case.get("latent", H)
    experts = [[matrix(I, inner) for _ in range(E)], [matrix(I, inner) for _ in range(E)],
               [matrix(inner, I) for _ in range(E)]]
    for part, shape in zip(experts, ((I, inner), (I, inner), (inner, I))):
        part += [matrix(*shape) for _ in range(always)]
    biases_of = [matrix(E, size) if case.get("fc_biases") else [[0.0] * size] * (E + always)
                 for size in (I, inner)]
    table = Long([random.sample(range(E), case["k"]) for _ in range(case.get("table", 0))])
    token_ids = Long([random.randrange(len(table)) for _ in range(T)] if table else [])
    width = case.get("shared", 0)
    shared = (matrix(width, H), matrix(width, H), matrix(H, width))
    sigma, mix, mix_bias = matrix(1, H), matrix(2, H), matrix(1, 2)[0]
    before, behind = matrix(inner, H), matrix(H, inner)
    weights_of = {name: matrix(1, size, 0.3)[0]
                  for name, size in (("in", inner), ("each", inner), ("out", H), ("router", H),
                                     ("experts", E))}
    act = case.get("act", silu)
    shared_act = case.get("shared_act", act)

    block = case["block"].replace("model.", case.get("outer", "model."), 1)
    beside = block.rpartition(".")[0]
    tensors = {f"{block}.{case['router']}":
               turned(router) if case.get("router_turned") else router,
               **case["experts"](block, [part[:E] for part in experts])}
    if always:
        tensors.update(in_one(block, [part[E:] for part in experts]))
        tensors[f"{block}.gate.global_scale"] = [case["factor"]]
        bias = bias[:E]
    if case.get("fc_biases"):
        for number, part in enumerate(biases_of):
            for e, value in enumerate(part):
                tensors[f"{block}.experts.expert_{e}.fc{number + 1}.bias"] = value
    if table:
        tensors[f"{block}.gate.tid2eid"] = table
    if case.get("bias"):
        at = case["bias_at"]
        name = f"{beside}.{at[3:]}" if at.startswith("../") else f"{block}.{at}"
        rows = [matrix(1, columns)[0] for _ in range(case.get("bias_rows", 0))]
        rows[case.get("bias_row", 0):case.get("bias_row", 0) + 1] = [bias]
        tensors[name] = rows if "bias_rows" in case else bias
    if width:
        tensors.update(case["shared_at"](block, shared))
    if case.get("sigma"):
        tensors[f"{block}.shared_expert_gate.weight"] = sigma
    if case.get("mix"):
        tensors[f"{block}.coefficient.weight"] = mix
        tensors[f"{block}.coefficient.bias"] = mix_bias
    if "latent" in case:
        for name, value in zip(case["latent_at"], (before, behind)):
            tensors[f"{block}.{name}.weight"] = value
    if "muse" in case:
        tensors[f"{block}.pre_expert_norm.weight"] = weights_of["in"]
        tensors[f"{block}.experts.post_expert_norm.weight"] = weights_of["each"]
    if "after" in case:
        tensors[f"{beside}.post_mlp_layernorm.weight"] = weights_of["out"]
    if "state" in case:
        biases = matrix(3, router_width, 0.3)
        gate = f"{block}.gate"
        tensors[f"{gate}.down_proj.weight"], tensors[f"{gate}.down_proj.bias"] = into, biases[0]
        tensors[f"{gate}.router_states_scale"] = state_scale[0]
        tensors[f"{gate}.router_mlp.norm.weight"] = state_scale[1]
        for number, name in enumerate(("fc1", "fc2")):
            tensors[f"{gate}.router_mlp.{name}.weight"] = layers[number]
            tensors[f"{gate}.router_mlp.{name}.bias"] = biases[1 + number]
    if "gemma" in case:
        tensors[f"{block}.router.scale"] = weights_of["router"]
        tensors[f"{block}.router.per_expert_scale"] = weights_of["experts"]
        tensors[f"{block}.pre_feedforward_layernorm_2.weight"] = weights_of["in"]
        tensors[f"{block}.post_feedforward_layernorm_2.weight"] = weights_of["out"]

    out = {"hidden_states": [], "router_logits": [], "topk_ids": [], "topk_weights": []}
    tokens, states = matrix(T, H, 1.0), matrix(T, router_width, 1.0)
    if "state" in case:
        out["router_states"] = []
    routings = []
    for t, (x, before_it) in enumerate(zip(tokens, states)):
        asked = x
        if "state" in case:
            asked = [v + b + s * w for v, b, s, w in zip(times(into, x), biases[0], before_it,
                                                         state_scale[0])]
            out["router_states"].append(asked)
            asked = normed(asked, 1e-5, state_scale[1])
            for m, b in zip(layers, biases[1:]):
                asked = [0.5 * v * (1 + math.erf(v / math.sqrt(2)))
                         for v in (a + c for a, c in zip(times(m, asked), b))]
        if "gemma" in case:
            asked = [v / math.sqrt(H) for v in normed(x, case["gemma"], weights_of["router"])]
        logits = [case.get("multiplier", 1.0) * l for l in times(router, asked)]
        if "cap" in case:
            logits = [case["cap"] * math.tanh(l / case["cap"]) for l in logits]
        ids, weights = route(case, logits, bias + [0.0] * always,
                             table[token_ids[t]] if table else None)
        if "gemma" in case:
            weights = [w * weights_of["experts"][e] for e, w in zip(ids, weights)]
        weights = [w * single(case.get("factor", 1.0)) for w in weights]
        routings.append((ids, weights))
        out["router_logits"].append(logits)
    if "share" in case:
        routings = limited(routings, case["share"], case["by_score"])
    for x, (ids, weights) in zip(tokens, routings):
        coefficients = (softmax([a + b for a, b in zip(times(mix, x), mix_bias)])
                        if case.get("mix") else (case.get("sum_scale", 1.0),
                                                 case.get("shared_scale", 1.0)))
        read = times(before, x) if "latent" in case else x
        if "muse" in case:  # weights are stored less 1
            read = normed(read, case["muse"][0], [1 + w for w in weights_of["in"]])
        if "gemma" in case:
            read = normed(x, case["gemma"], weights_of["in"])
        y = [0.0] * inner
        for e, weight in zip(ids, weights):
            if e < 0:
                continue
            if e >= E and not always:  # gives back what went in, or nothing
                y = [a + weight * b * ("identity" in case) for a, b in zip(y, x)]
                continue
            up = [a + b for a, b in zip(times(experts[1][e], read), biases_of[0][e])]
            inside = [act(g, u) for g, u in zip(times(experts[0][e], read), up)]
            one = [a + b for a, b in zip(times(experts[2][e], inside), biases_of[1][e])]
            if "muse" in case:
                one = normed([v * (1 + w) for v, w in zip(one, weights_of["each"])],
                             case["muse"][1])
            y = [a + coefficients[0] * weight * b for a, b in zip(y, one)]
        if "latent" in case:
            y = times(behind, y)
        if width:
            factor = sigmoid(times(sigma, x)[0]) if case.get("sigma") else coefficients[1]
            y = [a + factor * b for a, b in zip(y, mlp(x, *shared, shared_act))]
        if "gemma" in case:
            y = normed(y, case["gemma"], weights_of["out"])
        if "after" in case:
            y = normed(y, case["after"], weights_of["out"])
        for name, value in (("hidden_states", y), ("topk_ids", ids), ("topk_weights", weights)):
            out[name].append(value)

    config = dict(case["config"], hidden_size=H, num_hidden_layers=2)
    for key in reversed(case.get("nested", ())):
        config = {key: config}
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/config.json", "w", encoding="utf-8") as file:
        json.dump(dict(config, model_type=model_type, torch_dtype="float32"), file)
    save(f"{folder}/model.safetensors", tensors)
    inputs = {"hidden_states": tokens}
    if "state" in case:
        inputs["router_states"] = states
    if table:
        inputs["input_ids"] = token_ids
    save(f"{folder}/input-T{T}.safetensors", inputs)
    save(f"{folder}/expect-T{T}.safetensors", out)


def main(folder, arguments):
    for number, (name, case) in enumerate(CASES.items()):
        random.seed(number)
        path = f"{folder}/{name.replace(' ', '-')}"
        write(name.split()[0], case, path)
        layer = [f"--layer={case['layer']}"] if "layer" in case else []
        run = subprocess.run(["moe-run", path, f"--expect={path}", "--rtol=1e-5"] + layer +
                             arguments, capture_output=True, text=True, check=False)
        good = run.returncode == 0 and "  ok (tolerance" in run.stdout
        print(f"{name}: " + ("ok" if good else run.stdout + run.stderr), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
