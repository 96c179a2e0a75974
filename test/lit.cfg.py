# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Every .mlir, .test, .sh and .py file with a RUN line below test/ is a test. Tools are
# found in the build, FileCheck and its kin in LLVM's own folder.
import importlib.metadata
import os
import sys

import lit.formats

config.name = "moec"
config.test_format = lit.formats.ShTest(True)
config.suffixes = [".mlir", ".test"]
config.excludes = ["CMakeLists.txt", "data", "unit", "fuzz", "bench", "gpu", "lib", "consumer", "Inputs"]
config.test_source_root = os.path.dirname(__file__)

# A variable that a test forgets to bind may not leak from one check to another.
config.environment["FILECHECK_OPTS"] = "-enable-var-scope"
config.environment["PATH"] = os.path.pathsep.join(
    [config.moe_tools_dir, os.path.join(config.moe_build_dir, "test"), config.llvm_tools_dir, os.environ.get("PATH", "")]
)
# A level of the CPU for all tests, but for those that go through the levels
# themselves. Their files are apart from those of another level.
if os.environ.get("MOE_ISA"):
    config.available_features.add("isa")
    config.test_exec_root = os.path.join(config.test_exec_root, "isa", os.environ["MOE_ISA"].replace(":", "-"))
# Tests share no cache with the user's.
config.environment["MOE_CACHE_DIR"] = os.path.join(config.test_exec_root, "cache")
for name in ("MOE_ISA", "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

config.substitutions.append(("%moe_src", config.moe_source_dir))
config.substitutions.append(("%moe_build", config.moe_build_dir))
errors = os.path.join(config.moe_source_dir, "test", "errors")
config.substitutions.append(("%error", "python3 " + os.path.join(errors, "expect-error.py")))
config.substitutions.append(("%edit", "python3 " + os.path.join(errors, "edit.py")))
config.substitutions.append(("%fixture", os.path.join(config.moe_source_dir, "test", "e2e", "fixture.sh")))
config.substitutions.append(("%python", sys.executable))
config.substitutions.append(("%data", os.path.join(config.moe_source_dir, "test", "data")))

# What docs/coverage.md was made with.
try:
    if importlib.metadata.version("transformers") == "5.23.0" and importlib.metadata.version("torch"):
        config.available_features.add("transformers")
except importlib.metadata.PackageNotFoundError:
    pass

# The simulator runs CUDA kernels on x86-64; a level of the CPU changes none.
if not os.environ.get("MOE_ISA") and os.path.exists(os.path.join(config.moe_build_dir, "lib", "libmoe_cudasim.so")):
    config.available_features.add("cudasim")
