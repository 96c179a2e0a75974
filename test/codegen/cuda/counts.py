#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""counts.py SMS < DECISIONS: holds the tiles, waves and waste of CUDA plans to the
definition: an expert's rows are binomial, and every tile that has a row is computed
whole. Exits 1 on a figure that is off."""
import json
import math
import re
import sys


def near(given, expected, unit):
    return abs(given - expected) <= unit + 1e-9 * expected


def main(sms):
    checked, wrong = 0, []
    for decision in json.load(sys.stdin):
        f = decision["figures"]
        if "tile_waste" not in f:
            continue
        experts, columns = map(int, re.search(r"(\d+)x(\d+)x", decision["what"]).groups())
        tile_m, tile_n = map(int, re.search(r"tiles of (\d+)x(\d+)", decision["chosen"]).groups())
        for i, tokens in enumerate(f["tokens"]):
            if tokens > 1000:  # powers that a double does not hold
                continue
            p = f["slots"] / experts
            weights = [math.comb(tokens, m) * p**m * (1 - p)**(tokens - m) for m in range(tokens + 1)]
            rows = experts * sum(w * -(-m // tile_m) for m, w in enumerate(weights))
            tiles = rows * -(-columns // tile_n)
            figures = {"experts": (experts * (1 - weights[0]), 1 / 128),
                       "tiles": (tiles, 0.5),
                       "waves": (tiles / (sms * f["blocks_of_sm"]), 1 / 256),
                       "tile_waste": (tiles * tile_m * tile_n / (tokens * f["slots"] * columns), 1 / 256)}
            for name, (expected, unit) in figures.items():
                checked += 1
                if not near(f[name][i], expected, unit):
                    wrong.append(f"{decision['what']}, {decision['chosen']}, T={tokens}: {name} is {f[name][i]}, not {expected}")
    for line in wrong:
        print("error:", line)
    print(f"{checked} figures, {len(wrong)} off")
    sys.exit(bool(wrong) or not checked)


main(int(sys.argv[1]))
