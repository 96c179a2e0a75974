//===- intrinsics_sm90.cu - The same for sm_90a -----------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Barriers in memory, tensor copies, wgmma. Behind intrinsics.cu.
//
//===----------------------------------------------------------------------===//

namespace moe {

/// A warp: boxes of 16 rows of 64 elements out of [40][96] of bf16, as they lie
/// in shared memory: inside, over the right edge, over the lower edge.
extern "C" __global__ void __launch_bounds__(32)
    test_tensor_copies(const u32 *in, u32 *out, i64,
                       const __grid_constant__ TensorMap map) {
  const u32 t = threadIdx.x, base = sharedBase();
  const u32 boxes = (base + 16 + 1023) / 1024 * 1024;
  if (t == 0) {
    mbarInit(base, 1);
    mbarFenceInit();
    tmaPrefetch(&map);
  }
  syncBlock();
  if (t == 0) {
    mbarArriveExpect(base, 3 * 2048);
    tmaLoad2d(boxes, &map, base, 16, 5);
    tmaLoad2d(boxes + 2048, &map, base, 64, 0);
    tmaLoad2d(boxes + 4096, &map, base, 0, 32);
  }
  mbarWait(base, 0);
  for (u32 i = t; i < 3 * 512; i += 32)
    store(out + i, lds<u32>(boxes + 4 * i));
}

/// 64 threads: a barrier in memory that counts arrivals over three phases.
extern "C" __global__ void __launch_bounds__(64)
    test_phases(const u32 *in, u32 *out, i64) {
  const u32 t = threadIdx.x, base = sharedBase();
  if (t == 0) {
    mbarInit(base, 32);
    mbarFenceInit();
  }
  syncBlock();
  u32 value = 0;
  for (u32 phase = 0; phase < 3; ++phase) {
    if (t < 32) {
      sts(base + 16 + 4 * t, load(in + t) + phase);
      mbarArrive(base);
    } else {
      mbarWait(base, phase % 2);
      value = value * 3 + lds<u32>(base + 16 + 4 * (63 - t));
    }
    syncBlock();
  }
  store(out + t, value);
}

/// Three warpgroups: the first gives registers to the others.
extern "C" __global__ void __launch_bounds__(384, 1)
    test_registers(const u32 *in, u32 *out, i64) {
  const u32 t = threadIdx.x, word = load(in + t % 128);
  if (t < 128) {
    setMaxRegistersDown<40>();
    store(out + t, word + 1);
  } else {
    setMaxRegistersUp<232>();
    store(out + t, word + t);
  }
}

/// A warpgroup: a [64][64] and b [N][64] of bf16 in swizzled rows of 128 bytes;
/// out[t] = its N / 2 sums.
template <int N> MOE_DEVICE void wgmmaTest(const u32 *in, u32 *out) {
  const u32 t = threadIdx.x;
  const u32 base = (sharedBase() + 1023) / 1024 * 1024;
  for (u32 i = t; i < (64 + N) * 8; i += 128) {
    const u32 row = i / 8, chunk = i % 8 ^ row % 8;
    const u32 *source = in + i * 4;
    sts(base + row * 128 + chunk * 16,
        u32x4{load(source), load(source + 1), load(source + 2),
              load(source + 3)});
  }
  fenceProxyAsync();
  syncBlock();
  f32 sums[N / 2];
#pragma unroll
  for (int i = 0; i < N / 2; ++i)
    sums[i] = 1;
  wgmmaFence();
#pragma unroll
  for (u32 k = 0; k < 128; k += 32)
    wgmmaBf16<N>(sums, wgmmaRows128(base + k),
                 wgmmaRows128(base + 64 * 128 + k), k > 0);
  wgmmaCommit();
  wgmmaWait<0>();
#pragma unroll
  for (int i = 0; i < N / 2; ++i)
    store(out + t * (N / 2) + i, bitsOf(sums[i]));
}
extern "C" __global__ void __launch_bounds__(128)
    test_wgmma_32(const u32 *in, u32 *out, i64) {
  wgmmaTest<32>(in, out);
}
extern "C" __global__ void __launch_bounds__(128)
    test_wgmma_64(const u32 *in, u32 *out, i64) {
  wgmmaTest<64>(in, out);
}
extern "C" __global__ void __launch_bounds__(128)
    test_wgmma_96(const u32 *in, u32 *out, i64) {
  wgmmaTest<96>(in, out);
}
extern "C" __global__ void __launch_bounds__(128)
    test_wgmma_128(const u32 *in, u32 *out, i64) {
  wgmmaTest<128>(in, out);
}
extern "C" __global__ void __launch_bounds__(128)
    test_wgmma_160(const u32 *in, u32 *out, i64) {
  wgmmaTest<160>(in, out);
}
extern "C" __global__ void __launch_bounds__(128)
    test_wgmma_192(const u32 *in, u32 *out, i64) {
  wgmmaTest<192>(in, out);
}
extern "C" __global__ void __launch_bounds__(128)
    test_wgmma_224(const u32 *in, u32 *out, i64) {
  wgmmaTest<224>(in, out);
}
extern "C" __global__ void __launch_bounds__(128)
    test_wgmma_256(const u32 *in, u32 *out, i64) {
  wgmmaTest<256>(in, out);
}

} // namespace moe
