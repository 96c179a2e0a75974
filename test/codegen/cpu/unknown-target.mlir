// RUN: not moe-opt %s --moe-to-llvm=target=host 2>&1 | FileCheck %s --check-prefix=HOST
// RUN: not moe-opt %s --moe-emulate-isa=target=x86-64-v3+amx 2>&1 | FileCheck %s --check-prefix=FEATURE

// HOST: error: unknown CPU target 'host'; expected x86-64-v2, x86-64-v3, x86-64-v4, sapphirerapids or aarch64, optionally with +FEATURE
// FEATURE: error: unknown CPU target 'x86-64-v3+amx'; expected
func.func @f() {
  return
}
