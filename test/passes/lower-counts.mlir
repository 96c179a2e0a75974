// RUN: moe-opt %s -pass-pipeline='builtin.module(func.func(moe-lower-counts))' -split-input-file -mlir-print-local-scope | FileCheck %s

// CHECK-LABEL: func.func @count
// CHECK-SAME: (%[[IDS:.*]]: tensor<?x2xi32>)
// CHECK: %[[Z:.*]] = linalg.fill ins(%{{.*}} : i32) outs(%{{.*}} : tensor<8xi32>)
// CHECK: %[[C:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0)>], iterator_types = ["parallel", "reduction", "reduction"]} ins(%[[IDS]] : tensor<?x2xi32>) outs(%[[Z]] : tensor<8xi32>) {
// CHECK-NEXT: ^bb0(%[[ID:.*]]: i32, %[[SUM:.*]]: i32):
// CHECK-NEXT: %[[I:.*]] = linalg.index 0 : index
// CHECK-NEXT: %[[E:.*]] = arith.index_cast %[[I]] : index to i32
// CHECK-NEXT: %[[SAME:.*]] = arith.cmpi eq, %[[ID]], %[[E]] : i32
// CHECK-DAG: %[[ONE:.*]] = arith.constant 1 : i32
// CHECK-DAG: %[[NONE:.*]] = arith.constant 0 : i32
// CHECK: %[[M:.*]] = arith.select %[[SAME]], %[[ONE]], %[[NONE]] : i32
// CHECK-NEXT: %[[N:.*]] = arith.addi %[[SUM]], %[[M]] : i32
// CHECK-NEXT: linalg.yield %[[N]] : i32
// CHECK: return %[[C]]
func.func @count(%ids: tensor<?x2xi32>) -> tensor<8xi32> {
  %c = moe.count %ids : tensor<?x2xi32> -> tensor<8xi32>
  return %c : tensor<8xi32>
}

// -----

// Each sequence has counts of its own, and may be of any length.
// CHECK-LABEL: func.func @sequences
// CHECK-SAME: (%[[IDS:.*]]: tensor<?x5x2xi32>)
// CHECK: %[[D:.*]] = tensor.dim %[[IDS]], %{{.*}}
// CHECK: tensor.empty(%[[D]]) : tensor<?x8xf32>
// CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction", "reduction"]} ins(%[[IDS]] : tensor<?x5x2xi32>)
// CHECK: linalg.index 1
// CHECK: arith.addf
func.func @sequences(%ids: tensor<?x5x2xi32>) -> tensor<?x8xf32> {
  %c = moe.count %ids : tensor<?x5x2xi32> -> tensor<?x8xf32>
  return %c : tensor<?x8xf32>
}

// -----

// CHECK-LABEL: func.func @nothing
// CHECK-NEXT: return
func.func @nothing(%ids: tensor<?x2xi32>) -> tensor<?x2xi32> {
  return %ids : tensor<?x2xi32>
}
