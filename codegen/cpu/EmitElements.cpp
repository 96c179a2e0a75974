//===- EmitElements.cpp - Ordinary ops and packing ------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The two kernels that are made of nothing but elements: tensors written row by
// row, and weights written in the order of their panels.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/Emitters.h"
#include "moe/codegen/cpu/KernelClass.h"
#include "moe/codegen/leaf/ElementReader.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;
using leaf::ElementReader;

void moe::cpu::emitElements(KernelFrame &frame) {
  LeafBuilder &l = frame.l;
  ElementReader reader(frame);
  const unsigned taskDims = elementTasks(frame.kernel).dims;
  Operation *end = frame.kernel.getBody().front().getTerminator();
  reader.loop(frame.begin, frame.end, 1, [&](Value task) {
    for (auto [number, value] : llvm::enumerate(end->getOperands())) {
      const TensorBuffer &buffer = frame.result(number);
      LeafBuilder::Values indices =
          reader.delinearize(task, ArrayRef(buffer.sizes).take_front(taskDims));
      std::function<void()> nest = [&] {
        if (indices.size() < buffer.sizes.size())
          return reader.loop(buffer.sizes[indices.size()], [&](Value i) {
            indices.push_back(i);
            nest();
            indices.pop_back();
          });
        Value at = l.i64(0);
        for (auto [index, stride] : llvm::zip(indices, buffer.strides))
          at = l.add(at, l.mul(index, stride));
        l.store(reader.read(value, indices),
                l.element(buffer.base, buffer.element, at));
      };
      nest();
    }
  });
}

/// A task is a panel. What follows an expert's last panel is zero, as are the
/// columns and the k that it has too many.
void moe::cpu::emitPack(KernelFrame &frame, PackOp op) {
  LeafBuilder &l = frame.l;
  ElementReader reader(frame);
  PackedType packed = op.getPacked().getType();
  const PackShape shape(packed);
  RankedTensorType type = packed.getTensors().front();
  Type element = type.getElementType();
  Value base = frame.packed(op.getPacked());
  reader.loop(frame.begin, frame.end, 1, [&](Value task) {
    Value expert = l.div(task, shape.panels);
    Value panel = l.rem(task, shape.panels);
    Value first = l.mul(panel, shape.columns);
    Value columns =
        l.min(l.i64(shape.columns), l.sub(l.i64(shape.columnsTotal), first));
    Value target = l.offset(base, l.add(l.mul(expert, shape.expertBytes),
                                        l.mul(panel, shape.panelBytes)));
    // Column j of a side at k: [k / interleave][side][j][k % interleave].
    auto place = [&](Value k, unsigned side, Value j) {
      Value line =
          l.add(l.mul(l.div(k, shape.interleave), shape.sides), l.i64(side));
      Value word = l.add(l.mul(line, shape.columns), j);
      Value at =
          l.add(l.mul(word, shape.interleave), l.rem(k, shape.interleave));
      return l.element(target, element, at);
    };
    auto zeros = [&](Value k, unsigned side, Value begin) {
      l.loop(begin, l.i64(shape.columns), 1, [&](Value j) {
        l.store(l.constant(element, 0), place(k, side, j));
      });
    };
    const unsigned sides = op.getTensors().size();
    reader.loop(l.i64(shape.depth), [&](Value k) {
      for (unsigned side = 0; side < sides; ++side) {
        reader.loop(columns, [&](Value j) {
          LeafBuilder::Values indices{l.add(first, j), k};
          if (type.getRank() == 3)
            indices.insert(indices.begin(), expert);
          l.store(reader.read(op.getTensors()[side], indices),
                  place(k, side, j));
        });
        zeros(k, side, columns);
      }
    });
    for (int64_t k = shape.depth; k < shape.depthPadded; ++k)
      for (unsigned side = 0; side < sides; ++side)
        zeros(l.i64(k), side, l.i64(0));
    const int64_t rest = shape.expertBytes - shape.panels * shape.panelBytes;
    if (rest == 0)
      return;
    l.when(l.equal(panel, l.i64(shape.panels - 1)), [&] {
      Value gap = l.offset(target, shape.panelBytes);
      Type i8 = l.b.getI8Type();
      l.loop(l.i64(rest), [&](Value i) {
        l.store(l.constant(i8, 0), l.element(gap, i8, i));
      });
    });
  });
}
