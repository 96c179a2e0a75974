#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""random_layers.py MOE_OPT MOE_RUN [FIRST COUNT]: MoE layers in ordinary ops, written in random ways, are raised and keep their values.

A layer draws a router, experts, and a form: one-hots of places, padded buckets, lists of tokens, a mask over all experts. How places
are counted, in which order, what becomes of rows beyond a capacity and whether rows are dynamic is drawn as well. One layer in five
breaks one condition: it must stay as it is. All run compiled against the interpreter."""
import random, subprocess, sys, tempfile, os, concurrent.futures

E, H, I = 3, 6, 5

class Layer:
    def __init__(self, seed):
        r = self.r = random.Random(seed)
        self.lines, self.count = [], 0
        self.k = r.choice([1, 2, 2])
        self.form = r.choice(["onehot", "onehot", "buckets", "buckets", "lists", "mask"])
        self.dynamic = r.random() < 0.5
        self.T = "?" if self.dynamic else 7
        self.rows = ("?" if self.dynamic else 7 * self.k, "%tk")    # slots, flat
        self.capacity = r.choice([None, 2, 3]) if self.form in ("onehot", "buckets") else None
        self.rank_major = r.random() < 0.5 and self.k > 1
        self.gated, self.bias, self.act = r.random() < 0.5, r.random() < 0.4, r.choice(["relu", "silu"])
        if self.form == "onehot" and self.dynamic: self.capacity = self.capacity or 3
        self.near = r.random() < 0.2
        self.what = f"{self.form} k={self.k} capacity={self.capacity}{' rank' if self.rank_major else ''}{' dynamic' if self.dynamic else ''}{' near' if self.near else ''}"

    # IR. A value is (name, element type, shape); a size is a number or (None, SSA name).
    def name(self):
        self.count += 1
        return f"%v{self.count}"
    def line(self, text): self.lines.append("  " + text)
    def op(self, text):
        name = self.name()
        self.line(f"{name} = {text}")
        return name
    @staticmethod
    def type(value): return "tensor<" + "".join(f"{'?' if isinstance(s, tuple) else s}x" for s in value[2]) + value[1] + ">"
    def empty(self, element, shape):
        sizes = ", ".join(s[1] for s in shape if isinstance(s, tuple))
        value = (None, element, shape)
        return (self.op(f"tensor.empty({sizes}) : {self.type(value)}"), element, shape)
    def fill(self, element, shape, number):
        e, c = self.empty(element, shape), self.op(f"arith.constant {number} : {element}")
        return (self.op(f"linalg.fill ins({c} : {element}) outs({e[0]} : {self.type(e)}) -> {self.type(e)}"), element, shape)
    def generic(self, inputs, maps, out, reduced, body, init=None):
        """`out` is (element, shape); maps name loops a, b, c ...; `reduced` holds the loops that are summed."""
        loops = sorted({c for m in maps for c in m if c.isalpha()})
        target = self.fill(out[0], out[1], init) if init is not None else self.empty(*out)
        text = ", ".join(f"affine_map<({', '.join(loops)}) -> ({', '.join(m)})>" for m in maps)
        kinds = ", ".join('"reduction"' if c in reduced else '"parallel"' for c in loops)
        ins = f"ins({', '.join(v[0] for v in inputs)} : {', '.join(map(self.type, inputs))}) " if inputs else ""
        name = self.op(f"linalg.generic {{indexing_maps = [{text}], iterator_types = [{kinds}]}} {ins}outs({target[0]} : {self.type(target)}) {{")
        arguments = [f"%in{i}: {v[1]}" for i, v in enumerate(inputs)] + [f"%out: {out[0]}"]
        self.line(f"^bb0({', '.join(arguments)}):")
        for i, c in enumerate(loops):
            if any(f"%index_{c}" in text for text in body): self.line(f"  %index_{c} = linalg.index {i} : index")
            if c in "abcd":
                self.line(f"  %at_{c} = linalg.index {i} : index")
                self.line(f"  %{c} = arith.index_cast %at_{c} : index to i64")
        for text in body: self.line("  " + text)
        self.line(f"  linalg.yield %r : {out[0]}")
        self.line(f"}} -> {self.type(target)}")
        return (name, *out)
    def total(self, inputs, maps, out, reduced, body):
        """A sum of what `body` leaves in %s."""
        add = "addf" if out[0] == "f32" else "addi"
        return self.generic(inputs, maps, out, reduced, body + [f"%r = arith.{add} %out, %s : {out[0]}"], "0.0" if out[0] == "f32" else "0")
    def each(self, inputs, maps, out, body): return self.generic(inputs, maps, out, "", body)
    def reshape(self, op, value, groups, shape):
        groups = str(groups)
        out = (None, value[1], shape)
        sizes = ", ".join(s[1] if isinstance(s, tuple) else str(s) for s in shape)
        extra = f" output_shape [{sizes}]" if op == "expand" else ""
        return (self.op(f"tensor.{op}_shape {value[0]} {groups}{extra} : {self.type(value)} into {self.type(out)}"), value[1], shape)
    def scan(self, value, inclusive):
        out, carry = self.fill(value[1], value[2], "0"), self.fill(value[1], value[2][1:], "0")
        name = self.name()
        self.line(f'{name}:2 = "tm_tensor.scan"({value[0]}, {out[0]}, {carry[0]}) <{{dimension = 0 : i64, inclusive = {str(inclusive).lower()}, operandSegmentSizes = array<i32: 1, 2>}}> ({{')
        self.line(f"^bb0(%p: {value[1]}, %q: {value[1]}):")
        self.line(f"  %c = arith.addi %p, %q : {value[1]}")
        self.line(f'  "tm_tensor.yield"(%c) : ({value[1]}) -> ()')
        self.line(f"}}) : ({self.type(value)}, {self.type(out)}, {self.type(carry)}) -> ({self.type(out)}, {self.type(carry)})")
        return (name + "#0", *value[1:])
    def scatter(self, updates, index, out, adds):
        name = self.op(f'"tm_tensor.scatter"({updates[0]}, {index[0]}, {out[0]}) <{{dimension_map = array<i64: 0>, operandSegmentSizes = array<i32: 2, 1>, unique_indices = false}}> ({{')
        self.line(f"^bb0(%new: {out[1]}, %old: {out[1]}):")
        add = "addf" if out[1] == "f32" else "addi"
        if adds: self.line(f"  %sum = arith.{add} %old, %new : {out[1]}")
        self.line(f'  "tm_tensor.yield"({"%sum" if adds else "%new"}) : ({out[1]}) -> ()')
        self.line(f"}}) : ({self.type(updates)}, {self.type(index)}, {self.type(out)}) -> {self.type(out)}")
        return (name, *out[1:])

    # The layer.
    def route(self):
        """ids and weights [T, k], by arg-max after arg-max or a sort."""
        T, k, r = self.t, self.k, self.r
        logits = self.total([self.x, self.router], ["ac", "cb", "ab"], ("f32", [T, E]), "c", ["%s = arith.mulf %in0, %in1 : f32"])
        exps = self.each([logits], ["ab", "ab"], ("f32", [T, E]), ["%r = math.exp %in0 : f32"])
        sums = self.total([exps], ["ab", "a"], ("f32", [T]), "b", ["%s = arith.addf %in0, %zero : f32"])
        p = self.each([exps, sums], ["ab", "a", "ab"], ("f32", [T, E]), ["%r = arith.divf %in0, %in1 : f32"])
        iota = self.each([], ["ab"], ("i64", [T, E]), ["%r = arith.addi %b, %n0 : i64"])
        name, types = self.name(), f"({self.type(p)}, {self.type(iota)})"
        self.line(f'{name}:2 = "tm_tensor.sort"({p[0]}, {iota[0]}) <{{dimension = 1 : i64, operandSegmentSizes = array<i32: 0, 2>}}> ({{')
        self.line("^bb0(%p: f32, %q: f32, %i: i64, %j: i64):")
        self.line(f"  %c = arith.cmpf {r.choice(['oge', 'ogt'])}, %p, %q : f32")
        self.line('  "tm_tensor.yield"(%c) : (i1) -> ()')
        self.line(f"}}) : {types} -> {types}")
        rows = "%t" if self.dynamic else self.T
        def first(value):
            out = (None, value[1], [T, k])
            return (self.op(f"tensor.extract_slice {value[0]}[0, 0] [{rows}, {k}] [1, 1] : {self.type(value)} to {self.type(out)}"), value[1], [T, k])
        ids, w = first((name + "#1", "i64", [T, E])), first((name + "#0", "f32", [T, E]))
        if k > 1 and r.random() < 0.5:
            sums = self.total([w], ["ab", "a"], ("f32", [T]), "b", ["%s = arith.addf %in0, %zero : f32"])
            w = self.each([w, sums], ["ab", "a", "ab"], ("f32", [T, k]), ["%r = arith.divf %in0, %in1 : f32"])
        return ids, w

    def places(self, ids):
        """How many slots of its expert come before a slot [T, k]."""
        T, k, r = self.t, self.k, self.r
        same = "%same = arith.cmpi eq, %in0, %in1 : i64"
        order = {False: ["%less = arith.cmpi slt, %c, %a : i64", "%tie = arith.cmpi eq, %c, %a : i64", "%in = arith.cmpi slt, %d, %b : i64"],
                 True: ["%less = arith.cmpi slt, %d, %b : i64", "%tie = arith.cmpi eq, %d, %b : i64", "%in = arith.cmpi slt, %c, %a : i64"]}[self.rank_major]
        if self.near: order = ["%less = arith.cmpi ne, %c, %a : i64", "%tie = arith.cmpi eq, %c, %a : i64", "%in = arith.cmpi ne, %d, %b : i64"]
        if r.random() < 0.4 or self.near:  # as a sum over all pairs
            return self.total([ids, ids], ["ab", "cd", "ab"], ("i64", [T, k]), "cd", [same, *order, "%later = arith.andi %tie, %in : i1",
                              "%before = arith.ori %less, %later : i1", "%both = arith.andi %same, %before : i1", "%s = arith.extui %both : i1 to i64"])
        S = self.slots
        if self.rank_major:  # slots in the order of ranks, then tokens
            at = ["%row = arith.remsi %index_a, %t : index", "%rank = arith.divsi %index_a, %t : index"]
        else:
            at = [f"%kk = arith.constant {k} : index", "%row = arith.divsi %index_a, %kk : index", "%rank = arith.remsi %index_a, %kk : index"]
        hot = self.each([], ["ab"], ("i64", [S, E]), at + [f"%id = tensor.extract {ids[0]}[%row, %rank] : {self.type(ids)}",
                        "%is = arith.cmpi eq, %id, %b : i64", "%r = arith.extui %is : i1 to i64"])
        inclusive = r.random() < 0.5
        counts = self.scan(hot, inclusive)
        flat = ["%m = arith.muli %index_b, %t : index", "%n = arith.addi %m, %index_a : index"] if self.rank_major else \
               [f"%kk = arith.constant {k} : index", "%m = arith.muli %index_a, %kk : index", "%n = arith.addi %m, %index_b : index"]
        last = ["%r = arith.subi %count, %n1 : i64"] if inclusive else ["%r = arith.addi %count, %n0 : i64"]
        return self.each([ids], ["ab", "ab"], ("i64", [T, k]), flat + ["%e = arith.index_cast %in0 : i64 to index",
                         f"%count = tensor.extract {counts[0]}[%n, %e] : {self.type(counts)}"] + last)

    def activation(self, gate, up=None):
        body = ["%h = arith.maximumf %in0, %zero : f32"] if self.act == "relu" else \
               ["%m = arith.negf %in0 : f32", "%e = math.exp %m : f32", "%d = arith.addf %e, %one : f32", "%g = arith.divf %one, %d : f32", "%h = arith.mulf %in0, %g : f32"]
        loops = "abc"[:len(gate[2])]
        inputs = [gate] + ([up] if up else [])
        return self.each(inputs, [loops] * (len(inputs) + 1), ("f32", gate[2]), body + [f"%r = arith.{'mulf %h, %in1' if up else 'addf %h, %zero'} : f32"])

    def expert(self, rows, which=None):
        """rows [E, n, H], or [n, H] of one expert."""
        lead, shape = ("e", [E, rows[2][1]]) if which is None else ("", [rows[2][0]])
        def weight(w):
            if which is None: return w
            sizes = w[2][1:]
            out, one = (None, "f32", sizes), ", ".join(map(str, [1] + sizes))
            zeros = ", ".join([str(which)] + ["0"] * len(sizes))
            return (self.op(f"tensor.extract_slice {w[0]}[{zeros}] [{one}] [{', '.join(['1'] * (len(sizes) + 1))}] : {self.type(w)} to {self.type(out)}"), "f32", sizes)
        def linear(v, w, b, width):
            y = self.total([v, weight(w)], [lead + "nk", lead + "mk", lead + "nm"], ("f32", shape + [width]), "k", ["%s = arith.mulf %in0, %in1 : f32"])
            return self.each([y, weight(b)], [lead + "nm", lead + "m", lead + "nm"], ("f32", shape + [width]), ["%r = arith.addf %in0, %in1 : f32"]) if self.bias else y
        gate = linear(rows, self.w1, self.b1, I)
        hidden = self.activation(gate, linear(rows, self.w3, self.b3, I)) if self.gated else self.activation(gate)
        return linear(hidden, self.w2, self.b2, H)

    def onehot(self, ids, w):
        """Rows [E, C, H] by a one-hot of expert and place; the same one-hot mixes them."""
        T, k, C, place = self.t, self.k, self.capacity or self.T, self.places(ids)
        hot = self.each([ids, place], ["ab", "ab", "abcd"], ("f32", [T, k, E, C]), ["%i = arith.cmpi eq, %in0, %c : i64", "%p = arith.cmpi eq, %in1, %d : i64",
                        "%both = arith.andi %i, %p : i1", "%r = arith.uitofp %both : i1 to f32"])
        rows = self.total([hot, self.x], ["tjec", "th", "ech"], ("f32", [E, C, H]), "tj", ["%s = arith.mulf %in0, %in1 : f32"])
        y = self.expert(rows)
        return self.total([y, hot, w], ["ech", "tjec", "tj", "th"], ("f32", [T, H]), "ecj", ["%m = arith.mulf %in0, %in1 : f32", "%s = arith.mulf %m, %in2 : f32"])

    def buckets(self, ids, w):
        """Rows scattered to [E * C, H], gathered back."""
        T, k, S, place = self.t, self.k, self.slots, self.places(ids)
        C = self.capacity
        size, big = (C, E * C) if C else ((None, "%t"), (None, "%te")) if self.dynamic else (self.T, E * self.T)
        wide = f"%wide = arith.constant {C} : i64" if C else "%wide = arith.index_cast %t : index to i64"
        limit = [wide, "%first = arith.muli %in0, %wide : i64"] + (["%top = arith.subi %wide, %n1 : i64", "%low = arith.minsi %in1, %top : i64"] if C else ["%low = arith.addi %in1, %n0 : i64"])
        slot = self.each([ids, place], ["ab"] * 3, ("i64", [T, k]), limit + ["%r = arith.addi %first, %low : i64"])
        keep = self.each([place], ["ab"] * 2, ("f32", [T, k]), [wide, "%is = arith.cmpi slt, %in0, %wide : i64", "%r = arith.uitofp %is : i1 to f32"])
        if C: w = self.each([w, keep], ["ab"] * 3, ("f32", [T, k]), ["%r = arith.mulf %in0, %in1 : f32"])
        rows = self.each([self.x, keep], ["ac", "ab", "abc"], ("f32", [T, k, H]), ["%r = arith.mulf %in0, %in1 : f32"] if C else ["%r = arith.addf %in0, %zero : f32"])
        rows = self.reshape("collapse", rows, [[0, 1], [2]], [S, H])
        index = self.reshape("expand", self.reshape("collapse", slot, [[0, 1]], [S]), [[0, 1]], [S, 1])
        updates = self.reshape("expand", rows, [[0, 1], [2]], [S, 1, H])
        buffer = self.scatter(updates, index, self.fill("f32", [big, H], "0.0"), bool(C) or self.r.random() < 0.5)
        y = self.expert(self.reshape("expand", buffer, [[0, 1], [2]], [E, size, H]))
        y = self.reshape("collapse", y, [[0, 1], [2]], [big, H])
        return self.total([slot, w], ["aj", "aj", "ah"], ("f32", [T, H]), "j", ["%row = arith.index_cast %in0 : i64 to index",
                          f"%v = tensor.extract {y[0]}[%row, %index_h] : {self.type(y)}", "%s = arith.mulf %v, %in1 : f32"])

    def lists(self, ids, w):
        """For each expert the list of its tokens, their rows, and what comes out added where they came from."""
        T, k, y = self.t, self.k, self.fill("f32", [self.t, H], "0.0")
        for e in range(E):
            which = self.op(f"arith.constant {0 if self.near else e} : i64")
            held = self.total([ids], ["ab", "a"], ("i64", [T]), "b", [f"%is = arith.cmpi eq, %in0, {which} : i64", "%s = arith.extui %is : i1 to i64"])
            gate = self.total([ids, w], ["ab", "ab", "a"], ("f32", [T]), "b", [f"%is = arith.cmpi eq, %in0, {which} : i64", "%s = arith.select %is, %in1, %zero : f32"])
            count = self.scan(held, True)
            place = self.each([count], ["a", "a"], ("i64", [T]), ["%m = arith.subi %in0, %n1 : i64", "%r = arith.maxsi %m, %n0 : i64"])
            mine = self.each([held], ["a", "a"], ("i64", [T]), ["%r = arith.muli %in0, %a : i64"])
            table = self.scatter(mine, self.reshape("expand", place, [[0, 1]], [T, 1]), self.fill("i64", [T], "0"), True)
            many = self.total([held], ["a", ""], ("i64", []), "a", ["%s = arith.addi %in0, %n0 : i64"])
            n = (None, self.op(f"arith.index_cast {self.op(f'tensor.extract {many[0]}[] : {self.type(many)}')} : i64 to index"))
            found = (None, "i64", [n])
            tokens = (self.op(f"tensor.extract_slice {table[0]}[0] [{n[1]}] [1] : {self.type(table)} to {self.type(found)}"), "i64", [n])
            rows = self.each([tokens], ["a", "ab"], ("f32", [n, H]), ["%row = arith.index_cast %in0 : i64 to index", f"%r = tensor.extract {self.x[0]}[%row, %index_b] : {self.type(self.x)}"])
            out = self.expert(rows, e)
            out = self.each([out, tokens], ["ab", "a", "ab"], ("f32", [n, H]), ["%row = arith.index_cast %in1 : i64 to index",
                            f"%g = tensor.extract {gate[0]}[%row] : {self.type(gate)}", "%r = arith.mulf %in0, %g : f32"])
            y = self.scatter(self.reshape("expand", out, [[0, 1], [2]], [n, 1, H]), self.reshape("expand", tokens, [[0, 1]], [n, 1]), y, True)
        return y

    def mask(self, ids, w):
        """Every expert on every token."""
        T = self.t
        gates = self.total([ids, w], ["ab", "ab", "ac"], ("f32", [T, E]), "b", ["%is = arith.cmpi eq, %in0, %c : i64", "%s = arith.select %is, %in1, %zero : f32"])
        if self.near: gates = self.each([gates], ["ab"] * 2, ("f32", [T, E]), ["%r = arith.addf %in0, %one : f32"])
        y = self.expert(self.each([self.x], ["bc", "abc"], ("f32", [E, T, H]), ["%r = arith.addf %in0, %zero : f32"]))
        return self.total([y, gates], ["eth", "te", "th"], ("f32", [T, H]), "e", ["%s = arith.mulf %in0, %in1 : f32"])

    def text(self):
        self.t = (None, "%t") if self.dynamic else self.T
        self.slots = (None, "%tk") if self.dynamic else self.T * self.k
        shapes = {"x": [self.t, H], "router": [H, E], "w1": [E, I, H], "w3": [E, I, H], "w2": [E, H, I], "b1": [E, I], "b3": [E, I], "b2": [E, H]}
        for name, shape in shapes.items(): setattr(self, name, (f"%{name}", "f32", shape))
        for text in ["%c0 = arith.constant 0 : index", "%zero = arith.constant 0.0 : f32", "%one = arith.constant 1.0 : f32", "%n0 = arith.constant 0 : i64", "%n1 = arith.constant 1 : i64",
                     f"%t = tensor.dim %x, %c0 : {self.type(self.x)}", f"%ck = arith.constant {self.k} : index", "%tk = arith.muli %t, %ck : index",
                     f"%ce = arith.constant {E} : index", "%te = arith.muli %t, %ce : index"]: self.line(text)
        y = getattr(self, self.form)(*self.route())
        arguments = ", ".join(f"%{name}: {self.type(getattr(self, name))}" for name in shapes)
        return f"func.func @main({arguments}) -> {self.type(y)} {{\n" + "\n".join(self.lines) + f"\n  return {y[0]} : {self.type(y)}\n}}\n"

def run(tools, seed, folder):
    layer, path = Layer(seed), os.path.join(folder, f"{seed}.mlir")
    with open(path, "w") as f: f.write(layer.text())
    raised = subprocess.run([tools[0], "--allow-unregistered-dialect", "--moe-raise", path], capture_output=True, text=True, timeout=60)
    if raised.returncode: return seed, layer.what, raised.stderr.strip().splitlines()[0]
    if ("moe.expert" in raised.stdout) == layer.near: return seed, layer.what, "is raised" if layer.near else "is not raised"
    if layer.capacity and not layer.near and "moe.capacity" not in raised.stdout and layer.capacity < 7: return seed, layer.what, "has lost its capacity"
    if layer.near and layer.form == "lists": return seed, layer.what, None    # no target holds a size that is data
    done = subprocess.run([tools[1], path, "--function=main", f"--random-args={seed}", f"--tokens={seed % 7 + 2}", "--check", "--rtol=1e-5", "--threads=1"],
                          capture_output=True, text=True, timeout=60)
    return seed, layer.what, (done.stderr.strip().splitlines() or ["no message"])[-1] if done.returncode else None

def main():
    first, count = (int(a) for a in sys.argv[3:5]) if len(sys.argv) > 4 else (1, 24)
    bad = 0
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        for seed, what, message in pool.map(lambda s: run(sys.argv[1:3], s, folder), range(first, first + count)):
            if message is None: continue
            bad += 1
            print(f"error: seed {seed}, {what}: {message}")
            if os.environ.get("KEEP"): os.system(f"cp {folder}/{seed}.mlir {os.environ['KEEP']}")
    print(f"{count} layers, {bad} fail")
    sys.exit(bad > 0)

if __name__ == "__main__": main()
