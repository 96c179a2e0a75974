// RUN: moe-opt %s -split-input-file -verify-diagnostics

//===----------------------------------------------------------------------===//
// moe.grouped_matmul
//===----------------------------------------------------------------------===//

func.func @grouped_matmul_c1_no_rhs(%x: tensor<?x4xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects one or two right-hand sides, or one packed value}}
  moe.grouped_matmul lhs(%x) rhs() acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c1_three_rhs(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects one or two right-hand sides, or one packed value}}
  moe.grouped_matmul lhs(%x) rhs(%w, %w, %w) acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c1_rhs_rank(%x: tensor<?x4xf32>, %w: tensor<2x3x4xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects static right-hand sides [N, K] of one float type, got 'tensor<2x3x4xf32>'}}
  moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<2x3x4xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c1_rhs_rank_grouped(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>, %g: !moe.groups<experts = 8, ragged>) {
  // expected-error @below {{'moe.grouped_matmul' op expects static right-hand sides [E, N, K] of one float type, got 'tensor<3x4xf32>'}}
  moe.grouped_matmul lhs(%x) rhs(%w) by %g acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c1_rhs_dynamic(%x: tensor<?x4xf32>, %w: tensor<?x4xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects static right-hand sides [N, K] of one float type, got 'tensor<?x4xf32>'}}
  moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c1_rhs_types(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>, %v: tensor<3x4xbf16>) {
  // expected-error @below {{'moe.grouped_matmul' op expects static right-hand sides [N, K] of one float type, got 'tensor<3x4xbf16>'}}
  moe.grouped_matmul lhs(%x) rhs(%w, %v) acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>, tensor<3x4xbf16>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c1_experts(%x: tensor<?x4xf32>, %w: tensor<8x3x4xf32>, %g: !moe.groups<experts = 8, local = [0, 2], ragged>) {
  // expected-error @below {{'moe.grouped_matmul' op expects right-hand sides of 2 local experts, got 'tensor<8x3x4xf32>'}}
  moe.grouped_matmul lhs(%x) rhs(%w) by %g acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<8x3x4xf32>, !moe.groups<experts = 8, local = [0, 2], ragged>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c1_lhs(%x: tensor<f32>, %w: tensor<3x4xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects lhs [R, 4] of a float type, got 'tensor<f32>'}}
  moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<f32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c1_k(%x: tensor<?x5xf32>, %w: tensor<3x4xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects lhs [R, 4] of a float type, got 'tensor<?x5xf32>'}}
  moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<?x5xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c1_result(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects a result [R, 3] of a float type, got 'tensor<?x4xf32>'}}
  moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @grouped_matmul_c1_result_rows(%x: tensor<2x4xf32>, %w: tensor<3x4xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects a result [R, 3] of a float type, got 'tensor<3x3xf32>'}}
  moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<3x3xf32>
  return
}

// -----

func.func @grouped_matmul_c1_bound(%x: tensor<4x4xf32>, %w: tensor<8x3x4xf32>, %i: tensor<4x2xi32>) {
  %g = moe.group %i : tensor<4x2xi32> -> !moe.groups<experts = 8, ragged>
  // expected-error @below {{'moe.grouped_matmul' op expects 8 rows, the bound T*K of the groups, got lhs 'tensor<4x4xf32>' and result 'tensor<4x3xf32>'}}
  moe.grouped_matmul lhs(%x) rhs(%w) by %g acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<4x4xf32>, tensor<8x3x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<4x3xf32>
  return
}

// -----

func.func @grouped_matmul_c1_bound_gather(%x: tensor<4x4xf32>, %w: tensor<8x3x4xf32>, %i: tensor<4x2xi32>) {
  %g = moe.group %i : tensor<4x2xi32> -> !moe.groups<experts = 8, ragged>
  // expected-error @below {{'moe.grouped_matmul' op expects 8 rows, the bound T*K of the groups, got lhs 'tensor<4x4xf32>' and result 'tensor<4x3xf32>'}}
  moe.grouped_matmul lhs(%x gather) rhs(%w) by %g acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<4x4xf32>, tensor<8x3x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<4x3xf32>
  return
}

// -----

func.func @grouped_matmul_c2_dense(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects groups made from slots to gather rows}}
  moe.grouped_matmul lhs(%x gather) rhs(%w) acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c2_offsets(%x: tensor<?x4xf32>, %w: tensor<8x3x4xf32>, %o: tensor<9xi32>) {
  %g = moe.groups_from_offsets %o : tensor<9xi32> -> !moe.groups<experts = 8, ragged>
  // expected-error @below {{'moe.grouped_matmul' op expects groups made from slots to gather rows}}
  moe.grouped_matmul lhs(%x gather) rhs(%w) by %g acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<8x3x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c2_tokens(%x: tensor<5x4xf32>, %w: tensor<8x3x4xf32>, %i: tensor<4x2xi32>) {
  %g = moe.group %i : tensor<4x2xi32> -> !moe.groups<experts = 8, ragged>
  // expected-error @below {{'moe.grouped_matmul' op expects one lhs row a token of the groups, got 'tensor<5x4xf32>' and ids 'tensor<4x2xi32>'}}
  moe.grouped_matmul lhs(%x gather) rhs(%w) by %g acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<5x4xf32>, tensor<8x3x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<8x3xf32>
  return
}

// -----

func.func @grouped_matmul_c3_count(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects 1 epilogue arguments, one accumulator a right-hand side and one value an operand, got 2}}
  moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%a: f32, %b: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c3_accumulator(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects epilogue argument 0 to be 'f64', got 'f32'}}
  moe.grouped_matmul lhs(%x) rhs(%w) acc f64 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c3_operand(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>, %b: tensor<3xbf16>) {
  // expected-error @below {{'moe.grouped_matmul' op expects epilogue argument 1 to be 'bf16', got 'f32'}}
  moe.grouped_matmul lhs(%x) rhs(%w) operands(%b columns) acc f32 {
  ^bb0(%a: f32, %c: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>, tensor<3xbf16>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c3_yield(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects the epilogue to yield one 'bf16'}}
  moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xbf16>
  return
}

// -----

func.func @grouped_matmul_c3_yield_two(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects the epilogue to yield one 'f32'}}
  moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%a: f32):
    moe.yield %a, %a : f32, f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c4_columns(%x: tensor<?x4xf32>, %w: tensor<8x3x4xf32>, %g: !moe.groups<experts = 8, ragged>, %b: tensor<3xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects operand 0 indexed by columns to be [8, 3], got 'tensor<3xf32>'}}
  moe.grouped_matmul lhs(%x) rhs(%w) by %g operands(%b columns) acc f32 {
  ^bb0(%a: f32, %c: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<8x3x4xf32>, !moe.groups<experts = 8, ragged>, tensor<3xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c4_columns_dense(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>, %b: tensor<1x3xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects operand 0 indexed by columns to be [3], got 'tensor<1x3xf32>'}}
  moe.grouped_matmul lhs(%x) rhs(%w) operands(%b columns) acc f32 {
  ^bb0(%a: f32, %c: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>, tensor<1x3xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c4_slots(%x: tensor<?x4xf32>, %w: tensor<8x3x4xf32>, %g: !moe.groups<experts = 8, ragged>, %b: tensor<3xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects operand 0 indexed by slots to be [?, ?] with groups, got 'tensor<3xf32>'}}
  moe.grouped_matmul lhs(%x) rhs(%w) by %g operands(%b slots) acc f32 {
  ^bb0(%a: f32, %c: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<8x3x4xf32>, !moe.groups<experts = 8, ragged>, tensor<3xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c4_slots_of_ids(%x: tensor<8x4xf32>, %w: tensor<8x3x4xf32>, %i: tensor<4x2xi32>, %b: tensor<4x3xf32>) {
  %g = moe.group %i : tensor<4x2xi32> -> !moe.groups<experts = 8, ragged>
  // expected-error @below {{'moe.grouped_matmul' op expects operand 0 indexed by slots to be [4, 2] with groups, got 'tensor<4x3xf32>'}}
  moe.grouped_matmul lhs(%x) rhs(%w) by %g operands(%b slots) acc f32 {
  ^bb0(%a: f32, %c: f32):
    moe.yield %a : f32
  } : (tensor<8x4xf32>, tensor<8x3x4xf32>, !moe.groups<experts = 8, ragged>, tensor<4x3xf32>) -> tensor<8x3xf32>
  return
}

// -----

func.func @grouped_matmul_c4_slots_dense(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>, %b: tensor<?x2xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects operand 0 indexed by slots to be [?, ?] with groups, got 'tensor<?x2xf32>'}}
  moe.grouped_matmul lhs(%x) rhs(%w) operands(%b slots) acc f32 {
  ^bb0(%a: f32, %c: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>, tensor<?x2xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c4_experts(%x: tensor<?x4xf32>, %w: tensor<8x3x4xf32>, %g: !moe.groups<experts = 8, ragged>, %b: tensor<7xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects operand 0 indexed by experts to be [8] with groups, got 'tensor<7xf32>'}}
  moe.grouped_matmul lhs(%x) rhs(%w) by %g operands(%b experts) acc f32 {
  ^bb0(%a: f32, %c: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<8x3x4xf32>, !moe.groups<experts = 8, ragged>, tensor<7xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c4_elements(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>, %b: tensor<?x4xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects operand 0 indexed by elements to be [?, 3], got 'tensor<?x4xf32>'}}
  moe.grouped_matmul lhs(%x) rhs(%w) operands(%b elements) acc f32 {
  ^bb0(%a: f32, %c: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>, tensor<?x4xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c4_index_count(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>, %b: tensor<3xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects one index an epilogue operand, got 0 for 1}}
  "moe.grouped_matmul"(%x, %w, %b) <{acc = f32, operandSegmentSizes = array<i32: 1, 1, 0, 0, 1>}> ({
  ^bb0(%a: f32, %c: f32):
    moe.yield %a : f32
  }) : (tensor<?x4xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c4_index_value(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>, %b: tensor<3xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects a known epilogue index, got -1}}
  "moe.grouped_matmul"(%x, %w, %b) <{acc = f32, epilogue_index = array<i32: -1>, operandSegmentSizes = array<i32: 1, 1, 0, 0, 1>}> ({
  ^bb0(%a: f32, %c: f32):
    moe.yield %a : f32
  }) : (tensor<?x4xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c5_dialect(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>, %t: tensor<2xf32>) {
  moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%a: f32):
    // expected-error @below {{'index.constant' op is not a scalar arith or math op, which is all that an epilogue may hold}}
    %i = index.constant 0
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c5_shaped(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) {
  moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%a: f32):
    // expected-error @below {{'arith.constant' op is not a scalar arith or math op, which is all that an epilogue may hold}}
    %i = arith.constant dense<0.0> : vector<4xf32>
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c6(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects acc f32 or f64, got 'bf16'}}
  moe.grouped_matmul lhs(%x) rhs(%w) acc bf16 {
  ^bb0(%a: bf16):
    %b = arith.extf %a : bf16 to f32
    moe.yield %b : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c7_other(%x: tensor<?x4xf32>, %w: tensor<8x3x4xf32>, %g: !moe.groups<experts = 8, ragged>, %h: !moe.groups<experts = 8, ragged>) {
  %t = moe.tiles %h : !moe.groups<experts = 8, ragged> -> !moe.tiles<rows = 4>
  // expected-error @below {{'moe.grouped_matmul' op expects tiles of its own groups}}
  moe.grouped_matmul lhs(%x) rhs(%w) by %g tiles(%t) acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<8x3x4xf32>, !moe.groups<experts = 8, ragged>, !moe.tiles<rows = 4>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c7_dense(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>, %t: !moe.tiles<rows = 4>) {
  // expected-error @below {{'moe.grouped_matmul' op expects tiles of its own groups}}
  moe.grouped_matmul lhs(%x) rhs(%w) tiles(%t) acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>, !moe.tiles<rows = 4>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_epilogue_empty(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects a non-empty block}}
  "moe.grouped_matmul"(%x, %w) <{acc = f32, operandSegmentSizes = array<i32: 1, 1, 0, 0, 0>}> ({
  ^bb0(%a: f32):
  }) : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_epilogue_captures(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) {
  // expected-note @below {{required by region isolation constraints}}
  moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%a: f32):
    // expected-error @below {{'arith.addf' op using value defined outside the region}}
    %b = "arith.addf"(%x, %x) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_segments(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op 'operandSegmentSizes' attribute cannot have negative elements}}
  "moe.grouped_matmul"(%x, %w) <{acc = f32, operandSegmentSizes = array<i32: 1, -1, 2, 0, 0>}> ({
  ^bb0(%a: f32):
    moe.yield %a : f32
  }) : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_results(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) {
  moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  // expected-error @below {{expected one result type}}
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> (tensor<?x3xf32>, tensor<?x3xf32>)
  return
}

// -----

func.func @grouped_matmul_index(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>, %b: tensor<3xf32>) {
  // expected-error @below {{unknown index 'rows', expected columns, slots, experts or elements}}
  moe.grouped_matmul lhs(%x) rhs(%w) operands(%b rows) acc f32 {
  ^bb0(%a: f32, %c: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<?x3xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// moe.tiles, moe.by_tokens
//===----------------------------------------------------------------------===//

// expected-error @below {{tiles expects rows >= 1, got rows = 0}}
func.func private @tiles_rows(!moe.tiles<rows = 0>)

// -----

func.func @by_tokens_c1(%t: index) {
  // expected-error @below {{'moe.by_tokens' op expects one region more than buckets, got 1 regions and 1 buckets}}
  moe.by_tokens %t [8] {
    moe.yield
  }
  return
}

// -----

func.func @by_tokens_c2_order(%t: index) {
  // expected-error @below {{'moe.by_tokens' op expects positive, ascending buckets, got 8 after 8}}
  moe.by_tokens %t [8, 8] {
    moe.yield
  }, {
    moe.yield
  }, {
    moe.yield
  }
  return
}

// -----

func.func @by_tokens_c2_positive(%t: index) {
  // expected-error @below {{'moe.by_tokens' op expects positive, ascending buckets, got -9223372036854775808 after 0}}
  moe.by_tokens %t [-9223372036854775808] {
    moe.yield
  }, {
    moe.yield
  }
  return
}

// -----

func.func @by_tokens_c3_yield(%t: index, %x: f32) {
  // expected-error @below {{'moe.by_tokens' op expects region 1 to yield the result types}}
  moe.by_tokens %t [8] -> (f32) {
    moe.yield %x : f32
  }, {
    moe.yield
  }
  return
}

// -----

func.func @by_tokens_c3_arguments(%t: index, %x: f32) {
  // expected-error @below {{'moe.by_tokens' op expects no arguments of region 0, got 1}}
  moe.by_tokens %t [8] -> (f32) {
  ^bb0(%a: f32):
    moe.yield %a : f32
  }, {
  ^bb0(%a: f32):
    moe.yield %a : f32
  }
  return
}

// -----

func.func @grouped_matmul_c8_layout(%x: tensor<?x8xf32>, %g: !moe.groups<experts = 4, dense>, %w: tensor<4x3x8xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects ragged groups of tokens' slots, got another layout; moe-normalize-groups makes them}}
  moe.grouped_matmul lhs(%x) rhs(%w) by %g acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<?x8xf32>, tensor<4x3x8xf32>, !moe.groups<experts = 4, dense>) -> tensor<?x3xf32>
  return
}

// -----

func.func @grouped_matmul_c8_axis(%x: tensor<?x8xf32>, %i: tensor<4x2xi32>, %t: index, %w: tensor<4x3x8xf32>) {
  %g = moe.group %i axis expert tokens %t : tensor<4x2xi32> -> !moe.groups<experts = 4, ragged>
  // expected-error @below {{'moe.grouped_matmul' op expects ragged groups of tokens' slots, got those of axis expert; moe-normalize-groups makes them}}
  moe.grouped_matmul lhs(%x) rhs(%w) by %g acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<?x8xf32>, tensor<4x3x8xf32>, !moe.groups<experts = 4, ragged>) -> tensor<?x3xf32>
  return
}

// -----

func.func @row_experts_c1(%g: !moe.groups<experts = 4, ragged>, %n: index) {
  // expected-error @below {{'moe.row_experts' op expects one i32 a row of the groups, got 'tensor<?xi64>'}}
  moe.row_experts %g rows %n : !moe.groups<experts = 4, ragged> -> tensor<?xi64>
  return
}

// -----

func.func @places_c1(%i: tensor<4x2xi32>, %t: index) {
  // expected-error @below {{'moe.places' op expects static ids [E, C] and places [T, E] of i32, got 'tensor<4x2xi32>' and 'tensor<?x2xi32>'}}
  moe.places %i tokens %t : tensor<4x2xi32> -> tensor<?x2xi32>
  return
}
