// RUN: moe-opt %s -moe-unroll-loops -split-input-file | FileCheck %s
// RUN: moe-opt %s -moe-unroll-loops -split-input-file -remarks-filter-missed="moe-unroll-loops" 2>&1 | FileCheck %s --check-prefix=REMARK

// A loop that makes whole tensors is written out, what it counts a constant.
// CHECK-LABEL: func.func @experts
// CHECK-NOT: scf.for
// CHECK-COUNT-3: tensor.extract_slice
// CHECK-NOT: tensor.extract_slice
func.func @experts(%x: tensor<4xf32>, %w: tensor<3x4xf32>) -> tensor<4xf32> {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c3 = arith.constant 3 : i32
  %y = scf.for %i = %c0 to %c3 step %c1 iter_args(%a = %x) -> (tensor<4xf32>) : i32 {
    %e = arith.index_cast %i : i32 to index
    %s = tensor.extract_slice %w[%e, 0] [1, 4] [1, 1] : tensor<3x4xf32> to tensor<4xf32>
    %b = arith.addf %a, %s : tensor<4xf32>
    scf.yield %b : tensor<4xf32>
  }
  return %y : tensor<4xf32>
}

// -----

// One that changes elements stays, as does one whose count is data.
// CHECK-LABEL: func.func @elements
// CHECK: scf.for
// CHECK: scf.for
func.func @elements(%x: tensor<4xf32>, %n: index) -> (tensor<4xf32>, tensor<4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %y = scf.for %i = %c0 to %c4 step %c1 iter_args(%a = %x) -> (tensor<4xf32>) {
    %e = tensor.extract %a[%i] : tensor<4xf32>
    %m = arith.addf %e, %e : f32
    %b = tensor.insert %m into %a[%i] : tensor<4xf32>
    scf.yield %b : tensor<4xf32>
  }
  %z = scf.for %i = %c0 to %n step %c1 iter_args(%a = %y) -> (tensor<4xf32>) {
    %b = arith.addf %a, %a : tensor<4xf32>
    scf.yield %b : tensor<4xf32>
  }
  return %y, %z : tensor<4xf32>, tensor<4xf32>
}

// -----

// REMARK: remark: [Missed] too-many-ops
// REMARK-SAME: a loop of 40000 iterations of 2 ops is not written out: that would be more than 40000 ops
// CHECK-LABEL: func.func @many
// CHECK: scf.for
func.func @many(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c = arith.constant 40000 : index
  %y = scf.for %i = %c0 to %c step %c1 iter_args(%a = %x) -> (tensor<4xf32>) {
    %b = arith.addf %a, %a : tensor<4xf32>
    scf.yield %b : tensor<4xf32>
  }
  return %y : tensor<4xf32>
}
