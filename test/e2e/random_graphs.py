#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""random_graphs.py MOE_RUN [FIRST COUNT]: random graphs of ordinary ops, compiled for the CPU against the interpreter.

A graph is a chain of ops over small tensors whose rows may be dynamic. In every other graph all intermediates are results, so that a
difference names the op; in the others a few are, so that ops share kernels and buffers memory. Values stay in ranges in which
float32 keeps 1e-5."""
import random, subprocess, sys, tempfile, os, concurrent.futures

class Graph:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.lines, self.values, self.args, self.count = [], [], [], 0
        self.dynamic = self.r.random() < 0.5
        self.rows = "?" if self.dynamic else self.r.choice([1, 5, 8])
        self.line("%c0 = arith.constant 0 : index")
        for element in ["f32", "f32", "i32", "i1"]:
            for shape in [[self.rows, self.r.choice([3, 8, 16])], [self.r.choice([4, 16]), self.r.choice([8, 24])]]:
                self.argument(element, shape)
        if self.dynamic:
            self.line(f"%t = tensor.dim %a0, %c0 : {self.type(self.args[0])}")

    def line(self, text): self.lines.append("    " + text)
    def name(self):
        self.count += 1
        return f"%v{self.count}"
    @staticmethod
    def type_of(element, shape): return "tensor<" + "".join(f"{s}x" for s in shape) + element + ">"
    def type(self, value): return self.type_of(value[1], value[2])
    def argument(self, element, shape):
        value = (f"%a{len(self.args)}", element, shape)
        self.args.append(value)
        self.values.append(value)
    def pick(self, test):
        found = [v for v in self.values if test(v)]
        return self.r.choice(found[-6:] if self.r.random() < 0.7 else found) if found else None
    def add(self, name, element, shape):
        self.values.append((name, element, shape))
        return self.values[-1]
    def empty(self, element, shape):
        name = self.name()
        dynamic = ", ".join("%t" for s in shape if s == "?")
        self.line(f"{name} = tensor.empty({dynamic}) : {self.type_of(element, shape)}")
        return name
    def fill(self, element, shape, text):
        empty, scalar, name = self.empty(element, shape), self.name(), self.name()
        self.line(f"{scalar} = arith.constant {text} : {element}")
        self.line(f"{name} = linalg.fill ins({scalar} : {element}) outs({empty} : {self.type_of(element, shape)}) -> {self.type_of(element, shape)}")
        return name
    def generic(self, inputs, maps, outs, kinds, body, init=None):
        """body: lines over %in0.. and %out0..; the last one is what is yielded."""
        loops = ", ".join(f"d{i}" for i in range(len(kinds)))
        text = ", ".join(f"affine_map<({loops}) -> ({m})>" for m in maps)
        inits = [init or self.empty(e, s) for e, s in outs]
        name = self.name()
        ins = f"ins({', '.join(v[0] for v in inputs)} : {', '.join(self.type(v) for v in inputs)}) " if inputs else ""
        types = ", ".join(self.type_of(e, s) for e, s in outs)
        self.line(f"{name} = linalg.generic {{indexing_maps = [{text}], iterator_types = [{', '.join(chr(34) + k + chr(34) for k in kinds)}]}} "
                  f"{ins}outs({', '.join(inits)} : {types}) {{")
        arguments = [f"%in{i}: {v[1]}" for i, v in enumerate(inputs)] + [f"%out{i}: {e}" for i, (e, _) in enumerate(outs)]
        self.line(f"^bb0({', '.join(arguments)}):")
        for text in body: self.line("  " + text)
        self.line(f"}} -> {types}")
        return self.add(name, *outs[0])

    # One method an op.
    def unary(self):
        v = self.pick(lambda v: v[1] == "f32")
        op = self.r.choice(["%x = math.tanh %in0 : f32", "%x = arith.negf %in0 : f32", "%x = math.absf %in0 : f32",
                            "%m = math.tanh %in0 : f32\n      %x = math.exp %m : f32"])
        dims = ", ".join(f"d{i}" for i in range(len(v[2])))
        self.generic([v], [dims, dims], [("f32", v[2])], ["parallel"] * len(v[2]), [op, "linalg.yield %x : f32"])
    def binary(self):
        v = self.pick(lambda v: v[1] in ("f32", "i32"))
        w = self.pick(lambda w: w[1:] == v[1:])
        dims = ", ".join(f"d{i}" for i in range(len(v[2])))
        op = self.r.choice(["addf", "subf", "mulf", "maximumf", "minimumf"] if v[1] == "f32" else ["addi", "subi", "muli", "maxsi", "xori"])
        self.generic([v, w], [dims] * 3, [(v[1], v[2])], ["parallel"] * len(v[2]), [f"%x = arith.{op} %in0, %in1 : {v[1]}", f"linalg.yield %x : {v[1]}"])
    def compare(self):
        v = self.pick(lambda v: v[1] in ("f32", "i32"))
        w = self.pick(lambda w: w[1:] == v[1:])
        dims = ", ".join(f"d{i}" for i in range(len(v[2])))
        op = "cmpf ogt" if v[1] == "f32" else "cmpi sle"
        self.generic([v, w], [dims] * 3, [("i1", v[2])], ["parallel"] * len(v[2]), [f"%x = arith.{op}, %in0, %in1 : {v[1]}", "linalg.yield %x : i1"])
    def select(self):
        c = self.pick(lambda v: v[1] == "i1" and any(w[1] == "f32" and w[2] == v[2] for w in self.values))
        if not c: return
        v, w = (self.pick(lambda w: w[1] == "f32" and w[2] == c[2]) for _ in range(2))
        dims = ", ".join(f"d{i}" for i in range(len(c[2])))
        self.generic([c, v, w], [dims] * 4, [("f32", c[2])], ["parallel"] * len(c[2]), ["%x = arith.select %in0, %in1, %in2 : f32", "linalg.yield %x : f32"])
    def cast(self):
        v = self.pick(lambda v: v[1] in ("i1", "i32"))
        dims = ", ".join(f"d{i}" for i in range(len(v[2])))
        to, op = self.r.choice([("f32", "uitofp"), ("i64", "extui")] if v[1] == "i1" else [("i64", "extsi"), ("f64", "sitofp")])
        if to == "f64":  # a quotient, rounded down, as front ends write it
            body = ["%f = arith.sitofp %in0 : i32 to f64", "%two = arith.constant 2.0 : f64", "%q = arith.divf %f, %two : f64",
                    "%g = math.floor %q : f64", "%x = arith.fptosi %g : f64 to i32", "linalg.yield %x : i32"]
            to = "i32"
        else:
            body = [f"%x = arith.{op} %in0 : {v[1]} to {to}", f"linalg.yield %x : {to}"]
        self.generic([v], [dims, dims], [(to, v[2])], ["parallel"] * len(v[2]), body)
    def transpose(self):
        v = self.pick(lambda v: len(v[2]) == 2)
        self.generic([v], ["d1, d0", "d0, d1"], [(v[1], v[2][::-1])], ["parallel"] * 2, [f"linalg.yield %in0 : {v[1]}"])
    def reduce(self):
        v = self.pick(lambda v: v[1] in ("f32", "i32") and len(v[2]) == 2)
        along = self.r.choice([0, 1])
        op, start = self.r.choice([("addf", "0.0"), ("maximumf", "0xFF800000")] if v[1] == "f32" else [("addi", "0"), ("maxsi", "-5")])
        shape = [v[2][1 - along]]
        init = self.fill(v[1], shape, start)
        kinds = ["parallel", "reduction"] if along else ["reduction", "parallel"]
        self.generic([v], ["d0, d1", f"d{1 - along}"], [(v[1], shape)], kinds, [f"%x = arith.{op} %in0, %out0 : {v[1]}", f"linalg.yield %x : {v[1]}"], init)
    def broadcast(self):
        v = self.pick(lambda v: len(v[2]) == 1)
        if not v: return
        shape = [v[2][0], self.r.choice([2, 8])]
        maps, out = ("d0", shape) if self.r.random() < 0.5 else ("d1", shape[::-1])
        self.generic([v], [maps, "d0, d1"], [(v[1], out)], ["parallel"] * 2, [f"linalg.yield %in0 : {v[1]}"])
    def scale(self):
        """So that products stay small."""
        v = self.pick(lambda v: v[1] == "f32" and len(v[2]) == 2)
        body = ["%s = math.tanh %in0 : f32", "linalg.yield %s : f32"]
        return self.generic([v], ["d0, d1"] * 2, [("f32", v[2])], ["parallel"] * 2, body)
    def matmul(self):
        v = self.scale()
        w = self.pick(lambda w: w[1] == "f32" and len(w[2]) == 2 and w[2][0] == v[2][1] and "?" not in w[2])
        if not w or v[2][1] == "?": return
        shape = [v[2][0], w[2][1]]
        init = self.fill("f32", shape, self.r.choice(["0.0", "0.5"]))
        if self.r.random() < 0.5:
            name = self.name()
            self.line(f"{name} = linalg.matmul ins({v[0]}, {w[0]} : {self.type(v)}, {self.type(w)}) outs({init} : {self.type_of('f32', shape)}) -> {self.type_of('f32', shape)}")
            self.add(name, "f32", shape)
        else:
            self.generic([v, w], ["d0, d2", "d2, d1", "d1, d0"], [("f32", shape[::-1])], ["parallel", "parallel", "reduction"],
                         ["%p = arith.mulf %in0, %in1 : f32", "%x = arith.addf %out0, %p : f32", "linalg.yield %x : f32"],
                         self.fill("f32", shape[::-1], "0.0"))
    def batch_matmul(self):
        v = self.scale()
        if "?" in v[2][1:] or (isinstance(v[2][1], int) and v[2][1] % 2): return
        half, name = v[2][1] // 2, self.name()
        expand = [v[2][0], 2, half]
        size = ", ".join("%t" if s == "?" else str(s) for s in expand)
        self.line(f"{name} = tensor.expand_shape {v[0]} [[0], [1, 2]] output_shape [{size}] : {self.type(v)} into {self.type_of('f32', expand)}")
        x = (name, "f32", expand)
        w = self.generic([], ["d0, d1, d2"], [("f32", [2, half, 16])], ["parallel"] * 3,
                         ["%i = linalg.index 1 : index", "%j = linalg.index 2 : index", "%k = arith.addi %i, %j : index", "%l = arith.index_cast %k : index to i32",
                          "%m = arith.sitofp %l : i32 to f32", "%s = arith.constant 0.125 : f32", "%x = arith.mulf %m, %s : f32", "linalg.yield %x : f32"])
        out = [2, v[2][0], 16]
        self.generic([x, w], ["d1, d0, d3", "d0, d3, d2", "d0, d1, d2"], [("f32", out)], ["parallel"] * 3 + ["reduction"],
                     ["%p = arith.mulf %in0, %in1 : f32", "%x = arith.addf %p, %out0 : f32", "linalg.yield %x : f32"], self.fill("f32", out, "0.0"))
    def collapse(self):
        v = self.pick(lambda v: len(v[2]) == 2 and "?" not in v[2])
        if not v: return
        name, shape = self.name(), [v[2][0] * v[2][1]]
        self.line(f"{name} = tensor.collapse_shape {v[0]} [[0, 1]] : {self.type(v)} into {self.type_of(v[1], shape)}")
        self.add(name, v[1], shape)
    def slice(self):
        v = self.pick(lambda v: len(v[2]) == 2 and isinstance(v[2][1], int) and v[2][1] >= 4)
        if not v: return
        name, shape = self.name(), [v[2][0], 2]
        rows = "%t" if v[2][0] == "?" else v[2][0]
        self.line(f"{name} = tensor.extract_slice {v[0]}[0, {self.r.choice([0, 1])}] [{rows}, 2] [1, {self.r.choice([1, 2])}] : {self.type(v)} to {self.type_of(v[1], shape)}")
        self.add(name, v[1], shape)
    def insert(self):
        v = self.pick(lambda v: len(v[2]) == 2 and isinstance(v[2][1], int) and v[2][1] >= 4)
        if not v: return
        part = self.pick(lambda w: w[1] == v[1] and w[2] == [v[2][0], 2])
        if not part: return
        name = self.name()
        rows = "%t" if v[2][0] == "?" else v[2][0]
        self.line(f"{name} = tensor.insert_slice {part[0]} into {v[0]}[0, 1] [{rows}, 2] [1, 1] : {self.type(part)} into {self.type(v)}")
        self.add(name, v[1], v[2])
    def gather(self):
        v = self.pick(lambda v: len(v[2]) == 2 and v[1] in ("f32", "i32"))
        ids = self.pick(lambda w: w[1] == "i32" and len(w[2]) == 2)
        last = v[2][1]
        width = "%c0" if last == "?" else None
        if width: return
        body = ["%n = arith.constant 3 : i32", "%m = arith.remui %in0, %n : i32", "%r = arith.index_cast %m : i32 to index",
                "%z = arith.constant 0 : index", f"%d = tensor.dim {v[0]}, %c0 : {self.type(v)}", "%one = arith.constant 1 : index",
                "%e = arith.subi %d, %one : index", "%at = arith.minsi %r, %e : index", "%j = linalg.index 1 : index",
                f"%w = arith.constant {last} : index", "%q = arith.remui %j, %w : index",
                f"%x = tensor.extract {v[0]}[%at, %q] : {self.type(v)}", f"linalg.yield %x : {v[1]}"]
        self.generic([ids], ["d0, d1"] * 2, [(v[1], ids[2])], ["parallel"] * 2, body)
    def sort(self):
        v = self.pick(lambda v: len(v[2]) == 2 and v[1] in ("f32", "i32"))
        along, name = self.r.choice([0, 1]), self.name()
        ids = self.generic([], ["d0, d1"], [("i64", v[2])], ["parallel"] * 2,
                           [f"%i = linalg.index {along} : index", "%x = arith.index_cast %i : index to i64", "linalg.yield %x : i64"])
        op = self.r.choice(["cmpf oge", "cmpf olt"] if v[1] == "f32" else ["cmpi sle", "cmpi sgt"])
        self.line(f'{name}:2 = "tm_tensor.sort"({v[0]}, {ids[0]}) <{{dimension = {along} : i64, operandSegmentSizes = array<i32: 0, 2>}}> ({{')
        self.line(f"^bb0(%p: {v[1]}, %q: {v[1]}, %r: i64, %s: i64):")
        self.line(f"  %c = arith.{op}, %p, %q : {v[1]}")
        self.line('  "tm_tensor.yield"(%c) : (i1) -> ()')
        types = f"({self.type(v)}, {self.type(ids)})"
        self.line(f"}}) : {types} -> {types}")
        self.add(name + "#0", v[1], v[2])
        self.add(name + "#1", "i64", v[2])
    def scan(self):
        v = self.pick(lambda v: len(v[2]) == 2 and v[1] in ("i32", "i64"))
        along, name = self.r.choice([0, 1]), self.name()
        out, carry = self.fill(v[1], v[2], "0"), self.fill(v[1], [v[2][1 - along]], "0")
        ct = self.type_of(v[1], [v[2][1 - along]])
        self.line(f'{name}:2 = "tm_tensor.scan"({v[0]}, {out}, {carry}) <{{dimension = {along} : i64, inclusive = {self.r.choice(["true", "false"])}, operandSegmentSizes = array<i32: 1, 2>}}> ({{')
        self.line(f"^bb0(%p: {v[1]}, %q: {v[1]}):")
        self.line(f"  %c = arith.addi %p, %q : {v[1]}")
        self.line(f'  "tm_tensor.yield"(%c) : ({v[1]}) -> ()')
        self.line(f"}}) : ({self.type(v)}, {self.type(v)}, {ct}) -> ({self.type(v)}, {ct})")
        self.add(name + "#0", v[1], v[2])
        self.add(name + "#1", v[1], [v[2][1 - along]])

    OPS = "unary unary binary binary compare select cast transpose reduce reduce broadcast matmul matmul batch_matmul collapse slice insert gather sort scan".split()

    def text(self, ops):
        for _ in range(ops): getattr(self, self.r.choice(self.OPS))()
        results = self.values[len(self.args):]
        if self.r.random() < 0.5:
            results = [v for v in results if self.r.random() < 0.2] or results[-1:]
        arguments = ", ".join(f'{v[0]}: {self.type(v)}' + (f' {{moe.dims = ["T", "{v[2][1]}"]}}' if v[2][0] == "?" else "") for v in self.args)
        types = ", ".join(self.type(v) for v in results)
        return (f"func.func @main({arguments}) -> ({types}) {{\n" + "\n".join(self.lines) +
                f"\n    return {', '.join(v[0] for v in results)} : {types}\n}}\n")

def run(tool, seed, folder):
    path = os.path.join(folder, f"{seed}.mlir")
    with open(path, "w") as f: f.write(Graph(seed).text(18))
    done = subprocess.run([tool, path, "--function=main", f"--random-args={seed}", f"--tokens={seed % 7 + 1}", "--check", "--rtol=1e-5", "--threads=1"],
                          capture_output=True, text=True, timeout=60)
    return seed, done.returncode, (done.stderr.strip().splitlines() or ["no message"])[-1]

def main():
    tool = sys.argv[1]
    first, count = (int(a) for a in sys.argv[2:4]) if len(sys.argv) > 3 else (1, 24)
    bad = 0
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        for seed, code, message in pool.map(lambda s: run(tool, s, folder), range(first, first + count)):
            if code:
                bad += 1
                print(f"error: seed {seed}: {message}")
                if bad == 1 and os.environ.get("KEEP"):
                    os.system(f"cp {folder}/{seed}.mlir {os.environ['KEEP']}")
    print(f"{count} graphs, {bad} differ")
    sys.exit(bad > 0)

if __name__ == "__main__": main()
