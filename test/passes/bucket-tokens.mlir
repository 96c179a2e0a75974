// RUN: moe-test-opt %s -moe-bucket-tokens -split-input-file -verify-diagnostics | FileCheck %s
// RUN: moe-test-opt %s -pass-pipeline="builtin.module(builtin.module(func.func(moe-bucket-tokens)))" -split-input-file | FileCheck %s --check-prefix=NESTED

// No cut: one plan serves every count, and the function stays as it is.
// CHECK-LABEL: func.func @no_cut
// CHECK-NEXT: %[[Y:.*]] = math.exp
// CHECK-NEXT: return %[[Y]]
module attributes {moe.target = #moe_test.target} {
  func.func @no_cut(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
    %y = math.exp %x : tensor<?x4xf32>
    return %y : tensor<?x4xf32>
  }
}

// -----

// CHECK-LABEL: func.func @one_cut
// CHECK-SAME: (%[[X:.*]]: tensor<?x4xf32>)
// CHECK-NEXT: %[[C0:.*]] = arith.constant 0 : index
// CHECK-NEXT: %[[T:.*]] = tensor.dim %[[X]], %[[C0]]
// CHECK-NEXT: %[[R:.*]] = moe.by_tokens %[[T]] [16] -> (tensor<?x4xf32>) {
// CHECK-NEXT: %[[A:.*]] = math.exp %[[X]]
// CHECK-NEXT: moe.yield %[[A]]
// CHECK-NEXT: }, {
// CHECK-NEXT: %[[B:.*]] = math.exp %[[X]]
// CHECK-NEXT: moe.yield %[[B]]
// CHECK-NEXT: }
// CHECK-NEXT: return %[[R]]
module attributes {moe.target = #moe_test.target<buckets = [16]>} {
  func.func @one_cut(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
    %y = math.exp %x : tensor<?x4xf32>
    return %y : tensor<?x4xf32>
  }
}

// -----

// Two cuts; regions of ops, several results, arguments returned as they are.
// CHECK-LABEL: func.func @two_cuts
// CHECK: %[[R:.*]]:2 = moe.by_tokens %{{.*}} [8, 128] -> (tensor<?x4xf32>, tensor<?x4xf32>) {
// CHECK-COUNT-3: scf.if
// CHECK: return %[[R]]#0, %[[R]]#1
module attributes {moe.target = #moe_test.target<buckets = [8, 128]>} {
  func.func @two_cuts(%x: tensor<?x4xf32>, %c: i1) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
    %y = scf.if %c -> tensor<?x4xf32> {
      %e = math.exp %x : tensor<?x4xf32>
      scf.yield %e : tensor<?x4xf32>
    } else {
      scf.yield %x : tensor<?x4xf32>
    }
    return %y, %x : tensor<?x4xf32>, tensor<?x4xf32>
  }
}

// -----

// The token count is the one dynamic size, wherever it is. Sizes of one name
// are one size.
// CHECK-LABEL: func.func @second_argument
// CHECK: tensor.dim %arg1, %{{.*}} : tensor<4x?xf32>
// CHECK: moe.by_tokens
// CHECK-LABEL: func.func @one_name
// CHECK: tensor.dim %arg0, %{{.*}} : tensor<?x4xf32>
// CHECK: moe.by_tokens
module attributes {moe.target = #moe_test.target<buckets = [16]>} {
  func.func @second_argument(%w: tensor<4xf32>, %x: tensor<4x?xf32>) -> tensor<4x?xf32> {
    %y = math.exp %x : tensor<4x?xf32>
    return %y : tensor<4x?xf32>
  }
  func.func @one_name(%x: tensor<?x4xf32> {moe.dims = ["T", "H"]}, %y: tensor<?x4xf32> {moe.dims = ["T", "H"]}) -> tensor<?x4xf32> {
    %z = arith.addf %x, %y : tensor<?x4xf32>
    return %z : tensor<?x4xf32>
  }
}

// -----

// No token count to choose by: every size known, or several of them.
// CHECK-NOT: moe.by_tokens
module attributes {moe.target = #moe_test.target<buckets = [16]>} {
  func.func @static(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
    %y = math.exp %x : tensor<4x4xf32>
    return %y : tensor<4x4xf32>
  }
  func.func @two_sizes(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
    %y = math.exp %x : tensor<?x?xf32>
    return %y : tensor<?x?xf32>
  }
  func.func @two_names(%x: tensor<?x4xf32> {moe.dims = ["T", "H"]}, %y: tensor<?x4xf32> {moe.dims = ["S", "H"]}) -> tensor<?x4xf32> {
    return %x : tensor<?x4xf32>
  }
  func.func private @declared(%x: tensor<?x4xf32>) -> tensor<?x4xf32>
}

// -----

// Forms that are there already are the user's.
// CHECK-LABEL: func.func @by_user
// CHECK: moe.by_tokens %{{.*}} [4]
// CHECK-NOT: moe.by_tokens
module attributes {moe.target = #moe_test.target<buckets = [16]>} {
  func.func @by_user(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
    %c0 = arith.constant 0 : index
    %t = tensor.dim %x, %c0 : tensor<?x4xf32>
    %y = moe.by_tokens %t [4] -> (tensor<?x4xf32>) {
      moe.yield %x : tensor<?x4xf32>
    }, {
      %e = math.exp %x : tensor<?x4xf32>
      moe.yield %e : tensor<?x4xf32>
    }
    return %y : tensor<?x4xf32>
  }
}

// -----

// A target of a module around this one serves too; without any there is none
// to ask.
// NESTED-LABEL: func.func @outer_target
// NESTED: moe.by_tokens
module attributes {moe.target = #moe_test.target<buckets = [16]>} {
  module {
    func.func @outer_target(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
      return %x : tensor<?x4xf32>
    }
  }
}

// -----

// expected-error @below {{expects a module with moe.target, such as {moe.target = #moe_cpu.target<...>}}}
func.func @no_target(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  return %x : tensor<?x4xf32>
}

// -----

// A form sees all tokens of the call: what depends on the whole batch (capacity,
// experts that pick tokens) stays in one piece, in every form.
// CHECK-LABEL: func.func @batch_dependent
// CHECK: moe.by_tokens
// CHECK: moe.capacity %{{.*}}, %{{.*}} cap ceil(T * 1 / 4) order rank_major overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
// CHECK: moe.select %{{.*}} expert_top_k(4) : tensor<?x8xf32> -> tensor<8x4xi32>
// CHECK: }, {
// CHECK: moe.capacity %{{.*}}, %{{.*}} cap ceil(T * 1 / 4) order rank_major overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
// CHECK: moe.select %{{.*}} expert_top_k(4) : tensor<?x8xf32> -> tensor<8x4xi32>
module attributes {moe.target = #moe_test.target<buckets = [16]>} {
  func.func @batch_dependent(%s: tensor<?x8xf32> {moe.dims = ["T", "E"]}) -> (tensor<?x2xi32>, tensor<8x4xi32>) {
    %i = moe.select %s top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>
    %w = moe.weigh %s, %i : tensor<?x8xf32>, tensor<?x2xi32> -> tensor<?x2xf32>
    %ci, %cw = moe.capacity %i, %w cap ceil(T * 1 / 4) order rank_major overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
    %t = moe.select %s expert_top_k(4) : tensor<?x8xf32> -> tensor<8x4xi32>
    return %ci, %t : tensor<?x2xi32>, tensor<8x4xi32>
  }
}
