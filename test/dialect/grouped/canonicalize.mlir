// RUN: moe-opt %s -canonicalize -split-input-file | FileCheck %s

// Forms that are the same code are one form.
// CHECK-LABEL: func.func @equal
// CHECK-NOT: moe.by_tokens
// CHECK: %[[H:.*]] = math.exp
// CHECK-NEXT: return %[[H]]
func.func @equal(%t: index, %x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %y = moe.by_tokens %t [8] -> (tensor<?x4xf32>) {
    %h = math.exp %x : tensor<?x4xf32>
    moe.yield %h : tensor<?x4xf32>
  }, {
    %h = math.exp %x : tensor<?x4xf32>
    moe.yield %h : tensor<?x4xf32>
  }
  return %y : tensor<?x4xf32>
}

// -----

// Of three, the equal neighbours; the cut between them goes.
// CHECK-LABEL: func.func @neighbours
// CHECK: moe.by_tokens %{{.*}} [128] -> (tensor<?x4xf32>) {
// CHECK: math.exp
// CHECK: }, {
// CHECK: math.sin
func.func @neighbours(%t: index, %x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %y = moe.by_tokens %t [8, 128] -> (tensor<?x4xf32>) {
    %h = math.exp %x : tensor<?x4xf32>
    moe.yield %h : tensor<?x4xf32>
  }, {
    %h = math.exp %x : tensor<?x4xf32>
    moe.yield %h : tensor<?x4xf32>
  }, {
    %h = math.sin %x : tensor<?x4xf32>
    moe.yield %h : tensor<?x4xf32>
  }
  return %y : tensor<?x4xf32>
}

// -----

// The first and the last may be equal and still are two.
// CHECK-LABEL: func.func @apart
// CHECK: moe.by_tokens %{{.*}} [8, 128]
func.func @apart(%t: index, %x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %y = moe.by_tokens %t [8, 128] -> (tensor<?x4xf32>) {
    %h = math.exp %x : tensor<?x4xf32>
    moe.yield %h : tensor<?x4xf32>
  }, {
    %h = math.sin %x : tensor<?x4xf32>
    moe.yield %h : tensor<?x4xf32>
  }, {
    %h = math.exp %x : tensor<?x4xf32>
    moe.yield %h : tensor<?x4xf32>
  }
  return %y : tensor<?x4xf32>
}

// -----

// An attribute tells forms apart: a plan is one.
// CHECK-LABEL: func.func @attributes
// CHECK: moe.by_tokens
func.func @attributes(%t: index, %x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %y = moe.by_tokens %t [8] -> (tensor<?x4xf32>) {
    %h = math.exp %x {form = 0} : tensor<?x4xf32>
    moe.yield %h : tensor<?x4xf32>
  }, {
    %h = math.exp %x {form = 1} : tensor<?x4xf32>
    moe.yield %h : tensor<?x4xf32>
  }
  return %y : tensor<?x4xf32>
}
