//===- Intrinsics.h - The intrinsics, for the host --------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The names of codegen/cuda/device/intrinsics.cuh under its include guard: put
// in front of a kernel text, this file is what the text uses instead. No
// standard header, so that a text compiles in a fraction of a second.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_DEVICE_INTRINSICS
#define MOE_CODEGEN_CUDA_DEVICE_INTRINSICS

extern "C" {
float atanf(float);
float cosf(float);
float erff(float);
float expf(float);
float exp2f(float);
float expm1f(float);
float fmodf(float, float);
float logf(float);
float log1pf(float);
float log2f(float);
float powf(float, float);
float sinf(float);
float tanhf(float);
}

/// Where in the text an intrinsic is used.
#define MOE_LINE int line = __builtin_LINE()

namespace moe {

MOE_DEVICE u32 bitsOf(f32 x) { return __builtin_bit_cast(u32, x); }
MOE_DEVICE f32 floatOf(u32 bits) { return __builtin_bit_cast(f32, bits); }

MOE_DEVICE f32 widen(f32 x) { return x; }
MOE_DEVICE f32 widen(bf16 x) { return floatOf(u32(x.bits) << 16); }
MOE_DEVICE f32 widen(f16 x) { return __builtin_bit_cast(_Float16, x.bits); }
MOE_DEVICE f32 widen(f8e4m3 x) {
  u32 magnitude = x.bits & 0x7f, sign = u32(x.bits & 0x80) << 24;
  if (magnitude == 0x7f)
    return floatOf(sign | 0x7fc00000);
  u32 exponent = magnitude >> 3, fraction = magnitude & 7;
  f32 value = exponent ? floatOf((exponent + 120) << 23 | fraction << 20)
                       : f32(fraction) * 0x1p-9f;
  return floatOf(sign | bitsOf(value));
}
MOE_DEVICE f32 widen(f8e5m2 x) { return widen(f16{u16(x.bits << 8)}); }
MOE_DEVICE f32 widen(f8e8m0 x) {
  return x.bits == 0     ? 0x1p-127f
         : x.bits == 255 ? __builtin_nanf("")
                         : floatOf(u32(x.bits) << 23);
}

template <class T> MOE_DEVICE T narrow(f32 x);
template <> MOE_DEVICE f32 narrow<f32>(f32 x) { return x; }
template <> MOE_DEVICE bf16 narrow<bf16>(f32 x) {
  u32 bits = bitsOf(x);
  return {x != x ? u16(0x7fff) : u16((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}
template <> MOE_DEVICE f16 narrow<f16>(f32 x) {
  return {x != x ? u16(0x7fff) : __builtin_bit_cast(u16, _Float16(x))};
}

MOE_DEVICE i32 popCount(u32 x) { return __builtin_popcount(x); }
MOE_DEVICE i32 lowestBit(u32 x) { return __builtin_ctz(x); }

MOE_DEVICE f32 abs(f32 x) { return __builtin_fabsf(x); }
MOE_DEVICE f32 atan(f32 x) { return atanf(x); }
MOE_DEVICE f32 ceil(f32 x) { return __builtin_ceilf(x); }
MOE_DEVICE f32 copySign(f32 x, f32 sign) {
  return __builtin_copysignf(x, sign);
}
MOE_DEVICE f32 cos(f32 x) { return cosf(x); }
MOE_DEVICE f32 erf(f32 x) { return erff(x); }
MOE_DEVICE f32 exp(f32 x) { return expf(x); }
MOE_DEVICE f32 exp2(f32 x) { return exp2f(x); }
MOE_DEVICE f32 expm1(f32 x) { return expm1f(x); }
MOE_DEVICE f32 floor(f32 x) { return __builtin_floorf(x); }
MOE_DEVICE f32 fma(f32 a, f32 b, f32 c) { return __builtin_fmaf(a, b, c); }
MOE_DEVICE f32 log(f32 x) { return logf(x); }
MOE_DEVICE f32 log1p(f32 x) { return log1pf(x); }
MOE_DEVICE f32 log2(f32 x) { return log2f(x); }
MOE_DEVICE f32 pow(f32 x, f32 y) { return powf(x, y); }
MOE_DEVICE f32 remainder(f32 x, f32 y) { return fmodf(x, y); }
MOE_DEVICE f32 round(f32 x) { return __builtin_roundf(x); }
MOE_DEVICE f32 roundEven(f32 x) { return __builtin_rintf(x); }
MOE_DEVICE f32 rsqrt(f32 x) { return 1.0f / __builtin_sqrtf(x); }
MOE_DEVICE f32 sin(f32 x) { return sinf(x); }
MOE_DEVICE f32 sqrt(f32 x) { return __builtin_sqrtf(x); }
MOE_DEVICE f32 tanh(f32 x) { return tanhf(x); }
MOE_DEVICE f32 trunc(f32 x) { return __builtin_truncf(x); }

MOE_DEVICE f32 maximum(f32 a, f32 b) {
  return a != a || b != b ? __builtin_nanf("") : __builtin_fmaxf(a, b);
}
MOE_DEVICE f32 minimum(f32 a, f32 b) {
  return a != a || b != b ? __builtin_nanf("") : __builtin_fminf(a, b);
}
MOE_DEVICE f32 maxNum(f32 a, f32 b) { return __builtin_fmaxf(a, b); }
MOE_DEVICE f32 minNum(f32 a, f32 b) { return __builtin_fminf(a, b); }

template <class T> MOE_DEVICE T load(const T *p, MOE_LINE) {
  return moeSim->global(p, sizeof(T), MoeSimLoad, line) ? *p : T{};
}
template <class T> MOE_DEVICE void store(T *p, T value, MOE_LINE) {
  if (moeSim->global(p, sizeof(T), MoeSimStore, line))
    *p = value;
}
template <class T> MOE_DEVICE T addAtomic(T *p, T value, MOE_LINE) {
  T before{};
  if (moeSim->global(p, sizeof(T), MoeSimAtomic, line)) {
    before = *p;
    *p = before + value;
  }
  return before;
}
template <class T> MOE_DEVICE T minAtomic(T *p, T value, MOE_LINE) {
  T before{};
  if (moeSim->global(p, sizeof(T), MoeSimAtomic, line)) {
    before = *p;
    *p = min(before, value);
  }
  return before;
}

MOE_DEVICE u32 sharedBase() { return moeSim->sharedBase(); }
template <class T> MOE_DEVICE T lds(u32 address, MOE_LINE) {
  T r;
  moeSim->loadShared(address, &r, sizeof(T), line);
  return r;
}
template <class T> MOE_DEVICE void sts(u32 address, T value, MOE_LINE) {
  moeSim->storeShared(address, &value, sizeof(T), line);
}
MOE_DEVICE u32 addAtomicShared(u32 address, u32 value, MOE_LINE) {
  return moeSim->addShared(address, value, line);
}

MOE_DEVICE void syncBlock(MOE_LINE) { moeSim->barrier(0, 0, true, line); }
MOE_DEVICE void syncWarp(MOE_LINE) { moeSim->syncWarp(line); }
template <int Id> MOE_DEVICE void barSync(u32 threads, MOE_LINE) {
  static_assert(Id >= 1 && Id <= 15);
  moeSim->barrier(Id, threads, true, line);
}
template <int Id> MOE_DEVICE void barArrive(u32 threads, MOE_LINE) {
  static_assert(Id >= 1 && Id <= 15);
  moeSim->barrier(Id, threads, false, line);
}
template <class T> MOE_DEVICE T shflXor(T value, i32 mask, MOE_LINE) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
  moeSim->shuffle(MoeSimXor, &value, sizeof(T), mask, line);
  return value;
}
template <class T> MOE_DEVICE T shflUp(T value, i32 delta, MOE_LINE) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
  moeSim->shuffle(MoeSimUp, &value, sizeof(T), delta, line);
  return value;
}
template <class T> MOE_DEVICE T shflIndex(T value, i32 lane, MOE_LINE) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
  moeSim->shuffle(MoeSimIndex, &value, sizeof(T), lane, line);
  return value;
}
MOE_DEVICE u32 ballot(bool predicate, MOE_LINE) {
  return moeSim->ballot(predicate, line);
}

template <int Bytes>
MOE_DEVICE void cpAsync(u32 address, const void *source, bool valid, MOE_LINE) {
  static_assert(Bytes == 4 || Bytes == 8 || Bytes == 16);
  valid = valid && moeSim->global(source, Bytes, MoeSimLoad, line);
  moeSim->copy(address, source, Bytes, valid, line);
}
MOE_DEVICE void cpAsyncCommit() { moeSim->copyCommit(); }
template <int Pending> MOE_DEVICE void cpAsyncWait() {
  moeSim->copyWait(Pending);
}
MOE_DEVICE void ldmatrixX4(u32 (&r)[4], u32 address, MOE_LINE) {
  moeSim->ldmatrix(r, address, line);
}
MOE_DEVICE void mmaBf16(f32 (&c)[4], const u32 (&a)[4], u32 b0, u32 b1,
                        MOE_LINE) {
  moeSim->mma(c, a, b0, b1, line);
}

MOE_DEVICE void mbarInit(u32 barrier, u32 arrivals, MOE_LINE) {
  moeSim->mbarInit(barrier, arrivals, line);
}
MOE_DEVICE void mbarFenceInit() {}
MOE_DEVICE void mbarArrive(u32 barrier, MOE_LINE) {
  moeSim->mbarArrive(barrier, 0, line);
}
MOE_DEVICE void mbarArriveExpect(u32 barrier, u32 bytes, MOE_LINE) {
  moeSim->mbarArrive(barrier, bytes, line);
}
MOE_DEVICE void mbarWait(u32 barrier, u32 parity, MOE_LINE) {
  moeSim->mbarWait(barrier, parity, line);
}
MOE_DEVICE void tmaPrefetch(const TensorMap *) {}
MOE_DEVICE void tmaLoad2d(u32 address, const TensorMap *map, u32 barrier, i32 x,
                          i32 y, MOE_LINE) {
  moeSim->tensorCopy(address, map, barrier, x, y, line);
}
MOE_DEVICE void fenceProxyAsync(MOE_LINE) { moeSim->fenceProxy(line); }
template <int N> MOE_DEVICE void setMaxRegistersUp(MOE_LINE) {
  static_assert(N >= 24 && N <= 256 && N % 8 == 0);
  moeSim->setRegisters(N, line);
}
template <int N> MOE_DEVICE void setMaxRegistersDown(MOE_LINE) {
  static_assert(N >= 24 && N <= 256 && N % 8 == 0);
  moeSim->setRegisters(N, line);
}
MOE_DEVICE u64 wgmmaRows128(u32 address) {
  return u64((address & 0x3ffff) >> 4) | u64(1) << 16 | u64(1024 >> 4) << 32 |
         u64(1) << 62;
}
MOE_DEVICE void wgmmaFence() {}
MOE_DEVICE void wgmmaCommit(MOE_LINE) { moeSim->wgmmaCommit(line); }
template <int Pending> MOE_DEVICE void wgmmaWait(MOE_LINE) {
  moeSim->wgmmaWait(Pending, line);
}
template <int N> MOE_DEVICE void wgmmaResults(f32 (&)[N]) {}
template <int N>
MOE_DEVICE void wgmmaBf16(f32 (&d)[N / 2], u64 a, u64 b, bool accumulate,
                          MOE_LINE) {
  static_assert(N % 32 == 0 && N >= 32 && N <= 256);
  moeSim->wgmma(d, N, a, b, accumulate, line);
}

/// Calls a kernel with the parameters of a launch, copied to where their types
/// want to be.
template <int... I> struct SimIndices {};
template <class T, T... I> using SimSequence = SimIndices<I...>;
template <class... A, int... I>
void simUnpack(void (*kernel)(A...), void **parameters, SimIndices<I...>) {
  auto read = [&]<class T>(int i, T *) {
    T value;
    __builtin_memcpy((void *)&value, parameters[i], sizeof(T));
    return value;
  };
  kernel(read(I, (__remove_cv(A) *)nullptr)...);
}
template <class... A> void simEnter(void (*kernel)(A...), void **parameters) {
  simUnpack(kernel, parameters,
            __make_integer_seq<SimSequence, int, sizeof...(A)>{});
}

} // namespace moe

#undef MOE_LINE

/// Bytes of a kernel's parameters, and its entry from a launch.
#define MOE_SIM_KERNEL(name)                                                   \
  extern "C" __attribute__((visibility("default"))) void name##__enter(        \
      void **parameters) {                                                     \
    moe::simEnter(&name, parameters);                                          \
  }

#endif // MOE_CODEGEN_CUDA_DEVICE_INTRINSICS
