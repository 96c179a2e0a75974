#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Exits 1 for an input that is interesting: one that holds a moe.capacity.
! grep -q moe.capacity "$1"
