// RUN: not moe-test-opt %s -moe-form-kernels 2>&1 | FileCheck %s

// Indices of rows are i32: 2^31 - 2 rows are the most that two slots a token
// make, one token more is refused.

module attributes {moe.target = #moe_test.target} {
  func.func @most(%i: tensor<?x2xi32> {moe.dims = ["T", "K"]}) -> tensor<5xi32>
      attributes {moe.bounds = {T = 1073741823}} {
    %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 4, ragged>
    %o = moe.offsets %g : !moe.groups<experts = 4, ragged> -> tensor<5xi32>
    return %o : tensor<5xi32>
  }
  // CHECK-NOT: error
  // CHECK: :[[@LINE+4]]:{{[0-9]+}}: error: 'moe.group' op expects fewer than 2^31 rows, as indices of rows are i32, got T * 2 of up to 2147483648; lower the bound of its tokens (moe.bounds)
  // CHECK-NOT: error
  func.func @more(%i: tensor<?x2xi32> {moe.dims = ["T", "K"]}) -> tensor<5xi32>
      attributes {moe.bounds = {T = 1073741824}} {
    %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 4, ragged>
    %o = moe.offsets %g : !moe.groups<experts = 4, ragged> -> tensor<5xi32>
    return %o : tensor<5xi32>
  }
}
