//===- CudaBackend.cpp - CUDA as a backend --------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cuda/CudaBackend.h"

#include "moe/codegen/cuda/CudaKernels.h"
#include "moe/codegen/cuda/CudaText.h"
#include "moe/codegen/cuda/Passes.h"
#include "moe/codegen/cuda/device/sizes.cuh"
#include "moe/codegen/program/SerializeProgram.h"

#include "mlir/IR/TypeUtilities.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

bool CudaBackend::knows(StringRef name) const { return findArch(name); }

std::string CudaBackend::knownNames() const { return knownArchNames(); }

FailureOr<TargetAttrInterface>
CudaBackend::makeTarget(MLIRContext &context, const TargetRequest &request,
                        function_ref<InFlightDiagnostic()> emitError) const {
  context.getOrLoadDialect<MoeCudaDialect>();
  auto target =
      cuda::TargetAttr::getChecked(emitError, &context, StringRef(request.name),
                                   int64_t(0), int64_t(0), int64_t(0));
  if (!target)
    return failure();
  return cast<TargetAttrInterface>(target);
}

void CudaBackend::buildLowerPipeline(OpPassManager &pm,
                                     TargetAttrInterface) const {
  pm.addPass(createCudaLowerKernelsPass());
  OpPassManager &kernels = pm.nest<ModuleOp>();
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
}

bool CudaBackend::emits(EmitKind kind) const {
  return kind == EmitKind::Cuda || kind == EmitKind::Ptx ||
         kind == EmitKind::Cubin;
}

//===----------------------------------------------------------------------===//
// Compiling
//===----------------------------------------------------------------------===//

static CudaBinary compile(StringRef text, cuda::TargetAttr target,
                          const CodegenServices &services) {
  if (!services.compileCuda)
    return {false, "this program has no compiler of CUDA", "", "", ""};
  return services.compileCuda(text, target.getName());
}

static InFlightDiagnostic refused(ModuleOp lowered, cuda::TargetAttr target,
                                  const CudaBinary &binary) {
  return lowered.emitError() << "the kernels do not compile for "
                             << target.getTargetName() << ": " << binary.error;
}

FailureOr<std::string>
CudaBackend::emit(ModuleOp lowered, TargetAttrInterface attribute,
                  EmitKind kind, const CodegenServices &services) const {
  auto target = cast<cuda::TargetAttr>(attribute);
  FailureOr<std::string> text = printCuda(lowered, target);
  if (failed(text) || kind == EmitKind::Cuda)
    return text;
  CudaBinary binary = compile(*text, target, services);
  if (!binary.available)
    return lowered.emitError() << "cannot compile CUDA: " << binary.error;
  if (!binary.error.empty())
    return refused(lowered, target, binary);
  return kind == EmitKind::Ptx ? std::move(binary.ptx)
                               : std::move(binary.cubin);
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

/// A matrix of bf16 rows of launch argument `argument`, copied in boxes of
/// 128 bytes by `boxRows`.
static std::unique_ptr<abi::TensorMapT>
tensorMap(unsigned argument, AffineExpr rows, int64_t columns, int64_t boxRows,
          unsigned numDims) {
  MLIRContext *context = rows.getContext();
  auto made = std::make_unique<abi::TensorMapT>();
  auto expr = [&](AffineExpr value) {
    return serializeExpr(AffineMap::get(numDims, 0, value));
  };
  made->arg = argument;
  made->dtype = static_cast<uint8_t>(abi::DType::BF16);
  made->sizes.push_back(expr(getAffineConstantExpr(columns, context)));
  made->sizes.push_back(expr(rows));
  made->strides.push_back(expr(getAffineConstantExpr(2 * columns, context)));
  made->box = {sizes::mmaRowBytes / 2, static_cast<uint32_t>(boxRows)};
  made->swizzle = 128;
  return made;
}

/// The index in a launch of a kernel argument's first buffer.
static unsigned bufferIndex(exec::KernelOp kernel, Value argument) {
  unsigned index = 0;
  for (Value before : kernel.getBody().getArguments()) {
    if (before == argument)
      break;
    index += exec::getBackingTypes(before.getType()).size();
  }
  return index;
}

/// What matmul.cuh asks for: the weights, and the rows if they are not
/// gathered.
static void addTensorMaps(exec::KernelOp kernel, GroupedMatmulOp op,
                          abi::CudaLaunchT &launch) {
  MatmulShape shape(op);
  const unsigned dims = kernel.getNumDims();
  const int64_t packedRows =
      shape.groups * shape.sides * sizes::packedColumns(shape.columns);
  launch.tensor_maps.push_back(
      tensorMap(bufferIndex(kernel, op.getRhs()[0]),
                getAffineConstantExpr(packedRows, kernel.getContext()),
                sizes::packedDepth(shape.depth, 2),
                shape.plan.getTileN() * shape.sides, dims));
  if (op.getGather())
    return;
  launch.tensor_maps.push_back(tensorMap(bufferIndex(kernel, op.getLhs()),
                                         leaf::rowsOf(kernel), shape.depth,
                                         shape.plan.getTileM(), dims));
}

LogicalResult CudaBackend::addCode(ModuleOp lowered,
                                   TargetAttrInterface attribute,
                                   const CodegenServices &services,
                                   abi::VariantT &variant) const {
  auto target = cast<cuda::TargetAttr>(attribute);
  variant.target = target.getTargetName();
  for (auto [kernel, made] :
       llvm::zip_equal(lowered.getOps<exec::KernelOp>(), variant.kernels)) {
    auto launch =
        cast<LaunchAttr>(kernel->getAttr(MoeCudaDialect::kLaunchAttr));
    made->cuda = std::make_unique<abi::CudaLaunchT>();
    made->cuda->block = launch.getBlock();
    made->cuda->smem = launch.getSmem();
    made->cuda->persistent = launch.getPersistent();
    if (classOf(kernel) != KernelClass::Matmul)
      continue;
    auto op = onlyOp<GroupedMatmulOp>(kernel);
    if (MatmulShape(op).plan.getMainloop() == MainLoop::Sm90Wgmma)
      addTensorMaps(kernel, op, *made->cuda);
  }
  FailureOr<std::string> text = printCuda(lowered, target);
  if (failed(text))
    return failure();
  CudaBinary binary = compile(*text, target, services);
  if (binary.available && !binary.error.empty())
    return refused(lowered, target, binary);
  auto add = [&](abi::CodeKind kind, const std::string &bytes) {
    auto code = std::make_unique<abi::CodeT>();
    code->kind = kind;
    code->arch = target.getTargetName();
    code->bytes.assign(bytes.begin(), bytes.end());
    variant.code.push_back(std::move(code));
  };
  if (binary.available)
    add(abi::CodeKind::Cubin, binary.cubin);
  // What is for one architecture alone runs on no later one.
  if (binary.available && !target.getName().ends_with("a"))
    add(abi::CodeKind::Ptx, binary.ptx);
  add(abi::CodeKind::CudaText, *text);
  return success();
}
