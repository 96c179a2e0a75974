//===- types.cuh - Element types --------------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// NVRTC has no header of its own, not even <cstdint>: kernels bring their types
// along. Nothing here touches the machine; the same text serves the simulator.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_DEVICE_TYPES
#define MOE_CODEGEN_CUDA_DEVICE_TYPES

#define MOE_DEVICE __device__ __forceinline__

namespace moe {

using i8 = signed char;
using u8 = unsigned char;
using i16 = short;
using u16 = unsigned short;
using i32 = int;
using u32 = unsigned int;
using i64 = long long;
using u64 = unsigned long long;
using f32 = float;
using f64 = double;

/// 16- and 8-bit floats are bits until they are widened.
struct bf16 {
  u16 bits;
};
struct f16 {
  u16 bits;
};
struct f8e4m3 {
  u8 bits;
};
struct f8e5m2 {
  u8 bits;
};
struct f8e8m0 {
  u8 bits;
};

/// What one load, store or asynchronous copy moves.
struct alignas(8) u32x2 {
  u32 x, y;
};
struct alignas(16) u32x4 {
  u32 x, y, z, w;
};
struct alignas(16) f32x4 {
  f32 x, y, z, w;
};

/// A tensor map, a kernel parameter: const __grid_constant__ TensorMap.
struct alignas(128) TensorMap {
  u64 opaque[16];
};

template <class T> MOE_DEVICE constexpr T min(T a, T b) {
  return b < a ? b : a;
}
template <class T> MOE_DEVICE constexpr T max(T a, T b) {
  return a < b ? b : a;
}
template <class T> MOE_DEVICE constexpr T ceilDiv(T a, T b) {
  return (a + b - 1) / b;
}

} // namespace moe

#endif // MOE_CODEGEN_CUDA_DEVICE_TYPES
