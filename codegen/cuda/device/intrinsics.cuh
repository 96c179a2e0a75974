//===- intrinsics.cuh - The only door to the machine ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels touch hardware only through these functions. They are defined twice:
// here in inline PTX, and in tools/cudasim/Intrinsics.h, under the same include
// guard, for the simulator, which therefore runs the very text that a GPU gets
// and sees every access.
//
// Shared memory is one dynamic arena addressed by u32. Collectives (shuffles,
// votes, ldmatrix, mma) are for whole warps, wgmma for whole warpgroups: all of
// their threads come by the same call. Named barriers are template arguments,
// since a barrier number in a register makes the assembler reserve all sixteen.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_DEVICE_INTRINSICS
#define MOE_CODEGEN_CUDA_DEVICE_INTRINSICS

extern __shared__ __align__(1024) unsigned char moeSharedArena[];

namespace moe {

//===----------------------------------------------------------------------===//
// Bits and conversions
//===----------------------------------------------------------------------===//

MOE_DEVICE u32 bitsOf(f32 x) { return __float_as_uint(x); }
MOE_DEVICE f32 floatOf(u32 bits) { return __uint_as_float(bits); }

MOE_DEVICE f32 widen(f32 x) { return x; }
MOE_DEVICE f32 widen(bf16 x) { return floatOf(u32(x.bits) << 16); }
MOE_DEVICE f32 widen(f16 x) {
  f32 r;
  asm("cvt.f32.f16 %0, %1;" : "=f"(r) : "h"(x.bits));
  return r;
}
MOE_DEVICE f32 widen(f8e4m3 x) {
  u32 magnitude = x.bits & 0x7f, sign = u32(x.bits & 0x80) << 24;
  f32 value = floatOf(magnitude << 20) * floatOf(0x7b800000); // * 2^120
  return floatOf(sign | (magnitude == 0x7f ? 0x7fc00000 : bitsOf(value)));
}
MOE_DEVICE f32 widen(f8e5m2 x) { return widen(f16{u16(x.bits << 8)}); }
MOE_DEVICE f32 widen(f8e8m0 x) {
  return floatOf(x.bits == 0     ? 0x00400000
                 : x.bits == 255 ? 0x7fc00000
                                 : u32(x.bits) << 23);
}

/// Rounds to nearest, ties to even.
template <class T> MOE_DEVICE T narrow(f32 x);
template <> MOE_DEVICE f32 narrow<f32>(f32 x) { return x; }
template <> MOE_DEVICE bf16 narrow<bf16>(f32 x) {
  bf16 r;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(r.bits) : "f"(x));
  return r;
}
template <> MOE_DEVICE f16 narrow<f16>(f32 x) {
  f16 r;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(r.bits) : "f"(x));
  return r;
}

MOE_DEVICE i32 popCount(u32 x) { return __popc(x); }
/// Index of the lowest bit that is set; x is not 0.
MOE_DEVICE i32 lowestBit(u32 x) { return __ffs(x) - 1; }

//===----------------------------------------------------------------------===//
// Math, f32
//===----------------------------------------------------------------------===//

MOE_DEVICE f32 abs(f32 x) { return fabsf(x); }
MOE_DEVICE f32 atan(f32 x) { return atanf(x); }
MOE_DEVICE f32 ceil(f32 x) { return ceilf(x); }
MOE_DEVICE f32 copySign(f32 x, f32 sign) { return copysignf(x, sign); }
MOE_DEVICE f32 cos(f32 x) { return cosf(x); }
MOE_DEVICE f32 erf(f32 x) { return erff(x); }
MOE_DEVICE f32 exp(f32 x) { return expf(x); }
MOE_DEVICE f32 exp2(f32 x) { return exp2f(x); }
MOE_DEVICE f32 expm1(f32 x) { return expm1f(x); }
MOE_DEVICE f32 floor(f32 x) { return floorf(x); }
MOE_DEVICE f32 fma(f32 a, f32 b, f32 c) { return fmaf(a, b, c); }
MOE_DEVICE f32 log(f32 x) { return logf(x); }
MOE_DEVICE f32 log1p(f32 x) { return log1pf(x); }
MOE_DEVICE f32 log2(f32 x) { return log2f(x); }
MOE_DEVICE f32 pow(f32 x, f32 y) { return powf(x, y); }
MOE_DEVICE f32 remainder(f32 x, f32 y) { return fmodf(x, y); }
MOE_DEVICE f32 round(f32 x) { return roundf(x); }
MOE_DEVICE f32 roundEven(f32 x) { return rintf(x); }
MOE_DEVICE f32 rsqrt(f32 x) { return 1.0f / sqrtf(x); }
MOE_DEVICE f32 sin(f32 x) { return sinf(x); }
MOE_DEVICE f32 sqrt(f32 x) { return sqrtf(x); }
MOE_DEVICE f32 tanh(f32 x) { return tanhf(x); }
MOE_DEVICE f32 trunc(f32 x) { return truncf(x); }

/// NaN where either is.
MOE_DEVICE f32 maximum(f32 a, f32 b) {
  return a != a || b != b ? floatOf(0x7fc00000) : fmaxf(a, b);
}
MOE_DEVICE f32 minimum(f32 a, f32 b) {
  return a != a || b != b ? floatOf(0x7fc00000) : fminf(a, b);
}
/// The other where one is NaN.
MOE_DEVICE f32 maxNum(f32 a, f32 b) { return fmaxf(a, b); }
MOE_DEVICE f32 minNum(f32 a, f32 b) { return fminf(a, b); }

//===----------------------------------------------------------------------===//
// Global memory
//===----------------------------------------------------------------------===//

template <class T> MOE_DEVICE T load(const T *p) { return *p; }
template <class T> MOE_DEVICE void store(T *p, T value) { *p = value; }

/// The value before. For i32, u32 and u64.
template <class T> MOE_DEVICE T addAtomic(T *p, T value) {
  return atomicAdd(p, value);
}
template <class T> MOE_DEVICE T minAtomic(T *p, T value) {
  return atomicMin(p, value);
}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

/// The first byte of the arena, on 16 bytes at least.
MOE_DEVICE u32 sharedBase() {
  u32 r;
  asm("{ .reg .u64 t; cvta.to.shared.u64 t, %1; cvt.u32.u64 %0, t; }"
      : "=r"(r)
      : "l"(moeSharedArena));
  return r;
}

/// T of 1, 2, 4, 8 or 16 bytes, at a multiple of its size.
template <class T> MOE_DEVICE T lds(u32 address) {
  T r;
  if constexpr (sizeof(T) == 1) {
    u32 bits;
    asm volatile("ld.shared.u8 %0, [%1];" : "=r"(bits) : "r"(address));
    *(u8 *)&r = u8(bits);
  } else if constexpr (sizeof(T) == 2) {
    asm volatile("ld.shared.u16 %0, [%1];" : "=h"(*(u16 *)&r) : "r"(address));
  } else if constexpr (sizeof(T) == 4) {
    asm volatile("ld.shared.u32 %0, [%1];" : "=r"(*(u32 *)&r) : "r"(address));
  } else if constexpr (sizeof(T) == 8) {
    asm volatile("ld.shared.u64 %0, [%1];" : "=l"(*(u64 *)&r) : "r"(address));
  } else {
    static_assert(sizeof(T) == 16);
    u32x4 v;
    asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "r"(address));
    r = *(T *)&v;
  }
  return r;
}
template <class T> MOE_DEVICE void sts(u32 address, T value) {
  if constexpr (sizeof(T) == 1) {
    asm volatile("st.shared.u8 [%0], %1;" ::"r"(address),
                 "r"(u32(*(u8 *)&value))
                 : "memory");
  } else if constexpr (sizeof(T) == 2) {
    asm volatile("st.shared.u16 [%0], %1;" ::"r"(address), "h"(*(u16 *)&value)
                 : "memory");
  } else if constexpr (sizeof(T) == 4) {
    asm volatile("st.shared.u32 [%0], %1;" ::"r"(address), "r"(*(u32 *)&value)
                 : "memory");
  } else if constexpr (sizeof(T) == 8) {
    asm volatile("st.shared.u64 [%0], %1;" ::"r"(address), "l"(*(u64 *)&value)
                 : "memory");
  } else {
    static_assert(sizeof(T) == 16);
    u32x4 v = *(u32x4 *)&value;
    asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(address),
                 "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w)
                 : "memory");
  }
}
/// The value before.
MOE_DEVICE u32 addAtomicShared(u32 address, u32 value) {
  u32 r;
  asm volatile("atom.shared.add.u32 %0, [%1], %2;"
               : "=r"(r)
               : "r"(address), "r"(value)
               : "memory");
  return r;
}

//===----------------------------------------------------------------------===//
// Warps and barriers
//===----------------------------------------------------------------------===//

MOE_DEVICE void syncBlock() { __syncthreads(); }
MOE_DEVICE void syncWarp() { __syncwarp(); }
/// Barrier `Id` (1 to 15; 0 is syncBlock's) of `threads` threads, whole warps.
template <int Id> MOE_DEVICE void barSync(u32 threads) {
  asm volatile("bar.sync %0, %1;" ::"n"(Id), "r"(threads) : "memory");
}
template <int Id> MOE_DEVICE void barArrive(u32 threads) {
  asm volatile("bar.arrive %0, %1;" ::"n"(Id), "r"(threads) : "memory");
}

/// Values of 4 or 8 bytes.
template <class T> MOE_DEVICE T shflXor(T value, i32 mask) {
  return __shfl_xor_sync(0xffffffffu, value, mask);
}
/// Lane - delta's value; a lane below delta keeps its own.
template <class T> MOE_DEVICE T shflUp(T value, i32 delta) {
  return __shfl_up_sync(0xffffffffu, value, delta);
}
template <class T> MOE_DEVICE T shflIndex(T value, i32 lane) {
  return __shfl_sync(0xffffffffu, value, lane);
}
/// A bit a lane.
MOE_DEVICE u32 ballot(bool predicate) {
  return __ballot_sync(0xffffffffu, predicate);
}

//===----------------------------------------------------------------------===//
// sm_80: asynchronous copies, mma
//===----------------------------------------------------------------------===//

/// Copies 4, 8 or 16 aligned bytes to shared memory, or zeros without reading
/// if not `valid`.
template <int Bytes>
MOE_DEVICE void cpAsync(u32 address, const void *source, bool valid) {
  const u32 size = valid ? Bytes : 0;
  if constexpr (Bytes == 16)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address),
                 "l"(source), "r"(size)
                 : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(address),
                 "l"(source), "n"(Bytes), "r"(size)
                 : "memory");
}
MOE_DEVICE void cpAsyncCommit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
/// Until at most `Pending` of this thread's groups are under way.
template <int Pending> MOE_DEVICE void cpAsyncWait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}

/// Four 8x8 matrices of 16-bit elements; lane l gives a row's address of matrix
/// l / 8.
MOE_DEVICE void ldmatrixX4(u32 (&r)[4], u32 address) {
  asm volatile(
      "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
      : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
      : "r"(address));
}
/// c += a b, m16n8k16.
MOE_DEVICE void mmaBf16(f32 (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
               "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

//===----------------------------------------------------------------------===//
// sm_90a: barriers in memory, tensor copies, wgmma
//===----------------------------------------------------------------------===//

MOE_DEVICE void mbarInit(u32 barrier, u32 arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier),
               "r"(arrivals)
               : "memory");
}
/// Makes inits visible to asynchronous copies; a block barrier follows.
MOE_DEVICE void mbarFenceInit() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
MOE_DEVICE void mbarArrive(u32 barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier)
               : "memory");
}
/// Arrives, and lets the phase wait for `bytes` more of tensor copies.
MOE_DEVICE void mbarArriveExpect(u32 barrier, u32 bytes) {
  asm volatile(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier),
      "r"(bytes)
      : "memory");
}
/// Until the phase of this parity is over.
MOE_DEVICE void mbarWait(u32 barrier, u32 parity) {
  u32 done;
  do {
    asm volatile("{ .reg .pred p; "
                 "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; "
                 "selp.u32 %0, 1, 0, p; }"
                 : "=r"(done)
                 : "r"(barrier), "r"(parity)
                 : "memory");
  } while (!done);
}

MOE_DEVICE void tmaPrefetch(const TensorMap *map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}
/// Copies the box at element (x, y) of a tensor to shared memory, zeros where
/// it hangs over; its bytes count against the barrier's phase.
MOE_DEVICE void tmaLoad2d(u32 address, const TensorMap *map, u32 barrier, i32 x,
                          i32 y) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::"
               "complete_tx::bytes [%0], [%1, {%3, %4}], [%2];" ::"r"(address),
               "l"(map), "r"(barrier), "r"(x), "r"(y)
               : "memory");
}
/// Makes this thread's writes to shared memory, and those it has seen, visible
/// to wgmma and tensor copies.
MOE_DEVICE void fenceProxyAsync() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/// Registers a thread from here on; a whole warpgroup, 24 to 256 by 8.
template <int N> MOE_DEVICE void setMaxRegistersUp() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(N));
}
template <int N> MOE_DEVICE void setMaxRegistersDown() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(N));
}

/// A matrix of K-major bf16 rows of 128 bytes, swizzled by 128, from a row that
/// is a multiple of 8 in a stage that is aligned to 1024 bytes.
MOE_DEVICE u64 wgmmaRows128(u32 address) {
  return u64((address & 0x3ffff) >> 4) | u64(1) << 16 | u64(1024 >> 4) << 32 |
         u64(1) << 62;
}
MOE_DEVICE void wgmmaFence() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
MOE_DEVICE void wgmmaCommit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int Pending> MOE_DEVICE void wgmmaWait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory");
}
/// After a wait for them all: no use of these accumulators is moved before it.
template <int N> MOE_DEVICE void wgmmaResults(f32 (&d)[N]) {
#pragma unroll
  for (int i = 0; i < N; ++i)
    asm volatile("" : "+f"(d[i])::"memory");
}

/// d = a b, or d += a b if `accumulate`; m64 n`N` k16, N a multiple of 32. d
/// belongs to the hardware until a wait.
template <int N>
MOE_DEVICE void wgmmaBf16(f32 (&d)[N / 2], u64 a, u64 b, bool accumulate);

#define MOE_REGISTERS_1                                                        \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15"
#define MOE_REGISTERS_2                                                        \
  MOE_REGISTERS_1 ", "                                                         \
                  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, "    \
                  "%27, %28, %29, %30, %31"
#define MOE_REGISTERS_3                                                        \
  MOE_REGISTERS_2 ", "                                                         \
                  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, "    \
                  "%43, %44, %45, %46, %47"
#define MOE_REGISTERS_4                                                        \
  MOE_REGISTERS_3 ", "                                                         \
                  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, "    \
                  "%59, %60, %61, %62, %63"
#define MOE_REGISTERS_5                                                        \
  MOE_REGISTERS_4 ", "                                                         \
                  "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, "    \
                  "%75, %76, %77, %78, %79"
#define MOE_REGISTERS_6                                                        \
  MOE_REGISTERS_5 ", "                                                         \
                  "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, "    \
                  "%91, %92, %93, %94, %95"
#define MOE_REGISTERS_7                                                        \
  MOE_REGISTERS_6 ", "                                                         \
                  "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, "   \
                  "%106, %107, %108, %109, %110, %111"
#define MOE_REGISTERS_8                                                        \
  MOE_REGISTERS_7 ", "                                                         \
                  "%112, %113, %114, %115, %116, %117, %118, %119, %120, "     \
                  "%121, %122, %123, %124, %125, %126, %127"
#define MOE_16(d, i)                                                           \
  "+f"(d[i + 0]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]),              \
      "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7]),          \
      "+f"(d[i + 8]), "+f"(d[i + 9]), "+f"(d[i + 10]), "+f"(d[i + 11]),        \
      "+f"(d[i + 12]), "+f"(d[i + 13]), "+f"(d[i + 14]), "+f"(d[i + 15])
#define MOE_OPERANDS_1(d) MOE_16(d, 0)
#define MOE_OPERANDS_2(d) MOE_OPERANDS_1(d), MOE_16(d, 16)
#define MOE_OPERANDS_3(d) MOE_OPERANDS_2(d), MOE_16(d, 32)
#define MOE_OPERANDS_4(d) MOE_OPERANDS_3(d), MOE_16(d, 48)
#define MOE_OPERANDS_5(d) MOE_OPERANDS_4(d), MOE_16(d, 64)
#define MOE_OPERANDS_6(d) MOE_OPERANDS_5(d), MOE_16(d, 80)
#define MOE_OPERANDS_7(d) MOE_OPERANDS_6(d), MOE_16(d, 96)
#define MOE_OPERANDS_8(d) MOE_OPERANDS_7(d), MOE_16(d, 112)
#define MOE_WGMMA(N, C, A, B, P)                                               \
  template <>                                                                  \
  MOE_DEVICE void wgmmaBf16<N>(f32(&d)[N / 2], u64 a, u64 b,                   \
                               bool accumulate) {                              \
    asm volatile("{ .reg .pred p; setp.ne.b32 p, %" #P ", 0; "                 \
                 "wgmma.mma_async.sync.aligned.m64n" #N                        \
                 "k16.f32.bf16.bf16 {" MOE_REGISTERS_##C "}, %" #A ", %" #B    \
                                                         ", p, 1, 1, 0, 0; }"  \
                 : MOE_OPERANDS_##C(d)                                         \
                 : "l"(a), "l"(b), "r"(u32(accumulate)));                      \
  }
MOE_WGMMA(32, 1, 16, 17, 18)
MOE_WGMMA(64, 2, 32, 33, 34)
MOE_WGMMA(96, 3, 48, 49, 50)
MOE_WGMMA(128, 4, 64, 65, 66)
MOE_WGMMA(160, 5, 80, 81, 82)
MOE_WGMMA(192, 6, 96, 97, 98)
MOE_WGMMA(224, 7, 112, 113, 114)
MOE_WGMMA(256, 8, 128, 129, 130)
#undef MOE_WGMMA
#undef MOE_16
#undef MOE_OPERANDS_1
#undef MOE_REGISTERS_1
#undef MOE_OPERANDS_2
#undef MOE_REGISTERS_2
#undef MOE_OPERANDS_3
#undef MOE_REGISTERS_3
#undef MOE_OPERANDS_4
#undef MOE_REGISTERS_4
#undef MOE_OPERANDS_5
#undef MOE_REGISTERS_5
#undef MOE_OPERANDS_6
#undef MOE_REGISTERS_6
#undef MOE_OPERANDS_7
#undef MOE_REGISTERS_7
#undef MOE_OPERANDS_8
#undef MOE_REGISTERS_8

} // namespace moe

#endif // MOE_CODEGEN_CUDA_DEVICE_INTRINSICS
