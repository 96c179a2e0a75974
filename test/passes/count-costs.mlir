// RUN: moe-test-opt %s -moe-count-costs=tokens=2,1024 -split-input-file -remarks-filter-analyse="moe-count-costs" 2>&1 | FileCheck %s

// A product reads both sides once and writes the result.
// CHECK: [Analysis] now | Category:moe-count-costs | Function=dense | Remark="32.8 kFLOP, 11.3 kB; at best 32.8 µs, compute binds", bytes=11264, flops=32768,
module attributes {moe.target = #moe_test.target} {
  func.func @dense(%x: tensor<8x64xf32>, %w: tensor<32x64xf32>) -> tensor<8x32xf32> {
    %y = moe.linear %x, %w acc f32 : (tensor<8x64xf32>, tensor<32x64xf32>) -> tensor<8x32xf32>
    return %y : tensor<8x32xf32>
  }
}

// -----

// Of a loop every turn; of a call what is called, which is not told apart.
// 4 * 2 * 8 * 8 * 16 FLOPs; 4 turns of x, w and the old and new sum.
// CHECK-NOT: Function=inner
// CHECK: Function=loop | {{.*}} bytes=6144, flops=8192,
module attributes {moe.target = #moe_test.target} {
  func.func private @inner(%x: tensor<8x16xf32>, %w: tensor<16x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x8xf32> {
    %s = linalg.matmul ins(%x, %w : tensor<8x16xf32>, tensor<16x8xf32>) outs(%y : tensor<8x8xf32>) -> tensor<8x8xf32>
    return %s : tensor<8x8xf32>
  }
  func.func @loop(%x: tensor<8x16xf32>, %w: tensor<16x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x8xf32> {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    %c1 = arith.constant 1 : index
    %r = scf.for %i = %c0 to %c4 step %c1 iter_args(%sum = %y) -> tensor<8x8xf32> {
      %s = func.call @inner(%x, %w, %sum) : (tensor<8x16xf32>, tensor<16x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
      scf.yield %s : tensor<8x8xf32>
    }
    return %r : tensor<8x8xf32>
  }
}

// -----

// Dynamic sizes are the token counts asked for. Two tokens with two experts
// each touch 8 * (1 - (6/8)^2) = 3.5 of 8 experts: 3.5 * 4 * 4 * 4 bytes of
// weights, 2 rows of 16 bytes read through the map, 4 written, and 4 ids.
// CHECK: Function=grouped | {{.*}} bytes=336, flops=128, {{.*}}, tokens=2
// CHECK: Function=grouped | {{.*}} bytes=57856, flops=65536, {{.*}}, tokens=1024
module attributes {moe.target = #moe_test.target} {
  func.func @grouped(%x: tensor<?x4xf32>, %w: tensor<8x4x4xf32>, %ids: tensor<?x2xi32>) -> tensor<?x4xf32> {
    %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
    %y = moe.grouped_matmul lhs(%x gather) rhs(%w) by %g acc f32 {
    ^bb0(%s: f32):
      moe.yield %s : f32
    } : (tensor<?x4xf32>, tensor<8x4x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x4xf32>
    return %y : tensor<?x4xf32>
  }
}

// -----

// The form for so many tokens counts.
// CHECK: Function=buckets | {{.*}} bytes=64, flops=0, {{.*}}, tokens=2
// CHECK: Function=buckets | {{.*}} bytes=32832, flops=32768, {{.*}}, tokens=1024
module attributes {moe.target = #moe_test.target} {
  func.func @buckets(%x: tensor<?x4xf32>, %w: tensor<4x4xf32>) -> tensor<?x4xf32> {
    %c0 = arith.constant 0 : index
    %t = tensor.dim %x, %c0 : tensor<?x4xf32>
    %y = moe.by_tokens %t [16] -> (tensor<?x4xf32>) {
      %a = math.exp %x : tensor<?x4xf32>
      moe.yield %a : tensor<?x4xf32>
    }, {
      %a = moe.linear %x, %w acc f32 : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
      moe.yield %a : tensor<?x4xf32>
    }
    return %y : tensor<?x4xf32>
  }
}

// -----

// Of an indexed table as much as is asked for: 2 rows of 4 out of 100.
// CHECK: Function=rows | {{.*}} bytes=80, flops=0,
#out = affine_map<(d0, d1) -> (d0, d1)>
#id = affine_map<(d0, d1) -> (d0)>
module attributes {moe.target = #moe_test.target} {
  func.func @rows(%table: tensor<100x4xf32>, %ids: tensor<2xindex>) -> tensor<2x4xf32> {
    %e = tensor.empty() : tensor<2x4xf32>
    %r = linalg.generic {indexing_maps = [#id, #out], iterator_types = ["parallel", "parallel"]} ins(%ids : tensor<2xindex>) outs(%e : tensor<2x4xf32>) {
    ^bb0(%i: index, %o: f32):
      %j = linalg.index 1 : index
      %v = tensor.extract %table[%i, %j] : tensor<100x4xf32>
      linalg.yield %v : f32
    } -> tensor<2x4xf32>
    return %r : tensor<2x4xf32>
  }
}

// -----

// A trip count that is data is said to be missing.
// CHECK: Function=unknown | Remark="at least 256 FLOP, 320 B; at best 320 ns, memory binds
module attributes {moe.target = #moe_test.target} {
  func.func @unknown(%x: tensor<8x4xf32>, %w: tensor<4x4xf32>, %n: index) -> tensor<8x4xf32> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> tensor<8x4xf32> {
      %y = moe.linear %a, %w acc f32 : (tensor<8x4xf32>, tensor<4x4xf32>) -> tensor<8x4xf32>
      scf.yield %y : tensor<8x4xf32>
    }
    return %r : tensor<8x4xf32>
  }
}

// -----

// Without a target there is no rate to compare with.
// CHECK-NOT: Function=
// CHECK: func.func @no_target
func.func @no_target() {
  return
}
