// RUN: moe-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{moe.kernel expects a unit on a function, got 1 : i64}}
func.func @value() attributes {moe.kernel = 1} {
  return
}

// -----

func.func @inside() {
  // expected-error @below {{moe.kernel expects a unit on a function, got unit}}
  %0 = arith.constant {moe.kernel} 1 : i32
  return
}
