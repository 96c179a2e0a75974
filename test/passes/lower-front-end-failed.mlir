// RUN: moe-opt %s -moe-lower-front-end -allow-unregistered-dialect -split-input-file -verify-diagnostics

func.func @sort(%x: tensor<8xf32>, %i: tensor<9xi64>) -> tensor<8xf32> {
  // expected-error @below {{expects tensors of one shape, results of their types, 'dimension' below their rank, and a region over two elements of each that yields an i1}}
  %r:2 = "tm_tensor.sort"(%x, %i) <{dimension = 0 : i64}> ({
  ^bb0(%a: f32, %b: f32, %c: i64, %d: i64):
    %p = arith.cmpf oge, %a, %b : f32
    "tm_tensor.yield"(%p) : (i1) -> ()
  }) : (tensor<8xf32>, tensor<9xi64>) -> (tensor<8xf32>, tensor<9xi64>)
  return %r#0 : tensor<8xf32>
}

// -----

func.func @topk(%x: tensor<4x8xf32>, %v: tensor<4x2xf32>, %i: tensor<4x2xi32>) -> tensor<4x2xf32> {
  // expected-error @below {{expects values, perhaps their indices, outputs of the same element types and rank, 'dimension' below it, and a region over two values that yields an i1}}
  %r:2 = "iree_linalg_ext.topk"(%x, %v, %i) <{dimension = 2 : i64}> ({
  ^bb0(%a: f32, %b: f32):
    %p = arith.cmpf ogt, %a, %b : f32
    "iree_linalg_ext.yield"(%p) : (i1) -> ()
  }) : (tensor<4x8xf32>, tensor<4x2xf32>, tensor<4x2xi32>) -> (tensor<4x2xf32>, tensor<4x2xi32>)
  return %r#0 : tensor<4x2xf32>
}

// -----

func.func @scan(%x: tensor<8xi32>, %o: tensor<8xi32>, %c: tensor<i32>) -> tensor<8xi32> {
  // expected-error @below {{expects 'inclusive', 'dimension' below the rank, an input, an output like it, a carry without that dimension, and a region over two elements that yields one}}
  %r:2 = "tm_tensor.scan"(%x, %o, %c) <{dimension = 0 : i64}> ({
  ^bb0(%a: i32, %b: i32):
    %s = arith.addi %a, %b : i32
    "tm_tensor.yield"(%s) : (i32) -> ()
  }) : (tensor<8xi32>, tensor<8xi32>, tensor<i32>) -> (tensor<8xi32>, tensor<i32>)
  return %r#0 : tensor<8xi32>
}

// -----

func.func @scatter(%u: tensor<5x4xf32>, %i: tensor<5x1xi32>, %o: tensor<9x4xf32>) -> tensor<9x4xf32> {
  // expected-error @below {{expects updates [b..., w...], integer indices [b..., n], an output, a 'dimension_map' of n of its dimensions, and a region over two elements that yields one}}
  %r = "tm_tensor.scatter"(%u, %i, %o) <{dimension_map = array<i64: 0, 1>}> ({
  ^bb0(%a: f32, %b: f32):
    "tm_tensor.yield"(%a) : (f32) -> ()
  }) : (tensor<5x4xf32>, tensor<5x1xi32>, tensor<9x4xf32>) -> tensor<9x4xf32>
  return %r : tensor<9x4xf32>
}

// -----

// Whoever brings an op that is not read here is told who takes it on.
func.func @stablehlo(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{'stablehlo.exponential' op is of a dialect that is not compiled here; expects upstream's func, linalg, tensor, arith, math and scf, and moe; what legalizes it: IREE's iree-opt --iree-stablehlo-input-transformation-pipeline}}
  %r = "stablehlo.exponential"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %r : tensor<8xf32>
}

// -----

func.func @torch(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{what legalizes it: torch-mlir's torch-mlir-opt --torch-backend-to-linalg-on-tensors-backend-pipeline}}
  %r = "torch.aten.exp"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %r : tensor<8xf32>
}

// -----

func.func @tm_tensor(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{what legalizes it: none, but torch-mlir's sort, topk, scan and scatter are read as they are; export the model without the op}}
  %r = "tm_tensor.attention"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %r : tensor<8xf32>
}

// -----

func.func @iree(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{what legalizes it: IREE's iree-opt --iree-linalg-ext-decompose-* passes; sort, topk, scan and scatter are read as they are}}
  %r = "iree_linalg_ext.winograd"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %r : tensor<8xf32>
}

// -----

func.func @nobody(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{'other.op' op is of a dialect that is not compiled here; expects upstream's func, linalg, tensor, arith, math and scf, and moe}}
  %r = "other.op"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %r : tensor<8xf32>
}
