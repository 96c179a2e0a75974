//===- MoeCudaDialect.cpp - CUDA targets, layouts and plans ---------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the attributes say of themselves. Which plan is chosen, and why, is in
// CudaPlans.cpp.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cuda/MoeCudaDialect.h"

#include "moe/codegen/cuda/MatmulShape.h"
#include "moe/codegen/cuda/device/sizes.cuh"
#include "moe/dialect/MoeOps.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectImplementation.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

#include "moe/codegen/cuda/MoeCudaDialect.cpp.inc"
#include "moe/codegen/cuda/MoeCudaEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "moe/codegen/cuda/MoeCudaAttrs.cpp.inc"

void MoeCudaDialect::initialize() { registerAttributes(); }

void MoeCudaDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "moe/codegen/cuda/MoeCudaAttrs.cpp.inc"
      >();
}

cuda::TargetAttr moe::cuda::getTarget(Operation *op) {
  for (; op; op = op->getParentOp())
    if (auto target =
            op->getAttrOfType<cuda::TargetAttr>(MoeDialect::kTargetAttr))
      return target;
  return {};
}

//===----------------------------------------------------------------------===//
// TargetAttr
//===----------------------------------------------------------------------===//

LogicalResult
cuda::TargetAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                         StringRef name, int64_t sms, int64_t smem,
                         int64_t l2) {
  if (!findArch(name))
    return emitError() << "unknown CUDA target '" << name << "', expected "
                       << knownArchNames();
  for (auto [field, value] :
       {std::pair("sms", sms), std::pair("smem", smem), std::pair("l2", l2)})
    if (value < 0)
      return emitError() << "target expects " << field << " >= 0, got "
                         << value;
  return success();
}

const CudaArch &cuda::TargetAttr::getArch() const {
  return *findArch(getName());
}

std::string cuda::TargetAttr::getTargetName() const { return getName().str(); }
std::string cuda::TargetAttr::getIsaName() const { return getName().str(); }

//===----------------------------------------------------------------------===//
// RowsAttr
//===----------------------------------------------------------------------===//

LogicalResult RowsAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               int64_t interleave) {
  if (interleave != sizes::packedGroup)
    return emitError() << "rows expects interleave = " << sizes::packedGroup
                       << ", got " << interleave;
  return success();
}

int64_t RowsAttr::getBytesPerExpert(ArrayRef<RankedTensorType> tensors) const {
  RankedTensorType type = tensors.front();
  return sizes::packedBytes(tensors.size(), type.getDimSize(type.getRank() - 2),
                            type.getDimSize(type.getRank() - 1),
                            type.getElementTypeBitWidth() / 8);
}

std::string RowsAttr::getPackError(ArrayRef<RankedTensorType> tensors) const {
  RankedTensorType type = tensors.front();
  Type element = type.getElementType();
  std::string text;
  llvm::raw_string_ostream os(text);
  // Kernels count columns and depth in 32 bits.
  constexpr int64_t most = int64_t(1) << 24;
  if (!element.isF32() && !element.isBF16() && !element.isF16())
    os << "rows hold f32, bf16 or f16, got " << element;
  else if (type.getDimSize(type.getRank() - 2) > most ||
           type.getDimSize(type.getRank() - 1) > most)
    os << "one expert of " << type << " has more than " << most
       << " rows or columns";
  return text;
}

//===----------------------------------------------------------------------===//
// MatmulAttr
//===----------------------------------------------------------------------===//

LogicalResult MatmulAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 MainLoop loop, int64_t tileM, int64_t tileN,
                                 int64_t tileK, int64_t stages) {
  struct Field {
    StringRef name;
    int64_t value, low, high, step;
  };
  const bool fma = loop == MainLoop::Fma;
  const bool wgmma = loop == MainLoop::Sm90Wgmma;
  for (Field field :
       {Field{"tile_m", tileM, wgmma ? 64 : 16, 256, wgmma ? 64 : 16},
        Field{"tile_n", tileN, 16, 256, 16},
        Field{"tile_k", tileK, fma ? 8 : 64, 64, 8},
        Field{"stages", stages, wgmma ? 3 : 2, 8, 1}})
    if (field.value < field.low || field.value > field.high ||
        field.value % field.step != 0)
      return emitError() << "matmul by " << stringifyMainLoop(loop)
                         << " expects " << field.low << " <= " << field.name
                         << " <= " << field.high << " by " << field.step
                         << ", got " << field.value;
  return success();
}

std::string MatmulAttr::getReductionClass() const {
  switch (getMainloop()) {
  case MainLoop::Fma:
    return "fma";
  case MainLoop::Sm80Mma:
    return "mma_bf16";
  case MainLoop::Sm90Wgmma:
    return "wgmma_bf16";
  }
  llvm_unreachable("every main loop is handled");
}

PackedLayoutAttrInterface MatmulAttr::getWeightLayout() const {
  return RowsAttr::get(getContext(), sizes::packedGroup);
}

/// None: a block finds its tile by the offsets.
int64_t MatmulAttr::getTileRows() const { return 0; }

std::string MatmulAttr::getPlanError(Operation *op) const {
  std::string text;
  llvm::raw_string_ostream os(text);
  auto matmul = dyn_cast<GroupedMatmulOp>(op);
  if (!matmul) {
    os << "#moe_cuda.matmul is no plan for " << op->getName();
    return text;
  }
  if (auto packed = dyn_cast<PackedType>(matmul.getRhs()[0].getType());
      packed && packed.getLayout() != getWeightLayout()) {
    os << "weights are packed as " << Attribute(packed.getLayout())
       << ", the plan reads " << Attribute(getWeightLayout());
    return text;
  }
  const bool fma = getMainloop() == MainLoop::Fma;
  if (!fma && !bothBf16(matmul)) {
    os << stringifyMainLoop(getMainloop())
       << " takes bf16 rows and weights; use mainloop = fma";
    return text;
  }
  const int64_t sides = matmul.getNumRhs();
  if (getMainloop() == MainLoop::Sm90Wgmma &&
      (sides * getTileN() % 32 != 0 || sides * getTileN() > 256)) {
    os << "sm90_wgmma takes tiles of at most 256 columns by 32, of all sides "
          "together, got "
       << sides * getTileN();
    return text;
  }
  if (int64_t threads = MatmulShape(matmul, *this).threads;
      threads > 1024 || threads % 32 != 0) {
    os << "tiles of " << getTileM() << "x" << getTileN() << " are dealt to "
       << threads << " threads, a block has 32 to 1024 by 32";
    return text;
  }
  if (getMainloop() == MainLoop::Sm90Wgmma && !isAligned(matmul)) {
    os << "sm90_wgmma takes rows of whole 16 bytes, got " << matmul.getDepth()
       << " elements; use mainloop = sm80_mma";
    return text;
  }
  cuda::TargetAttr target = getTarget(op);
  if (!target)
    return text;
  if (getMainloop() == MainLoop::Sm90Wgmma && !target.getArch().hasWgmma)
    os << target.getTargetName() << " has no wgmma; use mainloop = sm80_mma";
  else if (int64_t bytes = MatmulShape(matmul, *this).smem;
           bytes > target.getSharedBytes())
    os << "tiles need " << bytes << " bytes of shared memory, a block of "
       << target.getTargetName() << " has " << target.getSharedBytes();
  return text;
}

//===----------------------------------------------------------------------===//
// LaunchAttr
//===----------------------------------------------------------------------===//

LogicalResult LaunchAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t block, int64_t smem, bool) {
  if (block < 32 || block > 1024 || block % 32 != 0)
    return emitError() << "launch expects 32 <= block <= 1024 by 32, got "
                       << block;
  if (smem < 0 || smem > (1 << 20))
    return emitError() << "launch expects 0 <= smem <= 1048576, got " << smem;
  return success();
}
