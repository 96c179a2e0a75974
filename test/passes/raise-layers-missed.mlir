// Why a graph that is nearly a layer is none: each run rewrites it so that one condition fails.
// RUN: moe-opt %s --moe-raise | FileCheck %s
// RUN: sed 's/%xa, %one/%xa, %za/' %s | moe-opt --moe-raise -remarks-filter-missed="moe-raise-layers" 2>&1 | FileCheck %s --check-prefix=ROWS
// RUN: sed 's/%wa, %one/%wa, %va/' %s | moe-opt --moe-raise -remarks-filter-missed="moe-raise-layers" 2>&1 | FileCheck %s --check-prefix=WEIGHTS
// RUN: sed 's/%ba, %zero/%ba, %ca/' %s | moe-opt --moe-raise -remarks-filter-missed="moe-raise-layers" 2>&1 | FileCheck %s --check-prefix=BIASES
// RUN: sed 's/%la, %one/%la, %ka/' %s | moe-opt --moe-raise -remarks-filter-missed="moe-raise-layers" 2>&1 | FileCheck %s --check-prefix=LOGITS
// RUN: sed 's/%la, %one/%ua, %ra/; s/arith.mulf %ua/arith.addf %ua/; s/%ga, %one/%one, %one/' %s | moe-opt --moe-raise -remarks-filter-missed="moe-raise-layers" 2>&1 | FileCheck %s --check-prefix=ROUTER
// RUN: sed 's/%ga, %one/%ga, %da/' %s | moe-opt --moe-raise -remarks-filter-missed="moe-raise-layers" 2>&1 | FileCheck %s --check-prefix=PICKED
// RUN: sed 's/%xa, %one/%fa, %one/' %s | moe-opt --moe-raise -remarks-filter-missed="moe-raise-layers" 2>&1 | FileCheck %s --check-prefix=TYPE
// RUN: sed 's/arith.mulf %row, %weight/arith.maximumf %row, %weight/' %s | moe-opt --moe-raise -remarks-filter-missed="moe-raise-layers" 2>&1 | FileCheck %s --check-prefix=SUM
// RUN: sed 's/arith.maximumf %biased/arith.maximumf %bias/' %s | moe-opt --moe-raise -remarks-filter-missed="moe-raise-layers" 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: sed 's/%act, %zero/%act, %ya/' %s | moe-opt --moe-raise -remarks-filter-missed="moe-raise-layers" 2>&1 | FileCheck %s --check-prefix=TOKEN
// RUN: sed 's/%act, %zero/%act, %other/' %s | moe-opt --moe-raise -remarks-filter-missed="moe-raise-layers" 2>&1 | FileCheck %s --check-prefix=KINDS
// RUN: sed 's/arith.maximumf %biased, %zero/math.exp %biased/' %s | moe-opt --moe-raise -remarks-filter-missed="moe-raise-layers" 2>&1 | FileCheck %s --check-prefix=ACTIVATION

// ROWS: not raised to a moe layer: no tensor holds the rows that enter the experts
// WEIGHTS: not raised to a moe layer: no tensor holds the experts' weights as a stack
// BIASES: not raised to a moe layer: no tensor holds the experts' biases as a stack
// LOGITS: not raised to a moe layer: no tensor holds the router's logits
// ROUTER: not raised to a moe layer: the picks are not those of a router's scores
// PICKED: not raised to a moe layer: no tensor holds the weights of the picks
// TYPE: not raised to a moe layer: its rows or weights are not f32
// SUM: not raised to a moe layer: the part that depends on the expert is no expert: a sum in it is not a product of rows and a weight
// NONE: not raised to a moe layer: the part that depends on the expert is no expert: it holds no product of rows and a weight
// TOKEN: not raised to a moe layer: the part that depends on the expert is no expert: it reads more of the token than the rows
// KINDS: not raised to a moe layer: the part that depends on the expert is no expert: it reads two kinds of rows
// ACTIVATION: not raised to a moe layer: the part that depends on the expert is no expert: its activation is none that moe.activate knows

// As it stands it is one.
// CHECK-LABEL: @layer
// CHECK: %[[IDS:.*]], %{{.*}} = moe.route %{{.*}} select top_k(1)
// CHECK: moe.expert
// CHECK: moe.linear
// CHECK: moe.activate relu
// CHECK: moe.combine
// CHECK-NOT: linalg.generic
#tn = affine_map<(t, n) -> (t, n)>
#t = affine_map<(t, n) -> (t)>
#n = affine_map<(t, n) -> (n)>
#x = affine_map<(t, e, n, k) -> (t, k)>
#w = affine_map<(t, e, n, k) -> (e, n, k)>
#h = affine_map<(t, e, n, k) -> (t, e, n)>
func.func @layer(%x: tensor<6x4xf32>, %z: tensor<6x4xf32>, %f: tensor<6x4xf16>, %l: tensor<6x3xf32>, %k: tensor<6x3xf32>, %w: tensor<3x4x4xf32>, %v: tensor<3x4x4xf32>, %b: tensor<3x4xf32>, %c: tensor<3x4xf32>, %g: tensor<6xf32>, %d: tensor<6xf32>, %u: tensor<6xf32>, %r: tensor<3xf32>) -> tensor<6x4xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %first = arith.constant 0 : i32
  %e0 = tensor.empty() : tensor<6xf32>
  %e1 = tensor.empty() : tensor<6xi32>
  %e2 = tensor.empty() : tensor<6x3x4xf32>
  %e3 = tensor.empty() : tensor<6x4xf32>
  %m0 = linalg.fill ins(%least : f32) outs(%e0 : tensor<6xf32>) -> tensor<6xf32>
  %i0 = linalg.fill ins(%first : i32) outs(%e1 : tensor<6xi32>) -> tensor<6xi32>
  %h0 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<6x3x4xf32>) -> tensor<6x3x4xf32>
  %best:2 = linalg.generic {indexing_maps = [#tn, #tn, #t, #n, #t, #t], iterator_types = ["parallel", "reduction"]} ins(%l, %k, %u, %r : tensor<6x3xf32>, tensor<6x3xf32>, tensor<6xf32>, tensor<3xf32>) outs(%m0, %i0 : tensor<6xf32>, tensor<6xi32>) {
  ^bb0(%la: f32, %ka: f32, %ua: f32, %ra: f32, %m: f32, %i: i32):
    %a = arith.mulf %la, %one : f32
    %e = linalg.index 1 : index
    %id = arith.index_cast %e : index to i32
    %more = arith.cmpf ogt, %a, %m : f32
    %m1 = arith.maximumf %a, %m : f32
    %i1 = arith.select %more, %id, %i : i32
    linalg.yield %m1, %i1 : f32, i32
  } -> (tensor<6xf32>, tensor<6xi32>)
  %h = linalg.generic {indexing_maps = [#x, #x, #x, #w, #w, #h], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%x, %z, %f, %w, %v : tensor<6x4xf32>, tensor<6x4xf32>, tensor<6x4xf16>, tensor<3x4x4xf32>, tensor<3x4x4xf32>) outs(%h0 : tensor<6x3x4xf32>) {
  ^bb0(%xa: f32, %za: f32, %fh: f16, %wa: f32, %va: f32, %acc: f32):
    %fa = arith.extf %fh : f16 to f32
    %row = arith.mulf %xa, %one : f32
    %weight = arith.mulf %wa, %one : f32
    %product = arith.mulf %row, %weight : f32
    %added = arith.addf %acc, %product : f32
    linalg.yield %added : f32
  } -> tensor<6x3x4xf32>
  %h2 = linalg.generic {indexing_maps = [#x, #w, #h], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%z, %v : tensor<6x4xf32>, tensor<3x4x4xf32>) outs(%h0 : tensor<6x3x4xf32>) {
  ^bb0(%za: f32, %va: f32, %acc: f32):
    %product = arith.mulf %za, %va : f32
    %added = arith.addf %acc, %product : f32
    linalg.yield %added : f32
  } -> tensor<6x3x4xf32>
  %y = linalg.generic {indexing_maps = [#tn, #t, #t, #t, #tn], iterator_types = ["parallel", "parallel"]} ins(%x, %best#1, %g, %d : tensor<6x4xf32>, tensor<6xi32>, tensor<6xf32>, tensor<6xf32>) outs(%e3 : tensor<6x4xf32>) {
  ^bb0(%ya: f32, %i: i32, %ga: f32, %da: f32, %o: f32):
    %t = linalg.index 0 : index
    %n = linalg.index 1 : index
    %e = arith.index_cast %i : i32 to index
    %ha = tensor.extract %h[%t, %e, %n] : tensor<6x3x4xf32>
    %other = tensor.extract %h2[%t, %e, %n] : tensor<6x3x4xf32>
    %ba = tensor.extract %b[%e, %n] : tensor<3x4xf32>
    %ca = tensor.extract %c[%e, %n] : tensor<3x4xf32>
    %bias = arith.addf %ba, %zero : f32
    %biased = arith.addf %ha, %bias : f32
    %act = arith.maximumf %biased, %zero : f32
    %sum = arith.addf %act, %zero : f32
    %picked = arith.mulf %ga, %one : f32
    %weighed = arith.mulf %sum, %picked : f32
    linalg.yield %weighed : f32
  } -> tensor<6x4xf32>
  return %y : tensor<6x4xf32>
}
