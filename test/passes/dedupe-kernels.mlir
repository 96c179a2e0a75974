// RUN: moe-test-opt %s -moe-to-exec -split-input-file | FileCheck %s
// RUN: moe-test-opt %s -moe-dedupe-kernels -split-input-file | FileCheck %s --check-prefix=ALONE

// Two equal layers are one set of kernels; programs differ in the parameters
// that their steps name, and equal parameters of equal layout are one.
// CHECK-LABEL: moe_exec.program @first
// CHECK: moe_exec.param @[[$A:.*]] : memref
// CHECK: moe_exec.launch @[[$K:.*]] tasks
// CHECK: moe_exec.launch @[[$EXP:.*]] tasks
// CHECK-LABEL: moe_exec.program @second
// CHECK-NOT: moe_exec.param @[[$A]] :
// CHECK: moe_exec.launch @[[$K]] tasks
// CHECK: moe_exec.launch @[[$EXP]] tasks
// CHECK-LABEL: moe_exec.program @third
// CHECK: moe_exec.param @[[$A]] : memref
// CHECK: moe_exec.launch @[[$K]] tasks
// CHECK-COUNT-4: {{moe_exec.kernel|moe_exec.prepare}}
// CHECK-NOT: moe_exec.kernel
// CHECK-NOT: moe_exec.prepare
module attributes {moe.target = #moe_test.target} {
  moe.param @w1 : tensor<3x4xf32> from #moe.source<"layer1.w" : 3x4xf32>
  moe.param @w2 : tensor<3x4xf32> from #moe.source<"layer2.w" : 3x4xf32>
  moe.param @w1_again : tensor<3x4xf32> from #moe.source<"layer1.w" : 3x4xf32>
  func.func @first(%x: tensor<?x4xf32>) -> tensor<?x3xf32> {
    %w = moe.load_param @w1 : tensor<3x4xf32>
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%s: f32):
      moe.yield %s : f32
    } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
    %e = math.exp %y : tensor<?x3xf32>
    return %e : tensor<?x3xf32>
  }
  func.func @second(%x: tensor<?x4xf32>) -> tensor<?x3xf32> {
    %w = moe.load_param @w2 : tensor<3x4xf32>
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%s: f32):
      moe.yield %s : f32
    } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
    %e = math.exp %y : tensor<?x3xf32>
    return %e : tensor<?x3xf32>
  }
  func.func @third(%x: tensor<?x4xf32>) -> tensor<?x3xf32> {
    %w = moe.load_param @w1_again : tensor<3x4xf32>
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%s: f32):
      moe.yield %s : f32
    } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
    return %y : tensor<?x3xf32>
  }
}

// -----

// Kernels that differ in anything but their name stay two: an op, an attribute,
// a constant, a size, the scratch.
// CHECK-LABEL: moe_exec.program @all
// ALONE-LABEL: moe_exec.program @all
// ALONE: moe_exec.launch @base
// ALONE: moe_exec.launch @base
// ALONE: moe_exec.launch @scratch
// ALONE: moe_exec.launch @constant
// ALONE: moe_exec.launch @attribute
// ALONE: moe_exec.kernel @base
// ALONE-NOT: moe_exec.kernel @same
// ALONE: moe_exec.kernel @scratch
// ALONE: moe_exec.kernel @constant
// ALONE: moe_exec.kernel @attribute
module attributes {moe.target = #moe_test.target} {
  moe_exec.program @all dims() inputs(%x: memref<4xf32> {name = "x", dims = ["4"]}) outputs(%y: memref<4xf32> {name = "y", dims = ["4"]}) {
    moe_exec.launch @base tasks affine_map<() -> (1)> args(%x, %y) : memref<4xf32>, memref<4xf32>
    moe_exec.launch @same tasks affine_map<() -> (1)> args(%x, %y) : memref<4xf32>, memref<4xf32>
    moe_exec.launch @scratch tasks affine_map<() -> (1)> args(%x, %y) : memref<4xf32>, memref<4xf32>
    moe_exec.launch @constant tasks affine_map<() -> (1)> args(%x, %y) : memref<4xf32>, memref<4xf32>
    moe_exec.launch @attribute tasks affine_map<() -> (1)> args(%x, %y) : memref<4xf32>, memref<4xf32>
  }
  moe_exec.kernel @base(%x: tensor<4xf32>) -> tensor<4xf32> attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
    %c = arith.constant dense<1.0> : tensor<4xf32>
    %y = arith.addf %x, %c : tensor<4xf32>
    moe_exec.return %y : tensor<4xf32>
  }
  moe_exec.kernel @same(%other_name: tensor<4xf32>) -> tensor<4xf32> attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
    %one = arith.constant dense<1.0> : tensor<4xf32>
    %sum = arith.addf %other_name, %one : tensor<4xf32>
    moe_exec.return %sum : tensor<4xf32>
  }
  moe_exec.kernel @scratch(%x: tensor<4xf32>) -> tensor<4xf32> attributes {num_dims = 0 : i64, scratch = 64 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
    %c = arith.constant dense<1.0> : tensor<4xf32>
    %y = arith.addf %x, %c : tensor<4xf32>
    moe_exec.return %y : tensor<4xf32>
  }
  moe_exec.kernel @constant(%x: tensor<4xf32>) -> tensor<4xf32> attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
    %c = arith.constant dense<1.00000012> : tensor<4xf32>
    %y = arith.addf %x, %c : tensor<4xf32>
    moe_exec.return %y : tensor<4xf32>
  }
  moe_exec.kernel @attribute(%x: tensor<4xf32>) -> tensor<4xf32> attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
    %c = arith.constant dense<1.0> : tensor<4xf32>
    %y = arith.addf %x, %c fastmath<contract> : tensor<4xf32>
    moe_exec.return %y : tensor<4xf32>
  }
}
