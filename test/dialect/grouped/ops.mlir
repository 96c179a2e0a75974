// RUN: moe-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @gather
func.func @gather(%x: tensor<?x64xbf16>, %wg: tensor<8x32x64xbf16>, %wu: tensor<8x32x64xbf16>, %ids: tensor<?x2xi32>) -> tensor<?x32xbf16> {
  %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  // CHECK: moe.grouped_matmul lhs(%{{.*}} gather) rhs(%{{.*}}, %{{.*}}) by %{{.*}} acc f32 {
  // CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[U:.*]]: f32):
  // CHECK-NEXT: %[[M:.*]] = arith.mulf %[[A]], %[[U]] : f32
  // CHECK-NEXT: %[[T:.*]] = arith.truncf %[[M]] : f32 to bf16
  // CHECK-NEXT: moe.yield %[[T]] : bf16
  // CHECK-NEXT: } : (tensor<?x64xbf16>, tensor<8x32x64xbf16>, tensor<8x32x64xbf16>, !moe.groups<experts = 8, ragged>) -> tensor<?x32xbf16>
  %h = moe.grouped_matmul lhs(%x gather) rhs(%wg, %wu) by %g acc f32 {
  ^bb0(%a: f32, %u: f32):
    %m = arith.mulf %a, %u : f32
    %t = arith.truncf %m : f32 to bf16
    moe.yield %t : bf16
  } : (tensor<?x64xbf16>, tensor<8x32x64xbf16>, tensor<8x32x64xbf16>, !moe.groups<experts = 8, ragged>) -> tensor<?x32xbf16>
  return %h : tensor<?x32xbf16>
}

// Every kind of epilogue operand, and listed tiles.
// CHECK-LABEL: func.func @operands
func.func @operands(%x: tensor<?x64xf32>, %w: tensor<8x32x64xf32>, %ids: tensor<?x2xi32>, %bias: tensor<8x32xbf16>, %weights: tensor<?x2xf32>,
                    %scale: tensor<8xf32>, %add: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  // CHECK: %[[T:.*]] = moe.tiles %{{.*}} : !moe.groups<experts = 8, ragged> -> !moe.tiles<rows = 48>
  %t = moe.tiles %g : !moe.groups<experts = 8, ragged> -> !moe.tiles<rows = 48>
  // CHECK: moe.grouped_matmul lhs(%{{.*}} gather) rhs(%{{.*}}) by %{{.*}} tiles(%[[T]]) operands(%{{.*}} columns, %{{.*}} slots, %{{.*}} experts, %{{.*}} elements) acc f32 {
  // CHECK: {note = "kept"} :
  %h = moe.grouped_matmul lhs(%x gather) rhs(%w) by %g tiles(%t)
      operands(%bias columns, %weights slots, %scale experts, %add elements) acc f32 {
  ^bb0(%a: f32, %b: bf16, %s: f32, %e: f32, %d: f32):
    %b32 = arith.extf %b : bf16 to f32
    %0 = arith.addf %a, %b32 : f32
    %1 = arith.mulf %0, %s : f32
    %2 = arith.mulf %1, %e : f32
    %3 = math.fma %2, %2, %d : f32
    moe.yield %3 : f32
  } {note = "kept"} : (tensor<?x64xf32>, tensor<8x32x64xf32>, !moe.groups<experts = 8, ragged>, !moe.tiles<rows = 48>,
       tensor<8x32xbf16>, tensor<?x2xf32>, tensor<8xf32>, tensor<?x32xf32>) -> tensor<?x32xf32>
  return %h : tensor<?x32xf32>
}

// A dense layer: one group, a bias of columns.
// CHECK-LABEL: func.func @dense
func.func @dense(%x: tensor<16x64xf32>, %w: tensor<32x64xf32>, %b: tensor<32xf32>) -> tensor<16x32xf64> {
  // CHECK: moe.grouped_matmul lhs(%{{.*}}) rhs(%{{.*}}) operands(%{{.*}} columns) acc f64 {
  %h = moe.grouped_matmul lhs(%x) rhs(%w) operands(%b columns) acc f64 {
  ^bb0(%a: f64, %c: f32):
    %0 = arith.extf %c : f32 to f64
    %1 = arith.addf %a, %0 : f64
    moe.yield %1 : f64
  } : (tensor<16x64xf32>, tensor<32x64xf32>, tensor<32xf32>) -> tensor<16x32xf64>
  return %h : tensor<16x32xf64>
}

// Groups from offsets have rows, if no tokens.
// CHECK-LABEL: func.func @from_offsets
func.func @from_offsets(%x: tensor<?x64xf32>, %w: tensor<4x32x64xf32>, %o: tensor<9xi32>) -> tensor<?x32xf32> {
  %g = moe.groups_from_offsets %o : tensor<9xi32> -> !moe.groups<experts = 8, local = [4, 4], ragged>
  // CHECK: moe.grouped_matmul lhs(%{{.*}}) rhs(%{{.*}}) by %{{.*}} acc f32
  %h = moe.grouped_matmul lhs(%x) rhs(%w) by %g acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<?x64xf32>, tensor<4x32x64xf32>, !moe.groups<experts = 8, local = [4, 4], ragged>) -> tensor<?x32xf32>
  return %h : tensor<?x32xf32>
}

// CHECK-LABEL: func.func @by_tokens
func.func @by_tokens(%t: index, %x: tensor<?x64xf32>) -> (tensor<?x64xf32>, f32) {
  %one = arith.constant 1.0 : f32
  // CHECK: moe.by_tokens %{{.*}} [8, 128] -> (tensor<?x64xf32>, f32) {
  // CHECK-NEXT: moe.yield %{{.*}}, %{{.*}} : tensor<?x64xf32>, f32
  // CHECK-NEXT: }, {
  %y:2 = moe.by_tokens %t [8, 128] -> (tensor<?x64xf32>, f32) {
    moe.yield %x, %one : tensor<?x64xf32>, f32
  }, {
    %h = math.exp %x : tensor<?x64xf32>
    moe.yield %h, %one : tensor<?x64xf32>, f32
  }, {
    moe.yield %x, %one : tensor<?x64xf32>, f32
  }
  // One form for every count.
  // CHECK: moe.by_tokens %{{.*}} [] {
  moe.by_tokens %t [] {
    moe.yield
  }
  return %y#0, %y#1 : tensor<?x64xf32>, f32
}
