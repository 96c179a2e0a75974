//===- elements.cuh - What ordinary ops are made of -------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels of ordinary ops are printed op by op. C++ has an operator for most
// ops; the others are functions with the meaning of the op, in particular where
// C++ would promote, wrap or choose a sign differently.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_DEVICE_ELEMENTS
#define MOE_CODEGEN_CUDA_DEVICE_ELEMENTS

namespace moe {

MOE_DEVICE i64 blockIndex() { return blockIdx.x; }
MOE_DEVICE i64 threadIndex() { return threadIdx.x; }

/// Element `index` of memory that holds elements of type T from `base` on.
template <class T> MOE_DEVICE T loadAt(const void *base, i64 index) {
  return load((const T *)base + index);
}
template <class T> MOE_DEVICE void storeAt(void *base, i64 index, T value) {
  store((T *)base + index, value);
}
MOE_DEVICE const u8 *offset(const void *base, i64 bytes) {
  return (const u8 *)base + bytes;
}
MOE_DEVICE u8 *offset(void *base, i64 bytes) { return (u8 *)base + bytes; }

template <class T> struct UnsignedOf {
  using Type = T;
};
template <> struct UnsignedOf<i8> {
  using Type = u8;
};
template <> struct UnsignedOf<i16> {
  using Type = u16;
};
template <> struct UnsignedOf<i32> {
  using Type = u32;
};
template <> struct UnsignedOf<i64> {
  using Type = u64;
};
template <class T> using Unsigned = typename UnsignedOf<T>::Type;
template <class T> MOE_DEVICE Unsigned<T> asUnsigned(T x) {
  return Unsigned<T>(x);
}

template <class T> MOE_DEVICE T divUnsigned(T a, T b) {
  return T(asUnsigned<T>(a) / asUnsigned<T>(b));
}
template <class T> MOE_DEVICE T remUnsigned(T a, T b) {
  return T(asUnsigned<T>(a) % asUnsigned<T>(b));
}
template <class T> MOE_DEVICE T shiftRight(T a, T b) {
  return T(asUnsigned<T>(a) >> asUnsigned<T>(b));
}
template <class T> MOE_DEVICE T minUnsigned(T a, T b) {
  return asUnsigned<T>(b) < asUnsigned<T>(a) ? b : a;
}
template <class T> MOE_DEVICE T maxUnsigned(T a, T b) {
  return asUnsigned<T>(a) < asUnsigned<T>(b) ? b : a;
}
template <class T> MOE_DEVICE T floorDivSigned(T a, T b) {
  return T(a / b - (a % b != 0 && (a < 0) != (b < 0)));
}
template <class T> MOE_DEVICE T ceilDivSigned(T a, T b) {
  return T(a / b + (a % b != 0 && (a < 0) == (b < 0)));
}

/// The bits of a value as another type of the same size.
template <class To, class From> MOE_DEVICE constexpr To bitCast(From x) {
  return __builtin_bit_cast(To, x);
}

MOE_DEVICE f64 abs(f64 x) {
  return bitCast<f64>(bitCast<u64>(x) & 0x7fffffffffffffff);
}

} // namespace moe

#endif // MOE_CODEGEN_CUDA_DEVICE_ELEMENTS
