//===- EmitPack.cpp - Weights packed in a kernel of their own -------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/Emitters.h"
#include "moe/codegen/cpu/PanelPacker.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;

/// A task is a panel. What follows an expert's last panel is zero.
void moe::cpu::emitPack(KernelFrame &frame, PackOp op) {
  LeafBuilder &l = frame.l;
  const PackShape shape(op.getPacked().getType());
  Value base = frame.packed(op.getPacked());
  PanelPacker packer(frame, op.getTensors(), shape);
  if (packer.inVectors())
    frame.keepAsWritten();
  l.loop(frame.begin, frame.end, 1, [&](Value task) {
    Value expert = l.div(task, shape.panels);
    Value panel = l.rem(task, shape.panels);
    Value target = l.offset(base, l.add(l.mul(expert, shape.expertBytes),
                                        l.mul(panel, shape.panelBytes)));
    packer.pack({expert, panel, l.i64(0), l.i64(shape.words()), target});
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
