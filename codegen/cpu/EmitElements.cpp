//===- EmitElements.cpp - Ordinary ops ------------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels that are made of nothing but elements: tensors written row by row.
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
