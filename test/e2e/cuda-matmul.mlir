// REQUIRES: cudasim
// RUN: for sm in sm_80 sm_90a; do for f in f32 f16 mixed mixed2 static_rows one bf16 odd no_depth no_columns experts experts_f16; do moe-run %s --function=$f --random-args=5 --tokens=77 --random-weights=1 --executor=cuda-sim --target=$sm --check --rtol=1e-6; done; done | FileCheck %s

// Matmuls of every element type and of odd shapes, on both main loops; weights
// are arguments, packed in every call. Against the interpreter.

// CHECK-COUNT-24: run against the reference: {{.*}} ok

func.func @f32(%x: tensor<?x45xf32>, %w0: tensor<33x45xf32>) -> tensor<?x33xf32> {
  %y = moe.grouped_matmul lhs(%x) rhs(%w0) acc f32 {
  ^bb0(%a0: f32):
    moe.yield %a0 : f32
  } : (tensor<?x45xf32>, tensor<33x45xf32>) -> tensor<?x33xf32>
  return %y : tensor<?x33xf32>
}
func.func @f16(%x: tensor<?x40xf16>, %w0: tensor<24x40xf16>) -> tensor<?x24xf16> {
  %y = moe.grouped_matmul lhs(%x) rhs(%w0) acc f32 {
  ^bb0(%a0: f32):
    %r = arith.truncf %a0 : f32 to f16
    moe.yield %r : f16
  } : (tensor<?x40xf16>, tensor<24x40xf16>) -> tensor<?x24xf16>
  return %y : tensor<?x24xf16>
}
func.func @mixed(%x: tensor<?x40xf32>, %w0: tensor<24x40xbf16>) -> tensor<?x24xf32> {
  %y = moe.grouped_matmul lhs(%x) rhs(%w0) acc f32 {
  ^bb0(%a0: f32):
    moe.yield %a0 : f32
  } : (tensor<?x40xf32>, tensor<24x40xbf16>) -> tensor<?x24xf32>
  return %y : tensor<?x24xf32>
}
func.func @mixed2(%x: tensor<?x41xbf16>, %w0: tensor<20x41xf32>, %w1: tensor<20x41xf32>) -> tensor<?x20xbf16> {
  %y = moe.grouped_matmul lhs(%x) rhs(%w0, %w1) acc f32 {
  ^bb0(%a0: f32, %a1: f32):
    %m = arith.mulf %a0, %a1 : f32
    %r = arith.truncf %m : f32 to bf16
    moe.yield %r : bf16
  } : (tensor<?x41xbf16>, tensor<20x41xf32>, tensor<20x41xf32>) -> tensor<?x20xbf16>
  return %y : tensor<?x20xbf16>
}
func.func @static_rows(%x: tensor<5x16xf32>, %w0: tensor<8x16xf32>) -> tensor<5x8xf32> {
  %y = moe.grouped_matmul lhs(%x) rhs(%w0) acc f32 {
  ^bb0(%a0: f32):
    moe.yield %a0 : f32
  } : (tensor<5x16xf32>, tensor<8x16xf32>) -> tensor<5x8xf32>
  return %y : tensor<5x8xf32>
}
func.func @one(%x: tensor<?x1xbf16>, %w0: tensor<1x1xbf16>) -> tensor<?x1xf32> {
  %y = moe.grouped_matmul lhs(%x) rhs(%w0) acc f32 {
  ^bb0(%a0: f32):
    moe.yield %a0 : f32
  } : (tensor<?x1xbf16>, tensor<1x1xbf16>) -> tensor<?x1xf32>
  return %y : tensor<?x1xf32>
}
func.func @bf16(%x: tensor<?x200xbf16>, %w0: tensor<72x200xbf16>, %w1: tensor<72x200xbf16>) -> tensor<?x72xbf16> {
  %y = moe.grouped_matmul lhs(%x) rhs(%w0, %w1) acc f32 {
  ^bb0(%a0: f32, %a1: f32):
    %m = arith.mulf %a0, %a1 : f32
    %r = arith.truncf %m : f32 to bf16
    moe.yield %r : bf16
  } : (tensor<?x200xbf16>, tensor<72x200xbf16>, tensor<72x200xbf16>) -> tensor<?x72xbf16>
  return %y : tensor<?x72xbf16>
}
func.func @odd(%x: tensor<?x37xbf16>, %w0: tensor<29x37xbf16>, %w1: tensor<29x37xbf16>) -> tensor<?x29xf32> {
  %y = moe.grouped_matmul lhs(%x) rhs(%w0, %w1) acc f32 {
  ^bb0(%a0: f32, %a1: f32):
    %m = arith.mulf %a0, %a1 : f32
    moe.yield %m : f32
  } : (tensor<?x37xbf16>, tensor<29x37xbf16>, tensor<29x37xbf16>) -> tensor<?x29xf32>
  return %y : tensor<?x29xf32>
}
func.func @no_depth(%x: tensor<?x0xbf16>, %w0: tensor<8x0xbf16>) -> tensor<?x8xf32> {
  %y = moe.grouped_matmul lhs(%x) rhs(%w0) acc f32 {
  ^bb0(%a0: f32):
    moe.yield %a0 : f32
  } : (tensor<?x0xbf16>, tensor<8x0xbf16>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func @no_columns(%x: tensor<?x8xf32>, %w0: tensor<0x8xf32>) -> tensor<?x0xf32> {
  %y = moe.grouped_matmul lhs(%x) rhs(%w0) acc f32 {
  ^bb0(%a0: f32):
    moe.yield %a0 : f32
  } : (tensor<?x8xf32>, tensor<0x8xf32>) -> tensor<?x0xf32>
  return %y : tensor<?x0xf32>
}
func.func @experts(%x: tensor<?x136xbf16>, %w0: tensor<40x40x136xbf16>, %w1: tensor<40x40x136xbf16>, %l: tensor<?x40xf32>) -> tensor<?x40xf32> {
  %i, %p = moe.route %l select top_k(2) normalize softmax : tensor<?x40xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 40, ragged>
  %y = moe.grouped_matmul lhs(%x gather) rhs(%w0, %w1) by %g acc f32 {
  ^bb0(%a0: f32, %a1: f32):
    %m = arith.mulf %a0, %a1 : f32
    moe.yield %m : f32
  } : (tensor<?x136xbf16>, tensor<40x40x136xbf16>, tensor<40x40x136xbf16>, !moe.groups<experts = 40, ragged>) -> tensor<?x40xf32>
  %z = moe.combine %y by %g weights %p acc f32 order slot : (tensor<?x40xf32>, !moe.groups<experts = 40, ragged>, tensor<?x2xf32>) -> tensor<?x40xf32>
  return %z : tensor<?x40xf32>
}
func.func @experts_f16(%x: tensor<?x33xf16>, %w0: tensor<5x17x33xf16>, %l: tensor<?x5xf32>) -> tensor<?x17xf32> {
  %i, %p = moe.route %l select top_k(2) normalize softmax : tensor<?x5xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 5, ragged>
  %y = moe.grouped_matmul lhs(%x gather) rhs(%w0) by %g acc f32 {
  ^bb0(%a0: f32):
    moe.yield %a0 : f32
  } : (tensor<?x33xf16>, tensor<5x17x33xf16>, !moe.groups<experts = 5, ragged>) -> tensor<?x17xf32>
  %z = moe.combine %y by %g weights %p acc f32 order slot : (tensor<?x17xf32>, !moe.groups<experts = 5, ragged>, tensor<?x2xf32>) -> tensor<?x17xf32>
  return %z : tensor<?x17xf32>
}
