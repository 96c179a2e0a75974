//===- LoweredKernels.cpp - Kernels in value form, lowered and run --------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoweredKernels.h"

#include "EmulatedRun.h"

#include "moe/codegen/cpu/MoeCpuDialect.h"
#include "moe/codegen/cpu/Passes.h"
#include "moe/dialect/exec/MoeExecDialect.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cstring>

#include <sys/mman.h>
#include <unistd.h>

using namespace moe;
using namespace moe::test;

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

Buffer::Buffer(core::DType dtype, size_t count)
    : dtype(dtype), count(count),
      bytes(2 * guard + count * core::byteSize(dtype), 0xff) {
  std::memset(bytes.data(), 0xa5, guard);
  std::memset(bytes.data() + bytes.size() - guard, 0xa5, guard);
}

Buffer::Buffer(core::DType dtype, const std::vector<double> &values)
    : Buffer(dtype, values.size()) {
  for (size_t i = 0; i < count; ++i)
    set(i, values[i]);
}

Buffer::Buffer(const std::vector<int32_t> &values)
    : Buffer(core::DType::I32, values.size()) {
  for (size_t i = 0; i < count; ++i)
    core::storeFromInt(dtype, data(), i, values[i]);
}

std::vector<double> Buffer::values() const {
  std::vector<double> result;
  for (size_t i = 0; i < count; ++i)
    result.push_back((*this)[i]);
  return result;
}

std::vector<int32_t> Buffer::ints() const {
  std::vector<int32_t> result;
  for (size_t i = 0; i < count; ++i)
    result.push_back(static_cast<int32_t>(core::loadAsInt(dtype, data(), i)));
  return result;
}

std::vector<uint8_t> Buffer::raw() const {
  auto *begin = static_cast<const uint8_t *>(data());
  return {begin, begin + count * core::byteSize(dtype)};
}

bool Buffer::guardsHold() const {
  auto intact = [](uint8_t byte) { return byte == 0xa5; };
  return std::all_of(bytes.begin(), bytes.begin() + guard, intact) &&
         std::all_of(bytes.end() - guard, bytes.end(), intact);
}

std::vector<double> moe::test::randomValues(core::DType dtype, size_t count,
                                            std::mt19937 &random) {
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<double> values(count);
  for (double &value : values)
    value = core::roundTo(dtype, uniform(random));
  return values;
}

namespace {
/// A copy of a buffer that ends, or begins, at a page that cannot be read.
class TightBuffer {
public:
  TightBuffer(const std::vector<uint8_t> &bytes, bool atBegin) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t inner = (bytes.size() + page - 1) / page * page;
    size = inner + 2 * page;
    base = static_cast<uint8_t *>(
        mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT_NE(base, MAP_FAILED);
    if (inner) {
      EXPECT_EQ(mprotect(base + page, inner, PROT_READ | PROT_WRITE), 0);
    }
    data = base + page + (atBegin ? 0 : inner - bytes.size());
    if (!bytes.empty())
      std::memcpy(data, bytes.data(), bytes.size());
  }
  ~TightBuffer() { munmap(base, size); }
  TightBuffer(const TightBuffer &) = delete;
  TightBuffer &operator=(const TightBuffer &) = delete;

  uint8_t *data;

private:
  uint8_t *base;
  size_t size;
};
} // namespace

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

void moe::test::loadKernelDialects(mlir::MLIRContext &context) {
  context.loadDialect<mlir::affine::AffineDialect, mlir::linalg::LinalgDialect,
                      mlir::tensor::TensorDialect, exec::MoeExecDialect,
                      cpu::MoeCpuDialect>();
}

LoweredKernels::LoweredKernels(const std::string &text, const std::string &plan,
                               bool load, const std::string &codeTarget)
    : target(codeTarget.empty() ? plan : codeTarget) {
  loadKernelDialects(*context.context);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      "module attributes {moe.target = #moe_cpu.target<name = \"" + plan +
          "\">} {\n" + text + "}\n",
      context.context.get());
  mlir::PassManager passes(context.context.get());
  passes.addPass(cpu::createLowerKernelsPass());
  if (!codeTarget.empty())
    passes.addNestedPass<mlir::ModuleOp>(
        cpu::createEmulateIsaPass({codeTarget}));
  if (!module || mlir::failed(passes.run(*module))) {
    errors = context.errors;
    return;
  }
  auto attr = cpu::getTarget(*module);
  for (auto kernel : module->getOps<exec::KernelOp>()) {
    KernelShape shape = attr.getKernelShape(kernel);
    EXPECT_EQ(kernel.getScratch().value_or(0), shape.scratchBytes);
    shapes.push_back({kernel.getName().str(), shape.perTile, shape.times,
                      shape.scratchBytes, shape.tasks});
  }
  auto nested = *module->getOps<mlir::ModuleOp>().begin();
  llvm::raw_string_ostream stream(leaves);
  nested.print(stream);
  compiled = compileKernels(leaves, target, /*emulate=*/false,
                            load && hostRuns(target));
  errors = compiled.errors;
}

void LoweredKernels::run(const std::string &name,
                         const std::vector<Buffer *> &buffers,
                         std::vector<int64_t> dims, std::mt19937 &random,
                         std::optional<int64_t> count) const {
  ASSERT_TRUE(errors.empty()) << errors.front();
  ASSERT_TRUE(canRun(target));
  size_t index = std::find_if(shapes.begin(), shapes.end(),
                              [&](const Shape &s) { return s.name == name; }) -
                 shapes.begin();
  ASSERT_LT(index, shapes.size()) << name;
  const Shape &shape = shapes[index];
  ASSERT_EQ(shape.perTile, count.has_value());
  llvm::SmallVector<mlir::Attribute> operands;
  mlir::Builder builder(context.context.get());
  for (int64_t dim : dims)
    operands.push_back(builder.getIndexAttr(dim));
  llvm::SmallVector<mlir::Attribute> results;
  ASSERT_TRUE(mlir::succeeded(shape.tasks.constantFold(operands, results)));
  const int64_t tasks =
      count ? *count * shape.times
            : mlir::cast<mlir::IntegerAttr>(results[0]).getInt();

  std::vector<int64_t> cuts{0, tasks};
  for (int i = 0; i < 4 && tasks > 0; ++i)
    cuts.push_back(static_cast<int64_t>(random() % (tasks + 1)));
  std::sort(cuts.begin(), cuts.end());
  std::vector<size_t> order(cuts.size() - 1);
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::shuffle(order.begin(), order.end(), random);
  std::vector<void *> pointers;
  EmulatedLaunch launch{compiled.image.bytes,
                        compiled.image.entries[index].offset,
                        static_cast<uint64_t>(shape.scratch),
                        dims,
                        {},
                        {},
                        Buffer::offset};
  for (Buffer *buffer : buffers) {
    pointers.push_back(buffer->data());
    launch.buffers.push_back(buffer->memory());
  }
  for (size_t range : order)
    launch.ranges.push_back({cuts[range], cuts[range + 1]});
  if (!hostRuns(target)) {
    ASSERT_EQ(runAarch64(launch), "");
  } else {
    std::vector<std::unique_ptr<TightBuffer>> tight;
    std::vector<void *> tightPointers;
    for (Buffer *buffer : buffers) {
      tight.push_back(
          std::make_unique<TightBuffer>(buffer->raw(), random() % 4 == 0));
      tightPointers.push_back(tight.back()->data);
    }
    runHere(index, {pointers.data(), dims.data()}, launch.ranges);
    runHere(index, {tightPointers.data(), dims.data()}, launch.ranges);
    for (size_t i = 0; i < buffers.size(); ++i) {
      std::vector<uint8_t> bytes = buffers[i]->raw();
      ASSERT_TRUE(bytes.empty() ||
                  std::memcmp(bytes.data(), tight[i]->data, bytes.size()) == 0)
          << name << " depends on where buffer " << i << " lies";
    }
  }
  for (size_t i = 0; i < buffers.size(); ++i)
    ASSERT_TRUE(buffers[i]->guardsHold())
        << name << " writes beside buffer " << i;
}

void LoweredKernels::runHere(
    size_t index, const moe_kernel_args &args,
    const std::vector<std::pair<int64_t, int64_t>> &ranges) const {
  const Shape &shape = shapes[index];
  constexpr size_t guard = 64;
  const size_t bytes = (shape.scratch + 63) / 64 * 64;
  std::vector<uint8_t> storage(bytes + 64 + 2 * guard);
  auto address = reinterpret_cast<uintptr_t>(storage.data()) + guard;
  auto *scratch = storage.data() + guard + (64 - address % 64) % 64;
  for (auto [begin, end] : ranges) {
    std::memset(storage.data(), 0xff, storage.size());
    compiled.code->function(index)(&args, begin, end, 0, scratch);
    for (uint8_t *at = storage.data(); at < scratch; ++at)
      ASSERT_EQ(*at, 0xff) << shape.name << " writes before its scratch";
    for (uint8_t *at = scratch + shape.scratch;
         at < storage.data() + storage.size(); ++at)
      ASSERT_EQ(*at, 0xff) << shape.name << " writes behind its scratch";
  }
}

bool moe::test::canRun(const std::string &target) {
  return hostRuns(target) || (target == "aarch64" && canEmulateAarch64());
}
