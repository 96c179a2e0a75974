// RUN: moe-opt %s --moe-cuda-lower-kernels --split-input-file | FileCheck %s

// Kernels stay, with how they are launched; beside them is a module of what is
// scalar in them.

module attributes {moe.target = #moe_cuda.target<name = "sm_80">} {
  // CHECK-LABEL: moe_exec.kernel @relu
  // CHECK-SAME: moe_cuda.launch = #moe_cuda.launch<block = 128>
  // CHECK: moe.activate relu
  moe_exec.kernel @relu(%x: tensor<?x64xf32>) -> tensor<?x64xf32>
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
    %y = moe.activate relu(%x) : (tensor<?x64xf32>) -> tensor<?x64xf32>
    moe_exec.return %y : tensor<?x64xf32>
  }
}
// CHECK: module @kernels {
// CHECK: func.func private @threadIndex() -> i64
// CHECK: func.func private @blockIndex() -> i64
// CHECK: func.func @relu(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64) attributes {moe.kernel}
// CHECK: %[[TASK:.*]] = call @blockIndex
// CHECK: %[[THREAD:.*]] = call @threadIndex
// CHECK: scf.for %{{.*}} = %[[THREAD]] to %{{.*}} step
// CHECK: llvm.load {{.*}} : !llvm.ptr -> f32
// CHECK: arith.maximumf
// CHECK: llvm.store {{.*}} : f32, !llvm.ptr

// -----

// A vector has its elements dealt to the threads of all blocks.

module attributes {moe.target = #moe_cuda.target<name = "sm_80">} {
  moe_exec.kernel @twice(%x: tensor<?xf32>) -> tensor<?xf32>
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
    %y = arith.addf %x, %x : tensor<?xf32>
    moe_exec.return %y : tensor<?xf32>
  }
}
// CHECK-LABEL: func.func @twice
// CHECK: %[[BLOCK:.*]] = arith.muli
// CHECK: %[[INDEX:.*]] = arith.addi %[[BLOCK]]
// CHECK: %[[THERE:.*]] = arith.cmpi slt, %[[INDEX]]
// CHECK: scf.if %[[THERE]]

// -----

// A matmul keeps its epilogue, a router its formulas; blocks and shared memory
// follow from plans and shapes. Names become names of C++.

!w = !moe.packed<#moe_cuda.rows<interleave = 8>, 64x32xf32>
module attributes {moe.target = #moe_cuda.target<name = "sm_80">} {
  // CHECK-LABEL: moe_exec.kernel @first_half_sm_80
  // CHECK-SAME: moe_cuda.launch = #moe_cuda.launch<block = 128, smem = 15488>
  moe_exec.kernel @"first.half_sm_80"(%x: tensor<?x32xf32>, %w: !w) -> tensor<?x64xf32>
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>, affine_map<(d0) -> (d0)>]} {
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%a: f32):
      %two = arith.constant 2.0 : f32
      %b = arith.mulf %a, %two : f32
      moe.yield %b : f32
    } {moe.plan = #moe_cuda.matmul<mainloop = fma, tile_m = 32, tile_n = 64, tile_k = 16, stages = 2>}
      : (tensor<?x32xf32>, !w) -> tensor<?x64xf32>
    moe_exec.return %y : tensor<?x64xf32>
  }
  // CHECK-LABEL: moe_exec.kernel @route
  // CHECK-SAME: moe_cuda.launch = #moe_cuda.launch<block = 128, smem = 512>
  moe_exec.kernel @route(%l: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
    %s = moe.score sigmoid %l : tensor<?x8xf32> -> tensor<?x8xf32>
    %i = moe.select %s top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>
    %w = moe.weigh %s, %i normalize l1 : tensor<?x8xf32>, tensor<?x2xi32> -> tensor<?x2xf32>
    moe_exec.return %i, %w : tensor<?x2xi32>, tensor<?x2xf32>
  }
  // Counters of a hundred experts for each of 32 warps, and their sums.
  // CHECK-LABEL: moe_exec.kernel @limit
  // CHECK-SAME: moe_cuda.launch = #moe_cuda.launch<block = 1024, smem = 13200>
  moe_exec.kernel @limit(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
    %k, %v = moe.capacity %i, %w cap 2 order token_major overflow drop experts 100 : tensor<?x2xi32>, tensor<?x2xf32>
    moe_exec.return %k, %v : tensor<?x2xi32>, tensor<?x2xf32>
  }
}
// CHECK: module @kernels {
// CHECK: func.func @first_half_sm_80_epilogue(%[[SUM:.*]]: f32) -> f32
// CHECK: arith.mulf %[[SUM]]
// CHECK: func.func @route_formula0(%{{.*}}: f32) -> f32
// CHECK: math.exp
