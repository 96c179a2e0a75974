//===- intrinsics.cu - One small kernel an intrinsic ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each kernel shows what a few intrinsics do to random words: the same text on
// a GPU, whose answers are kept, and in the simulator, which is compared with
// them. Behind the device texts; one block, in and out are arrays of words.
//
//===----------------------------------------------------------------------===//

namespace moe {

/// 256 threads: x = in[t], y = in[256 + t]; out[t][function].
extern "C" __global__ void __launch_bounds__(256)
    test_math(const u32 *in, u32 *out, i64) {
  const u32 t = threadIdx.x;
  const f32 x = floatOf(load(in + t)), y = floatOf(load(in + 256 + t));
  const f32 a = abs(x);
  const f32 values[] = {atan(x),         cos(x),
                        erf(x),          exp(x),
                        exp2(x),         expm1(x),
                        log(a),          log1p(a),
                        log2(a),         pow(a, y),
                        rsqrt(a),        sin(x),
                        tanh(x),         a,
                        ceil(x),         copySign(x, y),
                        floor(x),        fma(x, y, x),
                        remainder(x, y), round(x),
                        roundEven(x),    sqrt(a),
                        trunc(x),        maximum(x, y),
                        minimum(x, y),   maxNum(x, y),
                        minNum(x, y)};
  constexpr int count = sizeof(values) / sizeof(f32);
#pragma unroll
  for (int i = 0; i < count; ++i)
    store(out + t * count + i, bitsOf(values[i]));
}

/// 256 threads: out[t][7], the bits of conversions of the word.
extern "C" __global__ void __launch_bounds__(256)
    test_convert(const u32 *in, u32 *out, i64) {
  const u32 t = threadIdx.x, word = load(in + t);
  out += t * 7;
  store(out + 0, bitsOf(widen(bf16{u16(word)})));
  store(out + 1, bitsOf(widen(f16{u16(word)})));
  store(out + 2, bitsOf(widen(f8e4m3{u8(word)})));
  store(out + 3, bitsOf(widen(f8e5m2{u8(word)})));
  store(out + 4, bitsOf(widen(f8e8m0{u8(word)})));
  store(out + 5, u32(narrow<bf16>(floatOf(word)).bits));
  store(out + 6, u32(narrow<f16>(floatOf(word)).bits));
}

/// A warp: out[lane][8].
extern "C" __global__ void __launch_bounds__(32)
    test_warp(const u32 *in, u32 *out, i64) {
  const u32 lane = threadIdx.x, word = load(in + lane);
  const u64 wide = u64(word) << 32 | lane;
  out += lane * 8;
  store(out + 0, shflXor(word, 5));
  store(out + 1, shflUp(word, 3));
  store(out + 2, shflIndex(word, i32(word >> 3 & 31)));
  store(out + 3, ballot((word & 1) != 0));
  store(out + 4, u32(popCount(word)));
  store(out + 5, u32(lowestBit(word)));
  const u64 other = shflXor(wide, 16);
  store(out + 6, u32(other));
  store(out + 7, u32(other >> 32));
}

/// 128 threads: elements of every size through shared memory, and sums.
extern "C" __global__ void __launch_bounds__(128)
    test_shared(const u32 *in, u32 *out, i64) {
  const u32 t = threadIdx.x, word = load(in + t), base = sharedBase();
  const u32 bytes = base + 16, halves = bytes + 128, words = halves + 256,
            pairs = words + 512, quads = pairs + 1024;
  if (t == 0)
    sts(base, u32(0));
  sts(bytes + t, u8(word));
  sts(halves + 2 * t, u16(word));
  sts(words + 4 * t, word);
  sts(pairs + 8 * t, u32x2{word, word + 1});
  sts(quads + 16 * t, u32x4{word, word + 1, word + 2, word + 3});
  syncBlock();
  addAtomicShared(base, word & 0xff);
  const u32 other = t ^ 127;
  const u32x2 pair = lds<u32x2>(pairs + 8 * other);
  const u32x4 quad = lds<u32x4>(quads + 16 * other);
  syncBlock();
  out += t * 10;
  store(out + 0, lds<u32>(base));
  store(out + 1, u32(lds<u8>(bytes + other)));
  store(out + 2, u32(lds<u16>(halves + 2 * other)));
  store(out + 3, lds<u32>(words + 4 * other));
  store(out + 4, pair.x);
  store(out + 5, pair.y);
  store(out + 6, quad.x);
  store(out + 7, quad.y);
  store(out + 8, quad.z);
  store(out + 9, quad.w);
}

/// 64 threads: a warp writes, another reads after a named barrier, and both
/// meet at a second one.
extern "C" __global__ void __launch_bounds__(64)
    test_barriers(const u32 *in, u32 *out, i64) {
  const u32 t = threadIdx.x, lane = t % 32, base = sharedBase();
  if (t < 32) {
    sts(base + 4 * lane, load(in + lane));
    barArrive<1>(64);
  } else {
    barSync<1>(64);
    sts(base + 128 + 4 * lane, lds<u32>(base + 4 * (31 - lane)) + 1);
  }
  barSync<2>(64);
  store(out + t, lds<u32>(base + 4 * (t ^ 32)));
}

/// 128 threads: out = {sum, least, low and high word of a 64-bit sum}.
extern "C" __global__ void __launch_bounds__(128)
    test_atomics(const u32 *in, u32 *out, i64) {
  const u32 t = threadIdx.x, word = load(in + t);
  u64 *wide = reinterpret_cast<u64 *>(out + 2);
  if (t == 0) {
    store(out, u32(0));
    store(reinterpret_cast<i32 *>(out + 1), i32(0x7fffffff));
    store(wide, u64(0));
  }
  syncBlock();
  addAtomic(out, word);
  minAtomic(reinterpret_cast<i32 *>(out + 1), i32(word));
  addAtomic(wide, u64(word) * 3);
}

/// 32 threads: asynchronous copies of 4, 8 and 16 bytes, every third one of
/// zeros.
extern "C" __global__ void __launch_bounds__(32)
    test_copies(const u32 *in, u32 *out, i64) {
  const u32 t = threadIdx.x, base = sharedBase();
  cpAsync<16>(base + 16 * t, in + 4 * t, t % 3 != 0);
  cpAsyncCommit();
  cpAsync<8>(base + 512 + 8 * t, in + 128 + 2 * t, t % 3 != 1);
  cpAsync<4>(base + 768 + 4 * t, in + 192 + t, t % 3 != 2);
  cpAsyncCommit();
  cpAsyncWait<1>();
  syncWarp();
  for (u32 i = t; i < 128; i += 32)
    store(out + i, lds<u32>(base + 4 * i));
  cpAsyncWait<0>();
  syncWarp();
  for (u32 i = 128 + t; i < 224; i += 32)
    store(out + i, lds<u32>(base + 4 * i));
}

/// A warp: a [16][16] and b [8][16] of bf16, c [16][8] of f32 in fragments;
/// out[lane] = {a's fragments, c + a b's}.
extern "C" __global__ void __launch_bounds__(32)
    test_mma(const u32 *in, u32 *out, i64) {
  const u32 lane = threadIdx.x, base = sharedBase();
  for (u32 i = lane; i < 192; i += 32)
    sts(base + 4 * i, load(in + i));
  syncWarp();
  u32 a[4], b[4];
  ldmatrixX4(a, base + (lane % 16) * 32 + lane / 16 * 16);
  // b's two halves of k, twice.
  ldmatrixX4(b, base + 512 + (lane % 8) * 32 + lane / 8 % 2 * 16);
  f32 c[4];
  for (int i = 0; i < 4; ++i)
    c[i] = floatOf(load(in + 192 + lane * 4 + i));
  mmaBf16(c, a, b[0], b[1]);
  for (int i = 0; i < 4; ++i) {
    store(out + lane * 8 + i, a[i]);
    store(out + lane * 8 + 4 + i, bitsOf(c[i]));
  }
}

} // namespace moe
