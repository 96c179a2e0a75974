// RUN: moe-opt %s -pass-pipeline='builtin.module(func.func(moe-lower-picks))' -split-input-file -mlir-print-local-scope | FileCheck %s

// Row e*C + c is the token that expert e picked as its c-th, and a pick that is
// none is some row. A token walks the experts in order and adds, weighted and in
// f32, what moe.places says of it, and nothing where that is -1.
// CHECK-LABEL: func.func @weights
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xbf16>, %[[I:.*]]: tensor<4x2xi32>, %[[T:.*]]: index, %[[W:.*]]: tensor<4x2xf32>) -> tensor<?x8xbf16> {
// CHECK-NEXT: %[[P:.*]] = moe.places %[[I]] tokens %[[T]] : tensor<4x2xi32> -> tensor<?x4xi32>
// CHECK-NEXT: %[[E:.*]] = tensor.empty() : tensor<8x8xbf16>
// CHECK-NEXT: %[[R:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} outs(%[[E]] : tensor<8x8xbf16>) {
// CHECK: %[[ROW:.*]] = linalg.index 0 : index
// CHECK-NEXT: %[[H:.*]] = linalg.index 1 : index
// CHECK-NEXT: %[[C:.*]] = arith.constant 2 : index
// CHECK-NEXT: %[[DIV:.*]] = arith.divui %[[ROW]], %[[C]] : index
// CHECK-NEXT: %[[REM:.*]] = arith.remui %[[ROW]], %[[C]] : index
// CHECK-NEXT: %[[ID:.*]] = tensor.extract %[[I]][%[[DIV]], %[[REM]]] : tensor<4x2xi32>
// CHECK-NEXT: %[[ZERO:.*]] = arith.constant 0 : i32
// CHECK-NEXT: %[[SOME:.*]] = arith.maxsi %[[ID]], %[[ZERO]] : i32
// CHECK-NEXT: %[[TOKEN:.*]] = arith.index_cast %[[SOME]] : i32 to index
// CHECK-NEXT: %[[V:.*]] = tensor.extract %[[X]][%[[TOKEN]], %[[H]]] : tensor<?x8xbf16>
// CHECK-NEXT: linalg.yield %[[V]] : bf16
// CHECK: %[[F:.*]] = tensor.empty(%[[T]]) : tensor<?x8xf32>
// CHECK-NEXT: %[[C:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-NEXT: %[[Z:.*]] = linalg.fill ins(%[[C]] : f32) outs(%[[F]] : tensor<?x8xf32>)
// CHECK-NEXT: %[[S:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%[[P]] : tensor<?x4xi32>) outs(%[[Z]] : tensor<?x8xf32>) {
// CHECK-NEXT: ^bb0(%[[PLACE:.*]]: i32, %[[SUM:.*]]: f32):
// CHECK-NEXT: %[[EXPERT:.*]] = linalg.index 2 : index
// CHECK-NEXT: %[[H:.*]] = linalg.index 1 : index
// CHECK-NEXT: %[[ZERO:.*]] = arith.constant 0 : i32
// CHECK-NEXT: %[[PICKED:.*]] = arith.cmpi sge, %[[PLACE]], %[[ZERO]] : i32
// CHECK-NEXT: %[[SOME:.*]] = arith.maxsi %[[PLACE]], %[[ZERO]] : i32
// CHECK-NEXT: %[[AT:.*]] = arith.index_cast %[[SOME]] : i32 to index
// CHECK-NEXT: %[[C:.*]] = arith.constant 2 : index
// CHECK-NEXT: %[[FIRST:.*]] = arith.muli %[[EXPERT]], %[[C]] : index
// CHECK-NEXT: %[[ROW:.*]] = arith.addi %[[FIRST]], %[[AT]] : index
// CHECK-NEXT: %[[V:.*]] = tensor.extract %[[R]][%[[ROW]], %[[H]]] : tensor<8x8xbf16>
// CHECK-NEXT: %[[U:.*]] = tensor.extract %[[W]][%[[EXPERT]], %[[AT]]] : tensor<4x2xf32>
// CHECK-NEXT: %[[WIDE:.*]] = arith.extf %[[V]] : bf16 to f32
// CHECK-NEXT: %[[PROD:.*]] = arith.mulf %[[U]], %[[WIDE]] : f32
// CHECK-NEXT: %[[NEXT:.*]] = arith.addf %[[SUM]], %[[PROD]] : f32
// CHECK-NEXT: %[[SEL:.*]] = arith.select %[[PICKED]], %[[NEXT]], %[[SUM]] : f32
// CHECK-NEXT: linalg.yield %[[SEL]] : f32
// CHECK: %[[Y:.*]] = linalg.generic {{.*}} ins(%[[S]] : tensor<?x8xf32>) outs(%{{.*}} : tensor<?x8xbf16>) {
// CHECK: %[[N:.*]] = arith.truncf %{{.*}} : f32 to bf16
// CHECK-NEXT: linalg.yield %[[N]] : bf16
// CHECK-NOT: moe.
// CHECK: return %[[Y]] : tensor<?x8xbf16>
!g = !moe.groups<experts = 4, ragged>
func.func @weights(%x: tensor<?x8xbf16>, %i: tensor<4x2xi32>, %t: index, %w: tensor<4x2xf32>) -> tensor<?x8xbf16> {
  %g = moe.group %i axis expert tokens %t : tensor<4x2xi32> -> !g
  %r = moe.dispatch %x by %g : tensor<?x8xbf16>, !g -> tensor<8x8xbf16>
  %y = moe.combine %r by %g weights %w acc f32 order expert : (tensor<8x8xbf16>, !g, tensor<4x2xf32>) -> tensor<?x8xbf16>
  return %y : tensor<?x8xbf16>
}

// -----

// A scale is that of the pick. A sum starts from its init, where it has one, and
// combines by the same groups share the places.
// CHECK-LABEL: func.func @scale_and_init
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[I:.*]]: tensor<4x2xi32>, %[[T:.*]]: index, %[[W:.*]]: tensor<4x2xf32>, %[[B:.*]]: tensor<?x8xf32>)
// CHECK: %[[P:.*]] = moe.places %[[I]] tokens %[[T]]
// CHECK-NOT: moe.
// CHECK: %[[R:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<8x8xf32>) {
// CHECK: %[[ROW:.*]] = linalg.index 0 : index
// CHECK: %[[V:.*]] = tensor.extract %[[X]][%{{.*}}, %{{.*}}] : tensor<?x8xf32>
// CHECK-NEXT: %[[C:.*]] = arith.constant 2 : index
// CHECK-NEXT: %[[DIV:.*]] = arith.divui %[[ROW]], %[[C]] : index
// CHECK-NEXT: %[[REM:.*]] = arith.remui %[[ROW]], %[[C]] : index
// CHECK-NEXT: %[[S:.*]] = tensor.extract %[[W]][%[[DIV]], %[[REM]]] : tensor<4x2xf32>
// CHECK-NEXT: %[[M:.*]] = arith.mulf %[[V]], %[[S]] : f32
// CHECK-NEXT: linalg.yield %[[M]] : f32
// CHECK-NOT: moe.
// CHECK: %[[Y:.*]] = linalg.generic {{.*}} ins(%[[P]] : tensor<?x4xi32>) outs(%[[B]] : tensor<?x8xf32>) {
// CHECK: ^bb0(%[[PLACE:.*]]: i32, %[[SUM:.*]]: f32):
// CHECK: %[[PICKED:.*]] = arith.cmpi sge, %[[PLACE]], %{{.*}} : i32
// CHECK: %[[V:.*]] = tensor.extract %[[R]][%{{.*}}, %{{.*}}] : tensor<8x8xf32>
// CHECK-NEXT: %[[N:.*]] = arith.addf %[[SUM]], %[[V]] : f32
// CHECK-NEXT: %[[SEL:.*]] = arith.select %[[PICKED]], %[[N]], %[[SUM]] : f32
// CHECK-NEXT: linalg.yield %[[SEL]] : f32
// CHECK: %[[C:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-NEXT: %[[Z:.*]] = linalg.fill ins(%[[C]] : f32) outs(%{{.*}} : tensor<?x8xf32>)
// CHECK-NEXT: %[[U:.*]] = linalg.generic {{.*}} ins(%[[P]] : tensor<?x4xi32>) outs(%[[Z]] : tensor<?x8xf32>) {
// CHECK: %[[V:.*]] = tensor.extract %[[R]][%{{.*}}, %{{.*}}] : tensor<8x8xf32>
// CHECK-NEXT: %{{.*}} = arith.addf %{{.*}}, %[[V]] : f32
// CHECK-NOT: moe.
// CHECK: return %[[Y]], %[[U]]
!g = !moe.groups<experts = 4, ragged>
func.func @scale_and_init(%x: tensor<?x8xf32>, %i: tensor<4x2xi32>, %t: index, %s: tensor<4x2xf32>, %b: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %g = moe.group %i axis expert tokens %t : tensor<4x2xi32> -> !g
  %r = moe.dispatch %x by %g scale %s : tensor<?x8xf32>, !g, tensor<4x2xf32> -> tensor<8x8xf32>
  %y = moe.combine %r by %g init %b acc f32 order expert : (tensor<8x8xf32>, !g, tensor<?x8xf32>) -> tensor<?x8xf32>
  %z = moe.combine %r by %g acc f32 order expert : (tensor<8x8xf32>, !g) -> tensor<?x8xf32>
  return %y, %z : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// An expert's groups have their offsets given. Types of rows and of tokens may
// say less or more than the picks.
// CHECK-LABEL: func.func @static
// CHECK-SAME: (%[[X:.*]]: tensor<16x8xf32>, %[[I:.*]]: tensor<4x3xi32>) -> tensor<16x8xf32> {
// CHECK-NEXT: %[[T:.*]] = arith.constant 16 : index
// CHECK-NEXT: %[[P:.*]] = moe.places %[[I]] tokens %[[T]] : tensor<4x3xi32> -> tensor<?x4xi32>
// CHECK-NEXT: %[[F:.*]] = arith.constant dense<[0, 3, 6, 9, 12]> : tensor<5xi32>
// CHECK-NEXT: %[[G:.*]] = moe.groups_from_offsets %[[F]] : tensor<5xi32> -> !moe.groups<experts = 4, ragged>
// CHECK-NOT: moe.
// CHECK: %[[R:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<12x8xf32>) {
// CHECK: arith.constant 3 : index
// CHECK: %[[C:.*]] = tensor.cast %[[R]] : tensor<12x8xf32> to tensor<?x8xf32>
// CHECK-NEXT: %[[O:.*]] = moe.expert %[[C]] by %[[G]] {
// CHECK: } : (tensor<?x8xf32>, !moe.groups<experts = 4, ragged>) -> tensor<?x8xf32>
// CHECK-NEXT: tensor.empty(%[[T]]) : tensor<?x8xf32>
// CHECK: %[[S:.*]] = linalg.generic {{.*}} ins(%[[P]] : tensor<?x4xi32>)
// CHECK: %[[C:.*]] = arith.constant 3 : index
// CHECK-NEXT: %{{.*}} = arith.muli %{{.*}}, %[[C]] : index
// CHECK: tensor.extract %[[O]][
// CHECK: %[[Y:.*]] = tensor.cast %[[S]] : tensor<?x8xf32> to tensor<16x8xf32>
// CHECK-NEXT: return %[[Y]] : tensor<16x8xf32>
!g = !moe.groups<experts = 4, ragged>
func.func @static(%x: tensor<16x8xf32>, %i: tensor<4x3xi32>) -> tensor<16x8xf32> {
  %t = arith.constant 16 : index
  %g = moe.group %i axis expert tokens %t : tensor<4x3xi32> -> !g
  %r = moe.dispatch %x by %g : tensor<16x8xf32>, !g -> tensor<?x8xf32>
  %o = moe.expert %r by %g {
  ^bb0(%rows: tensor<?x8xf32>):
    moe.yield %rows : tensor<?x8xf32>
  } : (tensor<?x8xf32>, !g) -> tensor<?x8xf32>
  %y = moe.combine %o by %g acc f32 order expert : (tensor<?x8xf32>, !g) -> tensor<16x8xf32>
  return %y : tensor<16x8xf32>
}

// -----

// Slots of tokens are sorted, not picked: nothing to do.
// CHECK-LABEL: func.func @slots
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[I:.*]]: tensor<?x2xi32>)
// CHECK-NEXT: %[[G:.*]] = moe.group %[[I]] : tensor<?x2xi32>
// CHECK-NEXT: %[[R:.*]] = moe.dispatch %[[X]] by %[[G]]
// CHECK-NEXT: %[[O:.*]] = moe.offsets %[[G]]
// CHECK-NEXT: %[[Y:.*]] = moe.combine %[[R]] by %[[G]] acc f32 order slot
// CHECK-NEXT: return %[[Y]], %[[O]]
!g = !moe.groups<experts = 4, ragged>
func.func @slots(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>) -> (tensor<?x8xf32>, tensor<5xi32>) {
  %g = moe.group %i : tensor<?x2xi32> -> !g
  %r = moe.dispatch %x by %g : tensor<?x8xf32>, !g -> tensor<?x8xf32>
  %o = moe.offsets %g : !g -> tensor<5xi32>
  %y = moe.combine %r by %g acc f32 order slot : (tensor<?x8xf32>, !g) -> tensor<?x8xf32>
  return %y, %o : tensor<?x8xf32>, tensor<5xi32>
}
