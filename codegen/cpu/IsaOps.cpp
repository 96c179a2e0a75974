//===- IsaOps.cpp - Which features an operation needs ---------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/IsaOps.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moe::cpu;
using moe::abi::CpuArch;
using moe::abi::CpuFeature;
using moe::abi::CpuFeatures;

static IsaNeed x86(CpuFeatures features) { return {CpuArch::X86_64, features}; }
static IsaNeed unknownToAnyTarget() { return {CpuArch::X86_64, {}, false}; }

/// AVX-512 instructions on vectors shorter than a register need one more bit.
static CpuFeatures avx512(CpuFeature feature, Type type) {
  auto vector = dyn_cast<VectorType>(type);
  CpuFeatures features{CpuFeature::Avx512f, feature};
  if (vector && vector.getNumElements() * vector.getElementTypeBitWidth() < 512)
    features.insert(CpuFeature::Avx512vl);
  return features;
}

/// The intrinsics a kernel may call, by the prefix of their name. A list of
/// what is allowed, not of what is not: LLVM aborts on an intrinsic whose
/// feature is off, and its names do not tell the feature.
static std::optional<IsaNeed> intrinsicNeed(StringRef name) {
  if (name.starts_with("llvm.aarch64."))
    return unknownToAnyTarget();
  if (!name.consume_front("llvm.x86."))
    return std::nullopt; // not an instruction of one target
  struct Row {
    StringRef prefix;
    CpuFeatures features;
  };
  const CpuFeatures base = moe::abi::x86_64_v4;
  const CpuFeatures bf16 = base | CpuFeatures{CpuFeature::Avx512Bf16};
  const CpuFeatures vnni = base | CpuFeatures{CpuFeature::Avx512Vnni};
  const Row rows[] = {
      {"avx512.mask.scalef.p", base},
      {"avx512.permvar.hi.", base},
      {"avx512.permvar.si.", base},
      {"avx512.permvar.sf.", base},
      {"avx512.pmaddubs.w.512", base},
      {"avx512.pmaddw.d.512", base},
      {"avx512.pshuf.b.512", base},
      {"avx512.vpdpbusd.", vnni},
      {"avx512.vpdpwssd.", vnni},
      {"avx512bf16.cvtne2ps2bf16.", bf16},
      {"avx512bf16.cvtneps2bf16.", bf16},
      {"avx512bf16.dpbf16ps.", bf16},
      {"avx2.permd", {CpuFeature::Avx2}},
      {"avx2.permps", {CpuFeature::Avx2}},
      {"avx2.pmadd.ub.sw", {CpuFeature::Avx2}},
      {"avx2.pmadd.wd", {CpuFeature::Avx2}},
      {"avx2.pshuf.b", {CpuFeature::Avx2}},
      {"avx2.psign.", {CpuFeature::Avx2}},
      {"ssse3.pmadd.ub.sw.128", {CpuFeature::Ssse3}},
      {"ssse3.pshuf.b.128", {CpuFeature::Ssse3}},
      {"ssse3.psign.", {CpuFeature::Ssse3}},
      {"sse2.pmadd.wd", {CpuFeature::Sse3}},
      {"tilezero.internal", {CpuFeature::AmxTile}},
      {"tileloadd64.internal", {CpuFeature::AmxTile}},
      {"tileloaddt164.internal", {CpuFeature::AmxTile}},
      {"tilestored64.internal", {CpuFeature::AmxTile}},
      {"tdpbf16ps.internal", {CpuFeature::AmxTile, CpuFeature::AmxBf16}},
      {"tdpfp16ps.internal", {CpuFeature::AmxTile, CpuFeature::AmxFp16}},
      {"tdpbssd.internal", {CpuFeature::AmxTile, CpuFeature::AmxInt8}},
      {"tdpbsud.internal", {CpuFeature::AmxTile, CpuFeature::AmxInt8}},
      {"tdpbusd.internal", {CpuFeature::AmxTile, CpuFeature::AmxInt8}},
      {"tdpbuud.internal", {CpuFeature::AmxTile, CpuFeature::AmxInt8}},
  };
  for (const Row &row : rows)
    if (name.starts_with(row.prefix))
      return x86(row.features);
  return unknownToAnyTarget();
}

std::optional<IsaNeed> moe::cpu::isaNeed(Operation *op) {
  using Need = std::optional<IsaNeed>;
  return llvm::TypeSwitch<Operation *, Need>(op)
      .Case<amx::TileZeroOp, amx::TileLoadOp, amx::TileStoreOp>(
          [](auto) -> Need { return x86({CpuFeature::AmxTile}); })
      .Case([](amx::TileMulFOp mul) -> Need {
        return x86(
            {CpuFeature::AmxTile, mul.getLhsTileType().getElementType().isF16()
                                      ? CpuFeature::AmxFp16
                                      : CpuFeature::AmxBf16});
      })
      .Case([](amx::TileMulIOp) -> Need {
        return x86({CpuFeature::AmxTile, CpuFeature::AmxInt8});
      })
      .Case<x86vector::MaskCompressOp, x86vector::MaskRndScaleOp,
            x86vector::MaskScaleFOp>([](auto masked) -> Need {
        return x86(avx512(CpuFeature::Avx512f, masked.getDst().getType()));
      })
      .Case<x86vector::DotBF16Op, x86vector::CvtPackedF32ToBF16Op>(
          [](auto convert) -> Need {
            return x86(
                avx512(CpuFeature::Avx512Bf16, convert.getA().getType()));
          })
      .Case<x86vector::RsqrtOp, x86vector::DotOp>(
          [](auto) -> Need { return x86({CpuFeature::Avx}); })
      .Case([](LLVM::CallIntrinsicOp call) -> Need {
        return intrinsicNeed(call.getIntrin());
      })
      .Default([](Operation *other) -> Need {
        StringRef dialect = other->getName().getDialectNamespace();
        if (dialect == "amx" || dialect == "x86vector")
          return unknownToAnyTarget();
        return std::nullopt;
      });
}
