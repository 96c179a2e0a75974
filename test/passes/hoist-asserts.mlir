// RUN: moe-opt %s -moe-hoist-asserts -split-input-file | FileCheck %s

// What a sum's finished part does not enter is asked before the op, of all
// iterations; an op without inputs takes its iterations from its output.
// CHECK-LABEL: func.func @gather
// CHECK: %[[ALL:.*]] = linalg.generic {{.*}} iterator_types = ["reduction", "reduction"]} ins(%{{.*}} : tensor<4x8xf32>) outs(%{{.*}} : tensor<i1>)
// CHECK: arith.cmpi
// CHECK: arith.andi
// CHECK: %[[HOLDS:.*]] = tensor.extract %[[ALL]][]
// CHECK: cf.assert %[[HOLDS]], "too large"
// CHECK: linalg.generic
// CHECK-NOT: cf.assert
func.func @gather(%n: index, %x: tensor<?xf32>, %o: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} outs(%o : tensor<4x8xf32>) {
  ^bb0(%out: f32):
    %i = linalg.index 1 : index
    %c = arith.cmpi slt, %i, %n : index
    cf.assert %c, "too large"
    %e = tensor.extract %x[%i] : tensor<?xf32>
    linalg.yield %e : f32
  } -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}

// -----

// A condition on a sum that is not finished has no place before the op.
// CHECK-LABEL: func.func @running
// CHECK: linalg.generic
// CHECK: cf.assert
func.func @running(%x: tensor<8xf32>, %o: tensor<f32>) -> tensor<f32> {
  %zero = arith.constant 0.0 : f32
  %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>], iterator_types = ["reduction"]} ins(%x : tensor<8xf32>) outs(%o : tensor<f32>) {
  ^bb0(%in: f32, %out: f32):
    %c = arith.cmpf oge, %out, %zero : f32
    cf.assert %c, "negative"
    %s = arith.addf %in, %out : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  return %r : tensor<f32>
}
