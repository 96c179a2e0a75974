// RUN: moe-opt %s -split-input-file -verify-diagnostics

//===----------------------------------------------------------------------===//
// moe.expert: its signature
//===----------------------------------------------------------------------===//

func.func @expert_rank(%x: tensor<f32>, %g: !moe.groups<experts = 2, ragged>) {
  // expected-error @below {{'moe.expert' op expects rows [N, H] and a result [N, n], got 'tensor<f32>' and 'tensor<f32>'}}
  moe.expert %x by %g {
  ^bb0(%r: tensor<f32>):
    moe.yield %r : tensor<f32>
  } : (tensor<f32>, !moe.groups<experts = 2, ragged>) -> tensor<f32>
  return
}

// -----

func.func @expert_rows(%x: tensor<8x4xf32>, %g: !moe.groups<experts = 2, ragged>) {
  // expected-error @below {{'moe.expert' op expects rows [N, H] and a result [N, n], got 'tensor<8x4xf32>' and 'tensor<9x4xf32>'}}
  moe.expert %x by %g {
  ^bb0(%r: tensor<?x4xf32>):
    moe.yield %r : tensor<?x4xf32>
  } : (tensor<8x4xf32>, !moe.groups<experts = 2, ragged>) -> tensor<9x4xf32>
  return
}

// -----

func.func @expert_c1_count(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>) {
  // expected-error @below {{'moe.expert' op expects 2 body arguments, the rows and one slice a weight, got 1}}
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>):
    moe.yield %r : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c1_rows(%x: tensor<8x4xf32>, %g: !moe.groups<experts = 2, ragged>) {
  // expected-error @below {{'moe.expert' op expects the body's rows to be 'tensor<?x4xf32>', got 'tensor<8x4xf32>'}}
  moe.expert %x by %g {
  ^bb0(%r: tensor<8x4xf32>):
    moe.yield %r : tensor<8x4xf32>
  } : (tensor<8x4xf32>, !moe.groups<experts = 2, ragged>) -> tensor<8x4xf32>
  return
}

// -----

func.func @expert_c1_slice(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>) {
  // expected-error @below {{'moe.expert' op expects body argument 1 to be 'tensor<4x4xf32>', the slice of weight 0, got 'tensor<2x4x4xf32>'}}
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<2x4x4xf32>):
    moe.yield %r : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c2_count(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 8, local = [0, 4], ragged>, %w: tensor<8x4x4xf32>) {
  // expected-error @below {{'moe.expert' op expects weight 0 to have 4 local experts as its first dimension, got 'tensor<8x4x4xf32>'}}
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    moe.yield %r : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 8, local = [0, 4], ragged>, tensor<8x4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c2_scalar(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<f32>) {
  // expected-error @below {{'moe.expert' op expects weight 0 to have 2 local experts as its first dimension, got 'tensor<f32>'}}
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<f32>):
    moe.yield %r : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<f32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c3_type(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>) {
  // expected-error @below {{'moe.expert' op expects the body to yield one 'tensor<?x4xbf16>' for the result 'tensor<?x4xbf16>'}}
  moe.expert %x by %g {
  ^bb0(%r: tensor<?x4xf32>):
    moe.yield %r : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>) -> tensor<?x4xbf16>
  return
}

// -----

func.func @expert_c3_none(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>) {
  // expected-error @below {{'moe.expert' op expects the body to yield one 'tensor<?x4xf32>' for the result 'tensor<?x4xf32>'}}
  moe.expert %x by %g {
  ^bb0(%r: tensor<?x4xf32>):
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_no_block(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>) {
  // expected-error @below {{'moe.expert' op region #0 ('body') failed to verify constraint: region with 1 blocks}}
  "moe.expert"(%x, %g) <{operandSegmentSizes = array<i32: 1, 1, 0, 0>}> ({}) : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>) -> tensor<?x4xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// moe.expert: rows stay apart (expert_c4)
//===----------------------------------------------------------------------===//

func.func @expert_c4_captured(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>) {
  // expected-error @below {{'moe.expert' op expects the body to yield what it computes for its rows}}
  moe.expert %x by %g {
  ^bb0(%r: tensor<?x4xf32>):
    moe.yield %x : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c4_transposed(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>) {
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %r, %c0 : tensor<?x4xf32>
    %e = tensor.empty(%n) : tensor<?x4xf32>
    // expected-error @below {{'linalg.generic' op mixes the rows of an expert: expects the row dimension to lead every operand that holds rows}}
    %o = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%r : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) {
    ^bb0(%p: f32, %q: f32):
      linalg.yield %p : f32
    } -> tensor<?x4xf32>
    moe.yield %o : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c4_reversed(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>) {
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %r, %c0 : tensor<?x4xf32>
    %e = tensor.empty(%n) : tensor<?x4xf32>
    // expected-error @below {{'linalg.generic' op mixes the rows of an expert: expects the row dimension to lead every operand that holds rows}}
    %o = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%r : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) {
    ^bb0(%p: f32, %q: f32):
      linalg.yield %p : f32
    } -> tensor<?x4xf32>
    moe.yield %o : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c4_shifted(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>, %k: tensor<3xf32>) {
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %r, %c0 : tensor<?x4xf32>
    %e = tensor.empty(%n) : tensor<?x4xf32>
    // expected-error @below {{'linalg.generic' op mixes the rows of an expert: expects the row dimension to lead every operand that holds rows}}
    %o = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0 + d2, d1)>, affine_map<(d0, d1, d2) -> (d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%r, %k : tensor<?x4xf32>, tensor<3xf32>) outs(%e : tensor<?x4xf32>) {
    ^bb0(%p: f32, %v: f32, %q: f32):
      linalg.yield %p : f32
    } -> tensor<?x4xf32>
    moe.yield %o : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c4_diagonal(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>) {
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %r, %c0 : tensor<?x4xf32>
    %e = tensor.empty(%n) : tensor<?x4xf32>
    // expected-error @below {{'linalg.generic' op mixes the rows of an expert: expects the row dimension to lead every operand that holds rows}}
    %o = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%r : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) {
    ^bb0(%p: f32, %q: f32):
      linalg.yield %p : f32
    } -> tensor<?x4xf32>
    moe.yield %o : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c4_total(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>) {
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    // expected-error @+2 {{'linalg.reduce' op expects rows as an output, or a tensor.empty of as many}}
    %z = arith.constant dense<0.0> : tensor<4xf32>
    %s = linalg.reduce {arith.addf} ins(%r : tensor<?x4xf32>) outs(%z : tensor<4xf32>) dimensions = [0]
    moe.yield %r : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c4_reduction(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>) {
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %r, %c0 : tensor<?x4xf32>
    %e = tensor.empty(%n) : tensor<?x4xf32>
    // expected-error @below {{'linalg.generic' op mixes the rows of an expert: expects the row dimension to be parallel}}
    %o = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["reduction", "parallel"]} ins(%r : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) {
    ^bb0(%p: f32, %q: f32):
      linalg.yield %p : f32
    } -> tensor<?x4xf32>
    moe.yield %o : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c4_index(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>) {
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %r, %c0 : tensor<?x4xf32>
    %e = tensor.empty(%n) : tensor<?x4xf32>
    // expected-error @below {{'linalg.generic' op reads the index of a row, which is not part of what an expert computes}}
    %o = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%r : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) {
    ^bb0(%p: f32, %q: f32):
      %i = linalg.index 0 : index
      %j = arith.index_cast %i : index to i32
      %f = arith.sitofp %j : i32 to f32
      linalg.yield %f : f32
    } -> tensor<?x4xf32>
    moe.yield %o : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c4_region(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>) {
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %r, %c0 : tensor<?x4xf32>
    %e = tensor.empty(%n) : tensor<?x4xf32>
    // expected-error @below {{'linalg.generic' op mixes the rows of an expert: expects rows to be operands, not to be read from its region}}
    %o = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} outs(%e : tensor<?x4xf32>) {
    ^bb0(%q: f32):
      %v = tensor.extract %r[%c0, %c0] : tensor<?x4xf32>
      linalg.yield %v : f32
    } -> tensor<?x4xf32>
    moe.yield %o : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c4_numbered(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>, %k: tensor<16x4xf32>) {
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %r, %c0 : tensor<?x4xf32>
    %e = tensor.empty(%n) : tensor<?x4xf32>
    // expected-error @below {{'linalg.generic' op expects operands that hold rows or are broadcast explicitly}}
    %o = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%k : tensor<16x4xf32>) outs(%e : tensor<?x4xf32>) {
    ^bb0(%p: f32, %q: f32):
      linalg.yield %p : f32
    } -> tensor<?x4xf32>
    moe.yield %o : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c4_output(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>, %k: tensor<?x4xf32>) {
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    // expected-error @below {{'linalg.generic' op expects rows as an output, or a tensor.empty of as many}}
    %o = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%r : tensor<?x4xf32>) outs(%k : tensor<?x4xf32>) {
    ^bb0(%p: f32, %q: f32):
      linalg.yield %p : f32
    } -> tensor<?x4xf32>
    moe.yield %o : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c4_output_size(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>, %n: index) {
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    %e = tensor.empty(%n) : tensor<?x4xf32>
    // expected-error @below {{'linalg.generic' op expects rows as an output, or a tensor.empty of as many}}
    %o = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%r : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) {
    ^bb0(%p: f32, %q: f32):
      linalg.yield %p : f32
    } -> tensor<?x4xf32>
    moe.yield %o : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c4_count(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>) {
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %r, %c0 : tensor<?x4xf32>
    // expected-error @below {{'arith.addi' op computes with the number of an expert's rows, which is not part of what an expert computes}}
    %m = arith.addi %n, %n : index
    moe.yield %r : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c4_counted_in_region(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>) {
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    %c0 = arith.constant 0 : index
    %b = arith.constant true
    %m = scf.if %b -> index {
      %n = tensor.dim %r, %c0 : tensor<?x4xf32>
      // expected-error @below {{'scf.yield' op computes with the number of an expert's rows, which is not part of what an expert computes}}
      scf.yield %n : index
    } else {
      scf.yield %c0 : index
    }
    moe.yield %r : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c4_branch(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>, %c: i1) {
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    // expected-error @below {{'scf.if' op is not an op that keeps the rows of an expert apart; expects moe.linear, moe.activate, elementwise arith or math, or a linalg op whose row dimension is parallel}}
    %o = scf.if %c -> tensor<?x4xf32> {
      scf.yield %r : tensor<?x4xf32>
    } else {
      scf.yield %x : tensor<?x4xf32>
    }
    moe.yield %o : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c4_slice(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>) {
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    // expected-error @below {{'tensor.extract_slice' op is not an op that keeps the rows of an expert apart; expects moe.linear, moe.activate, elementwise arith or math, or a linalg op whose row dimension is parallel}}
    %s = tensor.extract_slice %r[1, 0] [1, 4] [1, 1] : tensor<?x4xf32> to tensor<1x4xf32>
    moe.yield %r : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c4_elementwise(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>) {
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    // expected-error @below {{'arith.addf' op expects operands that hold rows or are broadcast explicitly}}
    %o = arith.addf %r, %x : tensor<?x4xf32>
    moe.yield %o : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c4_elementwise_static(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>, %k: tensor<16x4xf32>) {
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    // expected-error @below {{'arith.addf' op expects operands that hold rows or are broadcast explicitly}}
    %o = "arith.addf"(%r, %k) : (tensor<?x4xf32>, tensor<16x4xf32>) -> tensor<?x4xf32>
    moe.yield %o : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c4_cast(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>) {
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    // expected-error @below {{'tensor.cast' op expects a result led by the dynamic row dimension, got 'tensor<8x4xf32>'}}
    %s = tensor.cast %r : tensor<?x4xf32> to tensor<8x4xf32>
    moe.yield %r : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c4_weight(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>) {
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    %s = tensor.cast %r : tensor<?x4xf32> to tensor<?x?xf32>
    // expected-error @below {{'moe.linear' op mixes the rows of an expert: expects weight and bias not to depend on rows}}
    %o = moe.linear %r, %s acc f32 : (tensor<?x4xf32>, tensor<?x?xf32>) -> tensor<?x4xf32>
    moe.yield %o : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @expert_c4_effect(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>, %s: tensor<1xi64>) {
  moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    // expected-error @below {{'moe.require' op has effects, which an expert's body may not have}}
    moe.require %s error 708 : tensor<1xi64>
    moe.yield %r : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// moe.linear
//===----------------------------------------------------------------------===//

func.func @linear_c1_rank(%r: tensor<f32>) {
  // expected-error @below {{'moe.linear' op expects rows [R, K], weight [N, K] and result [R, N] of float types, got 'tensor<f32>', 'tensor<f32>' and 'tensor<f32>'}}
  moe.linear %r, %r acc f32 : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return
}

// -----

func.func @linear_c1_type(%r: tensor<?x4xf32>, %w: tensor<2x4xi8>) {
  // expected-error @below {{'moe.linear' op expects rows [R, K], weight [N, K] and result [R, N] of float types, got 'tensor<?x4xf32>', 'tensor<2x4xi8>' and 'tensor<?x2xf32>'}}
  moe.linear %r, %w acc f32 : (tensor<?x4xf32>, tensor<2x4xi8>) -> tensor<?x2xf32>
  return
}

// -----

func.func @linear_c1_k(%r: tensor<?x4xf32>, %w: tensor<2x5xf32>) {
  // expected-error @below {{'moe.linear' op expects rows and weight of one K, got K = 4 in 'tensor<?x4xf32>' and K = 5 in 'tensor<2x5xf32>'}}
  moe.linear %r, %w acc f32 : (tensor<?x4xf32>, tensor<2x5xf32>) -> tensor<?x2xf32>
  return
}

// -----

func.func @linear_c1_result(%r: tensor<?x4xf32>, %w: tensor<2x4xf32>) {
  // expected-error @below {{'moe.linear' op expects a result [R, N] of 'tensor<?x4xf32>' and 'tensor<2x4xf32>', got 'tensor<?x4xf32>'}}
  moe.linear %r, %w acc f32 : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @linear_c2(%r: tensor<?x4xf32>, %w: tensor<2x4xf32>, %b: tensor<4xf32>) {
  // expected-error @below {{'moe.linear' op expects bias [2] of a float type, got 'tensor<4xf32>'}}
  moe.linear %r, %w bias %b acc f32 : (tensor<?x4xf32>, tensor<2x4xf32>, tensor<4xf32>) -> tensor<?x2xf32>
  return
}

// -----

func.func @linear_c3(%r: tensor<?x4xf32>, %w: tensor<2x4xf32>) {
  // expected-error @below {{'moe.linear' op expects acc f32 or f64, got 'bf16'}}
  moe.linear %r, %w acc bf16 : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x2xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// moe.activate
//===----------------------------------------------------------------------===//

func.func @activate_c1_one(%x: tensor<?x4xf32>) {
  // expected-error @below {{'moe.activate' op expects 2 operands for swiglu, got 1}}
  moe.activate swiglu(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @activate_c1_none() {
  // expected-error @below {{'moe.activate' op expects 1 operand for identity, got 0}}
  moe.activate identity() : () -> tensor<?x4xf32>
  return
}

// -----

func.func @activate_c2_shape(%x: tensor<?x4xf32>, %u: tensor<?x5xf32>) {
  // expected-error @below {{'moe.activate' op expects operands and result of one shape and float types, got 'tensor<?x5xf32>' for 'tensor<?x4xf32>'}}
  moe.activate swiglu(%x, %u) : (tensor<?x4xf32>, tensor<?x5xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @activate_c2_type(%x: tensor<?x4xi32>) {
  // expected-error @below {{'moe.activate' op expects operands and result of one shape and float types, got 'tensor<?x4xi32>' for 'tensor<?x4xf32>'}}
  moe.activate relu(%x) : (tensor<?x4xi32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @activate_c3_unknown(%x: tensor<?x4xf32>) {
  // expected-error @below {{'moe.activate' op relu has no parameter 'limit'}}
  moe.activate relu(%x) {limit = 7.0} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @activate_c3_missing(%x: tensor<?x4xf32>) {
  // expected-error @below {{'moe.activate' op expects 'beta' for clamp_glu: implementations differ in it, so it has no default}}
  moe.activate clamp_glu(%x, %x) {alpha = 1.702, limit = 7.0} : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @activate_c3_infinite(%x: tensor<?x4xf32>) {
  // expected-error @below {{'moe.activate' op expects a finite 'limit', got INF}}
  moe.activate clamp_glu(%x, %x) {alpha = 1.702, beta = 1.0, limit = 0x7FF0000000000000 : f64} : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @activate_kind(%x: tensor<?x4xf32>) {
  // expected-error @below {{unknown activation 'nonsense', expected one of identity, silu, gelu}}
  moe.activate nonsense(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// moe.dequantize
//===----------------------------------------------------------------------===//

func.func @dequantize_c1_block_missing(%c: tensor<8x8xf8E4M3FN>, %s: tensor<1x1xf32>) {
  // expected-error @below {{'moe.dequantize' op expects 'block [rows, columns]' for fp8_block}}
  moe.dequantize fp8_block %c, %s : tensor<8x8xf8E4M3FN>, tensor<1x1xf32> -> tensor<8x8xf32>
  return
}

// -----

func.func @dequantize_c1_block_size(%c: tensor<8x8xf8E4M3FN>, %s: tensor<1x1xf32>) {
  // expected-error @below {{'moe.dequantize' op expects a positive 'block [rows, columns]'}}
  moe.dequantize fp8_block %c, %s block [128] : tensor<8x8xf8E4M3FN>, tensor<1x1xf32> -> tensor<8x8xf32>
  return
}

// -----

func.func @dequantize_c1_block_zero(%c: tensor<8x8xf8E4M3FN>, %s: tensor<1x1xf32>) {
  // expected-error @below {{'moe.dequantize' op expects a positive 'block [rows, columns]'}}
  moe.dequantize fp8_block %c, %s block [128, 0] : tensor<8x8xf8E4M3FN>, tensor<1x1xf32> -> tensor<8x8xf32>
  return
}

// -----

func.func @dequantize_c1_codes(%c: tensor<8x9xf8E4M3FN>, %s: tensor<1x1xf32>) {
  // expected-error @below {{'moe.dequantize' op expects codes 'tensor<8x8xf8E4M3FN>' for fp8_block, got 'tensor<8x9xf8E4M3FN>'}}
  moe.dequantize fp8_block %c, %s block [128, 128] : tensor<8x9xf8E4M3FN>, tensor<1x1xf32> -> tensor<8x8xf32>
  return
}

// -----

func.func @dequantize_c1_code_type(%c: tensor<8x8xi8>, %s: tensor<1x1xf32>) {
  // expected-error @below {{'moe.dequantize' op expects codes 'tensor<8x8xf8E4M3FN>' for fp8_block, got 'tensor<8x8xi8>'}}
  moe.dequantize fp8_block %c, %s block [128, 128] : tensor<8x8xi8>, tensor<1x1xf32> -> tensor<8x8xf32>
  return
}

// -----

func.func @dequantize_c1_scales(%c: tensor<2x130x8xf8E4M3FN>, %s: tensor<2x1x1xf32>) {
  // expected-error @below {{'moe.dequantize' op expects scales [2, 2, 1] of a float type for fp8_block, got 'tensor<2x1x1xf32>'}}
  moe.dequantize fp8_block %c, %s block [128, 128] : tensor<2x130x8xf8E4M3FN>, tensor<2x1x1xf32> -> tensor<2x130x8xf32>
  return
}

// -----

func.func @dequantize_c2_block(%c: tensor<4x1x16xi8>, %s: tensor<4x1xi8>) {
  // expected-error @below {{'moe.dequantize' op expects no 'block [rows, columns]' for mxfp4}}
  moe.dequantize mxfp4 %c, %s block [1, 32] : tensor<4x1x16xi8>, tensor<4x1xi8> -> tensor<4x32xf32>
  return
}

// -----

func.func @dequantize_c2_k(%c: tensor<4x1x16xi8>, %s: tensor<4x1xi8>) {
  // expected-error @below {{'moe.dequantize' op expects K to be a multiple of 32 for mxfp4, got K = 33}}
  moe.dequantize mxfp4 %c, %s : tensor<4x1x16xi8>, tensor<4x1xi8> -> tensor<4x33xf32>
  return
}

// -----

func.func @dequantize_c2_codes(%c: tensor<4x1x16xui8>, %s: tensor<4x1xi8>) {
  // expected-error @below {{'moe.dequantize' op expects codes 'tensor<4x1x16xi8>' for mxfp4, got 'tensor<4x1x16xui8>'}}
  moe.dequantize mxfp4 %c, %s : tensor<4x1x16xui8>, tensor<4x1xi8> -> tensor<4x32xf32>
  return
}

// -----

func.func @dequantize_c2_scales(%c: tensor<4x1x16xi8>, %s: tensor<4x1xf32>) {
  // expected-error @below {{'moe.dequantize' op expects scales 'tensor<4x1xi8>' for mxfp4, got 'tensor<4x1xf32>'}}
  moe.dequantize mxfp4 %c, %s : tensor<4x1x16xi8>, tensor<4x1xf32> -> tensor<4x32xf32>
  return
}

// -----

func.func @dequantize_c3_rank(%c: tensor<f32>) {
  // expected-error @below {{'moe.dequantize' op expects a static result [N, K] or [E, N, K] of a float type, got 'tensor<f32>'}}
  moe.dequantize mxfp4 %c, %c : tensor<f32>, tensor<f32> -> tensor<f32>
  return
}

// -----

func.func @dequantize_c3_dynamic(%c: tensor<?x1x16xi8>, %s: tensor<?x1xi8>) {
  // expected-error @below {{'moe.dequantize' op expects a static result [N, K] or [E, N, K] of a float type, got 'tensor<?x32xf32>'}}
  moe.dequantize mxfp4 %c, %s : tensor<?x1x16xi8>, tensor<?x1xi8> -> tensor<?x32xf32>
  return
}

// -----

func.func @dequantize_operands_none(%c: tensor<8x1xi32>, %s: tensor<8x1xf16>) {
  // expected-error @below {{'moe.dequantize' op expects operands (codes, scales, zeros, optionally column groups) for gptq_int4, got 2 operands}}
  moe.dequantize gptq_int4 %c, %s block [1, 8] : tensor<8x1xi32>, tensor<8x1xf16> -> tensor<8x8xf32>
  return
}

// -----

func.func @dequantize_operands_many(%c: tensor<8x32xf8E4M3FN>, %s: tensor<1x1xf32>) {
  // expected-error @below {{'moe.dequantize' op expects operands (codes, scales) for fp8_block, got 3 operands}}
  moe.dequantize fp8_block %c, %s, %s block [128, 128] : tensor<8x32xf8E4M3FN>, tensor<1x1xf32>, tensor<1x1xf32> -> tensor<8x32xf32>
  return
}

// -----

func.func @dequantize_operands_matrix(%c: tensor<8x8xi8>, %s: tensor<8x1xf8E4M3FN>) {
  // expected-error @below {{'moe.dequantize' op expects operands (codes, scales, matrix scales) for nvfp4, got 2 operands}}
  moe.dequantize nvfp4 %c, %s : tensor<8x8xi8>, tensor<8x1xf8E4M3FN> -> tensor<8x16xf32>
  return
}

// -----

func.func @dequantize_c1_words_of_columns(%c: tensor<8x1xi32>, %s: tensor<8x1xf16>) {
  // expected-error @below {{'moe.dequantize' op expects codes 'tensor<8x2xi32>' for packed_int4, got 'tensor<8x1xi32>'}}
  moe.dequantize packed_int4 %c, %s block [1, 9] : tensor<8x1xi32>, tensor<8x1xf16> -> tensor<8x9xf32>
  return
}

// -----

func.func @dequantize_c1_words_of_rows(%c: tensor<9x1xi32>, %s: tensor<9x1xf16>, %z: tensor<2x1xi32>) {
  // expected-error @below {{'moe.dequantize' op expects codes 'tensor<2x8xi32>' for awq_int4, got 'tensor<9x1xi32>'}}
  moe.dequantize awq_int4 %c, %s, %z block [1, 8] : tensor<9x1xi32>, tensor<9x1xf16>, tensor<2x1xi32> -> tensor<9x8xf32>
  return
}

// -----

func.func @dequantize_c2_fp8_scales(%c: tensor<8x8xi8>, %s: tensor<8x1xf32>, %g: tensor<1x1xf32>) {
  // expected-error @below {{'moe.dequantize' op expects scales 'tensor<8x1xf8E4M3FN>' for nvfp4, got 'tensor<8x1xf32>'}}
  moe.dequantize nvfp4 %c, %s, %g : tensor<8x8xi8>, tensor<8x1xf32>, tensor<1x1xf32> -> tensor<8x16xf32>
  return
}

// -----

func.func @dequantize_c4_zeros(%c: tensor<9x1xi32>, %s: tensor<9x2xf16>, %z: tensor<9x2xi32>) {
  // expected-error @below {{'moe.dequantize' op expects zeros 'tensor<2x2xi32>' for gptq_int4, got 'tensor<9x2xi32>'}}
  moe.dequantize gptq_int4 %c, %s, %z block [1, 4] : tensor<9x1xi32>, tensor<9x2xf16>, tensor<9x2xi32> -> tensor<9x8xf32>
  return
}

// -----

func.func @dequantize_c4_matrix_scales(%c: tensor<2x8x8xi8>, %s: tensor<2x8x1xf8E4M3FN>, %g: tensor<2xf32>) {
  // expected-error @below {{'moe.dequantize' op expects matrix scales [2, 1, 1] of a float type for nvfp4, got 'tensor<2xf32>'}}
  moe.dequantize nvfp4 %c, %s, %g : tensor<2x8x8xi8>, tensor<2x8x1xf8E4M3FN>, tensor<2xf32> -> tensor<2x8x16xf32>
  return
}

// -----

func.func @dequantize_c4_groups(%c: tensor<8x1xi32>, %s: tensor<8x2xf16>, %g: tensor<8xi64>) {
  // expected-error @below {{'moe.dequantize' op expects column groups 'tensor<8xi32>' for packed_int4, got 'tensor<8xi64>'}}
  moe.dequantize packed_int4 %c, %s, %g block [1, 4] : tensor<8x1xi32>, tensor<8x2xf16>, tensor<8xi64> -> tensor<8x8xf32>
  return
}

// -----

func.func @dequantize_format(%c: tensor<4x1x16xi8>, %s: tensor<4x1xi8>) {
  // expected-error @below {{unknown quantized format 'nonsense', expected one of fp8_block}}
  moe.dequantize nonsense %c, %s : tensor<4x1x16xi8>, tensor<4x1xi8> -> tensor<4x32xf32>
  return
}

// -----

func.func @yield_parent(%x: tensor<?x4xf32>) {
  // expected-error @below {{'moe.yield' op expects parent op to be one of 'moe.expert, moe.grouped_matmul, moe.by_tokens'}}
  moe.yield %x : tensor<?x4xf32>
}

// -----

func.func @expert_c2_virtual(%r: tensor<?x8xf32>, %g: !moe.groups<experts = 6, ragged>, %w: tensor<6x8x8xf32>) {
  // expected-error @below {{'moe.expert' op expects weight 0 to have 4 local experts that are not virtual as its first dimension, got 'tensor<6x8x8xf32>'}}
  moe.expert %r by %g weights(%w) virtual [#moe.virtual<zero 0 to 1>] {
  ^bb0(%r0: tensor<?x8xf32>, %w0: tensor<8x8xf32>):
    moe.yield %r0 : tensor<?x8xf32>
  } : (tensor<?x8xf32>, !moe.groups<experts = 6, ragged>, tensor<6x8x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @expert_c5_order(%r: tensor<?x8xf32>, %g: !moe.groups<experts = 6, ragged>, %w: tensor<3x8x8xf32>) {
  // expected-error @below {{'moe.expert' op expects ascending ranges of virtual experts within the 6 experts of the groups, got 0 to 0}}
  moe.expert %r by %g weights(%w) virtual [#moe.virtual<zero 1 to 2>, #moe.virtual<identity 0 to 0>] {
  ^bb0(%r0: tensor<?x8xf32>, %w0: tensor<8x8xf32>):
    moe.yield %r0 : tensor<?x8xf32>
  } : (tensor<?x8xf32>, !moe.groups<experts = 6, ragged>, tensor<3x8x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @expert_c5_end(%r: tensor<?x8xf32>, %g: !moe.groups<experts = 6, ragged>, %w: tensor<5x8x8xf32>) {
  // expected-error @below {{'moe.expert' op expects ascending ranges of virtual experts within the 6 experts of the groups, got 5 to 6}}
  moe.expert %r by %g weights(%w) virtual [#moe.virtual<zero 5 to 6>] {
  ^bb0(%r0: tensor<?x8xf32>, %w0: tensor<8x8xf32>):
    moe.yield %r0 : tensor<?x8xf32>
  } : (tensor<?x8xf32>, !moe.groups<experts = 6, ragged>, tensor<5x8x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @expert_c5_all(%r: tensor<?x8xf32>, %g: !moe.groups<experts = 6, ragged>, %w: tensor<0x8x8xf32>) {
  // expected-error @below {{'moe.expert' op expects a local expert that is not virtual}}
  moe.expert %r by %g weights(%w) virtual [#moe.virtual<zero 0 to 5>] {
  ^bb0(%r0: tensor<?x8xf32>, %w0: tensor<8x8xf32>):
    moe.yield %r0 : tensor<?x8xf32>
  } : (tensor<?x8xf32>, !moe.groups<experts = 6, ragged>, tensor<0x8x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @expert_c6_none(%r: tensor<?x8xf32>, %g: !moe.groups<experts = 6, ragged>, %w: tensor<4x8x8xf32>) {
  // expected-error @below {{'moe.expert' op expects constants [2, n] of a float type for its 2 constant experts, got none}}
  moe.expert %r by %g weights(%w) virtual [#moe.virtual<constant 0 to 1>] {
  ^bb0(%r0: tensor<?x8xf32>, %w0: tensor<8x8xf32>):
    moe.yield %r0 : tensor<?x8xf32>
  } : (tensor<?x8xf32>, !moe.groups<experts = 6, ragged>, tensor<4x8x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @expert_c6_shape(%r: tensor<?x8xf32>, %g: !moe.groups<experts = 6, ragged>, %w: tensor<4x8x8xf32>, %c: tensor<3x8xf32>) {
  // expected-error @below {{'moe.expert' op expects constants [2, n] of a float type for its 2 constant experts, got 'tensor<3x8xf32>'}}
  moe.expert %r by %g weights(%w) virtual [#moe.virtual<constant 0 to 1>] constants(%c) {
  ^bb0(%r0: tensor<?x8xf32>, %w0: tensor<8x8xf32>):
    moe.yield %r0 : tensor<?x8xf32>
  } : (tensor<?x8xf32>, !moe.groups<experts = 6, ragged>, tensor<4x8x8xf32>, tensor<3x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @expert_c6_unused(%r: tensor<?x8xf32>, %g: !moe.groups<experts = 6, ragged>, %w: tensor<6x8x8xf32>, %c: tensor<3x8xf32>) {
  // expected-error @below {{'moe.expert' op expects constants [0, n] of a float type for its 0 constant experts, got 'tensor<3x8xf32>'}}
  moe.expert %r by %g weights(%w) constants(%c) {
  ^bb0(%r0: tensor<?x8xf32>, %w0: tensor<8x8xf32>):
    moe.yield %r0 : tensor<?x8xf32>
  } : (tensor<?x8xf32>, !moe.groups<experts = 6, ragged>, tensor<6x8x8xf32>, tensor<3x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @expert_c6_width(%r: tensor<?x8xf32>, %g: !moe.groups<experts = 6, ragged>, %w: tensor<5x4x8xf32>) {
  // expected-error @below {{'moe.expert' op expects rows and a result of one width for identity experts, got 'tensor<?x8xf32>' and 'tensor<?x4xf32>'}}
  moe.expert %r by %g weights(%w) virtual [#moe.virtual<identity 5 to 5>] {
  ^bb0(%r0: tensor<?x8xf32>, %w0: tensor<4x8xf32>):
    %y = moe.linear %r0, %w0 acc f32 : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
    moe.yield %y : tensor<?x4xf32>
  } : (tensor<?x8xf32>, !moe.groups<experts = 6, ragged>, tensor<5x4x8xf32>) -> tensor<?x4xf32>
  return
}
