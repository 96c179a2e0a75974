// RUN: moe-opt %s -moe-override-ids -split-input-file -verify-diagnostics | FileCheck %s

// Rows go to the given experts; what the layer returns stays what its router
// said.
// CHECK-LABEL: func.func @layer
// CHECK-SAME: (%[[L:.*]]: tensor<?x8xf32> {moe.dims = ["T", "E"]}, %[[O:.*]]: tensor<?x2xi32> {moe.dims = ["T", "K"], moe.name = "override_ids"})
// CHECK-NEXT: %[[I:.*]], %[[W:.*]] = moe.route %[[L]]
// CHECK-NEXT: moe.group %[[O]]
// CHECK: return %[[I]], %{{.*}}
func.func @layer(%l: tensor<?x8xf32> {moe.dims = ["T", "E"]}) -> (tensor<?x2xi32>, tensor<9xi32>) {
  %i, %w = moe.route %l select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %o = moe.offsets %g : !moe.groups<experts = 8, ragged> -> tensor<9xi32>
  return %i, %o : tensor<?x2xi32>, tensor<9xi32>
}

// -----

// Without names of dimensions there is nothing to name, nor without arguments.
// CHECK-LABEL: func.func @no_names
// CHECK-SAME: %{{.*}}: tensor<?x2xi32> {moe.name = "override_ids"})
func.func @no_names(%l: tensor<?x8xf32>) {
  %i, %w = moe.route %l select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}
// CHECK-LABEL: func.func @no_arguments
// CHECK-SAME: (%{{.*}}: tensor<4x2xi32> {moe.name = "override_ids"})
func.func @no_arguments() {
  %l = arith.constant dense<1.0> : tensor<4x8xf32>
  %i, %w = moe.route %l select top_k(2) : tensor<4x8xf32> -> tensor<4x2xi32>, tensor<4x2xf32>
  return
}
// CHECK-LABEL: func.func @scalar_first
// CHECK-SAME: %{{.*}}: tensor<?x2xi32> {moe.name = "override_ids"})
func.func @scalar_first(%s: tensor<f32> {moe.dims = []}, %l: tensor<?x8xf32>) {
  %i, %w = moe.route %l select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

// What nobody can call has no caller to give ids.
// CHECK-LABEL: func.func private @callee
// CHECK-SAME: (%{{[^,]*}}: tensor<?x8xf32>) {
func.func private @callee(%l: tensor<?x8xf32>) {
  %i, %w = moe.route %l select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}
// CHECK: func.func private @declared(tensor<?x8xf32>)
func.func private @declared(%l: tensor<?x8xf32>)

// -----

// expected-error @below {{expects one router to override the ids of, got 0}}
func.func @no_router(%l: tensor<?x8xf32>) {
  return
}

// -----

// expected-error @below {{expects one router to override the ids of, got 2}}
func.func @two_routers(%l: tensor<?x8xf32>) {
  %i, %w = moe.route %l select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %j, %v = moe.route %l select top_k(1) : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
  return
}
