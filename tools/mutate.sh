#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Flips one constant at a time in the rooms that say what moec computes, and
# shows that a unit test fails for each: see mutate.py. Exit code 1 if a mutant
# survives.
exec python3 "$(dirname "$0")/mutate.py" "$@"
