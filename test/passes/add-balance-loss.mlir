// RUN: moe-opt %s --moe-add-balance-loss="kind=bias-update coefficient=0.5" | FileCheck %s
// RUN: moe-opt %s --moe-add-balance-loss="kind=global" | FileCheck %s --check-prefix=GLOBAL
// RUN: not moe-opt %s --moe-add-balance-loss="kind=swich" 2>&1 | FileCheck %s --check-prefix=KIND
// RUN: not moe-opt %s --moe-add-balance-loss="kind=sequence" 2>&1 | FileCheck %s --check-prefix=LENGTH
// RUN: not moe-opt %s --moe-add-balance-loss="kind=sequence sequence-length=4" 2>&1 | FileCheck %s --check-prefix=STATIC
// RUN: sed 's/return %ids/%i2, %w2 = moe.route %l select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32> return %ids/' %s | not moe-opt --moe-add-balance-loss 2>&1 | FileCheck %s --check-prefix=TWO
// RUN: sed 's/return %ids.*/cf.br ^bb1 ^bb1: return %ids : tensor<?x2xi32>/' %s | not moe-opt --moe-add-balance-loss 2>&1 | FileCheck %s --check-prefix=BLOCK

// KIND: error: expects kind to be switch, sequence, global, z, importance, load or bias-update, got 'swich'
// LENGTH: error: expects kind=sequence to have a positive sequence-length, got 0
// STATIC: error: expects kind=sequence to have a static number of tokens that is a multiple of sequence-length, got 'tensor<?x8xf32>' and 4
// TWO: error: expects one router in the function's body, got 2
// BLOCK: error: expects a body of one block

// CHECK-LABEL: func.func @layer
// CHECK-SAME: -> (tensor<?x2xi32> {moe.name = "topk_ids"}, tensor<8xf32> {moe.name = "selection_bias"})
// CHECK: moe.route
// CHECK: moe.count %{{.*}} : tensor<?x2xi32> -> tensor<8xf32>
// CHECK: return %{{.*}}, %{{.*}} : tensor<?x2xi32>, tensor<8xf32>
// GLOBAL: func.func @layer(%{{.*}}: tensor<?x8xf32>, %[[G:.*]]: tensor<8xf32> {moe.name = "global_counts"})
// GLOBAL-SAME: tensor<1xf32> {moe.name = "balance_loss"}
// GLOBAL: ins(%[[G]]
func.func @layer(%l: tensor<?x8xf32>) -> (tensor<?x2xi32> {moe.name = "topk_ids"}) {
  %ids, %w = moe.route %l score sigmoid select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return %ids : tensor<?x2xi32>
}
