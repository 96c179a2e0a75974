# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Mutation testing of the tables and of the reference.

A wrong constant in dialect/semantics is wrong in every executor at once, so no
comparison of executors can find it: only a unit test can. This tool makes every
mutant of the rooms below that differs in one number, comparison, arithmetic or
logical operator, sign or enum choice, builds the room's unit tests with it in a
scratch copy, and demands that they fail.

Not mutated: comments, texts, asserts (a caller's duty; no result depends on
one), reserve() (no result depends on it), case labels (a second equal label
does not compile) and what EQUIVALENT lists, with the reason for each.
"""

import argparse
import collections
import concurrent.futures
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

Room = collections.namedtuple("Room", "library tests")

# The unit test program is what has to fail.
ROOMS = {
    "dialect/semantics": Room("MoeSemantics", "DialectSemanticsTests"),
    "dialect/plan": Room("MoePlan", "DialectPlanTests"),
    "runtime/reference": Room("MoeReference", "RuntimeReferenceTests"),
}

# (file, text of the line, mutation, why it computes the same). The text and the
# mutation are regular expressions; a line that matches nothing is an error.
EQUIVALENT = [
    ("dialect/plan/Groups.cpp", r"ids\.size\(\)\) >", r"> -> >=", "the bound itself takes 8 GiB of ids to reach"),
    ("dialect/plan/Groups.cpp", r"int64_t (rows|padding) = 0;|bool over = false;", r"0 -> 1|false -> true", "every layout writes it before it is read"),
    ("dialect/plan/Groups.cpp", r"\*bound > most", r"> -> >=", "the bound itself takes 8 GiB of rows to reach"),
    ("dialect/semantics/Expr.cpp", r"char buffer\[32\]", r"32 -> \d+", "more than the longest text needs"),
    ("dialect/semantics/QuantFormat.cpp", r"code < N", r"0 -> 1", "code 0 is +0, which the array starts with"),
    ("dialect/semantics/TensorPattern.cpp", r"pattern\.find", r"1 -> 2", "a second brace is two characters on, or more"),
    ("dialect/semantics/TensorPattern.cpp", r"int32_t first =", r"0 -> 1", "it is written before it is read"),
    ("runtime/reference/Matmul.cpp", r"k(Rows|Columns|Depth) =", r"\d+ -> \d+", "any block size will do"),
    ("runtime/reference/Matmul.cpp", r"row\[i\] =", r"< -> <=|0 -> 1", "sums of missing rows are dropped, whatever they read"),
    ("runtime/reference/Matmul.cpp", r"(k0 < k|n0 < n);", r"< -> <=", "one more block, which is empty"),
    ("runtime/reference/Matmul.cpp", r"j < columns \?", r"< -> <=|0\.0 -> .*", "sums of missing columns are dropped, whatever they read"),
]

STANDARD_HEADERS = "<algorithm> <array> <charconv> <cmath> <memory> <optional> <span> <string> <unordered_map> <vector>"

TIME_LIMIT = 60  # seconds for the tests of one mutant; they take under one


class Mutant:
    def __init__(self, path, text, start, end, new):
        self.path, self.start, self.end, self.new = path, start, end, new
        self.line = text.count("\n", 0, start) + 1
        self.old = text[start:end]
        self.context = text.splitlines()[self.line - 1].strip()
        self.mutated = text[:start] + new + text[end:]

    def room(self):
        return str(Path(self.path).parent)

    def change(self):
        return f"{self.old.strip()} -> {self.new.strip() or '(nothing)'}"

    def __str__(self):
        return f"{self.path}:{self.line}: {self.change()}    in: {self.context}"


def blank(match):
    """Spaces in place of a match, so that positions stay."""
    return re.sub(r"[^\n]", " ", match.group())


def code_only(text):
    """The text with everything blanked out that is not mutated."""
    text = re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)
    text = re.sub(r"^#[^\n]*", blank, text, flags=re.M)
    text = re.sub(r"\b(?:static_)?assert\(.*?\);", blank, text, flags=re.S)
    text = re.sub(r"\.reserve\(.*?\);", blank, text, flags=re.S)
    return re.sub(r"\bcase\b[^\n]*:", blank, text)


def enums_of(headers):
    """Enum name -> its enumerators, from the headers of the rooms."""
    enums = {}
    for header in headers:
        text = code_only(header.read_text())
        for name, body in re.findall(r"enum class (\w+)[^{]*\{([^}]*)\}", text):
            enums[name] = re.findall(r"(\w+)\s*(?:=\s*\d+)?\s*(?:,|$)", body.strip())
    return enums


NUMBER = re.compile(
    r"(?<![\w.])(0x[0-9a-fA-F]+|\d+\.\d*(?:[eE][+-]?\d+)?|\d+)([uU]?)(?![\w.])"
)
OPERATORS = {
    "<": ["<=", ">"],
    ">": [">=", "<"],
    "<=": ["<", ">="],
    ">=": [">", "<="],
    "==": ["!="],
    "!=": ["=="],
    "+": ["-"],
    "-": ["+"],
    "*": ["/"],
    "/": ["*"],
    "%": ["/"],
    "+=": ["-="],
    "*=": ["/="],
    "/=": ["*="],
    "&&": ["||"],
    "||": ["&&"],
    "<<": [">>"],
    ">>": ["<<"],
    "&": ["|"],
}
# Binary operators have a space on both sides, which template brackets,
# references and pointers do not.
OPERATOR = re.compile(
    r"(?<= )(" + "|".join(re.escape(op) for op in sorted(OPERATORS, key=len, reverse=True)) + r")(?=[ \n])"
)
MINUS = re.compile(r"(?:(?<=[(,\[])|(?<=[=?:<>+*/,] )|(?<=return ))-(?=[\w(])")
WORDS = {"true": "false", "false": "true", "min": "max", "max": "min", "greater": "less"}
WORD = re.compile(r"\b(true|false|(?:min|max)(?=\()|greater(?=<))")


def numbers(literal, suffix):
    if literal.startswith("0x"):
        return [hex(int(literal, 16) + 1) + suffix, hex(int(literal, 16) - 1) + suffix]
    if "." in literal:
        value = float(literal)
        return [repr(value * (1 + 1e-6) if value else 1e-6)]
    value = int(literal)
    return [str(value + 1) + suffix] + ([str(value - 1) + suffix] if value else [])


def mutants_of(path, enums):
    text = (ROOT / path).read_text()
    code = code_only(text)
    lines = text.splitlines()
    found = []

    def add(start, end, new):
        found.append(Mutant(path, text, start, end, new))

    for match in NUMBER.finditer(code):
        for new in numbers(*match.groups()):
            add(match.start(), match.end(), new)
    for match in OPERATOR.finditer(code):
        line = lines[text.count("\n", 0, match.start())]
        if match.group() == "+" and ('"' in line or "to_string" in line or "Text(" in line):
            continue  # concatenation of texts
        for new in OPERATORS[match.group()]:
            add(match.start(), match.end(), new)
    for match in MINUS.finditer(code):
        add(match.start(), match.end(), "")
    for match in WORD.finditer(code):
        add(match.start(), match.end(), WORDS[match.group()])
    for match in re.finditer(r"\b(\w+)::(\w+)\b(?!::)", code):
        cases = enums.get(match.group(1), [])
        if match.group(2) in cases:
            other = cases[(cases.index(match.group(2)) + 1) % len(cases)]
            add(match.start(2), match.end(2), other)
    return sorted(found, key=lambda m: (m.start, m.new))


def split_equivalent(mutants):
    """The mutants to run, and those that EQUIVALENT excuses."""
    used, run, excused = set(), [], []
    for mutant in mutants:
        for index, (path, line, change, _) in enumerate(EQUIVALENT):
            if path == mutant.path and re.search(line, mutant.context) and re.fullmatch(change, mutant.change()):
                used.add(index)
                excused.append(mutant)
                break
        else:
            run.append(mutant)
    stale = [entry for i, entry in enumerate(EQUIVALENT) if i not in used]
    return run, excused, stale


class Workplace:
    """A copy of the working tree with its own build folder."""

    def __init__(self, folder, rooms):
        self.source, self.build = folder / "source", folder / "build"
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.split("\n")
        for name in filter(None, listed):
            # Data of other tests; large.
            if name.startswith("test/data/") or not (ROOT / name).is_file():
                continue
            (self.source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, self.source / name)
        # Parsing the standard headers is most of the time that a mutant takes.
        with open(self.source / "CMakeLists.txt", "a") as lists:
            for room in rooms:
                lists.write(f"target_precompile_headers({ROOMS[room].library} PRIVATE {STANDARD_HEADERS})\n")
        compiler = shutil.which("clang++-22") or shutil.which("g++") or "c++"
        flags = [
            "-DMOEC_RUNTIME_ONLY=ON",
            "-DCMAKE_BUILD_TYPE=Debug",
            f"-DCMAKE_CXX_COMPILER={compiler}",
            # Indices past the end are caught, not read.
            "-DCMAKE_CXX_FLAGS_DEBUG=-O0 -D_GLIBCXX_ASSERTIONS",
        ]
        if "clang" in compiler and shutil.which("ld.lld-22"):
            flags.append("-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld")
        self.call(["cmake", "-G", "Ninja", "-S", self.source, "-B", self.build] + flags, "configuring")
        for room in rooms:
            program = ROOMS[room].tests
            self.call(["ninja", "-C", self.build, program], f"building {program}")
            self.call([self.build / "test" / program], f"the unmutated {program}")

    def call(self, command, what):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            sys.exit(f"error: {what} failed:\n{done.stdout[-4000:]}")

    def judge(self, mutant):
        """How the mutant ended: tests, compiler, time or survived."""
        program = ROOMS[mutant.room()].tests
        target = self.source / mutant.path
        original = target.read_text()
        target.write_text(mutant.mutated)
        try:
            built = subprocess.run(["ninja", "-C", self.build, program], capture_output=True)
            if built.returncode:
                return "compiler"
            try:
                ran = subprocess.run(
                    [self.build / "test" / program, "--gtest_fail_fast", "--gtest_brief=1"],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=TIME_LIMIT,
                    preexec_fn=limit_memory,
                )
            except subprocess.TimeoutExpired:
                return "time"
            return "tests" if ran.returncode else "survived"
        finally:
            target.write_text(original)


def limit_memory():
    """A mutated loop may append for ever: 4 GiB, and no core files."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main():
    parser = argparse.ArgumentParser(prog="tools/mutate.sh", description=__doc__.split("\n")[0])
    parser.add_argument("paths", nargs="*", metavar="PATH", help="rooms or files to mutate; all of " + ", ".join(ROOMS))
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="mutants at a time")
    parser.add_argument("--list", action="store_true", help="print the mutants and stop")
    options = parser.parse_args()
    sources = [str(s.relative_to(ROOT)) for room in ROOMS for s in sorted((ROOT / room).glob("*.cpp"))]
    for path in options.paths:
        if path not in ROOMS and path not in sources:
            parser.error(f"cannot mutate {path}, expected one of {', '.join(ROOMS)} or a .cpp file of theirs")
    if options.paths:
        sources = [s for s in sources if s in options.paths or str(Path(s).parent) in options.paths]
    rooms = [room for room in ROOMS if any(str(Path(s).parent) == room for s in sources)]

    headers = [h for room in ROOMS for h in sorted((ROOT / room).glob("*.h"))]
    headers.append(ROOT / "runtime/core/ErrorId.h")
    enums = enums_of(headers)
    mutants = [mutant for source in sources for mutant in mutants_of(source, enums)]
    run, excused, stale = split_equivalent(mutants)
    stale = [entry for entry in stale if entry[0] in sources]
    if stale:
        sys.exit(f"error: an entry of EQUIVALENT matches no mutant: {stale[0]}")
    if options.list:
        for mutant in run:
            print(mutant)
        print(f"{len(run)} mutants, {len(excused)} more are equivalent")
        return 0

    begin = time.time()
    endings = {mutant: None for mutant in run}
    with tempfile.TemporaryDirectory(prefix="moec-mutate-") as scratch:
        jobs = max(1, min(options.jobs, len(run)))
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            places = queue.Queue()
            for place in pool.map(lambda i: Workplace(Path(scratch) / str(i), rooms), range(jobs)):
                places.put(place)

            def judge(mutant):
                place = places.get()
                try:
                    return mutant, place.judge(mutant)
                finally:
                    places.put(place)

            done = 0
            for future in concurrent.futures.as_completed([pool.submit(judge, m) for m in run]):
                mutant, ending = future.result()
                endings[mutant] = ending
                done += 1
                if ending == "survived":
                    print(f"SURVIVED {mutant}", flush=True)
                if done % 50 == 0:
                    print(f"{done} of {len(run)} mutants, {time.time() - begin:.0f} s", flush=True)

    count = lambda ending: sum(e == ending for e in endings.values())
    survivors = count("survived")
    for room in rooms:
        own = [m for m in run if m.room() == room]
        print(f"{room}: {len(own)} mutants, {sum(endings[m] == 'survived' for m in own)} surviving")
    print(
        f"mutants made {len(run)}, killed {len(run) - survivors} "
        f"({count('tests')} by tests, {count('compiler')} by the compiler, {count('time')} by the time limit), "
        f"surviving {survivors}; {len(excused)} equivalent ones not made; {time.time() - begin:.0f} s"
    )
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
