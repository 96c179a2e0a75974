// RUN: moe-compile %s --from=exec --target=sm_80 --emit=cuda -o - | FileCheck %s

// What the generated part of a text says. What it computes is tested by running
// it (test/cudasim, test/e2e).

// CHECK: // Kernels for sm_80
#T = affine_map<(d0) -> (d0)>
#S = affine_map<(d0) -> (d0 * 2)>
#none = affine_map<(d0) -> ()>
!g = !moe.groups<experts = 8, ragged>
!l = !moe.groups<experts = 8, local = [2, 4], ragged>
!w = !moe.packed<#moe_cuda.rows<interleave = 8>, 4x24x20xf32>
module attributes {moe.target = #moe_cuda.target<name = "sm_80">} {
  moe_exec.kernel @index(%ids: tensor<?x2xi32>, %weights: tensor<?x2xbf16>) -> (tensor<1xi64>, tensor<?x2xbf16>, !g, tensor<9xi32>)
      attributes {num_dims = 1 : i64, sizes = [#T, #T, #none, #T, #S, #none]} {
    %s = moe.check_ids %ids experts 8 : tensor<?x2xi32> -> tensor<1xi64>
    %i, %w = moe.capacity %ids, %weights cap 3 order rank_major overflow drop : tensor<?x2xi32>, tensor<?x2xbf16>
    %g = moe.group %i : tensor<?x2xi32> -> !g
    %o = moe.offsets %g : !g -> tensor<9xi32>
    moe_exec.return %s, %w, %g, %o : tensor<1xi64>, tensor<?x2xbf16>, !g, tensor<9xi32>
  }
  // CHECK: extern "C" __global__ void __launch_bounds__(1024)
  // CHECK-NEXT: index(const i32 *x0, const bf16 *x1, i64 *y0, bf16 *y1,
  // CHECK: checkIds<8, 32>(d0 * 2, [&](i32 slot) { return load(x0 + slot); }, y0);
  // CHECK-NEXT: limitSlots<8, 32, true>(0, d0, 2, 3, x0,
  // CHECK-NEXT: store(rowOfSlot + slot, id); store(y1 + slot, id < 0 ? bf16{0x0} : load(x1 + slot));
  // CHECK-NEXT: groupSlots<8, 0, 8, 32>(d0 * 2, [&](i32 slot) { return load(rowOfSlot + slot); }, offsets, slotOfRow, rowOfSlot);
  // CHECK-NEXT: copyOffsets<8, 32>(offsets, y2);
  moe_exec.kernel @local(%ids: tensor<?x2xi32>) -> !l
      attributes {num_dims = 1 : i64, sizes = [#T, #S]} {
    %g = moe.group %ids : tensor<?x2xi32> -> !l
    moe_exec.return %g : !l
  }
  // CHECK: groupSlots<8, 2, 4, 32>
  moe_exec.kernel @from_offsets(%given: tensor<9xi32>) -> !g
      attributes {num_dims = 1 : i64, sizes = [#none, #S]} {
    %g = moe.groups_from_offsets %given : tensor<9xi32> -> !g
    moe_exec.return %g : !g
  }
  // CHECK: groupOffsets<8, 32>(d0 * 2, [&](i32 e) { return load(x0 + e); }, offsets, slotOfRow);
  moe_exec.kernel @constants() -> (!g, tensor<9xi32>)
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (4)>, #none]} {
    %ids = arith.constant dense<[[1, 2], [-1, 7]]> : tensor<2x2xi32>
    %g = moe.group %ids : tensor<2x2xi32> -> !g
    %o = moe.offsets %g : !g -> tensor<9xi32>
    moe_exec.return %g, %o : !g, tensor<9xi32>
  }
  // CHECK: __device__ const i32 table0[4] = {1, 2, -1, 7};
  // CHECK: groupSlots<8, 0, 8, 32>(4, [&](i32 slot) { return table0[slot]; }
  moe_exec.kernel @only_offsets(%ids: tensor<?x2xi32>) -> tensor<9xi32>
      attributes {num_dims = 1 : i64, sizes = [#T, #none]} {
    %g = moe.group %ids : tensor<?x2xi32> -> !g
    %o = moe.offsets %g : !g -> tensor<9xi32>
    moe_exec.return %o : tensor<9xi32>
  }
  // CHECK: groupSlots<8, 0, 8, 32>(d0 * 2, {{.*}}, y0, nullptr, nullptr);
  moe_exec.kernel @matmul(%x: tensor<?x20xf32>, %w: !w, %g: !l, %bias: tensor<4x24xf32>, %slotScale: tensor<?x2xbf16>, %expertScale: tensor<4xf32>, %add: tensor<?x24xf32>) -> tensor<?x24xbf16>
      attributes {num_dims = 1 : i64, sizes = [#T, #none, #S, #none, #T, #none, #S, #S]} {
    %y = moe.grouped_matmul lhs(%x gather) rhs(%w) by %g operands(%bias columns, %slotScale slots, %expertScale experts, %add elements) acc f32 {
    ^bb0(%a: f32, %b: f32, %s: bf16, %e: f32, %r: f32):
      %0 = arith.addf %a, %b : f32
      %sf = arith.extf %s : bf16 to f32
      %1 = arith.mulf %0, %sf : f32
      %2 = arith.mulf %1, %e : f32
      %3 = arith.addf %2, %r : f32
      %4 = arith.truncf %3 : f32 to bf16
      moe.yield %4 : bf16
    } {moe.plan = #moe_cuda.matmul<mainloop = fma, tile_m = 32, tile_n = 64, tile_k = 16, stages = 2>}
      : (tensor<?x20xf32>, !w, !l, tensor<4x24xf32>, tensor<?x2xbf16>, tensor<4xf32>, tensor<?x24xf32>) -> tensor<?x24xbf16>
    moe_exec.return %y : tensor<?x24xbf16>
  }
  // CHECK: struct matmul_config {
  // CHECK-NEXT: using Lhs = f32;
  // CHECK-NEXT: using Rhs = f32;
  // CHECK-NEXT: using Out = bf16;
  // CHECK-NEXT: static constexpr int columns = 24;
  // CHECK-NEXT: static constexpr int depth = 20;
  // CHECK: struct Epilogue0 {
  // CHECK-NEXT: const f32 *x1;
  // CHECK-NEXT: const i32 *slotOfRow;
  // CHECK-NEXT: const bf16 *x2;
  // CHECK: MOE_DEVICE bf16 operator()(i32 expert, i32 row, i32 column, f32 sum0) const {
  // CHECK-NEXT: const f32 v0 = (sum0 + load(x1 + i64(expert) * 24 + column)) * widen(load(x2 + max(load(slotOfRow + row), 0)));
  // CHECK-NEXT: const bf16 v1 = narrow<bf16>(v0 * load(x3 + expert) + load(x4 + i64(row) * 24 + column));
  // CHECK: __launch_bounds__(128, 1)
  // CHECK: args.offsets = offsets + 2;
  // CHECK: matmulFma<matmul_config>(args, Epilogue0{x1, slotOfRow, x2, x3, x4});
  moe_exec.kernel @combine(%rows: tensor<?x24xbf16>, %g: !g, %w: tensor<?x2xf32>, %init: tensor<?x24xbf16>) -> tensor<?x24xbf16>
      attributes {num_dims = 1 : i64, sizes = [#S, #S, #T, #T, #T]} {
    %y = moe.combine %rows by %g weights %w init %init acc bf16 order expert : (tensor<?x24xbf16>, !g, tensor<?x2xf32>, tensor<?x24xbf16>) -> tensor<?x24xbf16>
    moe_exec.return %y : tensor<?x24xbf16>
  }
  // CHECK: combine(const bf16 *x0,
  // CHECK: bf16 sum0 = a0;
  // CHECK: if (n{{[0-9]+}} > -1) {
  // CHECK: v0 = narrow<bf16>(widen(sum0) + widen(v{{[0-9]+}}));
  moe_exec.kernel @dispatch(%x: tensor<?x24xbf16>, %g: !g, %s: tensor<?x2xf32>) -> tensor<?x24xbf16>
      attributes {num_dims = 1 : i64, sizes = [#T, #S, #T, #S]} {
    %y = moe.dispatch %x by %g scale %s : tensor<?x24xbf16>, !g, tensor<?x2xf32> -> tensor<?x24xbf16>
    moe_exec.return %y : tensor<?x24xbf16>
  }
  // CHECK: loadAt<i32>(slotOfRow, task)
  moe_exec.kernel @softmax(%x: tensor<?x24xf32>) -> (tensor<?x24xf32>, tensor<?xf32>)
      attributes {num_dims = 1 : i64, sizes = [#T, #T, #T]} {
    %d = moe_exec.size #T
    %e0 = tensor.empty(%d) : tensor<?xf32>
    %e = tensor.empty(%d) : tensor<?x24xf32>
    %ninf = arith.constant 0xFF800000 : f32
    %z = arith.constant 0.0 : f32
    %m0 = linalg.fill ins(%ninf : f32) outs(%e0 : tensor<?xf32>) -> tensor<?xf32>
    %m = linalg.reduce ins(%x : tensor<?x24xf32>) outs(%m0 : tensor<?xf32>) dimensions = [1]
      (%a: f32, %b: f32) { %c = arith.maximumf %a, %b : f32 linalg.yield %c : f32 }
    %p = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %m : tensor<?x24xf32>, tensor<?xf32>) outs(%e : tensor<?x24xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %0 = arith.subf %a, %b : f32
      %1 = math.exp %0 : f32
      linalg.yield %1 : f32
    } -> tensor<?x24xf32>
    %s0 = linalg.fill ins(%z : f32) outs(%e0 : tensor<?xf32>) -> tensor<?xf32>
    %s = linalg.reduce ins(%p : tensor<?x24xf32>) outs(%s0 : tensor<?xf32>) dimensions = [1]
      (%a: f32, %b: f32) { %c = arith.addf %a, %b : f32 linalg.yield %c : f32 }
    moe_exec.return %p, %s : tensor<?x24xf32>, tensor<?xf32>
  }
  // CHECK: f32 sum0 = bitCast<f32>(0xff800000);
  // CHECK: storeAt<f32>(y0, n0, exp(a1 - sum0));
  // CHECK-NEXT: }
  // CHECK-NEXT: if (thread == 0) {
  moe_exec.kernel @decode(%codes: tensor<32x2x16xi8>, %scales: tensor<32x2xi8>) -> !moe.packed<#moe_cuda.rows<interleave = 8>, 32x64xbf16>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>]} {
    %w = moe.dequantize mxfp4 %codes, %scales : tensor<32x2x16xi8>, tensor<32x2xi8> -> tensor<32x64xbf16>
    %p = moe.pack %w : tensor<32x64xbf16> -> !moe.packed<#moe_cuda.rows<interleave = 8>, 32x64xbf16>
    moe_exec.return %p : !moe.packed<#moe_cuda.rows<interleave = 8>, 32x64xbf16>
  }
  // CHECK: __device__ const f32 [[POWERS:table[0-9]+]][256] = {
  // CHECK: __device__ const f32 [[CODES:table[0-9]+]][16] = {
  // CHECK: const f32 a1 = [[CODES]][n5 & 15];
  // CHECK: = [[POWERS]][i64(asUnsigned<i8>(a2))];
  moe_exec.kernel @ints(%a: tensor<4xi8>, %b: tensor<4xi8>, %x: tensor<4xf32>, %h: tensor<4xf16>) -> (tensor<4xi8>, tensor<4xi1>, tensor<4xi32>, tensor<4xf16>)
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>]} {
    %s = arith.addi %a, %b : tensor<4xi8>
    %d = arith.divui %s, %b : tensor<4xi8>
    %c = arith.cmpi ult, %d, %a : tensor<4xi8>
    %u = arith.cmpf uno, %x, %x : tensor<4xf32>
    %o = arith.ori %c, %u : tensor<4xi1>
    %i = arith.fptosi %x : tensor<4xf32> to tensor<4xi32>
    %k = arith.shrui %i, %i : tensor<4xi32>
    %m = arith.select %o, %i, %k : tensor<4xi1>, tensor<4xi32>
    %r = math.sqrt %h : tensor<4xf16>
    moe_exec.return %d, %o, %m, %r : tensor<4xi8>, tensor<4xi1>, tensor<4xi32>, tensor<4xf16>
  }
  // CHECK: divUnsigned<i8>(i8(asUnsigned<i8>(a0) + asUnsigned<i8>(a1)), a1);
  // CHECK: bool(asUnsigned<i8>(n1) < asUnsigned<i8>(a2) | (a3 != a3));
  // CHECK: storeAt<i8>(y1, n0, i8(n2));
  // CHECK: narrow<f16>(sqrt(widen(a5)))
}
