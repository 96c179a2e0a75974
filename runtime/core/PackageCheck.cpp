//===- PackageCheck.cpp - What a package's tables must keep to --*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// FlatBuffers' own verifier has shown that every table and vector lies inside
// the file. Here follows what the schema's comments say about their values.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/DimExpr.h"
#include "moe/runtime/core/Package.h"
#include "moe/runtime/core/Tensor.h"

#include <algorithm>
#include <limits>
#include <set>

using namespace moe;
using namespace moe::core;

namespace {

/// Far above any machine's memory, far below where sizes overflow.
constexpr int64_t maxBytes = int64_t(1) << 56;
constexpr size_t maxRank = 8;

std::string quoteName(const flatbuffers::String *name) {
  return quote(name->string_view());
}

std::string of(size_t index, size_t count) {
  return std::to_string(index) + " of " + std::to_string(count);
}

bool isDType(uint8_t value) {
  return value <= static_cast<uint8_t>(DType::Bool);
}

/// Whether the numbers may be read as such: FlatBuffers' verifier looks only at
/// where a list begins.
bool isAligned(const flatbuffers::Vector<int64_t> &list) {
  return list.size() == 0 ||
         reinterpret_cast<uintptr_t>(list.data()) % alignof(int64_t) == 0;
}

/// Bytes of a tensor in the file; none if it is not one.
std::optional<int64_t> tensorBytes(uint8_t dtype,
                                   const flatbuffers::Vector<int64_t> &shape) {
  if (!isDType(dtype) || shape.size() > maxRank || !isAligned(shape))
    return std::nullopt;
  std::optional<size_t> bytes =
      checkedBytes(static_cast<DType>(dtype),
                   std::vector<int64_t>(shape.begin(), shape.end()));
  if (!bytes || *bytes > static_cast<size_t>(maxBytes))
    return std::nullopt;
  return static_cast<int64_t>(*bytes);
}

/// Where we are, and the first rule that is broken.
class Checker {
public:
  Status check(const abi::Package &package);

private:
  Status checkVariant(const abi::Variant &variant);
  Status checkCode(const abi::Variant &variant);
  Status checkCudaLaunches(const abi::Variant &variant);
  Status checkTensorMap(const abi::TensorMap &map, const std::string &what,
                        size_t buffers);
  Status checkParam(const abi::Param &param);
  Status checkSource(const abi::Param &param, const abi::Source &source);
  Status checkProgram(const abi::Program &program);
  Status checkDims();
  Status checkArgs(const flatbuffers::Vector<flatbuffers::Offset<abi::Arg>> &,
                   const char *what, bool determines);
  Status checkSteps(const abi::StepList &list);
  Status checkLaunch(const abi::Launch &launch);
  Status checkSwitch(const abi::Switch &step);
  Status checkBuffer(const abi::BufferRef &buffer);
  Status checkExpr(const abi::Expr &expr, const std::string &what);
  Status checkArity(uint32_t kernel, size_t buffers);

  Error broken(const std::string &rule) const {
    return {ErrorId::PackageCorrupt, place + rule};
  }

  std::string place;
  const abi::Variant *variant = nullptr;
  const abi::Program *program = nullptr;
  std::vector<int64_t> bounds;
  std::vector<bool> determined;
  /// Buffers that the launches of each kernel have; none before the first.
  std::vector<std::optional<size_t>> arity;
};

Status Checker::check(const abi::Package &package) {
  for (flatbuffers::uoffset_t i = 0; i < package.variants()->size(); ++i) {
    variant = package.variants()->Get(i);
    place = "variant " + std::to_string(i) + " (" +
            quoteName(variant->target()) + ")";
    Status status = checkVariant(*variant);
    if (!status)
      return status;
  }
  return {};
}

Status Checker::checkCode(const abi::Variant &variant) {
  const abi::Code *image = nullptr;
  bool cuda = false;
  for (const abi::Code *code : *variant.code()) {
    if (code->kind() > abi::CodeKind::MAX)
      return broken(": unknown kind of code");
    if (code->kind() != abi::CodeKind::CpuImage) {
      cuda = true;
      if (!code->arch() || code->bytes()->size() == 0)
        return broken(": CUDA code without " +
                      std::string(code->arch() ? "bytes" : "architecture"));
      continue;
    }
    if (image)
      return broken(": two CPU images");
    image = code;
  }
  if (image && cuda)
    return broken(": code for a CPU and for CUDA");
  for (const abi::Kernel *kernel : *variant.kernels()) {
    const std::string what = ": kernel " + quoteName(kernel->name());
    if (image && kernel->entry() >= image->bytes()->size())
      return broken(what + " begins outside of the code");
    if (kernel->scratch() > static_cast<uint64_t>(maxBytes >> 8))
      return broken(what + " asks for impossible scratch memory");
    if ((kernel->cuda() != nullptr) != cuda)
      return broken(what + (cuda ? " has no CUDA launch"
                                 : " has a CUDA launch but no CUDA code"));
  }
  return {};
}

Status Checker::checkVariant(const abi::Variant &variant) {
  const std::string outer = place;
  Status status = checkCode(variant);
  if (!status)
    return status;
  arity.assign(variant.kernels()->size(), std::nullopt);

  std::set<std::string_view> names;
  for (const abi::Param *param : *variant.params()) {
    place = outer + ", parameter " + quoteName(param->name());
    if (!names.insert(param->name()->string_view()).second)
      return broken(": the name occurs twice");
    status = checkParam(*param);
    if (!status)
      return status;
  }
  names.clear();
  for (const abi::Program *program : *variant.programs()) {
    place = outer + ", program " + quoteName(program->name());
    if (!names.insert(program->name()->string_view()).second)
      return broken(": the name occurs twice");
    status = checkProgram(*program);
    if (!status)
      return status;
  }
  place = outer;
  return checkCudaLaunches(variant);
}

/// What the driver would refuse, and what the executor indexes.
Status Checker::checkCudaLaunches(const abi::Variant &variant) {
  for (flatbuffers::uoffset_t i = 0; i < variant.kernels()->size(); ++i) {
    const abi::Kernel &kernel = *variant.kernels()->Get(i);
    const abi::CudaLaunch *launch = kernel.cuda();
    if (!launch)
      continue;
    const std::string what = ": kernel " + quoteName(kernel.name());
    if (launch->block() < 1 || launch->block() > 1024)
      return broken(what + " has blocks of " + std::to_string(launch->block()) +
                    " threads");
    if (launch->smem() > (1u << 20))
      return broken(what + " asks for " + std::to_string(launch->smem()) +
                    " bytes of shared memory");
    if (launch->cluster() < 1 || launch->cluster() > 16)
      return broken(what + " has clusters of " +
                    std::to_string(launch->cluster()) + " blocks");
    if (!launch->tensor_maps())
      continue;
    for (const abi::TensorMap *map : *launch->tensor_maps())
      if (Status status = checkTensorMap(*map, what, arity[i].value_or(0));
          !status)
        return status;
  }
  return {};
}

Status Checker::checkTensorMap(const abi::TensorMap &map,
                               const std::string &what, size_t buffers) {
  if (map.arg() >= buffers)
    return broken(what + " has a tensor map of buffer " +
                  of(map.arg(), buffers));
  const size_t rank = map.sizes()->size();
  if (rank < 1 || rank > 5 || map.strides()->size() != rank - 1 ||
      map.box()->size() != rank || !isDType(map.dtype()))
    return broken(what + " has a tensor map of an impossible type");
  for (uint32_t extent : *map.box())
    if (extent < 1 || extent > 256)
      return broken(what + " has a tensor map with a box of " +
                    std::to_string(extent));
  const uint8_t swizzle = map.swizzle();
  if (swizzle != 0 && swizzle != 32 && swizzle != 64 && swizzle != 128)
    return broken(what + " has a tensor map with a swizzle of " +
                  std::to_string(swizzle) + " bytes");
  return {};
}

Status Checker::checkParam(const abi::Param &param) {
  std::optional<int64_t> bytes = tensorBytes(param.dtype(), *param.shape());
  if (!bytes || static_cast<uint64_t>(*bytes) != param.bytes())
    return broken(": its bytes do not match its type");
  if (param.units() == 0 || param.bytes() % param.units() != 0)
    return broken(": " + std::to_string(param.units()) +
                  " units do not divide " + std::to_string(param.bytes()) +
                  " bytes");
  if (param.sources()->size() == 0)
    return broken(": no source");
  for (const abi::Source *source : *param.sources()) {
    Status status = checkSource(param, *source);
    if (!status)
      return status;
  }
  if (param.kernel() >= 0)
    return checkArity(static_cast<uint32_t>(param.kernel()),
                      param.sources()->size() + 1);
  if (param.kernel() != -1)
    return broken(": kernel " + std::to_string(param.kernel()));
  const abi::Source &source = *param.sources()->Get(0);
  std::optional<int64_t> view = tensorBytes(source.dtype(), *source.shape());
  if (param.sources()->size() != 1 || source.dtype() != param.dtype() ||
      static_cast<uint64_t>(*view) !=
          (source.per_expert() ? param.bytes() / param.units() : param.bytes()))
    return broken(": a copy needs one source of the parameter's type");
  return {};
}

Status Checker::checkSource(const abi::Param &param,
                            const abi::Source &source) {
  const std::string what = ": source " + quoteName(source.pattern());
  const auto &shape = *source.shape();
  const auto &strides = *source.strides();
  std::optional<int64_t> stored =
      tensorBytes(source.dtype(), *source.stored_shape());
  if (!stored || !tensorBytes(source.dtype(), shape))
    return broken(what + " has an impossible shape");
  if (shape.size() != strides.size() || !isAligned(strides))
    return broken(what + " has another number of strides than of dimensions");
  if (source.values() > abi::ValueRule::MAX ||
      (source.values() == abi::ValueRule::NoE8M0NaN &&
       byteSize(static_cast<DType>(source.dtype())) != 1) ||
      (source.values() == abi::ValueRule::Below &&
       static_cast<DType>(source.dtype()) != DType::I32))
    return broken(what + " has a rule for its values that it cannot have");
  const bool names =
      source.pattern()->string_view().find("{e}") != std::string_view::npos;
  if (names != source.per_expert())
    return broken(what + (names ? " names an expert though it is one tensor"
                                : " lacks {e}"));
  constexpr int64_t maxExpert = std::numeric_limits<int32_t>::max();
  if (source.first_expert() < 0 || source.first_expert() > maxExpert)
    return broken(what + " numbers experts from " +
                  std::to_string(source.first_expert()));
  if (!source.per_expert() && param.units() > 1 &&
      (shape.size() == 0 ||
       static_cast<uint64_t>(shape[0]) % param.units() != 0))
    return broken(what + " cannot be cut into " +
                  std::to_string(param.units()) + " units");

  // The largest element that the view reaches must be stored.
  int64_t reach = source.offset();
  bool empty = false, fits = reach >= 0;
  for (flatbuffers::uoffset_t i = 0; i < shape.size() && fits; ++i) {
    int64_t extent = 0;
    empty |= shape[i] == 0;
    fits = strides[i] >= 0 &&
           !__builtin_mul_overflow(std::max<int64_t>(shape[i] - 1, 0),
                                   strides[i], &extent) &&
           !__builtin_add_overflow(reach, extent, &reach);
  }
  const auto size =
      static_cast<int64_t>(byteSize(static_cast<DType>(source.dtype())));
  if (!fits || (!empty && reach >= *stored / size))
    return broken(what + " reaches outside of the stored tensor");
  return {};
}

Status Checker::checkProgram(const abi::Program &program) {
  this->program = &program;
  Status status = checkDims();
  if (!status)
    return status;
  determined.assign(bounds.size(), false);
  status = checkArgs(*program.inputs(), "input", true);
  if (!status)
    return status;
  status = checkArgs(*program.outputs(), "output", false);
  if (!status)
    return status;
  for (size_t i = 0; i < bounds.size(); ++i)
    if (!determined[i])
      return broken(": no input has dimension " +
                    quoteName(program.dims()->Get(i)->name()));
  status = checkExpr(*program.workspace(), "the workspace");
  if (!status)
    return status;
  for (flatbuffers::uoffset_t i = 0; i < program.slices()->size(); ++i) {
    const abi::Slice &slice = *program.slices()->Get(i);
    status = checkExpr(*slice.offset(), "slice " + std::to_string(i));
    if (!status)
      return status;
    status = checkExpr(*slice.bytes(), "slice " + std::to_string(i));
    if (!status)
      return status;
  }
  return checkSteps(*program.steps());
}

Status Checker::checkDims() {
  bounds.clear();
  for (const abi::Dim *dim : *program->dims()) {
    if (dim->bound() < 1)
      return broken(": dimension " + quoteName(dim->name()) +
                    " has the bound " + std::to_string(dim->bound()));
    bounds.push_back(dim->bound());
  }
  return {};
}

Status Checker::checkArgs(
    const flatbuffers::Vector<flatbuffers::Offset<abi::Arg>> &args,
    const char *kind, bool determines) {
  std::set<std::string_view> names;
  for (const abi::Arg *arg : args) {
    const std::string what =
        std::string(": ") + kind + " " + quoteName(arg->name());
    if (!names.insert(arg->name()->string_view()).second)
      return broken(what + " occurs twice");
    const auto &sizes = *arg->sizes();
    const auto &dims = *arg->dims();
    if (sizes.size() != dims.size() || sizes.size() > maxRank ||
        !isAligned(sizes))
      return broken(what + " has " + std::to_string(sizes.size()) +
                    " sizes and " + std::to_string(dims.size()) +
                    " dimensions");
    std::vector<int64_t> largest;
    for (flatbuffers::uoffset_t i = 0; i < sizes.size(); ++i) {
      if (dims[i] == -1 && sizes[i] >= 0) {
        largest.push_back(sizes[i]);
        continue;
      }
      const auto dim = static_cast<size_t>(dims[i]);
      if (sizes[i] != -1 || dims[i] < 0 || dim >= bounds.size())
        return broken(what + ", dimension " + std::to_string(i) +
                      ": neither static nor a dimension of the program");
      largest.push_back(bounds[dim]);
      if (determines)
        determined[dim] = true;
    }
    std::optional<size_t> bytes;
    if (isDType(arg->dtype()))
      bytes = checkedBytes(static_cast<DType>(arg->dtype()), largest);
    if (!bytes || *bytes > static_cast<size_t>(maxBytes))
      return broken(what + " has an impossible type");
  }
  return {};
}

Status Checker::checkSteps(const abi::StepList &list) {
  // The verifier has bounded the nesting, and how often a list is shared.
  for (const abi::Step *step : *list.steps()) {
    Status status;
    switch (step->body_type()) {
    case abi::StepBody::Launch:
      status = checkLaunch(*step->body_as_Launch());
      break;
    case abi::StepBody::Copy: {
      const abi::Copy &copy = *step->body_as_Copy();
      status = checkBuffer(*copy.source());
      if (status)
        status = checkBuffer(*copy.target());
      if (status)
        status = checkExpr(*copy.bytes(), "a copy");
      break;
    }
    case abi::StepBody::Check:
      status = checkBuffer(*step->body_as_Check()->status());
      break;
    case abi::StepBody::Switch:
      status = checkSwitch(*step->body_as_Switch());
      break;
    default:
      status = broken(": an unknown kind of step");
    }
    if (!status)
      return status;
  }
  return {};
}

Status Checker::checkLaunch(const abi::Launch &launch) {
  Status status = checkArity(launch.kernel(), launch.args()->size());
  if (!status)
    return status;
  for (const abi::BufferRef *buffer : *launch.args()) {
    status = checkBuffer(*buffer);
    if (!status)
      return status;
  }
  const abi::CudaLaunch *cuda =
      variant->kernels()->Get(launch.kernel())->cuda();
  if (cuda && launch.count())
    return broken(": a launch on CUDA has a count that is read back");
  if (cuda && cuda->tensor_maps())
    for (const abi::TensorMap *map : *cuda->tensor_maps())
      for (const auto *list : {map->sizes(), map->strides()})
        for (const abi::Expr *expr : *list)
          if (status = checkExpr(*expr, "a tensor map"); !status)
            return status;
  if (!launch.tasks() == !launch.count())
    return broken(": a launch needs either tasks or a count");
  if (launch.tasks())
    return checkExpr(*launch.tasks(), "the tasks of a launch");
  if (launch.multiplier() < 1)
    return broken(": a launch multiplies its count by " +
                  std::to_string(launch.multiplier()));
  return checkBuffer(*launch.count());
}

Status Checker::checkSwitch(const abi::Switch &step) {
  const auto &buckets = *step.buckets();
  if (step.dim() >= bounds.size())
    return broken(": a switch over dimension " + of(step.dim(), bounds.size()));
  if (step.cases()->size() != buckets.size() + 1 || !isAligned(buckets))
    return broken(": a switch of " + std::to_string(buckets.size()) +
                  " buckets with " + std::to_string(step.cases()->size()) +
                  " cases");
  for (const abi::StepList *list : *step.cases()) {
    Status status = checkSteps(*list);
    if (!status)
      return status;
  }
  return {};
}

Status Checker::checkBuffer(const abi::BufferRef &buffer) {
  size_t count = 0;
  switch (buffer.kind()) {
  case abi::BufferKind::Input:
    count = program->inputs()->size();
    break;
  case abi::BufferKind::Output:
    count = program->outputs()->size();
    break;
  case abi::BufferKind::Slice:
    count = program->slices()->size();
    break;
  case abi::BufferKind::Param:
    count = variant->params()->size();
    break;
  default:
    return broken(": an unknown kind of buffer");
  }
  if (buffer.index() >= count)
    return broken(": " + std::string(abi::EnumNameBufferKind(buffer.kind())) +
                  " " + of(buffer.index(), count));
  return {};
}

Status Checker::checkExpr(const abi::Expr &expr, const std::string &what) {
  if (!isAligned(*expr.code()))
    return broken(": " + what + " has an expression that is not aligned");
  Result<DimRange> range = rangeOf(expr, bounds);
  if (!range)
    return broken(": " + what + " has " + range.error().message);
  if (range->high > maxBytes)
    return broken(": " + what + " may need " + std::to_string(range->high));
  return {};
}

Status Checker::checkArity(uint32_t kernel, size_t buffers) {
  if (kernel >= arity.size())
    return broken(": kernel " + of(kernel, arity.size()));
  std::optional<size_t> &known = arity[kernel];
  if (known && *known != buffers)
    return broken(": kernel " +
                  quoteName(variant->kernels()->Get(kernel)->name()) +
                  " is launched with " + std::to_string(*known) + " and " +
                  std::to_string(buffers) + " buffers");
  known = buffers;
  return {};
}

} // namespace

Status moe::core::checkPackage(const abi::Package &package) {
  return Checker().check(package);
}
