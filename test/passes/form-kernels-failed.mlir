// RUN: moe-test-opt %s -moe-form-kernels -split-input-file -verify-diagnostics

// expected-error @below {{expects a module with moe.target, such as {moe.target = #moe_cpu.target<...>}}}
module {
}

// -----

// A size that is no affine expression of sizes: memory could not be planned.
module attributes {moe.target = #moe_test.target} {
  func.func @square(%x: tensor<?xi32>) -> tensor<?xi32> {
    %c0 = arith.constant 0 : index
    %t = tensor.dim %x, %c0 : tensor<?xi32>
    // expected-error @below {{a size of 'index' is not an affine expression of the function's named dimensions (moe.dims); expects sizes that follow from the arguments' sizes}}
    %n = arith.muli %t, %t : index
    %e = tensor.empty(%n) : tensor<?xi32>
    %y = math.absi %e : tensor<?xi32>
    return %y : tensor<?xi32>
  }
}

// -----

// Nor has a product of two sizes.
module attributes {moe.target = #moe_test.target} {
  func.func @product(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %a = tensor.dim %x, %c0 : tensor<?x?xf32>
    %b = tensor.dim %x, %c1 : tensor<?x?xf32>
    // expected-error @below {{a size of 'index' is not an affine expression of the function's named dimensions (moe.dims); expects sizes that follow from the arguments' sizes}}
    %n = arith.muli %a, %b : index
    %e = tensor.empty(%n, %a) : tensor<?x?xf32>
    %y = math.exp %e : tensor<?x?xf32>
    return %y : tensor<?x?xf32>
  }
}

// -----

// Groups that are chosen by the token count are of no one's rows.
module attributes {moe.target = #moe_test.target} {
  func.func @groups(%x: tensor<?x4xf32> {moe.dims = ["T", "H"]}, %i: tensor<?x1xi32> {moe.dims = ["T", "K"]}) -> tensor<9xi32> {
    %c0 = arith.constant 0 : index
    %t = tensor.dim %x, %c0 : tensor<?x4xf32>
    // expected-error @below {{a size of '!moe.groups<experts = 8, ragged>' is not an affine expression of the function's named dimensions (moe.dims); expects sizes that follow from the arguments' sizes}}
    %g = moe.by_tokens %t [4] -> (!moe.groups<experts = 8, ragged>) {
      %a = moe.group %i : tensor<?x1xi32> -> !moe.groups<experts = 8, ragged>
      moe.yield %a : !moe.groups<experts = 8, ragged>
    }, {
      %a = moe.group %i : tensor<?x1xi32> -> !moe.groups<experts = 8, ragged>
      moe.yield %a : !moe.groups<experts = 8, ragged>
    }
    %p = moe.offsets %g : !moe.groups<experts = 8, ragged> -> tensor<9xi32>
    return %p : tensor<9xi32>
  }
}

// -----

module attributes {moe.target = #moe_test.target<unsupported = "math.sin">} {
  func.func @unsupported(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
    // expected-error @below {{'math.sin' op cannot be lowered for target 'test': there is no kernel for it}}
    %y = math.sin %x : tensor<?x4xf32>
    return %y : tensor<?x4xf32>
  }
}

// -----

module attributes {moe.target = #moe_test.target} {
  // expected-error @below {{'func.func' op expects one block in a compiled function}}
  func.func @blocks(%x: tensor<4xf32>) -> tensor<4xf32> {
    cf.br ^bb1
  ^bb1:
    return %x : tensor<4xf32>
  }
}

// -----

module attributes {moe.target = #moe_test.target} {
  // expected-error @below {{'func.func' op expects tensors of integers or floats as results, got '!moe.groups<experts = 8, ragged>'}}
  func.func @result(%x: tensor<4x1xi32>) -> !moe.groups<experts = 8, ragged> {
    %g = moe.group %x : tensor<4x1xi32> -> !moe.groups<experts = 8, ragged>
    return %g : !moe.groups<experts = 8, ragged>
  }
}

// -----

module attributes {moe.target = #moe_test.target} {
  // expected-error @below {{'func.func' op expects tensors of integers or floats as arguments, got 'f32'}}
  func.func @argument(%x: f32) {
    return
  }
}

// -----

module attributes {moe.target = #moe_test.target} {
  // expected-error @below {{'func.func' op expects tensors of integers or floats as arguments, got 'tensor<4xindex>'}}
  func.func @argument_element(%x: tensor<4xindex>) {
    return
  }
}

// -----

module attributes {moe.target = #moe_test.target} {
  // expected-error @below {{'func.func' op expects the sizes of result 0 to be sizes of arguments, got an expression of them}}
  func.func @result_size(%x: tensor<?xf32>) -> tensor<?xf32> {
    %c0 = arith.constant 0 : index
    %t = tensor.dim %x, %c0 : tensor<?xf32>
    %n = arith.addi %t, %t : index
    %e = tensor.empty(%n) : tensor<?xf32>
    %y = math.exp %e : tensor<?xf32>
    return %y : tensor<?xf32>
  }
}

// -----

// A scalar that no kernel can compute for itself is backed by no buffer.
module attributes {moe.target = #moe_test.target} {
  func.func @scalar(%x: tensor<4xf32>, %b: tensor<i1>) -> tensor<4xf32> {
    %c0 = arith.constant 0 : index
    %p = tensor.extract %b[] : tensor<i1>
    // expected-error @below {{a value of 'f32' passes from one kernel to another; expects tensors of integers or floats}}
    %s = scf.if %p -> f32 {
      %a = tensor.extract %x[%c0] : tensor<4xf32>
      scf.yield %a : f32
    } else {
      %z = arith.constant 0.0 : f32
      scf.yield %z : f32
    }
    %y = linalg.fill ins(%s : f32) outs(%x : tensor<4xf32>) -> tensor<4xf32>
    return %y : tensor<4xf32>
  }
}

// -----

module attributes {moe.target = #moe_test.target} {
  func.func @tokens(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
    %c0 = arith.constant 0 : index
    %t = tensor.dim %x, %c0 : tensor<?x4xf32>
    %n = arith.addi %t, %t : index
    // expected-error @below {{'moe.by_tokens' op expects a token count that is a size of an argument}}
    %y = moe.by_tokens %n [8] -> (tensor<?x4xf32>) {
      %e = math.exp %x : tensor<?x4xf32>
      moe.yield %e : tensor<?x4xf32>
    }, {
      moe.yield %x : tensor<?x4xf32>
    }
    return %y : tensor<?x4xf32>
  }
}

// -----

// Mixing experts that are stored apart needs all of them at once.
module attributes {moe.target = #moe_test.target} {
  moe.param @w : tensor<2x4xf32> from #moe.source<"w.{e}" : 4xf32>
  func.func @across_experts(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
    %w = moe.load_param @w : tensor<2x4xf32>
    %e = tensor.empty() : tensor<4x2xf32>
    %r = tensor.extract_slice %w[1, 0] [1, 4] [1, 1] : tensor<2x4xf32> to tensor<1x4xf32>
    %s = tensor.expand_shape %r [[0, 1], [2]] output_shape [1, 1, 4] : tensor<1x4xf32> into tensor<1x1x4xf32>
    // expected-error @below {{computes across the experts of a parameter that is stored one tensor an expert, which cannot be prepared at bind time}}
    %c = tensor.collapse_shape %s [[0, 1], [2]] : tensor<1x1x4xf32> into tensor<1x4xf32>
    %y = tensor.insert_slice %c into %x[0, 0] [1, 4] [1, 1] : tensor<1x4xf32> into tensor<2x4xf32>
    return %y : tensor<2x4xf32>
  }
}

// -----

// Sizes that have to be equal and are not, whatever the arguments' are: no
// kernel could tell while it runs.
module attributes {moe.target = #moe_test.target} {
  func.func @rows_of_groups(%r: tensor<?x4xf32> {moe.dims = ["R", "H"]}, %i: tensor<?x2xi32> {moe.dims = ["T", "K"]}) -> tensor<?x4xf32> {
    %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
    // expected-error @below {{'moe.combine' op expects two of its sizes to be equal for every size of the arguments, got R and T * 2}}
    %y = moe.combine %r by %g acc f32 order slot : (tensor<?x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x4xf32>
    return %y : tensor<?x4xf32>
  }
}

// -----

module attributes {moe.target = #moe_test.target} {
  func.func @known_and_open(%x: tensor<?x4xf32> {moe.dims = ["T", "H"]}, %y: tensor<8x4xf32>) -> tensor<?x4xf32> {
    // expected-error @below {{'linalg.generic' op expects two of its sizes to be equal for every size of the arguments, got 8 and T}}
    %z = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
        ins(%y : tensor<8x4xf32>) outs(%x : tensor<?x4xf32>) {
    ^bb0(%a: f32, %b: f32):
      linalg.yield %a : f32
    } -> tensor<?x4xf32>
    return %z : tensor<?x4xf32>
  }
}

// -----

module attributes {moe.target = #moe_test.target} {
  func.func @matmul(%x: tensor<?x4xf32> {moe.dims = ["T", "H"]}, %w: tensor<3x4xf32>) -> tensor<16x3xf32> {
    // expected-error @below {{'moe.grouped_matmul' op expects two of its sizes to be equal for every size of the arguments, got 16 and T}}
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<16x3xf32>
    return %y : tensor<16x3xf32>
  }
}
