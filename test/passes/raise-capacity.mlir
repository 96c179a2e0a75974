// Experts with a capacity: one-hots of places, positions by a triangular count.
// Each other run changes one condition.
// RUN: moe-opt %s --moe-raise | FileCheck %s
// RUN: sed 's/cmpi slt, %otheri, %at/cmpi sle, %otheri, %at/; s/%nth = arith.addi %counted, %none/%nth = arith.subi %counted, %unit/' %s | moe-opt --moe-raise | FileCheck %s
// RUN: sed 's/cmpi slt, %otheri, %at/cmpi ne, %otheri, %at/' %s | moe-opt --moe-raise -remarks-filter-missed="moe-raise-layers" 2>&1 | FileCheck %s --check-prefix=PLACE
// RUN: sed 's/arith.mulf %hit, %one : f32/arith.mulf %one, %one : f32/' %s | moe-opt --moe-raise -remarks-filter-missed="moe-raise-layers" 2>&1 | FileCheck %s --check-prefix=MASK
// RUN: sed 's/%fewer = arith.constant 3 /%fewer = arith.constant 2 /' %s | moe-opt --moe-raise -remarks-filter-missed="moe-raise-layers" 2>&1 | FileCheck %s --check-prefix=LATE

// CHECK-LABEL: @places
// CHECK: %[[IDS:.*]], %[[W:.*]] = moe.route %{{.*}} select top_k(1)
// CHECK: %[[KEPT:.*]], %{{.*}} = moe.capacity %[[IDS]], %{{.*}} cap 3 order token_major overflow drop
// CHECK: %[[G:.*]] = moe.group %[[KEPT]]
// CHECK: moe.dispatch %{{.*}} by %[[G]]
// CHECK: moe.expert
// CHECK: moe.activate relu
// CHECK: moe.combine
// CHECK-NOT: linalg.generic

// PLACE: not raised to a moe layer: the part that depends on the expert is no expert: more than one token may have a place of an expert
// PLACE: linalg.generic
// MASK: not raised to a moe layer: the part that depends on the expert is no expert
// MASK: linalg.generic
// LATE: not raised to a moe layer: the part that depends on the expert is no expert: it reads more of the token than the rows
// LATE: linalg.generic
#te = affine_map<(t, e) -> (t, e)>
#t = affine_map<(t, e) -> (t)>
func.func @places(%x: tensor<6x4xf32>, %l: tensor<6x3xf32>, %up: tensor<3x5x4xf32>, %down: tensor<3x4x5xf32>) -> tensor<6x4xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %none = arith.constant 0 : i32
  %unit = arith.constant 1 : i32
  %places = arith.constant 3 : i32
  %fewer = arith.constant 3 : i32
  %e0 = tensor.empty() : tensor<6xf32>
  %e1 = tensor.empty() : tensor<6xi32>
  %e2 = tensor.empty() : tensor<3x3x5xf32>
  %e3 = tensor.empty() : tensor<6x4xf32>
  %e4 = tensor.empty() : tensor<6x3x3xf32>
  %e5 = tensor.empty() : tensor<3x3x4xf32>
  %m0 = linalg.fill ins(%least : f32) outs(%e0 : tensor<6xf32>) -> tensor<6xf32>
  %i0 = linalg.fill ins(%none : i32) outs(%e1 : tensor<6xi32>) -> tensor<6xi32>
  %h0 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<3x3x5xf32>) -> tensor<3x3x5xf32>
  %y0 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<6x4xf32>) -> tensor<6x4xf32>
  %r0 = linalg.fill ins(%zero : f32) outs(%e5 : tensor<3x3x4xf32>) -> tensor<3x3x4xf32>
  %best:2 = linalg.generic {indexing_maps = [#te, #t, #t], iterator_types = ["parallel", "reduction"]} ins(%l : tensor<6x3xf32>) outs(%m0, %i0 : tensor<6xf32>, tensor<6xi32>) {
  ^bb0(%a: f32, %m: f32, %i: i32):
    %e = linalg.index 1 : index
    %id = arith.index_cast %e : index to i32
    %more = arith.cmpf ogt, %a, %m : f32
    %m1 = arith.maximumf %a, %m : f32
    %i1 = arith.select %more, %id, %i : i32
    linalg.yield %m1, %i1 : f32, i32
  } -> (tensor<6xf32>, tensor<6xi32>)
  // How many tokens of its expert come before a token.
  %count = linalg.generic {indexing_maps = [affine_map<(t, o) -> (t)>, affine_map<(t, o) -> (o)>, affine_map<(t, o) -> (t)>], iterator_types = ["parallel", "reduction"]} ins(%best#1, %best#1 : tensor<6xi32>, tensor<6xi32>) outs(%i0 : tensor<6xi32>) {
  ^bb0(%mine: i32, %other: i32, %n: i32):
    %at = linalg.index 0 : index
    %otheri = linalg.index 1 : index
    %before = arith.cmpi slt, %otheri, %at : index
    %same = arith.cmpi eq, %mine, %other : i32
    %both = arith.andi %before, %same : i1
    %step = arith.extui %both : i1 to i32
    %next = arith.addi %n, %step : i32
    linalg.yield %next : i32
  } -> tensor<6xi32>
  %mask = linalg.generic {indexing_maps = [affine_map<(t, e, c) -> (t)>, affine_map<(t, e, c) -> (t)>, affine_map<(t, e, c) -> (t, e, c)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%best#1, %count : tensor<6xi32>, tensor<6xi32>) outs(%e4 : tensor<6x3x3xf32>) {
  ^bb0(%id: i32, %counted: i32, %o: f32):
    %nth = arith.addi %counted, %none : i32
    %e = linalg.index 1 : index
    %c = linalg.index 2 : index
    %ei = arith.index_cast %e : index to i32
    %ci = arith.index_cast %c : index to i32
    %isExpert = arith.cmpi eq, %id, %ei : i32
    %isPlace = arith.cmpi eq, %nth, %ci : i32
    %stays = arith.cmpi slt, %nth, %fewer : i32
    %both = arith.andi %isExpert, %isPlace : i1
    %all = arith.andi %both, %stays : i1
    %f = arith.uitofp %all : i1 to f32
    linalg.yield %f : f32
  } -> tensor<6x3x3xf32>
  %rows = linalg.generic {indexing_maps = [affine_map<(e, c, k, t) -> (t, e, c)>, affine_map<(e, c, k, t) -> (t, k)>, affine_map<(e, c, k, t) -> (e, c, k)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%mask, %x : tensor<6x3x3xf32>, tensor<6x4xf32>) outs(%r0 : tensor<3x3x4xf32>) {
  ^bb0(%hit: f32, %a: f32, %s: f32):
    %d = arith.mulf %hit, %one : f32
    %p = arith.mulf %d, %a : f32
    %q = arith.addf %s, %p : f32
    linalg.yield %q : f32
  } -> tensor<3x3x4xf32>
  %h = linalg.generic {indexing_maps = [affine_map<(e, c, i, k) -> (e, c, k)>, affine_map<(e, c, i, k) -> (e, i, k)>, affine_map<(e, c, i, k) -> (e, c, i)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%rows, %up : tensor<3x3x4xf32>, tensor<3x5x4xf32>) outs(%h0 : tensor<3x3x5xf32>) {
  ^bb0(%a: f32, %b: f32, %s: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %s, %p : f32
    linalg.yield %q : f32
  } -> tensor<3x3x5xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(t, n, e, c, i) -> (e, c, i)>, affine_map<(t, n, e, c, i) -> (e, n, i)>, affine_map<(t, n, e, c, i) -> (t)>, affine_map<(t, n, e, c, i) -> (t)>, affine_map<(t, n, e, c, i) -> (t)>, affine_map<(t, n, e, c, i) -> (t, n)>], iterator_types = ["parallel", "parallel", "reduction", "reduction", "reduction"]} ins(%h, %down, %best#0, %best#1, %count : tensor<3x3x5xf32>, tensor<3x4x5xf32>, tensor<6xf32>, tensor<6xi32>, tensor<6xi32>) outs(%y0 : tensor<6x4xf32>) {
  ^bb0(%a: f32, %b: f32, %w: f32, %id: i32, %counted: i32, %s: f32):
    %nth = arith.addi %counted, %none : i32
    %e = linalg.index 2 : index
    %c = linalg.index 3 : index
    %ei = arith.index_cast %e : index to i32
    %ci = arith.index_cast %c : index to i32
    %isExpert = arith.cmpi eq, %id, %ei : i32
    %isPlace = arith.cmpi eq, %nth, %ci : i32
    %stays = arith.cmpi slt, %nth, %places : i32
    %both = arith.andi %isExpert, %isPlace : i1
    %all = arith.andi %both, %stays : i1
    %f = arith.uitofp %all : i1 to f32
    %r = arith.maximumf %a, %zero : f32
    %p = arith.mulf %r, %b : f32
    %g = arith.mulf %w, %f : f32
    %q = arith.mulf %p, %g : f32
    %u = arith.addf %s, %q : f32
    linalg.yield %u : f32
  } -> tensor<6x4xf32>
  return %y : tensor<6x4xf32>
}
