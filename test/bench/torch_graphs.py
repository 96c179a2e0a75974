#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""torch_graphs.py [REPEAT] [NAME ...]: what torch and JAX make of the graphs that raise.py
times, by themselves: the same layers, sizes and random arguments, eager, by torch.compile
(inductor) and by jax.jit (XLA), two threads.

Prints a row a graph in Markdown: milliseconds (medians) and the first call of the compiled
function, which compiles. A framework that is not installed is said to be missing. The
sizes are those of timing graphs: E = 32, k = 2 (Switch: 1), T = 256, H = 512, I = 1024, f32.
"""
import os

THREADS = 2
os.environ.setdefault("OMP_NUM_THREADS", str(THREADS))
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=true "
                                   f"intra_op_parallelism_threads={THREADS}")

import statistics
import sys
import time

E, K, T, H, I, C = 32, 2, 256, 512, 1024, 32


def measured(run, repeat):
    """Milliseconds of the first call, and the median of the others."""
    times = []
    for _ in range(repeat + 1):
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    return times[0], statistics.median(times[1:])


def torch_forms():
    """Name -> (function, arguments), weights [E, N, K] as torch has them."""
    import torch
    import torch.nn.functional as F

    def pick(x, router):
        scores = torch.softmax(F.linear(x, router), -1)
        weights, ids = torch.topk(scores, K)
        return weights / weights.sum(-1, keepdim=True), ids

    def dense_weights(weights, ids):
        return torch.zeros(T, E).scatter(1, ids, weights)

    def masked_dense(x, router, gate, up, down):
        weights, ids = pick(x, router)
        h = F.silu(torch.einsum("th,eih->tei", x, gate)) * torch.einsum("th,eih->tei", x, up)
        y = torch.einsum("tei,ehi->teh", h, down)
        return torch.einsum("teh,te->th", y, dense_weights(weights, ids))

    def onehot_bmm(x, router, gate, up, down):
        weights, ids = pick(x, router)
        dense = (F.one_hot(ids, E).float() * weights.unsqueeze(-1)).sum(1)
        rows = x.expand(E, T, H)
        h = F.silu(rows @ gate.transpose(1, 2)) * (rows @ up.transpose(1, 2))
        return ((h @ down.transpose(1, 2)) * dense.t().unsqueeze(-1)).sum(0)

    def loop_mask(x, router, gate, up, down):
        weights, ids = pick(x, router)
        y = torch.zeros_like(x)
        for e in range(E):
            factor = torch.where(ids == e, weights, 0.0).sum(-1, keepdim=True)
            h = F.silu(F.linear(x, gate[e])) * F.linear(x, up[e])
            y = y + F.linear(h, down[e]) * factor
        return y

    def gather_weights(x, router, gate, up, down):
        weights, ids = pick(x, router)
        h = F.silu(torch.einsum("th,tkih->tki", x, gate[ids])) * \
            torch.einsum("th,tkih->tki", x, up[ids])
        return torch.einsum("tki,tkhi,tk->th", h, down[ids], weights)

    def grouped(rows, weight, offsets):
        return torch._grouped_mm(rows, weight.transpose(1, 2), offs=offsets)

    def sorted_rows(ids):
        order = ids.reshape(-1).argsort()
        counts = torch.bincount(ids.reshape(-1), minlength=E)
        return order, counts.cumsum(0).to(torch.int32)

    def sort_grouped(x, router, gate, up, down):
        weights, ids = pick(x, router)
        order, offsets = sorted_rows(ids)
        rows = x[order // K]
        h = F.silu(grouped(rows, gate, offsets)) * grouped(rows, up, offsets)
        y = grouped(h, down, offsets) * weights.reshape(-1)[order].unsqueeze(-1)
        return torch.zeros_like(x).index_add(0, order // K, y)

    def batched_mm(x, router, gate_up, down):
        weights, ids = pick(x, router)
        flat = ids.reshape(-1)
        rows = x.repeat_interleave(K, 0).unsqueeze(-1)
        gate, up = torch.bmm(gate_up[flat], rows).squeeze(-1).chunk(2, -1)
        y = torch.bmm(down[flat], (F.silu(gate) * up).unsqueeze(-1)).squeeze(-1)
        return (y * weights.reshape(-1, 1)).view(T, K, H).sum(1)

    def grouped_mm(x, router, gate_up, down):
        weights, ids = pick(x, router)
        order, offsets = sorted_rows(ids)
        gate, up = grouped(x[order // K], gate_up, offsets).chunk(2, -1)
        y = grouped(F.silu(gate) * up, down, offsets) * weights.reshape(-1)[order].unsqueeze(-1)
        return torch.zeros_like(x).index_add(0, order // K, y)

    def gshard(x, router, up, down):
        gates = torch.softmax(x @ router, -1)
        first = F.one_hot(gates.argmax(-1), E).float()
        second = F.one_hot((gates * (1 - first)).argmax(-1), E).float()
        place1 = (first.cumsum(0) - 1) * first
        place2 = (second.cumsum(0) - 1 + first.sum(0, keepdim=True)) * second
        first, second = first * (place1 < C), second * (place2 < C)
        w1, w2 = (gates * first).sum(-1), (gates * second).sum(-1)
        total = w1 + w2 + 1e-9

        def part(weight, mask, place):
            at = F.one_hot((place * mask).sum(-1).long(), C).float()
            return (weight / total).view(-1, 1, 1) * mask.unsqueeze(-1) * at.unsqueeze(1)
        combine = part(w1, first, place1) + part(w2, second, place2)
        rows = torch.einsum("tec,th->ech", (combine > 0).float(), x)
        y = torch.relu(rows @ up) @ down
        return torch.einsum("tec,ech->th", combine, y)

    torch.manual_seed(1)
    torch.set_num_threads(THREADS)
    def made(*shape):
        return torch.randn(*shape) / shape[-1] ** 0.5
    x, router = torch.randn(T, H), made(E, H)
    plain = (x, router, made(E, I, H), made(E, I, H), made(E, H, I))
    fused = (x, router, torch.cat(plain[2:4], 1), plain[4])
    square = (x, router.t().contiguous(), made(E, H, I), made(E, I, H))
    return {
        "hf-mixtral-batched-mm": (batched_mm, fused),
        "hf-mixtral-grouped-mm": (grouped_mm, fused),
        "torch-dense-onehot-bmm": (onehot_bmm, plain),
        "torch-gather-weights-einsum": (gather_weights, plain),
        "torch-gshard-top2-capacity": (gshard, square),
        "torch-loop-mask": (loop_mask, plain),
        "torch-masked-dense-scatter": (masked_dense, plain),
        "torch-sort-grouped-mm": (sort_grouped, plain),
    }


def jax_forms():
    """Name -> (function, arguments), weights [E, K, N] as JAX has them."""
    import jax
    import jax.numpy as jnp
    from jax import lax, nn

    def pick(x, router):
        weights, ids = lax.top_k(nn.softmax(x @ router, -1), K)
        return weights / weights.sum(-1, keepdims=True), ids

    def masked_dense(x, router, gate, up, down):
        weights, ids = pick(x, router)
        dense = (nn.one_hot(ids, E) * weights[..., None]).sum(1)
        h = nn.silu(jnp.einsum("th,ehi->tei", x, gate)) * jnp.einsum("th,ehi->tei", x, up)
        return jnp.einsum("tei,eih,te->th", h, down, dense)

    def scan_experts(x, router, gate, up, down):
        weights, ids = pick(x, router)

        def step(y, expert):
            e, g, u, d = expert
            factor = jnp.where(ids == e, weights, 0).sum(-1, keepdims=True)
            return y + ((nn.silu(x @ g) * (x @ u)) @ d) * factor, None
        return lax.scan(step, jnp.zeros_like(x), (jnp.arange(E), gate, up, down))[0]

    def ragged(x, router, gate, up, down):
        weights, ids = pick(x, router)
        order = jnp.argsort(ids.reshape(-1))
        sizes = jnp.bincount(ids.reshape(-1), length=E)
        rows = x[order // K]
        h = nn.silu(lax.ragged_dot(rows, gate, sizes)) * lax.ragged_dot(rows, up, sizes)
        y = lax.ragged_dot(h, down, sizes)[jnp.argsort(order)]
        return (y.reshape(T, K, H) * weights[..., None]).sum(1)

    def switch(x, router, up, down):
        gates = nn.softmax(x @ router, -1)
        mask = nn.one_hot(gates.argmax(-1), E)
        place = (jnp.cumsum(mask, 0) - 1) * mask
        mask = mask * (place < 16)
        at = nn.one_hot(place.sum(-1), 16)
        combine = (gates * mask)[..., None] * at[:, None, :]
        rows = jnp.einsum("tec,th->ech", (combine > 0).astype(x.dtype), x)
        y = jnp.einsum("eci,eih->ech", nn.relu(jnp.einsum("ech,ehi->eci", rows, up)), down)
        return jnp.einsum("tec,ech->th", combine, y)

    keys = iter(jax.random.split(jax.random.key(1), 8))
    def made(*shape):
        return jax.random.normal(next(keys), shape) / shape[-2] ** 0.5
    plain = (jax.random.normal(next(keys), (T, H)), made(H, E), made(E, H, I), made(E, H, I),
             made(E, I, H))
    return {
        "jax-masked-dense-onehot": (masked_dense, plain),
        "jax-onehot-switch": (switch, plain[:3] + plain[4:]),
        "jax-scan-experts": (scan_experts, plain),
        "jax-sort-ragged-dot": (ragged, plain),
    }


def timed(name, run, repeat, call):
    try:
        return call(run, repeat)
    except Exception as error:  # the framework's own failure is the result
        print(f"{name}: {type(error).__name__}: {str(error).strip().splitlines()[0]}",
              file=sys.stderr)
        return None


def cell(time):
    return "fails" if time is None else f"{time[1]:.1f}"


def main(repeat, wanted):
    print("| graph | eager, ms | compiled, ms | first call, s |\n|---|---|---|---|")
    try:
        import torch
        with torch.no_grad():
            for name, (function, arguments) in torch_forms().items():
                if wanted and name not in wanted:
                    continue
                eager = timed(name, lambda: function(*arguments), repeat, measured)
                torch._dynamo.reset()
                fast = torch.compile(function)
                compiled = timed(name, lambda: fast(*arguments), repeat, measured)
                first = f"{compiled[0] / 1e3:.1f}" if compiled else ""
                print(f"| {name} | {cell(eager)} | {cell(compiled)} | {first} |", flush=True)
        print(f"torch {torch.__version__}, inductor", file=sys.stderr)
    except ImportError as error:
        print(f"torch is missing: {error}", file=sys.stderr)
    try:
        import jax
        for name, (function, arguments) in jax_forms().items():
            if wanted and name not in wanted:
                continue
            fast = jax.jit(function)
            compiled = timed(name, lambda: fast(*arguments).block_until_ready(), repeat, measured)
            first = f"{compiled[0] / 1e3:.1f}" if compiled else ""
            print(f"| {name} | | {cell(compiled)} | {first} |", flush=True)
        print(f"jax {jax.__version__}, XLA", file=sys.stderr)
    except ImportError as error:
        print(f"jax is missing: {error}", file=sys.stderr)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10, sys.argv[2:])
