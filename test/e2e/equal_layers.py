#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""equal_layers.py LAYERS: a function of equal transformer layers: a norm, attention and an MoE layer, each with a residual."""
import sys

H, I, E, K, T = 32, 48, 4, 2, 8

def layer(n, x):
    p = f"%l{n}_"
    row, rows, wide = f"tensor<{T}xf32>", f"tensor<{T}x{H}xf32>", f"tensor<{T}x{T}xf32>"
    two = "affine_map<(d0, d1) -> (d0, d1)>"
    one = "affine_map<(d0, d1) -> (d0)>"
    kinds = 'iterator_types = ["parallel", "parallel"]'
    def elementwise(name, ins, types, body, out=rows, maps=None):
        maps = maps or [two] * (len(ins) + 1)
        arguments = ", ".join(f"%a{i}: f32" for i in range(len(ins)))
        return (f"    {name} = linalg.generic {{indexing_maps = [{', '.join(maps)}], {kinds}}} ins({', '.join(ins)} : {', '.join(types)}) outs({'%rows' if out == rows else '%wide'} : {out}) {{\n"
                f"    ^bb0({arguments}, %o: f32):\n" + "".join(f"      {b}\n" for b in body) + f"    }} -> {out}\n")
    def reduction(name, source, type, body, init):
        return (f"    {name} = linalg.generic {{indexing_maps = [{two}, {one}], iterator_types = [\"parallel\", \"reduction\"]}} ins({source} : {type}) outs({init} : {row}) {{\n"
                f"    ^bb0(%a0: f32, %o: f32):\n" + "".join(f"      {b}\n" for b in body) + f"    }} -> {row}\n")
    text = reduction(p + "ss", x, rows, ["%m = arith.mulf %a0, %a0 : f32", "%s = arith.addf %m, %o : f32", "linalg.yield %s : f32"], "%zeros")
    text += elementwise(p + "n", [x, p + "ss"], [rows, row], ["%m = arith.divf %a1, %width : f32", "%e = arith.addf %m, %eps : f32", "%r = math.rsqrt %e : f32", "%y = arith.mulf %a0, %r : f32", "linalg.yield %y : f32"], maps=[two, one, two])
    text += f"    {p}s = linalg.generic {{indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = [\"parallel\", \"parallel\", \"reduction\"]}} ins({p}n, {p}n : {rows}, {rows}) outs(%zerow : {wide}) {{\n    ^bb0(%a0: f32, %a1: f32, %o: f32):\n      %m = arith.mulf %a0, %a1 : f32\n      %s = arith.addf %o, %m : f32\n      linalg.yield %s : f32\n    }} -> {wide}\n"
    text += reduction(p + "max", p + "s", wide, ["%s = arith.maximumf %a0, %o : f32", "linalg.yield %s : f32"], "%lows")
    text += elementwise(p + "e", [p + "s", p + "max"], [wide, row], ["%d = arith.subf %a0, %a1 : f32", "%y = math.exp %d : f32", "linalg.yield %y : f32"], wide, [two, one, two])
    text += reduction(p + "sum", p + "e", wide, ["%s = arith.addf %a0, %o : f32", "linalg.yield %s : f32"], "%zeros")
    text += elementwise(p + "p", [p + "e", p + "sum"], [wide, row], ["%y = arith.divf %a0, %a1 : f32", "linalg.yield %y : f32"], wide, [two, one, two])
    text += f"    {p}a = linalg.matmul ins({p}p, {p}n : {wide}, {rows}) outs({x} : {rows}) -> {rows}\n"
    w = f"%w{n}_"
    text += f"    {p}l = moe.linear {p}n, {w}r acc f32 : ({rows}, tensor<{E}x{H}xf32>) -> tensor<{T}x{E}xf32>\n"
    text += f"    {p}i, {p}w = moe.route {p}l score softmax select top_k({K}) normalize l1 : tensor<{T}x{E}xf32> -> tensor<{T}x{K}xi32>, tensor<{T}x{K}xf32>\n"
    groups = f"!moe.groups<experts = {E}, ragged>"
    text += f"    {p}g = moe.group {p}i : tensor<{T}x{K}xi32> -> {groups}\n"
    text += f"    {p}d = moe.dispatch {p}n by {p}g : {rows}, {groups} -> tensor<{T * K}x{H}xf32>\n"
    text += f"    {p}o = moe.expert {p}d by {p}g weights({w}u, {w}d) {{\n    ^bb0(%r: tensor<?x{H}xf32>, %up: tensor<{I}x{H}xf32>, %down: tensor<{H}x{I}xf32>):\n"
    text += f"      %u = moe.linear %r, %up acc f32 : (tensor<?x{H}xf32>, tensor<{I}x{H}xf32>) -> tensor<?x{I}xf32>\n      %h = moe.activate silu(%u) : (tensor<?x{I}xf32>) -> tensor<?x{I}xf32>\n"
    text += f"      %y = moe.linear %h, %down acc f32 : (tensor<?x{I}xf32>, tensor<{H}x{I}xf32>) -> tensor<?x{H}xf32>\n      moe.yield %y : tensor<?x{H}xf32>\n"
    text += f"    }} : (tensor<{T * K}x{H}xf32>, {groups}, tensor<{E}x{I}x{H}xf32>, tensor<{E}x{H}x{I}xf32>) -> tensor<{T * K}x{H}xf32>\n"
    text += f"    {p}y = moe.combine {p}o by {p}g weights {p}w init {p}a acc f32 order slot : (tensor<{T * K}x{H}xf32>, {groups}, tensor<{T}x{K}xf32>, {rows}) -> {rows}\n"
    return text, p + "y"

def main():
    count = int(sys.argv[1])
    arguments, params = f"%x: tensor<{T}x{H}xf32>", ""
    x, body = "%x", ""
    for n in range(count):
        arguments += f", %w{n}_r: tensor<{E}x{H}xf32>, %w{n}_u: tensor<{E}x{I}x{H}xf32>, %w{n}_d: tensor<{E}x{H}x{I}xf32>"
        text, x = layer(n, x)
        body += text
    print(f"""func.func @main({arguments}) -> tensor<{T}x{H}xf32> {{
    %zero = arith.constant 0.0 : f32
    %low = arith.constant 0xFF800000 : f32
    %eps = arith.constant 1.0e-5 : f32
    %width = arith.constant {H}.0 : f32
    %row = tensor.empty() : tensor<{T}xf32>
    %rows = tensor.empty() : tensor<{T}x{H}xf32>
    %wide = tensor.empty() : tensor<{T}x{T}xf32>
    %zeros = linalg.fill ins(%zero : f32) outs(%row : tensor<{T}xf32>) -> tensor<{T}xf32>
    %lows = linalg.fill ins(%low : f32) outs(%row : tensor<{T}xf32>) -> tensor<{T}xf32>
    %zerow = linalg.fill ins(%zero : f32) outs(%wide : tensor<{T}x{T}xf32>) -> tensor<{T}x{T}xf32>
{body}    return {x} : tensor<{T}x{H}xf32>
}}""")

main()
