// RUN: moe-opt %s -canonicalize -split-input-file | FileCheck %s
// RUN: moe-opt %s -int-range-optimizations -canonicalize -split-input-file | FileCheck %s --check-prefix=RANGE

// A constant inside its range needs no assumption.
// CHECK-LABEL: func.func @assume_true
// CHECK-NEXT: %[[C:.*]] = arith.constant 7 : index
// CHECK-NEXT: return %[[C]]
func.func @assume_true() -> index {
  %c = arith.constant 7 : index
  %t = moe.assume %c in [7, 8]
  return %t : index
}

// -----

// A false assumption is whoever's made it: it does not become a fact.
// CHECK-LABEL: func.func @assume_false
// CHECK: moe.assume
func.func @assume_false() -> index {
  %c = arith.constant 9 : index
  %t = moe.assume %c in [7, 8]
  return %t : index
}

// -----

// The range reaches integer range analysis.
// RANGE-LABEL: func.func @assume_range
// RANGE-NEXT: %[[T:.*]] = arith.constant true
// RANGE-NEXT: return %[[T]]
func.func @assume_range(%d: index) -> i1 {
  %t = moe.assume %d in [0, 131072]
  %c = arith.constant 8 : index
  %n = arith.muli %t, %c : index
  %limit = arith.constant 1048577 : index
  %less = arith.cmpi slt, %n, %limit : index
  return %less : i1
}

// -----

// A load that nobody reads is dropped; the parameter stays, it is public.
// CHECK: moe.param @w
// CHECK-LABEL: func.func @unused
// CHECK-NEXT: return
moe.param @w : tensor<4xf32>
func.func @unused() {
  %w = moe.load_param @w : tensor<4xf32>
  return
}
