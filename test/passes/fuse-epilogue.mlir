// RUN: moe-opt %s -moe-fuse-epilogue -allow-unregistered-dialect -split-input-file | FileCheck %s

// Gate and up become one matmul of two right-hand sides, the activation its
// epilogue; the rounding between them stays.
// CHECK-LABEL: func.func @swiglu
// CHECK-SAME: (%[[X:.*]]: tensor<?x64xbf16>, %[[WG:.*]]: tensor<8x32x64xbf16>, %[[WU:.*]]: tensor<8x32x64xbf16>, %[[I:.*]]: tensor<?x2xi32>)
// CHECK: %[[H:.*]] = moe.grouped_matmul lhs(%[[X]] gather) rhs(%[[WG]], %[[WU]]) by %{{.*}} acc f32 {
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[U:.*]]: f32):
// CHECK-NEXT: %[[AT:.*]] = arith.truncf %[[A]] : f32 to bf16
// CHECK-NEXT: %[[UT:.*]] = arith.truncf %[[U]] : f32 to bf16
// CHECK-NEXT: arith.extf %[[AT]] : bf16 to f32
// CHECK-NEXT: arith.extf %[[UT]] : bf16 to f32
// CHECK: math.exp
// CHECK: %[[P:.*]] = arith.mulf
// CHECK-NEXT: %[[Y:.*]] = arith.truncf %[[P]] : f32 to bf16
// CHECK-NEXT: moe.yield %[[Y]] : bf16
// CHECK: return %[[H]]
func.func @swiglu(%x: tensor<?x64xbf16>, %wg: tensor<8x32x64xbf16>, %wu: tensor<8x32x64xbf16>, %i: tensor<?x2xi32>) -> tensor<?x32xbf16> {
  %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %a = moe.grouped_matmul lhs(%x gather) rhs(%wg) by %g acc f32 {
  ^bb0(%s: f32):
    %t = arith.truncf %s : f32 to bf16
    moe.yield %t : bf16
  } : (tensor<?x64xbf16>, tensor<8x32x64xbf16>, !moe.groups<experts = 8, ragged>) -> tensor<?x32xbf16>
  %u = moe.grouped_matmul lhs(%x gather) rhs(%wu) by %g acc f32 {
  ^bb0(%s: f32):
    %t = arith.truncf %s : f32 to bf16
    moe.yield %t : bf16
  } : (tensor<?x64xbf16>, tensor<8x32x64xbf16>, !moe.groups<experts = 8, ragged>) -> tensor<?x32xbf16>
  %h = moe.activate swiglu(%a, %u) : (tensor<?x32xbf16>, tensor<?x32xbf16>) -> tensor<?x32xbf16>
  return %h : tensor<?x32xbf16>
}

// -----

// A chain of elementwise ops: another tensor becomes an operand, a splat a
// constant, a constant of many values an operand too. Operands that a producer
// has stay before its consumer's.
// CHECK-LABEL: func.func @chain
// CHECK-SAME: (%[[X:.*]]: tensor<2x4xf32>, %[[W:.*]]: tensor<3x4xf32>, %[[B:.*]]: tensor<3xf32>, %[[Z:.*]]: tensor<2x3xf32>)
// CHECK: %[[K:.*]] = arith.constant dense<{{\[\[}}1.0
// CHECK: %[[Y:.*]] = moe.grouped_matmul lhs(%[[X]]) rhs(%[[W]]) operands(%[[B]] columns, %[[Z]] elements, %[[K]] elements) acc f32 {
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B0:.*]]: f32, %[[Z0:.*]]: f32, %[[K0:.*]]: f32):
// CHECK-NEXT: %[[S:.*]] = arith.addf %[[A]], %[[B0]] : f32
// CHECK-NEXT: %[[M:.*]] = arith.mulf %[[S]], %[[Z0]] : f32
// CHECK-NEXT: %[[TWO:.*]] = arith.constant 2.000000e+00 : f32
// CHECK-NEXT: %[[D:.*]] = arith.divf %[[M]], %[[TWO]] fastmath<contract> : f32
// CHECK-NEXT: %[[F:.*]] = arith.subf %[[D]], %[[K0]] : f32
// CHECK-NEXT: moe.yield %[[F]] : f32
// CHECK: return %[[Y]]
func.func @chain(%x: tensor<2x4xf32>, %w: tensor<3x4xf32>, %b: tensor<3xf32>, %z: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %two = arith.constant dense<2.0> : tensor<2x3xf32>
  %k = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %a = moe.grouped_matmul lhs(%x) rhs(%w) operands(%b columns) acc f32 {
  ^bb0(%s: f32, %b0: f32):
    %t = arith.addf %s, %b0 : f32
    moe.yield %t : f32
  } : (tensor<2x4xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %m = arith.mulf %a, %z : tensor<2x3xf32>
  %d = arith.divf %m, %two fastmath<contract> : tensor<2x3xf32>
  %f = arith.subf %d, %k : tensor<2x3xf32>
  return %f : tensor<2x3xf32>
}

// -----

// A constant whose values the compiler does not know is an operand.
// CHECK-LABEL: func.func @resource
// CHECK: %[[K:.*]] = arith.constant dense_resource<r> : tensor<2x3xf32>
// CHECK: operands(%[[K]] elements)
func.func @resource(%x: tensor<2x4xf32>, %w: tensor<3x4xf32>) -> tensor<2x3xf32> {
  %a = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %k = arith.constant dense_resource<r> : tensor<2x3xf32>
  %c = arith.addf %a, %k : tensor<2x3xf32>
  return %c : tensor<2x3xf32>
}
{-# dialect_resources: { builtin: { r: "0x04000000000000000000000000000000000000000000000000000000" } } #-}

// -----

// One product read twice by one op is still one product.
// CHECK-LABEL: func.func @square
// CHECK: ^bb0(%[[A:.*]]: f32):
// CHECK-NEXT: arith.mulf %[[A]], %[[A]] : f32
func.func @square(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) -> tensor<?x3xf32> {
  %a = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  %c = arith.mulf %a, %a : tensor<?x3xf32>
  return %c : tensor<?x3xf32>
}

// -----

// Three products: two share a pass, the third is read as it is. Products of
// other rows, types or groups do not share.
// CHECK-LABEL: func.func @share
// CHECK: %[[D:.*]] = moe.grouped_matmul lhs(%{{.*}}) rhs(%{{[^,]*}}) acc f32 {
// CHECK: moe.grouped_matmul lhs(%{{.*}}) rhs(%{{.*}}, %{{.*}}) operands(%[[D]] elements) acc f32 {
// CHECK: math.fma
func.func @share(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>, %v: tensor<3x4xf32>, %u: tensor<3x4xf32>) -> tensor<?x3xf32> {
  %a = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  %b = moe.grouped_matmul lhs(%x) rhs(%v) acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  %d = moe.grouped_matmul lhs(%x) rhs(%u) acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  %c = math.fma %a, %b, %d : tensor<?x3xf32>
  return %c : tensor<?x3xf32>
}
// CHECK-LABEL: func.func @no_share
// CHECK-COUNT-2: moe.grouped_matmul
func.func @no_share(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>, %w: tensor<3x4xf32>) -> tensor<?x3xf32> {
  %a = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  %b = moe.grouped_matmul lhs(%y) rhs(%w) acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  %c = arith.addf %a, %b : tensor<?x3xf32>
  return %c : tensor<?x3xf32>
}

// -----

// What stays: a comparison or a cast to integers (a matmul makes floats), an op
// of a dialect that is not known, one in another block, one with a scalar
// operand, a planned matmul.
// CHECK-LABEL: func.func @not_fused
// CHECK: arith.cmpf
// CHECK: arith.fptosi
// CHECK: "other.op"
// CHECK: math.exp %{{.*}} : tensor<?x3xf32>
// CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x3xf32>
func.func @not_fused(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>, %z: tensor<?x3xf32>, %c: i1)
    -> (tensor<?x3xi1>, tensor<?x3xi32>, tensor<?x3xf32>, tensor<?x3xf32>, tensor<?x3xf32>) {
  %0 = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  %cmp = arith.cmpf olt, %0, %z : tensor<?x3xf32>
  %1 = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  %int = arith.fptosi %1 : tensor<?x3xf32> to tensor<?x3xi32>
  %2 = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  %other = "other.op"(%2) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %3 = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  %block = scf.if %c -> tensor<?x3xf32> {
    %e = math.exp %3 : tensor<?x3xf32>
    scf.yield %e : tensor<?x3xf32>
  } else {
    scf.yield %z : tensor<?x3xf32>
  }
  %4 = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  %scalar = arith.select %c, %4, %z : tensor<?x3xf32>
  return %cmp, %int, %other, %block, %scalar : tensor<?x3xi1>, tensor<?x3xi32>, tensor<?x3xf32>, tensor<?x3xf32>, tensor<?x3xf32>
}
