// RUN: moe-test-opt %s -moe-form-kernels -mlir-print-local-scope -split-input-file | FileCheck %s
// RUN: moe-test-opt %s -moe-form-kernels -split-input-file -remarks-filter-missed="moe-form-kernels" 2>&1 | FileCheck %s --check-prefix=REMARK

// An elementwise op runs in the kernel of its only reader, which asks for each
// element once; one with two readers, or whose reader repeats it, does not.
// CHECK-LABEL: moe_exec.program @maps
// CHECK: moe_exec.launch @[[TWICE:.*]] tasks
// CHECK-NEXT: moe_exec.launch @[[SUM:.*]] tasks
// CHECK-NEXT: moe_exec.launch @[[LAST:.*]] tasks
// CHECK-NEXT: }
// CHECK: moe_exec.kernel @[[SUM]]
// CHECK: arith.mulf
// CHECK: arith.addf
// CHECK: moe_exec.return
module attributes {moe.target = #moe_test.target} {
  func.func @maps(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %t = tensor.dim %x, %c0 : tensor<?x4xf32>
    %e = tensor.empty(%t) : tensor<?x4xf32>
    %f = tensor.empty(%t) : tensor<?xf32>
    %z = linalg.fill ins(%zero : f32) outs(%f : tensor<?xf32>) -> tensor<?xf32>
    %twice = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) {
    ^bb0(%v: f32, %u: f32):
      %m = math.exp %v : f32
      linalg.yield %m : f32
    } -> tensor<?x4xf32>
    %once = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%twice : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) {
    ^bb0(%v: f32, %u: f32):
      %m = arith.mulf %v, %v : f32
      linalg.yield %m : f32
    } -> tensor<?x4xf32>
    %sum = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]} ins(%once : tensor<?x4xf32>) outs(%z : tensor<?xf32>) {
    ^bb0(%v: f32, %u: f32):
      %m = arith.addf %v, %u : f32
      linalg.yield %m : f32
    } -> tensor<?xf32>
    %last = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%twice, %sum : tensor<?x4xf32>, tensor<?xf32>) outs(%e : tensor<?x4xf32>) {
    ^bb0(%v: f32, %w: f32, %u: f32):
      %m = arith.divf %v, %w : f32
      linalg.yield %m : f32
    } -> tensor<?x4xf32>
    return %last : tensor<?x4xf32>
  }
}

// -----

// A reshape is another type for the same bytes.
// CHECK-LABEL: moe_exec.program @reshape
// CHECK-SAME: inputs(%[[X:[a-z0-9]+]]: memref<?x8xf32>
// CHECK: %[[V:.*]] = moe_exec.view %[[X]] : memref<?x8xf32> to memref<?x2x4xf32>
// CHECK-NEXT: moe_exec.launch @exp_test {{.*}} args(%[[V]], %{{.*}})
module attributes {moe.target = #moe_test.target} {
  func.func @reshape(%x: tensor<?x8xf32>) -> tensor<?x2x4xf32> {
    %c0 = arith.constant 0 : index
    %t = tensor.dim %x, %c0 : tensor<?x8xf32>
    %v = tensor.expand_shape %x [[0], [1, 2]] output_shape [%t, 2, 4] : tensor<?x8xf32> into tensor<?x2x4xf32>
    %y = math.exp %v : tensor<?x2x4xf32>
    return %y : tensor<?x2x4xf32>
  }
}

// -----

// An assertion that sizes answer is none; that two arguments are of one size is
// asked of the arguments; what is data is asked by a step, once.
// CHECK-LABEL: moe_exec.program @asserts
// CHECK-SAME: dims(%{{[a-z0-9]+}}: index {bound = 1048576 : i64, name = "arg0_0"})
// CHECK: moe_exec.launch @from_elements_test
// CHECK-NEXT: moe_exec.check %{{.*}} error 713 "ids are small" : memref<1xi64>
// CHECK-NEXT: moe_exec.launch @exp_test
// CHECK-NOT: moe_exec.check
module attributes {moe.target = #moe_test.target} {
  func.func @asserts(%x: tensor<?xf32>, %z: tensor<?xf32>, %n: tensor<i64>) -> tensor<?xf32> {
    %c0 = arith.constant 0 : index
    %c0_i64 = arith.constant 0 : i64
    %c8_i64 = arith.constant 8 : i64
    %t = tensor.dim %x, %c0 : tensor<?xf32>
    %u = tensor.dim %z, %c0 : tensor<?xf32>
    %k = arith.index_cast %t : index to i64
    %sign = arith.cmpi sge, %k, %c0_i64 : i64
    cf.assert %sign, "sizes are not negative"
    %same = arith.cmpi eq, %t, %u : index
    cf.assert %same, "as many"
    %i = tensor.extract %n[] : tensor<i64>
    %small = arith.cmpi slt, %i, %c8_i64 : i64
    cf.assert %small, "ids are small"
    cf.assert %small, "ids are small, once more"
    %y = math.exp %x : tensor<?xf32>
    return %y : tensor<?xf32>
  }
}

// -----

// A size that is data, of which an assertion says what it is, is that; the
// assertion asks the data.
// CHECK-LABEL: moe_exec.program @fact
// CHECK: moe_exec.check %{{.*}} error 713 "it is 8"
// CHECK: moe_exec.launch @exp_test
// CHECK: moe_exec.kernel @from_elements_test(%[[N:.*]]: tensor<i64>)
// CHECK: %[[I:.*]] = tensor.extract %[[N]][]
// CHECK: arith.cmpi eq,
// CHECK: arith.select
// CHECK: moe_exec.kernel @exp_test() -> tensor<?xf32> attributes {num_dims = 0 : i64, sizes = [affine_map<() -> (8)>]}
module attributes {moe.target = #moe_test.target} {
  func.func @fact(%n: tensor<i64>) -> tensor<8xf32> {
    %c0 = arith.constant 0 : index
    %c8 = arith.constant 8 : index
    %one = arith.constant 1.0 : f32
    %i = tensor.extract %n[] : tensor<i64>
    %m = arith.index_cast %i : i64 to index
    %e = tensor.empty(%m) : tensor<?xf32>
    %f = linalg.fill ins(%one : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    %d = tensor.dim %f, %c0 : tensor<?xf32>
    %is = arith.cmpi eq, %d, %c8 : index
    cf.assert %is, "it is 8"
    %y = math.exp %f : tensor<?xf32>
    %s = tensor.cast %y : tensor<?xf32> to tensor<8xf32>
    return %s : tensor<8xf32>
  }
}

// -----

// A loop works in the buffers of all that it carries, read later or not.
// REMARK: remark: [Missed] slow-path
// REMARK-SAME: slow path: scf.for runs as loops of one task
// CHECK-LABEL: moe_exec.program @loop
// CHECK: moe_exec.launch @for_test {{.*}} args(%{{.*}}, %{{.*}}, %{{.*}}) : memref<8xi32>, memref<8xi32>, memref<i32>
module attributes {moe.target = #moe_test.target} {
  func.func @loop(%x: tensor<8xi32>) -> tensor<8xi32> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %z = arith.constant dense<0> : tensor<i32>
    %r:2 = scf.for %i = %c0 to %c8 step %c1 iter_args(%p = %x, %q = %z) -> (tensor<8xi32>, tensor<i32>) {
      %a = tensor.extract %q[] : tensor<i32>
      %b = tensor.extract %p[%i] : tensor<8xi32>
      %s = arith.addi %a, %b : i32
      %u = tensor.insert %s into %p[%i] : tensor<8xi32>
      %v = tensor.insert %s into %q[] : tensor<i32>
      scf.yield %u, %v : tensor<8xi32>, tensor<i32>
    }
    return %r#0 : tensor<8xi32>
  }
}
