// RUN: moe-opt %s --moe-pipeline=target=sm_90a --moe-explain=json > %t.sm_90a
// RUN: %python %S/counts.py 132 < %t.sm_90a
// RUN: moe-opt %s --moe-pipeline=target=sm_80 --moe-explain=json | %python %S/counts.py 108
// RUN: moe-opt %s --moe-pipeline=target=sm_90a --moe-explain | FileCheck %s

// How plans fill a device is among the figures of their decisions, for the
// token counts of the form that they are for: up to 8 * 16 / 2 here, and above.
// CHECK: plan of grouped_matmul 8x200x64, 1 side: sm90_wgmma, tiles of 64x
// CHECK: experts 2/7.203/8, {{.*}} slots 2, {{.*}}, tokens 1/8/32, {{.*}}waves
// CHECK: plan of grouped_matmul 8x200x64, 1 side: sm90_wgmma, tiles of 128x
// CHECK: tokens 128/1024/4096/16384/32768

!g = !moe.groups<experts = 8, ragged>
func.func @layer(%x: tensor<?x64xbf16> {moe.dims = ["T", "H"]}, %ids: tensor<?x2xi32> {moe.dims = ["T", "K"]}, %w: tensor<8x200x64xbf16>) -> tensor<?x200xf32> {
  %g = moe.group %ids : tensor<?x2xi32> -> !g
  %y = moe.grouped_matmul lhs(%x gather) rhs(%w) by %g acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<?x64xbf16>, tensor<8x200x64xbf16>, !g) -> tensor<?x200xf32>
  return %y : tensor<?x200xf32>
}

// Without groups every token is a row.
func.func @plain(%x: tensor<?x64xbf16> {moe.dims = ["T", "H"]}, %w: tensor<100x64xbf16>) -> tensor<?x100xf32> {
  %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<?x64xbf16>, tensor<100x64xbf16>) -> tensor<?x100xf32>
  return %y : tensor<?x100xf32>
}
