//===- Loops.cpp - Loops over the elements of tensors ---------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/leaf/Loops.h"

#include "moe/codegen/leaf/ElementReader.h"
#include "moe/codegen/leaf/KernelClass.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace moe;
using namespace moe::leaf;

static bool isTensor(Value value) {
  return isa<RankedTensorType>(value.getType());
}

template <typename... Args> static std::string text(Args &&...args) {
  std::string result;
  llvm::raw_string_ostream os(result);
  (os << ... << args);
  return result;
}

//===----------------------------------------------------------------------===//
// Which buffer every version of a carried tensor lies in
//===----------------------------------------------------------------------===//

namespace {

/// Versions are values; those of one result of the outermost loop lie in its
/// buffer, one after another. Only the latest can be read.
class Versions {
public:
  using WhyOp = function_ref<std::string(Operation *)>;

  /// Fails with a reason.
  std::string follow(scf::ForOp loop, WhyOp whyOp);
  /// The result of the outermost loop in whose buffer a value lies.
  std::optional<unsigned> bufferOf(Value value) const {
    auto it = buffers.find(value);
    return it == buffers.end() ? std::nullopt : std::optional(it->second);
  }

private:
  std::string followBody(scf::ForOp loop, ArrayRef<unsigned> carried);
  std::string followBlock(Block &block);
  std::string followOp(Operation &op);
  std::string followFor(scf::ForOp loop);
  std::string followIf(scf::IfOp branch);
  std::string checkYield(Block &block, ArrayRef<unsigned> expected,
                         ArrayRef<Value> before);
  bool isLatest(Value value) const {
    std::optional<unsigned> buffer = bufferOf(value);
    return buffer && latest[*buffer] == value;
  }
  void setLatest(Value value, unsigned buffer) {
    buffers[value] = buffer;
    latest[buffer] = value;
  }

  llvm::DenseMap<Value, unsigned> buffers;
  SmallVector<Value> latest;
  WhyOp whyOp;
};

} // namespace

static std::string staleRead(Operation *op) {
  return text(op->getName(),
              " reads a tensor that a loop carries, after the loop changed it");
}

std::string Versions::follow(scf::ForOp loop, WhyOp why) {
  whyOp = why;
  SmallVector<unsigned> carried;
  for (auto [index, result] : llvm::enumerate(loop.getResults()))
    if (isTensor(result)) {
      carried.push_back(latest.size());
      latest.push_back({});
    } else {
      return text(loop->getName(), " makes ", result.getType(),
                  ", which no buffer holds; make it a tensor of one element");
    }
  return followBody(loop, carried);
}

/// What a block yields has to be the latest version of each buffer expected,
/// and no other buffer may have changed in it.
std::string Versions::checkYield(Block &block, ArrayRef<unsigned> expected,
                                 ArrayRef<Value> before) {
  unsigned next = 0;
  for (Value value : block.getTerminator()->getOperands()) {
    if (!isTensor(value))
      continue;
    std::optional<unsigned> buffer = bufferOf(value);
    if (!buffer || *buffer != expected[next] || latest[*buffer] != value)
      return text(block.getParentOp()->getName(), " yields a tensor that is "
                                                  "not the one it carries with "
                                                  "some elements changed");
    ++next;
  }
  for (unsigned buffer = 0; buffer < latest.size(); ++buffer)
    if (latest[buffer] != before[buffer] &&
        !llvm::is_contained(expected, buffer))
      return text(block.getParentOp()->getName(),
                  " changes a tensor that it does not yield");
  return {};
}

std::string Versions::followBody(scf::ForOp loop, ArrayRef<unsigned> carried) {
  SmallVector<Value> before(latest);
  unsigned next = 0;
  for (Value argument : loop.getRegionIterArgs())
    if (isTensor(argument))
      setLatest(argument, carried[next++]);
  if (std::string why = followBlock(*loop.getBody()); !why.empty())
    return why;
  if (std::string why = checkYield(*loop.getBody(), carried, before);
      !why.empty())
    return why;
  next = 0;
  for (Value result : loop.getResults())
    if (isTensor(result))
      setLatest(result, carried[next++]);
  return {};
}

std::string Versions::followFor(scf::ForOp loop) {
  SmallVector<unsigned> carried;
  for (Value init : loop.getInitArgs()) {
    if (!isTensor(init))
      continue;
    if (!isLatest(init))
      return text(loop->getName(), " in a loop carries a tensor that the outer "
                                   "loop does not carry, or an older one");
    if (llvm::is_contained(carried, *bufferOf(init)))
      return text(loop->getName(), " carries one tensor twice");
    carried.push_back(*bufferOf(init));
  }
  return followBody(loop, carried);
}

std::string Versions::followIf(scf::IfOp branch) {
  SmallVector<Value> before(latest);
  SmallVector<unsigned> expected;
  if (branch->getNumResults() > 0)
    for (Value value : branch.thenYield().getOperands())
      if (isTensor(value)) {
        // The version is known once the branch was followed.
        if (std::string why = followBlock(*branch.thenBlock()); !why.empty())
          return why;
        break;
      }
  if (branch->getNumResults() == 0 ||
      llvm::none_of(branch.getResults(), isTensor)) {
    if (std::string why = followBlock(*branch.thenBlock()); !why.empty())
      return why;
  } else {
    for (Value value : branch.thenYield().getOperands()) {
      if (!isTensor(value))
        continue;
      std::optional<unsigned> buffer = bufferOf(value);
      if (!buffer || llvm::is_contained(expected, *buffer))
        return text(branch->getName(), " in a loop yields a tensor that the "
                                       "loop does not carry, or one twice");
      expected.push_back(*buffer);
    }
  }
  if (std::string why = checkYield(*branch.thenBlock(), expected, before);
      !why.empty())
    return why;
  latest = before;
  if (Block *otherwise = branch.elseBlock()) {
    if (std::string why = followBlock(*otherwise); !why.empty())
      return why;
    if (std::string why = checkYield(*otherwise, expected, before);
        !why.empty())
      return why;
  }
  unsigned next = 0;
  for (Value result : branch.getResults())
    if (isTensor(result))
      setLatest(result, expected[next++]);
  return {};
}

std::string Versions::followOp(Operation &op) {
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return followFor(loop);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return followIf(branch);
  if (auto extract = dyn_cast<tensor::ExtractOp>(op))
    return bufferOf(extract.getTensor()) && !isLatest(extract.getTensor())
               ? staleRead(&op)
               : "";
  if (auto insert = dyn_cast<tensor::InsertOp>(op)) {
    std::optional<unsigned> buffer = bufferOf(insert.getDest());
    if (!buffer)
      return text(op.getName(), " in a loop changes a tensor that the loop "
                                "does not carry");
    if (!isLatest(insert.getDest()))
      return staleRead(&op);
    setLatest(insert.getResult(), *buffer);
    return {};
  }
  if (isa<tensor::DimOp>(op))
    return whyOp(&op);
  // Whatever else reads tensors is computed when it is asked for, which may be
  // after a change.
  std::string why;
  op.walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      if (why.empty() && bufferOf(operand))
        why = text(inner->getName(), " in a loop reads the whole of a tensor "
                                     "that the loop carries");
  });
  return why.empty() ? whyOp(&op) : why;
}

std::string Versions::followBlock(Block &block) {
  for (Operation &op : block.without_terminator())
    if (std::string why = followOp(op); !why.empty())
      return why;
  return {};
}

std::string
moe::leaf::whyLoopsUnsupported(Operation *op,
                               function_ref<std::string(Operation *)> whyOp) {
  auto loop = dyn_cast<scf::ForOp>(op);
  if (!loop)
    return text(op->getName(), " over tensors is not known here; a loop of a "
                               "known count, or arith.select, is");
  return Versions().follow(loop, whyOp);
}

//===----------------------------------------------------------------------===//
// Walking the loops
//===----------------------------------------------------------------------===//

namespace {

class LoopEmitter {
public:
  explicit LoopEmitter(LeafFrame &frame)
      : frame(frame), l(frame.l), reader(frame) {}
  void run();

private:
  using Values = LeafBuilder::Values;

  Values emitFor(scf::ForOp loop);
  void emitIf(scf::IfOp branch);
  Values emitBlock(Block &block);
  void emitOp(Operation &op);
  void insert(tensor::InsertOp op);
  Value extract(tensor::ExtractOp op);
  const TensorBuffer *bufferOf(Value tensor);
  Values scalars(ValueRange values);

  LeafFrame &frame;
  LeafBuilder &l;
  ElementReader reader;
  scf::ForOp root;
  Versions versions;
};

} // namespace

const TensorBuffer *LoopEmitter::bufferOf(Value tensor) {
  std::optional<unsigned> buffer = versions.bufferOf(tensor);
  return buffer ? &frame.tensor(root.getResult(*buffer)) : nullptr;
}

/// Those of the values that are no tensors.
LeafBuilder::Values LoopEmitter::scalars(ValueRange values) {
  Values result;
  for (Value value : values)
    if (!isTensor(value))
      result.push_back(reader.scalar(value));
  return result;
}

static Value addressOf(LeafBuilder &l, const TensorBuffer &buffer,
                       ArrayRef<Value> indices) {
  Value at = l.i64(0);
  for (auto [index, stride] : llvm::zip(indices, buffer.strides))
    at = l.add(at, l.mul(index, stride));
  return l.element(buffer.base, buffer.element, at);
}

void LoopEmitter::run() {
  root = onlyOp<scf::ForOp>(frame.kernel);
  (void)versions.follow(root, [](Operation *) { return std::string(); });
  for (auto [init, result] : llvm::zip(root.getInitArgs(), root.getResults())) {
    const TensorBuffer &buffer = frame.tensor(result);
    Values indices;
    std::function<void()> nest = [&] {
      if (indices.size() < buffer.sizes.size())
        return reader.loop(buffer.sizes[indices.size()], [&](Value i) {
          indices.push_back(i);
          nest();
          indices.pop_back();
        });
      l.store(reader.read(init, indices), addressOf(l, buffer, indices));
    };
    nest();
  }
  emitFor(root);
}

LeafBuilder::Values LoopEmitter::emitFor(scf::ForOp loop) {
  // Counted from 0, so that any step will do; a step that is not positive
  // makes no iteration.
  Value begin = l.toI64(reader.scalar(loop.getLowerBound()));
  Value end = l.toI64(reader.scalar(loop.getUpperBound()));
  Value step = l.toI64(reader.scalar(loop.getStep()));
  Value distance = l.max(l.sub(end, begin), l.i64(0));
  Value safe = l.max(step, l.i64(1));
  Value count = l.div(l.add(distance, l.sub(safe, l.i64(1))), safe);
  count = l.select(l.less(l.i64(0), step), count, l.i64(0));
  Type type = leafType(loop.getInductionVar().getType());
  Values results =
      reader.loop(l.i64(0), count, 1, scalars(loop.getInitArgs()),
                  [&](Value i, ValueRange carried) {
                    Value at = l.add(begin, l.mul(i, safe));
                    if (type != at.getType())
                      at = arith::TruncIOp::create(l.b, l.loc, type, at);
                    reader.bind(loop.getInductionVar(), at);
                    for (Value argument : loop.getRegionIterArgs())
                      if (!isTensor(argument)) {
                        reader.bind(argument, carried.front());
                        carried = carried.drop_front();
                      }
                    return emitBlock(*loop.getBody());
                  });
  unsigned next = 0;
  for (Value result : loop.getResults())
    if (!isTensor(result))
      reader.bind(result, results[next++]);
  return results;
}

void LoopEmitter::emitIf(scf::IfOp branch) {
  SmallVector<Type> types;
  for (Value result : branch.getResults())
    if (!isTensor(result))
      types.push_back(leafType(result.getType()));
  Values results = reader.choose(
      reader.scalar(branch.getCondition()), types,
      [&] { return emitBlock(*branch.thenBlock()); },
      [&] {
        return branch.elseBlock() ? emitBlock(*branch.elseBlock()) : Values();
      });
  unsigned next = 0;
  for (Value result : branch.getResults())
    if (!isTensor(result))
      reader.bind(result, results[next++]);
}

/// The scalars that the block yields.
LeafBuilder::Values LoopEmitter::emitBlock(Block &block) {
  for (Operation &op : block.without_terminator())
    emitOp(op);
  return scalars(block.getTerminator()->getOperands());
}

/// What lies outside is moved to the border, as for any tensor.extract.
Value LoopEmitter::extract(tensor::ExtractOp op) {
  Values indices = scalars(op.getIndices());
  const TensorBuffer *buffer = bufferOf(op.getTensor());
  if (!buffer)
    return reader.readWithin(op.getTensor(), indices);
  Value count = l.i64(1);
  for (auto [index, size] : llvm::zip(indices, buffer->sizes)) {
    index = l.max(l.min(index, l.sub(size, l.i64(1))), l.i64(0));
    count = l.mul(count, size);
  }
  auto load = [&] {
    return Values{l.load(buffer->element, addressOf(l, *buffer, indices))};
  };
  if (cast<RankedTensorType>(op.getTensor().getType()).hasStaticShape())
    return load()[0];
  Type element = leafType(buffer->element);
  return reader.choose(l.less(l.i64(0), count), element, load,
                       [&] { return Values{l.constant(element, 0)}; })[0];
}

/// What lies outside is not written.
void LoopEmitter::insert(tensor::InsertOp op) {
  Values indices = scalars(op.getIndices());
  const TensorBuffer *buffer = bufferOf(op.getDest());
  Value inside;
  for (auto [index, size] : llvm::zip(indices, buffer->sizes)) {
    Value at = l.max(l.min(index, l.sub(size, l.i64(1))), l.i64(0));
    Value here = l.equal(at, index);
    inside =
        inside ? l.b.createOrFold<arith::AndIOp>(l.loc, inside, here) : here;
  }
  Value value = reader.scalar(op.getScalar());
  auto store = [&] { l.store(value, addressOf(l, *buffer, indices)); };
  if (inside)
    reader.when(inside, store);
  else
    store();
}

void LoopEmitter::emitOp(Operation &op) {
  if (auto loop = dyn_cast<scf::ForOp>(op)) {
    emitFor(loop);
    return;
  }
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return emitIf(branch);
  if (auto write = dyn_cast<tensor::InsertOp>(op))
    return insert(write);
  if (auto read = dyn_cast<tensor::ExtractOp>(op))
    return reader.bind(read.getResult(), extract(read));
  if (auto dim = dyn_cast<tensor::DimOp>(op))
    if (const TensorBuffer *buffer = bufferOf(dim.getSource()))
      return reader.bind(dim.getResult(),
                         buffer->sizes[*dim.getConstantIndex()]);
  // Tensors are made where an element of theirs is asked for.
  for (Value result : op.getResults())
    if (!isTensor(result))
      reader.bind(result, reader.scalar(result));
}

void moe::leaf::emitLoops(LeafFrame &frame) { LoopEmitter(frame).run(); }
