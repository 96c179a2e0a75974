// RUN: moe-opt %s --verify-roundtrip -mlir-print-local-scope | FileCheck %s

// CHECK: moe_exec.program @layer dims(%[[T:[a-z0-9]+]]: index {bound = 4096 : i64, name = "T"})
// CHECK-SAME: inputs(%[[X:[a-z0-9]+]]: memref<?x64xf32> {dims = ["T", "64"], name = "hidden_states"})
// CHECK-SAME: outputs(%[[Y:[a-z0-9]+]]: memref<?x64xf32> {dims = ["T", "64"], name = "hidden_states"}) attributes {note = "kept"} {
moe_exec.program @layer dims(%T: index {name = "T", bound = 4096})
    inputs(%x: memref<?x64xf32> {name = "hidden_states", dims = ["T", "64"]})
    outputs(%y: memref<?x64xf32> {name = "hidden_states", dims = ["T", "64"]}) attributes {note = "kept"} {
  // CHECK-NEXT: %[[WS:.*]] = moe_exec.workspace size affine_map<(d0) -> (d0 * 512 + 128)>
  %ws = moe_exec.workspace size affine_map<(d0) -> (d0 * 512 + 128)>
  // CHECK-NEXT: %[[C:.*]] = moe_exec.slice %[[WS]] offset affine_map<(d0) -> (0)> bytes affine_map<(d0) -> (8)> : memref<1xi64>
  %count = moe_exec.slice %ws offset affine_map<(d0) -> (0)> bytes affine_map<(d0) -> (8)> : memref<1xi64>
  // CHECK-NEXT: moe_exec.slice %[[WS]] offset affine_map<(d0) -> (((d0 * 4) ceildiv 64) * 64 + 64)>
  %h = moe_exec.slice %ws offset affine_map<(d0) -> ((d0 * 4) ceildiv 64 * 64 + 64)> bytes affine_map<(d0) -> (d0 * 256)> : memref<?x64xf32>
  // CHECK-NEXT: %[[W:.*]] = moe_exec.param @w : memref<1024xi8>
  %w = moe_exec.param @w : memref<1024xi8>
  // CHECK-NEXT: moe_exec.launch @relu tasks affine_map<(d0) -> (d0)> args(%{{.*}}, %{{.*}}) : memref<?x64xf32>, memref<?x64xf32>
  moe_exec.launch @relu tasks affine_map<(d0) -> (d0)> args(%x, %h) : memref<?x64xf32>, memref<?x64xf32>
  // CHECK-NEXT: moe_exec.launch @relu tasks from %[[C]] : memref<1xi64> times 4 args(%{{.*}}, %{{.*}}) : memref<?x64xf32>, memref<?x64xf32>
  moe_exec.launch @relu tasks from %count : memref<1xi64> times 4 args(%x, %h) : memref<?x64xf32>, memref<?x64xf32>
  // CHECK-NEXT: moe_exec.check %[[C]] error 708 : memref<1xi64>
  moe_exec.check %count error 708 : memref<1xi64>
  // CHECK-NEXT: moe_exec.check %[[C]] error 713 "a reason" : memref<1xi64>
  moe_exec.check %count error 713 "a reason" : memref<1xi64>
  // CHECK-NEXT: moe_exec.view %[[X]] : memref<?x64xf32> to memref<?x8x8xf32>
  %v = moe_exec.view %x : memref<?x64xf32> to memref<?x8x8xf32>
  // CHECK-NEXT: moe_exec.switch %[[T]] [8, 128] {
  // CHECK-NEXT: moe_exec.copy %{{.*}}, %[[Y]] : memref<?x64xf32>, memref<?x64xf32>
  // CHECK-NEXT: }, {
  // CHECK-NEXT: moe_exec.switch %[[T]] [] {
  // CHECK-NEXT: moe_exec.copy
  // CHECK-NEXT: }
  // CHECK-NEXT: }, {
  // CHECK-NEXT: }
  moe_exec.switch %T [8, 128] {
    moe_exec.copy %h, %y : memref<?x64xf32>, memref<?x64xf32>
  }, {
    moe_exec.switch %T [] {
      moe_exec.copy %x, %y : memref<?x64xf32>, memref<?x64xf32>
    }
  }, {
  }
}

// Nothing goes in, nothing comes out.
// CHECK: moe_exec.program @empty dims() inputs() outputs() {
// CHECK-NEXT: }
moe_exec.program @empty dims() inputs() outputs() {
}

// CHECK: moe_exec.kernel @relu(%{{.*}}: tensor<?x64xf32>) -> tensor<?x64xf32>
// CHECK-SAME: attributes {num_dims = 1 : i64, scratch = 256 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
moe_exec.kernel @relu(%x: tensor<?x64xf32>) -> tensor<?x64xf32>
    attributes {num_dims = 1 : i64, scratch = 256 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
  // CHECK: moe_exec.size affine_map<(d0) -> (d0 * 8)>
  %n = moe_exec.size affine_map<(d0) -> (d0 * 8)>
  %y = moe.activate relu(%x) : (tensor<?x64xf32>) -> tensor<?x64xf32>
  moe_exec.return %y : tensor<?x64xf32>
}

// Groups are three buffers, tiles two, each of one size expression.
// CHECK: moe_exec.kernel @index
moe_exec.kernel @index(%ids: tensor<?x2xi32>) -> (!moe.groups<experts = 8, ragged>, !moe.tiles<rows = 16>)
    attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0 * 2)>, affine_map<(d0) -> (d0 floordiv 8 + 8)>]} {
  %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %t = moe.tiles %g : !moe.groups<experts = 8, ragged> -> !moe.tiles<rows = 16>
  moe_exec.return %g, %t : !moe.groups<experts = 8, ragged>, !moe.tiles<rows = 16>
}
// CHECK: moe_exec.program @index_program
moe_exec.program @index_program dims(%T: index {name = "T", bound = 16}) inputs(%ids: memref<?x2xi32> {name = "ids", dims = ["T", "2"]})
    outputs(%o: memref<9xi32> {name = "offsets", dims = ["9"]}, %s: memref<?xi32> {name = "slots", dims = ["T"]}, %r: memref<?xi32> {name = "rows", dims = ["T"]},
            %n: memref<1xi64> {name = "count", dims = ["1"]}, %t: memref<?x3xi32> {name = "tiles", dims = ["T", "3"]}) {
  moe_exec.launch @index tasks affine_map<(d0) -> (1)> args(%ids, %o, %s, %r, %n, %t)
      : memref<?x2xi32>, memref<9xi32>, memref<?xi32>, memref<?xi32>, memref<1xi64>, memref<?x3xi32>
}

// Copied as it lies: one tensor an expert, and one that holds all of them.
// CHECK: moe_exec.prepare @w units 4 from [#moe.source<"l.{e}.w" : 16x16xi8>] : memref<1024xi8>
moe_exec.prepare @w units 4 from [#moe.source<"l.{e}.w" : 16x16xi8>] : memref<1024xi8>
// CHECK: moe_exec.prepare @all units 1 from [#moe.source<"l.w" : 4x16x16xi8>] : memref<4x16x16xi8>
moe_exec.prepare @all units 1 from [#moe.source<"l.w" : 4x16x16xi8>] : memref<4x16x16xi8>

// By a kernel, a unit an expert, from a tensor an expert and from one of all.
// CHECK: moe_exec.prepare @sum kernel @add units 4 tasks 2 from [#moe.source<"l.{e}.a" : 16x16xf32>, #moe.source<"l.b" : 4x16x16xf32>] : memref<4x16x16xf32>
moe_exec.prepare @sum kernel @add units 4 tasks 2 from [#moe.source<"l.{e}.a" : 16x16xf32>, #moe.source<"l.b" : 4x16x16xf32>] : memref<4x16x16xf32>
// CHECK: moe_exec.kernel @add(%{{.*}}: tensor<16x16xf32> {moe_exec.strides = array<i64: 1, 16>}, %{{.*}}: tensor<16x16xf32>) -> tensor<16x16xf32>
moe_exec.kernel @add(%a: tensor<16x16xf32> {moe_exec.strides = array<i64: 1, 16>}, %b: tensor<16x16xf32>) -> tensor<16x16xf32>
    attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>]} {
  %y = arith.addf %a, %b : tensor<16x16xf32>
  moe_exec.return %y : tensor<16x16xf32>
}

// One expert: a source that holds it may be taken without its leading dimension.
// CHECK: moe_exec.prepare @one kernel @add units 1
moe_exec.prepare @one kernel @add units 1 from [#moe.source<"l.a" : 1x16x16xf32>, #moe.source<"l.{e}.b" : 16x16xf32>] : memref<1x16x16xf32>
