// RUN: moe-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @layer
func.func @layer(%x: tensor<?x64xbf16>, %ids: tensor<?x8xi32>, %w: tensor<?x8xf32>, %shared: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  // CHECK: %[[G:.*]] = moe.group %{{.*}} : tensor<?x8xi32> -> !moe.groups<experts = 128, ragged>
  %g = moe.group %ids : tensor<?x8xi32> -> !moe.groups<experts = 128, ragged>
  // CHECK: moe.offsets %[[G]] : !moe.groups<experts = 128, ragged> -> tensor<129xi32>
  %o = moe.offsets %g : !moe.groups<experts = 128, ragged> -> tensor<129xi32>
  // CHECK: %[[R:.*]] = moe.dispatch %{{.*}} by %[[G]] : tensor<?x64xbf16>, !moe.groups<experts = 128, ragged> -> tensor<?x64xbf16>
  %r = moe.dispatch %x by %g : tensor<?x64xbf16>, !moe.groups<experts = 128, ragged> -> tensor<?x64xbf16>
  // CHECK: moe.combine %[[R]] by %[[G]] weights %{{.*}} init %{{.*}} acc f32 order slot : (tensor<?x64xbf16>, !moe.groups<experts = 128, ragged>, tensor<?x8xf32>, tensor<?x64xbf16>) -> tensor<?x64xbf16>
  %y = moe.combine %r by %g weights %w init %shared acc f32 order slot
      : (tensor<?x64xbf16>, !moe.groups<experts = 128, ragged>, tensor<?x8xf32>, tensor<?x64xbf16>) -> tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}

// Known token counts bind the rows: T*K of them.
// CHECK-LABEL: func.func @static
func.func @static(%x: tensor<4x64xf32>, %ids: tensor<4x2xi32>, %w: tensor<4x2xf32>) -> tensor<4x64xf32> {
  %g = moe.group %ids : tensor<4x2xi32> -> !moe.groups<experts = 8, ragged>
  // CHECK: moe.dispatch %{{.*}} by %{{.*}} scale %{{.*}} : tensor<4x64xf32>, !moe.groups<experts = 8, ragged>, tensor<4x2xf32> -> tensor<8x64xf32>
  %r = moe.dispatch %x by %g scale %w : tensor<4x64xf32>, !moe.groups<experts = 8, ragged>, tensor<4x2xf32> -> tensor<8x64xf32>
  // CHECK: moe.combine %{{.*}} by %{{.*}} acc bf16 order expert : (tensor<8x64xf32>, !moe.groups<experts = 8, ragged>) -> tensor<4x64xf32>
  %y = moe.combine %r by %g acc bf16 order expert : (tensor<8x64xf32>, !moe.groups<experts = 8, ragged>) -> tensor<4x64xf32>
  // CHECK: moe.combine %{{.*}} by %{{.*}} init %{{.*}} acc f64 order any
  %z = moe.combine %r by %g init %y acc f64 order any : (tensor<8x64xf32>, !moe.groups<experts = 8, ragged>, tensor<4x64xf32>) -> tensor<4x64xf32>
  return %z : tensor<4x64xf32>
}

// Experts 32 to 47 of 128 are here. Ids and offsets stay global.
// CHECK-LABEL: func.func @local
func.func @local(%ids: tensor<?x8xi32>) -> tensor<129xi32> {
  // CHECK: moe.group %{{.*}} -> !moe.groups<experts = 128, local = [32, 16], ragged>
  %g = moe.group %ids : tensor<?x8xi32> -> !moe.groups<experts = 128, local = [32, 16], ragged>
  // A range of all experts is no range.
  // CHECK: moe.group %{{.*}} -> !moe.groups<experts = 128, ragged>
  %all = moe.group %ids : tensor<?x8xi32> -> !moe.groups<experts = 128, local = [0, 128], ragged>
  %o = moe.offsets %g : !moe.groups<experts = 128, local = [32, 16], ragged> -> tensor<129xi32>
  return %o : tensor<129xi32>
}

// CHECK-LABEL: func.func @from_offsets
func.func @from_offsets(%o: tensor<9xi32>) -> tensor<9xi32> {
  // CHECK: moe.groups_from_offsets %{{.*}} : tensor<9xi32> -> !moe.groups<experts = 8, ragged>
  %g = moe.groups_from_offsets %o : tensor<9xi32> -> !moe.groups<experts = 8, ragged>
  // CHECK: moe.offsets
  %p = moe.offsets %g : !moe.groups<experts = 8, ragged> -> tensor<9xi32>
  return %p : tensor<9xi32>
}

// CHECK-LABEL: func.func @checked
func.func @checked(%ids: tensor<?x8xi32>) {
  // CHECK: %[[S:.*]] = moe.check_ids %{{.*}} experts 128 : tensor<?x8xi32> -> tensor<1xi64>
  %s = moe.check_ids %ids experts 128 : tensor<?x8xi32> -> tensor<1xi64>
  // CHECK: moe.require %[[S]] error 708 : tensor<1xi64>
  moe.require %s error 708 : tensor<1xi64>
  return
}
