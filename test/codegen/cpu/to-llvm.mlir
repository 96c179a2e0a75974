// RUN: moe-opt %s --split-input-file --moe-to-llvm=target=x86-64-v3 | FileCheck %s --check-prefixes=CHECK,V3
// RUN: moe-opt %s --split-input-file --moe-to-llvm=target=x86-64-v2 | FileCheck %s --check-prefixes=CHECK,V2
// RUN: moe-opt %s --split-input-file --moe-to-llvm=target=x86-64-v4+avx512_bf16 | FileCheck %s --check-prefixes=CHECK,BF16

// The example of the pass's documentation.

// CHECK-LABEL: llvm.func @scale(
// CHECK-SAME: %[[ARGS:.*]]: !llvm.ptr, %[[BEGIN:.*]]: i64, %[[END:.*]]: i64,
// CHECK-SAME: attributes {moe.kernel}
// CHECK: llvm.br ^[[HEAD:.*]](%[[BEGIN]] : i64)
// CHECK: ^[[HEAD]](%[[I:.*]]: i64):
// CHECK: %[[MORE:.*]] = llvm.icmp "slt" %[[I]], %[[END]]
// CHECK: llvm.cond_br %[[MORE]]
// CHECK: %[[P:.*]] = llvm.getelementptr %{{.*}}[%[[I]]]
// CHECK: %[[V:.*]] = llvm.load %[[P]] {alignment = 4 : i64}
// CHECK: %[[W:.*]] = llvm.fmul %[[V]], %{{.*}} : vector<8xf32>
// CHECK: llvm.store %[[W]], %[[P]] {alignment = 4 : i64}
// CHECK: llvm.br ^[[HEAD]]
func.func @scale(%args: !llvm.ptr, %begin: i64, %end: i64, %worker: i32,
                 %scratch: !llvm.ptr) attributes {moe.kernel} {
  %buffers = llvm.load %args : !llvm.ptr -> !llvm.ptr
  %x = llvm.load %buffers : !llvm.ptr -> !llvm.ptr
  %two = arith.constant dense<2.0> : vector<8xf32>
  %eight = arith.constant 8 : i64
  scf.for %i = %begin to %end step %eight : i64 {
    %p = llvm.getelementptr %x[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    %v = llvm.load %p {alignment = 4 : i64} : !llvm.ptr -> vector<8xf32>
    %w = arith.mulf %v, %two : vector<8xf32>
    llvm.store %w, %p {alignment = 4 : i64} : vector<8xf32>, !llvm.ptr
  }
  return
}

// -----

// A fused multiply-add is one where the target has it.

// CHECK-LABEL: llvm.func @fma(
// V2: %[[P:.*]] = llvm.fmul %arg0, %arg1
// V2: llvm.fadd %[[P]], %arg2
// V3: llvm.intr.fma(%arg0, %arg1, %arg2)
func.func @fma(%a: vector<16xf32>, %b: vector<16xf32>, %c: vector<16xf32>) -> vector<16xf32> {
  %r = vector.fma %a, %b, %c : vector<16xf32>
  return %r : vector<16xf32>
}

// -----

// Halves of a vector are added until one element is left: the order is in the
// IR. Without the flag the sum is a chain.

// CHECK-LABEL: llvm.func @sums(
// CHECK-DAG: %[[L:.*]] = llvm.shufflevector %arg0, %{{.*}} [0, 1]
// CHECK-DAG: %[[H:.*]] = llvm.shufflevector %arg0, %{{.*}} [2, 3]
// CHECK: %[[S:.*]] = llvm.fadd %[[L]], %[[H]] : vector<2xf32>
// CHECK: llvm.fadd %{{.*}}, %{{.*}} : vector<1xf32>
// CHECK: "llvm.intr.vector.reduce.fadd"({{.*}}) {{.*}} : (f32, vector<4xf32>) -> f32
func.func @sums(%x: vector<4xf32>) -> (f32, f32) {
  %tree = vector.reduction <add>, %x fastmath<reassoc> : vector<4xf32> into f32
  %chain = vector.reduction <add>, %x : vector<4xf32> into f32
  return %tree, %chain : f32, f32
}

// -----

// The count is clamped before lanes are compared in 32 bits.

// CHECK-LABEL: llvm.func @mask(
// CHECK: %[[LOW:.*]] = llvm.intr.smax(%arg0,
// CHECK: %[[COUNT:.*]] = llvm.intr.smin(%[[LOW]],
// CHECK: llvm.trunc %[[COUNT]] : i64 to i32
// CHECK: llvm.icmp "sgt" %{{.*}}, %{{.*}} : vector<16xi32>
func.func @mask(%count: index) -> vector<16xi1> {
  %m = vector.create_mask %count : vector<16xi1>
  return %m : vector<16xi1>
}

// -----

// bf16 is a type of LLVM only where the target converts it. Each operation
// rounds: between the two additions there is a conversion.

// CHECK-LABEL: llvm.func @half(
// V3-SAME: vector<16xi16>
// V3-NOT: bf16
// V3: llvm.return
// BF16-SAME: vector<16xbf16>
// BF16: llvm.fadd {{.*}} : vector<16xf32>
// BF16: %[[ONCE:.*]] = llvm.fptrunc
// BF16: llvm.fpext %[[ONCE]]
// BF16: llvm.fadd {{.*}} : vector<16xf32>
// BF16: llvm.fptrunc
func.func @half(%x: vector<16xbf16>) -> vector<16xbf16> {
  %half = arith.constant dense<0.5> : vector<16xbf16>
  %a = arith.addf %x, %half : vector<16xbf16>
  %b = arith.addf %a, %x : vector<16xbf16>
  return %b : vector<16xbf16>
}

// -----

// CHECK-LABEL: llvm.func @constants(
// V3-DAG: llvm.mlir.constant(16320 : i16) : i16
// V3-DAG: llvm.mlir.constant(dense<16320> : vector<4xi16>)
// BF16-DAG: llvm.mlir.constant(1.500000e+00 : bf16) : bf16
func.func @constants() -> (bf16, vector<4xbf16>) {
  %c = arith.constant 1.5 : bf16
  %d = arith.constant dense<1.5> : vector<4xbf16>
  return %c, %d : bf16, vector<4xbf16>
}

// -----

// f16 on a target without F16C is bits too, and its conversions are arithmetic.

// CHECK-LABEL: llvm.func @f16(
// V2-SAME: vector<8xi16>
// V2-NOT: f16
// V2: llvm.return
// V3: llvm.fpext %{{.*}} : vector<8xf16> to vector<8xf32>
// V3: llvm.fptrunc %{{.*}} : vector<8xf32> to vector<8xf16>
func.func @f16(%x: vector<8xf16>) -> vector<8xf16> {
  %y = arith.mulf %x, %x : vector<8xf16>
  return %y : vector<8xf16>
}

// -----

// No transcendental function is left, on scalars as on vectors.

// CHECK-LABEL: llvm.func @math(
// CHECK-NOT: llvm.intr.exp
// CHECK-NOT: llvm.intr.log
// CHECK-NOT: llvm.call
// CHECK: llvm.return
func.func @math(%x: f32, %v: vector<8xf32>) -> (f32, vector<8xf32>) {
  %e = math.exp %x : f32
  %t = math.tanh %e : f32
  %l = math.log %v : vector<8xf32>
  %r = math.erf %l : vector<8xf32>
  %h = math.rsqrt %r : vector<8xf32>
  return %t, %h : f32, vector<8xf32>
}

// -----

// What is not a function stays as it is.

// CHECK: moe.param @weights
// CHECK: llvm.func @f()
moe.param @weights : tensor<4x8x16xf32>
func.func @f() {
  return
}
