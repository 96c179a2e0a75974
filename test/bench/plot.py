#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""plot.py OUT FILE.json...: pictures of what moe-bench --json wrote, as SVG.

OUT/roofline.svg: each cell as a point, GFLOP/s over FLOPs a byte of weights, as
shares of the limits of its own run. OUT/tokens.svg: the share of the bound over the
token count, a line a model. Cells of other routings than uniform are left out, and
those of fewer threads than the most.
"""
import json
import math
import os
import sys
from xml.sax.saxutils import escape

# Colours that people with any colour vision tell apart (Okabe and Ito), and dashes.
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555", "#000000"]
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 760, 420, 64, 44, 200, 52
FONT = 12


class Axis:
    """A logarithmic or linear scale from `low` to `high`, onto pixels `begin` to `end`."""

    def __init__(self, low, high, begin, end, log=False):
        self.low, self.high, self.begin, self.end, self.log = low, high, begin, end, log

    def __call__(self, value):
        f = math.log if self.log else float
        share = (f(value) - f(self.low)) / (f(self.high) - f(self.low))
        return self.begin + share * (self.end - self.begin)


def number(value):
    return f"{value:.1f}".rstrip("0").rstrip(".")


class Picture:
    def __init__(self, title, x, y, xlabel, ylabel):
        self.x, self.y = x, y
        self.parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
                      f'font-family="sans-serif" font-size="{FONT}">',
                      f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>']
        self.text(LEFT, 22, title, size=14)
        self.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, xlabel, "middle")
        middle = (TOP + HEIGHT - BOTTOM) / 2
        self.parts.append(f'<text x="16" y="{number(middle)}" text-anchor="middle" transform="rotate(-90 16 {number(middle)})">'
                          f'{escape(ylabel)}</text>')

    def text(self, x, y, text, anchor="start", colour="#222222", size=FONT):
        self.parts.append(f'<text x="{number(x)}" y="{number(y)}" text-anchor="{anchor}" fill="{colour}" font-size="{size}">'
                          f"{escape(text)}</text>")

    def line(self, points, colour, width=2.0, dash=""):
        path = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        extra = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{extra}/>')

    def mark(self, x, y, colour, hollow, tip):
        fill = "#ffffff" if hollow else colour
        self.parts.append(f'<circle cx="{number(x)}" cy="{number(y)}" r="4" fill="{fill}" stroke="{colour}" stroke-width="1.5">'
                          f"<title>{escape(tip)}</title></circle>")

    def grid(self, xticks, yticks):
        for value, label in xticks:
            at = self.x(value)
            self.line([(at, self.y.begin), (at, self.y.end)], "#e4e4e4", 1)
            self.text(at, self.y.begin + 18, label, "middle")
        for value, label in yticks:
            at = self.y(value)
            self.line([(self.x.begin, at), (self.x.end, at)], "#e4e4e4", 1)
            self.text(self.x.begin - 8, at + 4, label, "end")

    def legend(self, entries):
        """Names beside the picture, from the top, a line each."""
        for i, (name, colour, hollow) in enumerate(entries):
            y = TOP + 10 + 18 * i
            self.line([(WIDTH - RIGHT + 16, y), (WIDTH - RIGHT + 40, y)], colour, 2, "4 3" if hollow else "")
            self.mark(WIDTH - RIGHT + 28, y, colour, hollow, name)
            self.text(WIDTH - RIGHT + 48, y + 4, name)

    def save(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(self.parts + ["</svg>", ""]))


def load(paths):
    cells = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            cells += json.load(file)
    cells = [c for c in cells if c["routing"] == "uniform" and c["tokens"] > 0 and c["limit_gflops"]]
    threads = max((c["threads"] for c in cells), default=0)
    best = {}
    for cell in cells:
        key = cell["model"], cell["dtype"], cell["tokens"]
        if cell["threads"] == threads and (key not in best or cell["roofline_fraction"] > best[key]["roofline_fraction"]):
            best[key] = cell
    if not best:
        sys.exit("plot.py: no cells of uniform routing on a CPU")
    return list(best.values())


def styles(cells):
    """(colour, hollow) of each (model, dtype): a colour a model, hollow marks and dashes for 16-bit weights."""
    models = list(dict.fromkeys(c["model"] for c in sorted(cells, key=lambda c: c["model"])))
    if len(models) > len(COLOURS):
        sys.exit(f"plot.py: {len(models)} models, {len(COLOURS)} colours")
    return {key: (COLOURS[models.index(key[0])], key[1] != "f32")
            for key in sorted({(c["model"], c["dtype"]) for c in cells})}


def tip(cell):
    return (f'{cell["model"]} {cell["dtype"]} T={cell["tokens"]}: {cell["ms_min"]:.3g} ms, {cell["gflops"]:.0f} GFLOP/s, '
            f'{cell["gbps"]:.1f} GB/s, {100 * cell["roofline_fraction"]:.0f} % of the bound')


def roofline(cells, path):
    """Shares of the limits: so cells of runs with other limits, and of both dtypes, stand under one roof."""
    def intensity(cell):  # 1: where both limits bind
        return cell["flops"] / cell["weight_bytes"] * cell["limit_gbps"] / cell["limit_gflops"]
    values = [intensity(c) for c in cells]
    low, high = min(values + [0.5]) / 1.5, max(values + [2]) * 1.5
    heights = [c["gflops"] / c["limit_gflops"] for c in cells]
    bottom = min(heights) / 1.5
    x = Axis(low, high, LEFT, WIDTH - RIGHT, log=True)
    y = Axis(bottom, max(1.5, 1.1 * max(heights)), HEIGHT - BOTTOM, TOP, log=True)
    picture = Picture("Layers under their roofs", x, y, "FLOPs a byte of weights, of those where both limits meet", "share of the compute limit")
    powers = [2.0 ** p for p in range(-14, 15)]
    picture.grid([(v, f"{v:g}" if v >= 1 else f"1/{1 / v:.0f}") for v in powers[::2] if low <= v <= high],
                 [(v, f"{100 * v:g} %") for v in (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1) if bottom <= v])
    picture.line([(x(low), y(low)), (x(1), y(1)), (x(high), y(1))] if low >= bottom else
                 [(x(bottom), y(bottom)), (x(1), y(1)), (x(high), y(1))], "#222222", 1.5)
    looks = styles(cells)
    for cell in cells:
        colour, hollow = looks[cell["model"], cell["dtype"]]
        picture.mark(x(intensity(cell)), y(cell["gflops"] / cell["limit_gflops"]), colour, hollow, tip(cell))
    picture.legend([(f"{model}, {dtype}", *look) for (model, dtype), look in looks.items()])
    picture.save(path)


def curves(cells, path):
    counts = sorted({c["tokens"] for c in cells})
    top = max(1.1, max(c["roofline_fraction"] for c in cells) + 0.05)
    x = Axis(counts[0], max(counts[-1], counts[0] + 1), LEFT + 16, WIDTH - RIGHT - 16, log=True)
    y = Axis(0, top, HEIGHT - BOTTOM, TOP)
    picture = Picture("Share of the bound over the token count", x, y, "tokens", "share of the bound")
    shown, last = [], -100.0
    for count in counts:  # as many labels as do not touch
        if x(count) - last >= 34:
            shown.append((count, str(count)))
            last = x(count)
    picture.grid(shown, [(v / 10, f"{10 * v} %") for v in range(0, int(top * 10) + 1, 2)])
    picture.line([(LEFT, y(1)), (WIDTH - RIGHT, y(1))], "#222222", 1, "2 3")
    looks = styles(cells)
    for key, (colour, hollow) in looks.items():
        points = sorted((c["tokens"], c["roofline_fraction"], c) for c in cells if (c["model"], c["dtype"]) == key)
        picture.line([(x(t), y(f)) for t, f, _ in points], colour, 2, "4 3" if hollow else "")
        for t, f, cell in points:
            picture.mark(x(t), y(f), colour, hollow, tip(cell))
    picture.legend([(f"{model}, {dtype}", *look) for (model, dtype), look in looks.items()])
    picture.save(path)


def main(out, paths):
    cells = load(paths)
    os.makedirs(out, exist_ok=True)
    roofline(cells, os.path.join(out, "roofline.svg"))
    curves(cells, os.path.join(out, "tokens.svg"))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
