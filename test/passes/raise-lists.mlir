// A loop over experts, unrolled: the list of the expert's tokens, its rows, and
// what it computes added where they came from. No size that is data is left.
// Each other run changes one condition.
// RUN: moe-opt %s --allow-unregistered-dialect --moe-raise | FileCheck %s
// RUN: sed 's/%n1e = arith.index_cast %length1/%n1e = arith.index_cast %length0/' %s | moe-opt --allow-unregistered-dialect --moe-raise -remarks-filter-missed="moe-raise-layers" 2>&1 | FileCheck %s --check-prefix=ORDER
// RUN: sed 's/arith.subi %count, %n1/arith.subi %count, %n0/' %s | moe-opt --allow-unregistered-dialect --moe-raise -remarks-filter-missed="moe-raise-layers" 2>&1 | FileCheck %s --check-prefix=MISSED
// RUN: sed 's/%c1e = arith.constant 1/%c1e = arith.constant 0/' %s | moe-opt --allow-unregistered-dialect --moe-raise -remarks-filter-missed="moe-raise-layers" 2>&1 | FileCheck %s --check-prefix=MISSED

// CHECK-LABEL: @lists
// CHECK: %[[IDS:.*]], %[[W:.*]] = moe.route %{{.*}} select top_k(1)
// CHECK: moe.group %[[IDS]]
// CHECK: moe.expert
// CHECK: moe.combine {{.*}} weights %[[W]]
// CHECK-NOT: tm_tensor
// CHECK-NOT: extract_slice

// ORDER: not raised to a moe layer: rows in the order of a sort or of a list are not all put back
// ORDER-NOT: moe.expert
// ORDER: tm_tensor.scatter
// MISSED-NOT: moe.expert
// MISSED: tm_tensor.scatter
// MISSED-NOT: moe.expert
#te = affine_map<(t, e) -> (t, e)>
#t = affine_map<(t, e) -> (t)>
#id = affine_map<(a) -> (a)>
#id2 = affine_map<(a, b) -> (a, b)>
#a = affine_map<(a, b) -> (a)>
#b = affine_map<(a, b) -> (b)>
func.func @lists(%x: tensor<?x4xf32>, %router: tensor<4x2xf32>, %w: tensor<2x4x4xf32>) -> tensor<?x4xf32> {
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %c0 = arith.constant 0 : index
  %n0 = arith.constant 0 : i64
  %n1 = arith.constant 1 : i64
  %tokens = tensor.dim %x, %c0 : tensor<?x4xf32>
  %el = tensor.empty(%tokens) : tensor<?x2xf32>
  %l0 = linalg.fill ins(%zero : f32) outs(%el : tensor<?x2xf32>) -> tensor<?x2xf32>
  %l = linalg.matmul ins(%x, %router : tensor<?x4xf32>, tensor<4x2xf32>) outs(%l0 : tensor<?x2xf32>) -> tensor<?x2xf32>
  %e0 = tensor.empty(%tokens) : tensor<?xf32>
  %e1 = tensor.empty(%tokens) : tensor<?xi64>
  %m0 = linalg.fill ins(%least : f32) outs(%e0 : tensor<?xf32>) -> tensor<?xf32>
  %i0 = linalg.fill ins(%n0 : i64) outs(%e1 : tensor<?xi64>) -> tensor<?xi64>
  %best:2 = linalg.generic {indexing_maps = [#te, #t, #t], iterator_types = ["parallel", "reduction"]} ins(%l : tensor<?x2xf32>) outs(%m0, %i0 : tensor<?xf32>, tensor<?xi64>) {
  ^bb0(%v: f32, %m: f32, %i: i64):
    %e = linalg.index 1 : index
    %id = arith.index_cast %e : index to i64
    %more = arith.cmpf ogt, %v, %m : f32
    %m1 = arith.maximumf %v, %m : f32
    %i1 = arith.select %more, %id, %i : i64
    linalg.yield %m1, %i1 : f32, i64
  } -> (tensor<?xf32>, tensor<?xi64>)
  %e3 = tensor.empty() : tensor<i64>
  %o0 = linalg.fill ins(%n0 : i64) outs(%e3 : tensor<i64>) -> tensor<i64>
  %e4 = tensor.empty(%tokens) : tensor<?x4xf32>
  %accz = linalg.fill ins(%zero : f32) outs(%e4 : tensor<?x4xf32>) -> tensor<?x4xf32>
  // The tokens of expert 0.
  %c0e = arith.constant 0 : i64
  %hit0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%best#1 : tensor<?xi64>) outs(%e1 : tensor<?xi64>) {
  ^bb0(%expert: i64, %o: i64):
    %is = arith.cmpi eq, %expert, %c0e : i64
    %one = arith.extui %is : i1 to i64
    linalg.yield %one : i64
  } -> tensor<?xi64>
  %scan0:2 = "tm_tensor.scan"(%hit0, %i0, %o0) <{dimension = 0 : i64, inclusive = true, operandSegmentSizes = array<i32: 1, 2>}> ({
  ^bb0(%old: i64, %new: i64):
    %sum = arith.addi %old, %new : i64
    "tm_tensor.yield"(%sum) : (i64) -> ()
  }) : (tensor<?xi64>, tensor<?xi64>, tensor<i64>) -> (tensor<?xi64>, tensor<i64>)
  %to0:2 = linalg.generic {indexing_maps = [#id, #id, #id, #id], iterator_types = ["parallel"]} ins(%hit0, %scan0#0 : tensor<?xi64>, tensor<?xi64>) outs(%e1, %e1 : tensor<?xi64>, tensor<?xi64>) {
  ^bb0(%is: i64, %count: i64, %o: i64, %o2: i64):
    %row = linalg.index 0 : index
    %i = arith.index_cast %row : index to i64
    %before = arith.subi %count, %n1 : i64
    %place = arith.maxsi %before, %n0 : i64
    %mine = arith.muli %i, %is : i64
    linalg.yield %place, %mine : i64, i64
  } -> (tensor<?xi64>, tensor<?xi64>)
  %at0 = tensor.expand_shape %to0#0 [[0, 1]] output_shape [%tokens, 1] : tensor<?xi64> into tensor<?x1xi64>
  %list0 = "tm_tensor.scatter"(%to0#1, %at0, %i0) <{dimension_map = array<i64: 0>, operandSegmentSizes = array<i32: 2, 1>, unique_indices = false}> ({
  ^bb0(%new: i64, %old: i64):
    %sum = arith.addi %old, %new : i64
    "tm_tensor.yield"(%sum) : (i64) -> ()
  }) : (tensor<?xi64>, tensor<?x1xi64>, tensor<?xi64>) -> tensor<?xi64>
  %count0 = linalg.generic {indexing_maps = [#id, affine_map<(a) -> ()>], iterator_types = ["reduction"]} ins(%hit0 : tensor<?xi64>) outs(%o0 : tensor<i64>) {
  ^bb0(%is: i64, %so: i64):
    %sum = arith.addi %is, %so : i64
    linalg.yield %sum : i64
  } -> tensor<i64>
  %length0 = tensor.extract %count0[] : tensor<i64>
  %n0e = arith.index_cast %length0 : i64 to index
  %taken0 = tensor.extract_slice %list0[0] [%n0e] [1] : tensor<?xi64> to tensor<?xi64>
  %in0 = tensor.empty(%n0e) : tensor<?x4xf32>
  %rows0 = linalg.generic {indexing_maps = [#a, #id2], iterator_types = ["parallel", "parallel"]} ins(%taken0 : tensor<?xi64>) outs(%in0 : tensor<?x4xf32>) {
  ^bb0(%row: i64, %o: f32):
    %n = linalg.index 1 : index
    %r = arith.index_cast %row : i64 to index
    %v = tensor.extract %x[%r, %n] : tensor<?x4xf32>
    linalg.yield %v : f32
  } -> tensor<?x4xf32>
  %w0 = tensor.extract_slice %w[0, 0, 0] [1, 4, 4] [1, 1, 1] : tensor<2x4x4xf32> to tensor<4x4xf32>
  %h0_0 = linalg.fill ins(%zero : f32) outs(%in0 : tensor<?x4xf32>) -> tensor<?x4xf32>
  %h0 = linalg.generic {indexing_maps = [affine_map<(r, n, k) -> (r, k)>, affine_map<(r, n, k) -> (n, k)>, affine_map<(r, n, k) -> (r, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%rows0, %w0 : tensor<?x4xf32>, tensor<4x4xf32>) outs(%h0_0 : tensor<?x4xf32>) {
  ^bb0(%u: f32, %v: f32, %acc: f32):
    %q = arith.mulf %u, %v : f32
    %r = arith.addf %acc, %q : f32
    linalg.yield %r : f32
  } -> tensor<?x4xf32>
  %y0 = linalg.generic {indexing_maps = [#id2, #a, #id2], iterator_types = ["parallel", "parallel"]} ins(%h0, %taken0 : tensor<?x4xf32>, tensor<?xi64>) outs(%in0 : tensor<?x4xf32>) {
  ^bb0(%v: f32, %row: i64, %o: f32):
    %r = arith.index_cast %row : i64 to index
    %weight = tensor.extract %best#0[%r] : tensor<?xf32>
    %s = arith.mulf %v, %weight : f32
    linalg.yield %s : f32
  } -> tensor<?x4xf32>
  %back0 = tensor.expand_shape %taken0 [[0, 1]] output_shape [%n0e, 1] : tensor<?xi64> into tensor<?x1xi64>
  %new0 = tensor.expand_shape %y0 [[0, 1], [2]] output_shape [%n0e, 1, 4] : tensor<?x4xf32> into tensor<?x1x4xf32>
  %acc0 = "tm_tensor.scatter"(%new0, %back0, %accz) <{dimension_map = array<i64: 0>, operandSegmentSizes = array<i32: 2, 1>, unique_indices = false}> ({
  ^bb0(%new: f32, %old: f32):
    %sum = arith.addf %old, %new : f32
    "tm_tensor.yield"(%sum) : (f32) -> ()
  }) : (tensor<?x1x4xf32>, tensor<?x1xi64>, tensor<?x4xf32>) -> tensor<?x4xf32>
  // The tokens of expert 1.
  %c1e = arith.constant 1 : i64
  %hit1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%best#1 : tensor<?xi64>) outs(%e1 : tensor<?xi64>) {
  ^bb0(%expert: i64, %o: i64):
    %is = arith.cmpi eq, %expert, %c1e : i64
    %one = arith.extui %is : i1 to i64
    linalg.yield %one : i64
  } -> tensor<?xi64>
  %scan1:2 = "tm_tensor.scan"(%hit1, %i0, %o0) <{dimension = 0 : i64, inclusive = true, operandSegmentSizes = array<i32: 1, 2>}> ({
  ^bb0(%old: i64, %new: i64):
    %sum = arith.addi %old, %new : i64
    "tm_tensor.yield"(%sum) : (i64) -> ()
  }) : (tensor<?xi64>, tensor<?xi64>, tensor<i64>) -> (tensor<?xi64>, tensor<i64>)
  %to1:2 = linalg.generic {indexing_maps = [#id, #id, #id, #id], iterator_types = ["parallel"]} ins(%hit1, %scan1#0 : tensor<?xi64>, tensor<?xi64>) outs(%e1, %e1 : tensor<?xi64>, tensor<?xi64>) {
  ^bb0(%is: i64, %count: i64, %o: i64, %o2: i64):
    %row = linalg.index 0 : index
    %i = arith.index_cast %row : index to i64
    %before = arith.subi %count, %n1 : i64
    %place = arith.maxsi %before, %n0 : i64
    %mine = arith.muli %i, %is : i64
    linalg.yield %place, %mine : i64, i64
  } -> (tensor<?xi64>, tensor<?xi64>)
  %at1 = tensor.expand_shape %to1#0 [[0, 1]] output_shape [%tokens, 1] : tensor<?xi64> into tensor<?x1xi64>
  %list1 = "tm_tensor.scatter"(%to1#1, %at1, %i0) <{dimension_map = array<i64: 0>, operandSegmentSizes = array<i32: 2, 1>, unique_indices = false}> ({
  ^bb0(%new: i64, %old: i64):
    %sum = arith.addi %old, %new : i64
    "tm_tensor.yield"(%sum) : (i64) -> ()
  }) : (tensor<?xi64>, tensor<?x1xi64>, tensor<?xi64>) -> tensor<?xi64>
  %count1 = linalg.generic {indexing_maps = [#id, affine_map<(a) -> ()>], iterator_types = ["reduction"]} ins(%hit1 : tensor<?xi64>) outs(%o0 : tensor<i64>) {
  ^bb0(%is: i64, %so: i64):
    %sum = arith.addi %is, %so : i64
    linalg.yield %sum : i64
  } -> tensor<i64>
  %length1 = tensor.extract %count1[] : tensor<i64>
  %n1e = arith.index_cast %length1 : i64 to index
  %taken1 = tensor.extract_slice %list1[0] [%n1e] [1] : tensor<?xi64> to tensor<?xi64>
  %in1 = tensor.empty(%n1e) : tensor<?x4xf32>
  %rows1 = linalg.generic {indexing_maps = [#a, #id2], iterator_types = ["parallel", "parallel"]} ins(%taken1 : tensor<?xi64>) outs(%in1 : tensor<?x4xf32>) {
  ^bb0(%row: i64, %o: f32):
    %n = linalg.index 1 : index
    %r = arith.index_cast %row : i64 to index
    %v = tensor.extract %x[%r, %n] : tensor<?x4xf32>
    linalg.yield %v : f32
  } -> tensor<?x4xf32>
  %w1 = tensor.extract_slice %w[1, 0, 0] [1, 4, 4] [1, 1, 1] : tensor<2x4x4xf32> to tensor<4x4xf32>
  %h1_0 = linalg.fill ins(%zero : f32) outs(%in1 : tensor<?x4xf32>) -> tensor<?x4xf32>
  %h1 = linalg.generic {indexing_maps = [affine_map<(r, n, k) -> (r, k)>, affine_map<(r, n, k) -> (n, k)>, affine_map<(r, n, k) -> (r, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%rows1, %w1 : tensor<?x4xf32>, tensor<4x4xf32>) outs(%h1_0 : tensor<?x4xf32>) {
  ^bb0(%u: f32, %v: f32, %acc: f32):
    %q = arith.mulf %u, %v : f32
    %r = arith.addf %acc, %q : f32
    linalg.yield %r : f32
  } -> tensor<?x4xf32>
  %y1 = linalg.generic {indexing_maps = [#id2, #a, #id2], iterator_types = ["parallel", "parallel"]} ins(%h1, %taken1 : tensor<?x4xf32>, tensor<?xi64>) outs(%in1 : tensor<?x4xf32>) {
  ^bb0(%v: f32, %row: i64, %o: f32):
    %r = arith.index_cast %row : i64 to index
    %weight = tensor.extract %best#0[%r] : tensor<?xf32>
    %s = arith.mulf %v, %weight : f32
    linalg.yield %s : f32
  } -> tensor<?x4xf32>
  %back1 = tensor.expand_shape %taken1 [[0, 1]] output_shape [%n1e, 1] : tensor<?xi64> into tensor<?x1xi64>
  %new1 = tensor.expand_shape %y1 [[0, 1], [2]] output_shape [%n1e, 1, 4] : tensor<?x4xf32> into tensor<?x1x4xf32>
  %acc1 = "tm_tensor.scatter"(%new1, %back1, %acc0) <{dimension_map = array<i64: 0>, operandSegmentSizes = array<i32: 2, 1>, unique_indices = false}> ({
  ^bb0(%new: f32, %old: f32):
    %sum = arith.addf %old, %new : f32
    "tm_tensor.yield"(%sum) : (f32) -> ()
  }) : (tensor<?x1x4xf32>, tensor<?x1xi64>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %acc1 : tensor<?x4xf32>
}
