// RUN: moe-opt %s --verify-roundtrip | FileCheck %s

// CHECK: moe.param @plain : tensor<16x32xf32>
moe.param @plain : tensor<16x32xf32>

// One tensor an expert: the leading dimension is the expert.
// CHECK: moe.param @per_expert : tensor<8x16x32xbf16> from #moe.source<"l.experts.{e}.up_proj.weight" : 16x32xbf16>
moe.param @per_expert : tensor<8x16x32xbf16> from #moe.source<"l.experts.{e}.up_proj.weight" : 16x32xbf16>

// Two halves of one tensor.
// CHECK: moe.param @gate : tensor<8x16x32xf32> from #moe.source<"l.gate_up" : 8x32x32xf32 slice 1 from 0 step 1 size 16>
moe.param @gate : tensor<8x16x32xf32> from #moe.source<"l.gate_up" : 8x32x32xf32 slice 1 from 0 step 1 size 16>
// CHECK: moe.param @up : tensor<8x16x32xf32> from #moe.source<"l.gate_up" : 8x32x32xf32 slice 1 from 16 step 1 size 16>
moe.param @up : tensor<8x16x32xf32> from #moe.source<"l.gate_up" : 8x32x32xf32 slice 1 from 16 step 1 size 16>

// Stored transposed, gate and up interleaved.
// CHECK: moe.param @odd : tensor<8x16x24xf32> from #moe.source<"l.w13" : 8x24x32xf32 transpose [0, 2, 1] slice 1 from 1 step 2 size 16>
moe.param @odd : tensor<8x16x24xf32> from #moe.source<"l.w13" : 8x24x32xf32 transpose [0, 2, 1] slice 1 from 1 step 2 size 16>

// All experts below one another.
// CHECK: moe.param @flat : tensor<8x16x32xf32> from #moe.source<"l.mlp.w1" : 128x32xf32 reshape [8, 16, 32]>
moe.param @flat : tensor<8x16x32xf32> from #moe.source<"l.mlp.w1" : 128x32xf32 reshape [8, 16, 32]>

// A single element of any step, a name with a quote, a scalar.
// CHECK: moe.param @last : tensor<1xf32> from #moe.source<"a\22b" : 4xf32 slice 0 from 3 step 9223372036854775807 size 1>
moe.param @last : tensor<1xf32> from #moe.source<"a\22b" : 4xf32 slice 0 from 3 step 9223372036854775807 size 1>
// CHECK: moe.param @scalar : tensor<f32> from #moe.source<"scale" : f32>
moe.param @scalar : tensor<f32> from #moe.source<"scale" : f32>

// The steps are attributes of their own.
// CHECK: moe.param @noted : tensor<4xf32> {steps = [#moe.transpose<[1, 0]>, #moe.slice<1 from 0 step 2 size 3>, #moe.reshape<[4, 4]>]}
moe.param @noted : tensor<4xf32> {steps = [#moe.transpose<[1, 0]>, #moe.slice<1 from 0 step 2 size 3>, #moe.reshape<[4, 4]>]}

// CHECK-LABEL: func.func @load
func.func @load() -> tensor<16x32xf32> {
  // CHECK: moe.load_param @plain : tensor<16x32xf32>
  %w = moe.load_param @plain : tensor<16x32xf32>
  return %w : tensor<16x32xf32>
}

// CHECK-LABEL: func.func @assume
func.func @assume(%d: index) -> index {
  // CHECK: moe.assume %{{.*}} in [0, 131072]
  %t = moe.assume %d in [0, 131072]
  return %t : index
}

// What makes a function's signature.
// CHECK: func.func @signature(%{{.*}}: tensor<?x64xf32> {moe.dims = ["T", "H"], moe.name = "hidden_states"},
// CHECK-SAME: %{{.*}}: tensor<8x4xf32> {moe.source = #moe.source<"w" : 8x4xf32>})
// CHECK-SAME: -> (tensor<?x64xf32> {moe.name = "hidden_states"})
// CHECK-SAME: attributes {moe.bounds = {T = 131072 : i64}, moe.decisions = [#moe.decision<what = "the tile", chosen = "48", reason = "it fits", runnerUp = "32">]}
func.func @signature(%x: tensor<?x64xf32> {moe.name = "hidden_states", moe.dims = ["T", "H"]},
                     %w: tensor<8x4xf32> {moe.source = #moe.source<"w" : 8x4xf32>})
    -> (tensor<?x64xf32> {moe.name = "hidden_states"})
    attributes {moe.bounds = {T = 131072},
                moe.decisions = [#moe.decision<what = "the tile", chosen = "48", reason = "it fits", runnerUp = "32">]} {
  return %x : tensor<?x64xf32>
}

// CHECK: module attributes {moe.determinism = "none"}
module attributes {moe.determinism = "none"} {}
// CHECK: module attributes {moe.fast = "approx"}
module attributes {moe.fast = "approx"} {}
