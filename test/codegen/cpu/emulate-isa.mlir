// RUN: moe-opt %s --split-input-file --moe-emulate-isa=target=x86-64-v3 | FileCheck %s
// RUN: moe-opt %s --split-input-file --moe-emulate-isa=target=sapphirerapids | FileCheck %s --check-prefix=HAS

// The example of the pass's documentation. The copies lie on the stack, once;
// two chains over k are added, then that to the destination.

// CHECK-LABEL: func.func @tile(
// CHECK-SAME: %[[A:.*]]: memref<16x32xbf16>, %[[B:.*]]: memref<16x32xbf16>, %[[C:.*]]: memref<16x16xf32>
// CHECK-DAG: %[[LHS:.*]] = memref.alloca() : memref<16x32xbf16>
// CHECK-DAG: %[[ACC:.*]] = memref.alloca() : memref<16x16xf32>
// CHECK-NOT: amx
// CHECK: scf.for %[[M:.*]] = %{{.*}} to %{{.*}} step
// CHECK: %[[SUMS:.*]]:2 = scf.for %[[K:.*]] = {{.*}} iter_args(%[[EVEN:.*]] = %{{.*}}, %[[ODD:.*]] = %{{.*}}) -> (vector<16xf32>, vector<16xf32>)
// CHECK: %[[PAIRS:.*]] = vector.load %{{.*}}[%[[K]], %{{.*}}] : memref<16x32xbf16>, vector<32xbf16>
// CHECK: vector.shuffle %[[PAIRS]], %[[PAIRS]] [0, 2, 4,
// CHECK: memref.load %{{.*}}[%[[M]], %{{.*}}] : memref<16x32xbf16>
// CHECK: vector.fma %{{.*}}, %{{.*}}, %[[EVEN]]
// CHECK: vector.shuffle %[[PAIRS]], %[[PAIRS]] [1, 3, 5,
// CHECK: vector.fma %{{.*}}, %{{.*}}, %[[ODD]]
// CHECK: %[[OLD:.*]] = vector.load %[[ACC]][%[[M]],
// CHECK: %[[SUM:.*]] = arith.addf %[[SUMS]]#0, %[[SUMS]]#1
// CHECK: arith.addf %[[OLD]], %[[SUM]]

// HAS-LABEL: func.func @tile(
// HAS: amx.tile_mulf
func.func @tile(%a: memref<16x32xbf16>, %b: memref<16x32xbf16>, %c: memref<16x16xf32>) {
  %0 = arith.constant 0 : index
  %acc = amx.tile_load %c[%0, %0] : memref<16x16xf32> into !amx.tile<16x16xf32>
  %ta = amx.tile_load %a[%0, %0] : memref<16x32xbf16> into !amx.tile<16x32xbf16>
  %tb = amx.tile_load %b[%0, %0] : memref<16x32xbf16> into !amx.tile<16x32xbf16>
  %p = amx.tile_mulf %ta, %tb, %acc
    : !amx.tile<16x32xbf16>, !amx.tile<16x32xbf16>, !amx.tile<16x16xf32>
  amx.tile_store %c[%0, %0], %p : memref<16x16xf32>, !amx.tile<16x16xf32>
  return
}

// -----

// A loop carries a tile as a vector.

// CHECK-LABEL: func.func @carried(
// CHECK: %[[ZERO:.*]] = arith.constant dense<0> : vector<8x16xi32>
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %[[ZERO]]) -> (vector<8x16xi32>)
// CHECK: arith.extui {{.*}} : vector<16xi8> to vector<16xi32>
// CHECK: arith.extsi {{.*}} : i8 to i32
// CHECK: scf.yield %{{.*}} : vector<8x16xi32>
func.func @carried(%a: memref<8x64xi8>, %b: memref<16x64xi8>, %c: memref<8x16xi32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = amx.tile_zero : !amx.tile<8x16xi32>
  %sum = scf.for %i = %c0 to %n step %c1 iter_args(%s = %zero) -> (!amx.tile<8x16xi32>) {
    %ta = amx.tile_load %a[%c0, %c0] : memref<8x64xi8> into !amx.tile<8x64xi8>
    %tb = amx.tile_load %b[%c0, %c0] : memref<16x64xi8> into !amx.tile<16x64xi8>
    %p = amx.tile_muli %ta, %tb zext, %s : !amx.tile<8x64xi8>, !amx.tile<16x64xi8>, !amx.tile<8x16xi32>
    scf.yield %p : !amx.tile<8x16xi32>
  }
  amx.tile_store %c[%c0, %c0], %sum : memref<8x16xi32>, !amx.tile<8x16xi32>
  return
}

// -----

// The odd product first.

// CHECK-LABEL: func.func @dot(
// CHECK-SAME: %[[SUM:.*]]: vector<16xf32>, %[[A:.*]]: vector<32xbf16>, %[[B:.*]]: vector<32xbf16>
// CHECK: %[[A0:.*]], %[[A1:.*]] = vector.deinterleave %[[A]]
// CHECK: %[[B0:.*]], %[[B1:.*]] = vector.deinterleave %[[B]]
// CHECK-DAG: %[[X1:.*]] = arith.extf %[[A1]]
// CHECK-DAG: %[[Y1:.*]] = arith.extf %[[B1]]
// CHECK: %[[ODD:.*]] = vector.fma %[[X1]], %[[Y1]], %[[SUM]]
// CHECK-DAG: %[[X0:.*]] = arith.extf %[[A0]]
// CHECK-DAG: %[[Y0:.*]] = arith.extf %[[B0]]
// CHECK: vector.fma %[[X0]], %[[Y0]], %[[ODD]]

// HAS-LABEL: func.func @dot(
// HAS: x86vector.avx512.dot
func.func @dot(%sum: vector<16xf32>, %a: vector<32xbf16>, %b: vector<32xbf16>) -> vector<16xf32> {
  %r = x86vector.avx512.dot %sum, %a, %b : vector<32xbf16> -> vector<16xf32>
  return %r : vector<16xf32>
}

// -----

// CHECK-LABEL: func.func @convert(
// CHECK: arith.truncf %arg0 : vector<16xf32> to vector<16xbf16>
func.func @convert(%x: vector<16xf32>) -> vector<16xbf16> {
  %r = x86vector.avx512.cvt.packed.f32_to_bf16 %x : vector<16xf32> -> vector<16xbf16>
  return %r : vector<16xbf16>
}

// -----

// CHECK-LABEL: func.func @masked(
// CHECK-NOT: x86vector
// CHECK: math.floor {{.*}} : vector<16xf64>
// CHECK: arith.truncf {{.*}} : vector<16xf64> to vector<16xf32>
// CHECK: %[[BITS:.*]] = vector.bitcast %{{.*}} : vector<1xi16> to vector<16xi1>
// CHECK: arith.select %[[BITS]]
// CHECK: math.ceil
// CHECK-COUNT-16: vector.insert {{.*}} : f32 into vector<16xf32>
func.func @masked(%x: vector<16xf32>, %y: vector<16xf32>, %k: i16, %m: vector<16xi1>) -> vector<16xf32> {
  %near = arith.constant 4 : i32
  %up = arith.constant 2 : i32
  %a = x86vector.avx512.mask.scalef %x, %y, %x, %k, %near : vector<16xf32>
  %b = x86vector.avx512.mask.rndscale %a, %up, %a, %k, %near : vector<16xf32>
  %c = x86vector.avx512.mask.compress %m, %b : vector<16xf32>
  return %c : vector<16xf32>
}
