// RUN: moe-opt %s -pass-pipeline='builtin.module(func.func(moe-lower-virtual))' -split-input-file -mlir-print-local-scope | FileCheck %s

// A range of each kind: ids 2 to 5 and 7 lose their rows, 6 becomes 2. A
// sum starts from its init, then x times the weights of 2 and 3, then the
// constants of 4 and 5 times theirs; all in f32 from bf16.
// CHECK-LABEL: func.func @ranges
// CHECK-SAME: (%[[X:.*]]: tensor<?x4xbf16>, %[[I:.*]]: tensor<?x2xi32>, %[[P:.*]]: tensor<?x2xf32>, %[[W:.*]]: tensor<3x4x4xbf16>, %[[C:.*]]: tensor<2x4xbf16>, %[[B:.*]]: tensor<?x4xbf16>) -> tensor<?x4xbf16> {
// CHECK: %[[OWN:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%[[I]] : tensor<?x2xi32>) outs(%{{.*}} : tensor<?x2xi32>) {
// CHECK-NEXT: ^bb0(%[[ID:.*]]: i32, %{{.*}}: i32):
// CHECK-NEXT: %[[NONE:.*]] = arith.constant -1 : i32
// CHECK-NEXT: %[[ZERO:.*]] = arith.constant 0 : i32
// CHECK-NEXT: %[[K:.*]] = arith.constant 3 : i32
// CHECK-NEXT: %[[BEHIND:.*]] = arith.cmpi sgt, %[[ID]], %[[K]] : i32
// CHECK-NEXT: %[[COUNT:.*]] = arith.constant 2 : i32
// CHECK-NEXT: %[[SHIFT:.*]] = arith.select %[[BEHIND]], %[[COUNT]], %[[ZERO]] : i32
// CHECK-NEXT: %[[N1:.*]] = arith.subi %[[ID]], %[[SHIFT]] : i32
// CHECK-NEXT: %[[LOW:.*]] = arith.constant 2 : i32
// CHECK-NEXT: %[[ABOVE:.*]] = arith.cmpi sge, %[[ID]], %[[LOW]] : i32
// CHECK-NEXT: %[[HIGH:.*]] = arith.constant 3 : i32
// CHECK-NEXT: %[[BELOW:.*]] = arith.cmpi sle, %[[ID]], %[[HIGH]] : i32
// CHECK-NEXT: %[[IN1:.*]] = arith.andi %[[ABOVE]], %[[BELOW]] : i1
// CHECK-NEXT: %[[K:.*]] = arith.constant 5 : i32
// CHECK-NEXT: %[[BEHIND:.*]] = arith.cmpi sgt, %[[ID]], %[[K]] : i32
// CHECK-NEXT: %[[COUNT:.*]] = arith.constant 2 : i32
// CHECK-NEXT: %[[SHIFT:.*]] = arith.select %[[BEHIND]], %[[COUNT]], %[[ZERO]] : i32
// CHECK-NEXT: %[[N2:.*]] = arith.subi %[[N1]], %[[SHIFT]] : i32
// CHECK-NEXT: %[[LOW:.*]] = arith.constant 4 : i32
// CHECK-NEXT: %[[ABOVE:.*]] = arith.cmpi sge, %[[ID]], %[[LOW]] : i32
// CHECK-NEXT: %[[HIGH:.*]] = arith.constant 5 : i32
// CHECK-NEXT: %[[BELOW:.*]] = arith.cmpi sle, %[[ID]], %[[HIGH]] : i32
// CHECK-NEXT: %[[INSIDE:.*]] = arith.andi %[[ABOVE]], %[[BELOW]] : i1
// CHECK-NEXT: %[[IN2:.*]] = arith.ori %[[IN1]], %[[INSIDE]] : i1
// CHECK-NEXT: %[[K:.*]] = arith.constant 7 : i32
// CHECK-NEXT: %[[BEHIND:.*]] = arith.cmpi sgt, %[[ID]], %[[K]] : i32
// CHECK-NEXT: %[[COUNT:.*]] = arith.constant 1 : i32
// CHECK-NEXT: %[[SHIFT:.*]] = arith.select %[[BEHIND]], %[[COUNT]], %[[ZERO]] : i32
// CHECK-NEXT: %[[N3:.*]] = arith.subi %[[N2]], %[[SHIFT]] : i32
// CHECK-NEXT: %[[LOW:.*]] = arith.constant 7 : i32
// CHECK-NEXT: %[[ABOVE:.*]] = arith.cmpi sge, %[[ID]], %[[LOW]] : i32
// CHECK-NEXT: %[[HIGH:.*]] = arith.constant 7 : i32
// CHECK-NEXT: %[[BELOW:.*]] = arith.cmpi sle, %[[ID]], %[[HIGH]] : i32
// CHECK-NEXT: %[[INSIDE:.*]] = arith.andi %[[ABOVE]], %[[BELOW]] : i1
// CHECK-NEXT: %[[IN3:.*]] = arith.ori %[[IN2]], %[[INSIDE]] : i1
// CHECK-NEXT: %[[NEXT:.*]] = arith.select %[[IN3]], %[[NONE]], %[[N3]] : i32
// CHECK-NEXT: linalg.yield %[[NEXT]] : i32
// CHECK: %[[G:.*]] = moe.group %[[OWN]] : tensor<?x2xi32> -> !moe.groups<experts = 3, ragged>
// CHECK-NEXT: %[[R:.*]] = moe.dispatch %[[X]] by %[[G]] : tensor<?x4xbf16>, !moe.groups<experts = 3, ragged> -> tensor<?x4xbf16>
// CHECK-NEXT: %[[O:.*]] = moe.expert %[[R]] by %[[G]] weights(%[[W]]) {
// CHECK: } : (tensor<?x4xbf16>, !moe.groups<experts = 3, ragged>, tensor<3x4x4xbf16>) -> tensor<?x4xbf16>
// CHECK: %[[INIT:.*]] = linalg.generic {{.*}} ins(%[[B]] : tensor<?x4xbf16>) outs(%{{.*}} : tensor<?x4xf32>) {
// CHECK: arith.extf %{{.*}} : bf16 to f32
// CHECK: %[[Z:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-NEXT: %[[F:.*]] = linalg.fill ins(%[[Z]] : f32) outs(%{{.*}} : tensor<?xf32>)
// CHECK-NEXT: %[[PI:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]} ins(%[[I]], %[[P]] : tensor<?x2xi32>, tensor<?x2xf32>) outs(%[[F]] : tensor<?xf32>) {
// CHECK-NEXT: ^bb0(%[[ID:.*]]: i32, %[[PJ:.*]]: f32, %[[SUM:.*]]: f32):
// CHECK-NEXT: %[[LOW:.*]] = arith.constant 2 : i32
// CHECK-NEXT: %[[ABOVE:.*]] = arith.cmpi sge, %[[ID]], %[[LOW]] : i32
// CHECK-NEXT: %[[HIGH:.*]] = arith.constant 3 : i32
// CHECK-NEXT: %[[BELOW:.*]] = arith.cmpi sle, %[[ID]], %[[HIGH]] : i32
// CHECK-NEXT: %[[INSIDE:.*]] = arith.andi %[[ABOVE]], %[[BELOW]] : i1
// CHECK-NEXT: %[[NEXT:.*]] = arith.addf %[[SUM]], %[[PJ]] : f32
// CHECK-NEXT: %[[SEL:.*]] = arith.select %[[INSIDE]], %[[NEXT]], %[[SUM]] : f32
// CHECK-NEXT: linalg.yield %[[SEL]] : f32
// CHECK: %[[ID3:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%[[PI]], %[[X]], %[[INIT]] : tensor<?xf32>, tensor<?x4xbf16>, tensor<?x4xf32>) outs(%{{.*}} : tensor<?x4xf32>) {
// CHECK-NEXT: ^bb0(%[[PT:.*]]: f32, %[[XT:.*]]: bf16, %[[START:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT: %[[WIDE:.*]] = arith.extf %[[XT]] : bf16 to f32
// CHECK-NEXT: %[[Z:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-NEXT: %[[NOTHING:.*]] = arith.cmpf oeq, %[[PT]], %[[Z]] : f32
// CHECK-NEXT: %[[PROD:.*]] = arith.mulf %[[PT]], %[[WIDE]] : f32
// CHECK-NEXT: %[[NEXT:.*]] = arith.addf %[[START]], %[[PROD]] : f32
// CHECK-NEXT: %[[SEL:.*]] = arith.select %[[NOTHING]], %[[START]], %[[NEXT]] : f32
// CHECK-NEXT: linalg.yield %[[SEL]] : f32
// CHECK: %[[TABLE:.*]] = arith.constant dense<[4, 5]> : tensor<2xi32>
// CHECK: %[[Z:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-NEXT: %[[F:.*]] = linalg.fill ins(%[[Z]] : f32) outs(%{{.*}} : tensor<?x2xf32>)
// CHECK-NEXT: %[[PC:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%[[I]], %[[P]], %[[TABLE]] : tensor<?x2xi32>, tensor<?x2xf32>, tensor<2xi32>) outs(%[[F]] : tensor<?x2xf32>) {
// CHECK-NEXT: ^bb0(%[[ID:.*]]: i32, %[[PJ:.*]]: f32, %[[CONST:.*]]: i32, %[[SUM:.*]]: f32):
// CHECK-NEXT: %[[EQ:.*]] = arith.cmpi eq, %[[ID]], %[[CONST]] : i32
// CHECK-NEXT: %[[NEXT:.*]] = arith.addf %[[SUM]], %[[PJ]] : f32
// CHECK-NEXT: %[[SEL:.*]] = arith.select %[[EQ]], %[[NEXT]], %[[SUM]] : f32
// CHECK-NEXT: linalg.yield %[[SEL]] : f32
// CHECK: %[[S:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%[[PC]], %[[C]] : tensor<?x2xf32>, tensor<2x4xbf16>) outs(%[[ID3]] : tensor<?x4xf32>) {
// CHECK-NEXT: ^bb0(%[[PT:.*]]: f32, %[[CONST:.*]]: bf16, %[[SUM:.*]]: f32):
// CHECK-NEXT: %[[WIDE:.*]] = arith.extf %[[CONST]] : bf16 to f32
// CHECK-NEXT: %[[PROD:.*]] = arith.mulf %[[PT]], %[[WIDE]] : f32
// CHECK-NEXT: %[[NEXT:.*]] = arith.addf %[[SUM]], %[[PROD]] : f32
// CHECK-NEXT: linalg.yield %[[NEXT]] : f32
// CHECK: %[[Y:.*]] = moe.combine %[[O]] by %[[G]] weights %[[P]] init %[[S]] acc f32 order slot : (tensor<?x4xbf16>, !moe.groups<experts = 3, ragged>, tensor<?x2xf32>, tensor<?x4xf32>) -> tensor<?x4xbf16>
// CHECK-NEXT: return %[[Y]] : tensor<?x4xbf16>
!a = !moe.groups<experts = 8, ragged>
func.func @ranges(%x: tensor<?x4xbf16>, %ids: tensor<?x2xi32>, %p: tensor<?x2xf32>, %w: tensor<3x4x4xbf16>, %c: tensor<2x4xbf16>, %b: tensor<?x4xbf16>) -> tensor<?x4xbf16> {
  %g = moe.group %ids : tensor<?x2xi32> -> !a
  %r = moe.dispatch %x by %g : tensor<?x4xbf16>, !a -> tensor<?x4xbf16>
  %o = moe.expert %r by %g weights(%w) virtual [#moe.virtual<identity 2 to 3>, #moe.virtual<constant 4 to 5>, #moe.virtual<zero 7 to 7>] constants(%c) {
  ^bb0(%rows: tensor<?x4xbf16>, %w0: tensor<4x4xbf16>):
    moe.yield %rows : tensor<?x4xbf16>
  } : (tensor<?x4xbf16>, !a, tensor<3x4x4xbf16>, tensor<2x4xbf16>) -> tensor<?x4xbf16>
  %y = moe.combine %o by %g weights %p init %b acc f32 order slot : (tensor<?x4xbf16>, !a, tensor<?x2xf32>, tensor<?x4xbf16>) -> tensor<?x4xbf16>
  return %y : tensor<?x4xbf16>
}

// -----

// A zero expert adds nothing: each combine keeps its init or has none.
// CHECK-LABEL: func.func @zero
// CHECK-SAME: (%[[X:.*]]: tensor<8x4xf32>, %[[I:.*]]: tensor<8x2xi32>, %[[W:.*]]: tensor<7x4x4xf32>, %[[B:.*]]: tensor<8x4xf32>)
// CHECK: %[[OWN:.*]] = linalg.generic {{.*}} ins(%[[I]] : tensor<8x2xi32>) outs(%{{.*}} : tensor<8x2xi32>) {
// CHECK-NEXT: ^bb0(%[[ID:.*]]: i32, %{{.*}}: i32):
// CHECK-NEXT: %[[NONE:.*]] = arith.constant -1 : i32
// CHECK: %[[N:.*]] = arith.subi %[[ID]], %{{.*}} : i32
// CHECK-NEXT: %[[LOW:.*]] = arith.constant 0 : i32
// CHECK-NEXT: %[[ABOVE:.*]] = arith.cmpi sge, %[[ID]], %[[LOW]] : i32
// CHECK-NEXT: %[[HIGH:.*]] = arith.constant 0 : i32
// CHECK-NEXT: %[[BELOW:.*]] = arith.cmpi sle, %[[ID]], %[[HIGH]] : i32
// CHECK-NEXT: %[[INSIDE:.*]] = arith.andi %[[ABOVE]], %[[BELOW]] : i1
// CHECK-NEXT: %[[NEXT:.*]] = arith.select %[[INSIDE]], %[[NONE]], %[[N]] : i32
// CHECK-NEXT: linalg.yield %[[NEXT]] : i32
// CHECK: %[[G:.*]] = moe.group %[[OWN]] : tensor<8x2xi32> -> !moe.groups<experts = 7, ragged>
// CHECK-NEXT: %[[R:.*]] = moe.dispatch %[[X]] by %[[G]] : tensor<8x4xf32>, !moe.groups<experts = 7, ragged> -> tensor<16x4xf32>
// CHECK-NEXT: %[[O:.*]] = moe.expert %[[R]] by %[[G]] weights(%[[W]]) {
// CHECK: } : (tensor<16x4xf32>, !moe.groups<experts = 7, ragged>, tensor<7x4x4xf32>) -> tensor<16x4xf32>
// CHECK-NEXT: %[[Y:.*]] = moe.combine %[[O]] by %[[G]] acc f32 order slot : (tensor<16x4xf32>, !moe.groups<experts = 7, ragged>) -> tensor<8x4xf32>
// CHECK-NEXT: %[[Z:.*]] = moe.combine %[[O]] by %[[G]] init %[[B]] acc f32 order slot : (tensor<16x4xf32>, !moe.groups<experts = 7, ragged>, tensor<8x4xf32>) -> tensor<8x4xf32>
// CHECK-NEXT: return %[[Y]], %[[Z]]
!a = !moe.groups<experts = 8, ragged>
func.func @zero(%x: tensor<8x4xf32>, %ids: tensor<8x2xi32>, %w: tensor<7x4x4xf32>, %b: tensor<8x4xf32>) -> (tensor<8x4xf32>, tensor<8x4xf32>) {
  %g = moe.group %ids : tensor<8x2xi32> -> !a
  %r = moe.dispatch %x by %g : tensor<8x4xf32>, !a -> tensor<16x4xf32>
  %o = moe.expert %r by %g weights(%w) virtual [#moe.virtual<zero 0 to 0>] {
  ^bb0(%rows: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    moe.yield %rows : tensor<?x4xf32>
  } : (tensor<16x4xf32>, !a, tensor<7x4x4xf32>) -> tensor<16x4xf32>
  %y = moe.combine %o by %g acc f32 order slot : (tensor<16x4xf32>, !a) -> tensor<8x4xf32>
  %z = moe.combine %o by %g init %b acc f32 order slot : (tensor<16x4xf32>, !a, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %y, %z : tensor<8x4xf32>, tensor<8x4xf32>
}

// -----

// Of identities 5 to 7 only 5 is local, and adds here; all leave the groups. The
// scale of the rows is their weight where there is no other, from a zero start.
// CHECK-LABEL: func.func @local
// CHECK-SAME: (%[[X:.*]]: tensor<8x4xf32>, %[[I:.*]]: tensor<8x2xi32>, %[[SC:.*]]: tensor<8x2xf32>, %[[W:.*]]: tensor<3x4x4xf32>)
// CHECK: %[[OWN:.*]] = linalg.generic {{.*}} ins(%[[I]] : tensor<8x2xi32>)
// CHECK: %[[LOW:.*]] = arith.constant 5 : i32
// CHECK-NEXT: %{{.*}} = arith.cmpi sge, %{{.*}}, %[[LOW]] : i32
// CHECK-NEXT: %[[HIGH:.*]] = arith.constant 7 : i32
// CHECK-NEXT: %{{.*}} = arith.cmpi sle, %{{.*}}, %[[HIGH]] : i32
// CHECK: %[[G:.*]] = moe.group %[[OWN]] : tensor<8x2xi32> -> !moe.groups<experts = 5, local = [2, 3], ragged>
// CHECK-NEXT: %[[R:.*]] = moe.dispatch %[[X]] by %[[G]] scale %[[SC]] : tensor<8x4xf32>, !moe.groups<experts = 5, local = [2, 3], ragged>, tensor<8x2xf32> -> tensor<16x4xf32>
// CHECK-NEXT: %[[O:.*]] = moe.expert %[[R]] by %[[G]] weights(%[[W]]) {
// CHECK: %[[Z:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<8x4xf32>) {
// CHECK: %[[C:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-NEXT: linalg.yield %[[C]] : f32
// CHECK: %[[P:.*]] = linalg.generic {{.*}} ins(%[[I]], %[[SC]] : tensor<8x2xi32>, tensor<8x2xf32>) outs(%{{.*}} : tensor<8xf32>) {
// CHECK-NEXT: ^bb0(%[[ID:.*]]: i32, %[[SJ:.*]]: f32, %[[SUM:.*]]: f32):
// CHECK-NEXT: %[[LOW:.*]] = arith.constant 5 : i32
// CHECK-NEXT: %[[ABOVE:.*]] = arith.cmpi sge, %[[ID]], %[[LOW]] : i32
// CHECK-NEXT: %[[HIGH:.*]] = arith.constant 5 : i32
// CHECK-NEXT: %[[BELOW:.*]] = arith.cmpi sle, %[[ID]], %[[HIGH]] : i32
// CHECK-NEXT: %[[INSIDE:.*]] = arith.andi %[[ABOVE]], %[[BELOW]] : i1
// CHECK-NEXT: %[[NEXT:.*]] = arith.addf %[[SUM]], %[[SJ]] : f32
// CHECK-NEXT: %[[SEL:.*]] = arith.select %[[INSIDE]], %[[NEXT]], %[[SUM]] : f32
// CHECK-NEXT: linalg.yield %[[SEL]] : f32
// CHECK: %[[S:.*]] = linalg.generic {{.*}} ins(%[[P]], %[[X]], %[[Z]] : tensor<8xf32>, tensor<8x4xf32>, tensor<8x4xf32>)
// CHECK: %[[Y:.*]] = moe.combine %[[O]] by %[[G]] init %[[S]] acc f32 order slot : (tensor<16x4xf32>, !moe.groups<experts = 5, local = [2, 3], ragged>, tensor<8x4xf32>) -> tensor<8x4xf32>
// CHECK-NEXT: return %[[Y]]
!l = !moe.groups<experts = 8, local = [2, 4], ragged>
func.func @local(%x: tensor<8x4xf32>, %ids: tensor<8x2xi32>, %s: tensor<8x2xf32>, %w: tensor<3x4x4xf32>) -> tensor<8x4xf32> {
  %g = moe.group %ids : tensor<8x2xi32> -> !l
  %r = moe.dispatch %x by %g scale %s : tensor<8x4xf32>, !l, tensor<8x2xf32> -> tensor<16x4xf32>
  %o = moe.expert %r by %g weights(%w) virtual [#moe.virtual<identity 5 to 7>] {
  ^bb0(%rows: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    moe.yield %rows : tensor<?x4xf32>
  } : (tensor<16x4xf32>, !l, tensor<3x4x4xf32>) -> tensor<16x4xf32>
  %y = moe.combine %o by %g acc f32 order slot : (tensor<16x4xf32>, !l) -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

// A capacity counts virtual experts, too, and no group of its ids is left.
// CHECK-LABEL: func.func @limited
// CHECK: moe.capacity %{{.*}}, %{{.*}} cap 2 order token_major overflow drop experts 8 : tensor<8x2xi32>, tensor<8x2xf32>
// CHECK: moe.group %{{.*}} : tensor<8x2xi32> -> !moe.groups<experts = 6, ragged>
!k = !moe.groups<experts = 8, ragged>
func.func @limited(%x: tensor<8x4xf32>, %i: tensor<8x2xi32>, %p: tensor<8x2xf32>, %w: tensor<6x4x4xf32>) -> tensor<8x4xf32> {
  %ids, %weights = moe.capacity %i, %p cap 2 order token_major overflow drop : tensor<8x2xi32>, tensor<8x2xf32>
  %g = moe.group %ids : tensor<8x2xi32> -> !k
  %r = moe.dispatch %x by %g : tensor<8x4xf32>, !k -> tensor<16x4xf32>
  %o = moe.expert %r by %g weights(%w) virtual [#moe.virtual<zero 6 to 7>] {
  ^bb0(%rows: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    moe.yield %rows : tensor<?x4xf32>
  } : (tensor<16x4xf32>, !k, tensor<6x4x4xf32>) -> tensor<16x4xf32>
  %y = moe.combine %o by %g weights %weights acc f32 order slot : (tensor<16x4xf32>, !k, tensor<8x2xf32>) -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

// Experts that all have weights stay as they are.
// CHECK-LABEL: func.func @no_virtual
// CHECK-SAME: (%[[X:.*]]: tensor<8x4xf32>, %[[I:.*]]: tensor<8x2xi32>, %[[W:.*]]: tensor<8x4x4xf32>)
// CHECK-NEXT: %[[G:.*]] = moe.group %[[I]] : tensor<8x2xi32> -> !moe.groups<experts = 8, ragged>
// CHECK-NEXT: %[[R:.*]] = moe.dispatch %[[X]] by %[[G]]
// CHECK-NEXT: %[[O:.*]] = moe.expert %[[R]] by %[[G]] weights(%[[W]]) {
// CHECK: }
// CHECK-NEXT: %[[Y:.*]] = moe.combine %[[O]] by %[[G]] acc f32 order slot
// CHECK-NEXT: return %[[Y]]
!a = !moe.groups<experts = 8, ragged>
func.func @no_virtual(%x: tensor<8x4xf32>, %ids: tensor<8x2xi32>, %w: tensor<8x4x4xf32>) -> tensor<8x4xf32> {
  %g = moe.group %ids : tensor<8x2xi32> -> !a
  %r = moe.dispatch %x by %g : tensor<8x4xf32>, !a -> tensor<16x4xf32>
  %o = moe.expert %r by %g weights(%w) {
  ^bb0(%rows: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    moe.yield %rows : tensor<?x4xf32>
  } : (tensor<16x4xf32>, !a, tensor<8x4x4xf32>) -> tensor<16x4xf32>
  %y = moe.combine %o by %g acc f32 order slot : (tensor<16x4xf32>, !a) -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}
