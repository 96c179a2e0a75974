//===- PanelPacker.cpp - Weights into panels ------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights that lie in a buffer move in vectors: by transposing squares of words
// where k is side by side, by copying where columns are. A word is 32 bits
// where two k go together, an element otherwise. All others, and the k that
// fill no square, are written element by element.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/PanelPacker.h"

#include "moe/codegen/cpu/TransposeFunction.h"
#include "moe/codegen/leaf/ElementReader.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;

/// The stride of a dimension's elements side by side; 1 for a lone one.
static int64_t innerStride(ArrayRef<leaf::StridedDigit> digits) {
  return digits.empty() ? 1 : digits.front().stride;
}

std::optional<PanelPacker::Source> PanelPacker::sourceOf(unsigned side) {
  std::optional<leaf::StridedView> view = leaf::stridedView(tensors[side]);
  if (!view)
    return {};
  Source source{*view, frame.tensor(view->buffer).base};
  if (source.n().size() > 1 && source.n().front().size % shape.columns != 0)
    return {};
  const bool squares = source.k().size() <= 1 && innerStride(source.k()) == 1 &&
                       shape.columns % frame.target.getLanes() == 0;
  if (innerStride(source.n()) != 1 && !squares)
    return {};
  return source;
}

bool PanelPacker::inVectors() {
  return llvm::all_of(llvm::seq<unsigned>(0, tensors.size()),
                      [&](unsigned side) { return sourceOf(side); });
}

/// How far an index of a dimension is from its first.
Value PanelPacker::place(Digits digits, Value index) {
  Value at = l.i64(0);
  for (leaf::StridedDigit digit :
       digits.empty() ? digits : digits.drop_back()) {
    at = l.add(at, l.mul(l.rem(index, digit.size), digit.stride));
    index = l.div(index, digit.size);
  }
  return digits.empty() ? at : l.add(at, l.mul(index, digits.back().stride));
}

/// A pointer to element (expert, n, k).
Value PanelPacker::sourceAt(const Source &source, Value expert, Value n,
                            Value k) {
  Value at = l.add(place(source.n(), n), place(source.k(), k));
  at = l.add(at, place(source.expert(), expert));
  return l.element(source.base, shape.element, l.add(at, source.view.offset));
}

/// Where a side's columns of a word go.
Value PanelPacker::line(const PanelRange &range, Value word, unsigned side) {
  Value number =
      l.add(l.mul(l.sub(word, range.wordBegin), shape.sides), l.i64(side));
  return l.offset(range.target,
                  l.mul(number, shape.columns * shape.wordBytes()));
}

/// How many columns there are from `first` on, 0 to `most`.
Value PanelPacker::columnsFrom(Value first, int64_t most) {
  Value rest = l.sub(l.i64(shape.columnsTotal), first);
  return l.max(l.min(rest, l.i64(most)), l.i64(0));
}

void PanelPacker::pack(const PanelRange &range) {
  const int64_t lanes = frame.target.getLanes();
  const int64_t whole = shape.depth / shape.interleave; // words with all k
  for (unsigned side = 0; side < tensors.size(); ++side) {
    Value done = range.wordBegin;
    int64_t leaves = shape.words(); // those that vectors may leave
    std::optional<Source> source = sourceOf(side);
    Value words =
        l.sub(l.min(l.add(range.wordBegin, range.words), l.i64(whole)),
              range.wordBegin);
    words = l.max(words, l.i64(0));
    if (source && innerStride(source->n()) == 1) {
      packColumns(range, side, *source, words);
      leaves = shape.words() - whole;
    } else if (source) {
      words = l.sub(words, l.rem(words, l.i64(lanes)));
      packRows(range, side, *source, words);
      leaves = shape.words() - whole / lanes * lanes;
    } else {
      words = l.i64(0);
    }
    if (leaves > 0)
      packElements(range, side, l.add(done, words));
  }
}

std::optional<LinesAhead> PanelPacker::linesOf(const PanelRange &range) {
  constexpr int64_t line = 64, columnsOfRun = 16;
  SmallVector<Value> lines;
  int64_t perWord = 0, perRun = 0;
  Value first = l.mul(range.panel, shape.columns);
  Value k = l.mul(range.wordBegin, shape.interleave);
  for (unsigned side = 0; side < tensors.size(); ++side) {
    std::optional<Source> source = sourceOf(side);
    if (!source)
      continue;
    auto add = [&](Value n, Value k, int64_t bytes) {
      lines.push_back(l.offset(sourceAt(*source, range.expert, n, k), bytes));
    };
    const int64_t size = shape.elementBytes();
    if (innerStride(source->n()) == 1) {
      // A word is one row of the source or two, a line or two of it.
      perWord = shape.interleave * innerStride(source->k()) * size;
      perRun = rowRun * perWord;
      for (int64_t u = 0; u < shape.interleave; ++u)
        for (int64_t at = 0; at < shape.columns * size; at += line)
          add(first, l.add(k, u), at);
    } else {
      // A run of words is so many lines of one column; short ones follow each
      // other.
      perWord = line;
      perRun = std::max(innerStride(source->n()) * size, rowRun * line);
      for (int64_t j = 0; j < shape.columns; j += columnsOfRun)
        add(l.add(first, j), k, 0);
    }
  }
  if (lines.empty())
    return {};
  return LinesAhead{lines[0], lines[lines.size() > 1 ? 1 : 0], l.i64(perWord),
                    l.i64(perRun)};
}

/// k lie side by side: squares of `lanes` columns and words.
void PanelPacker::packRows(const PanelRange &range, unsigned side,
                           const Source &source, Value words) {
  const int64_t lanes = frame.target.getLanes();
  const TransposeShape transpose{lanes, 8 * shape.wordBytes(),
                                 innerStride(source.n()) * shape.elementBytes(),
                                 shape.sides * shape.columns *
                                     shape.wordBytes(),
                                 shape.columnsTotal % shape.columns != 0};
  func::FuncOp function = getTransposeFunction(frame.leaves, transpose);
  Value first = l.mul(range.panel, shape.columns);
  Value target = line(range, range.wordBegin, side);
  l.loop(l.i64(0), l.i64(shape.columns), lanes, [&](Value j) {
    Value n = l.add(first, j);
    Value at = l.offset(target, l.mul(j, shape.wordBytes()));
    auto call = [&] {
      Value from = sourceAt(source, range.expert, n,
                            l.mul(range.wordBegin, shape.interleave));
      func::CallOp::create(l.b, l.loc, function,
                           {from, at, columnsFrom(n, lanes), words});
      return LeafBuilder::Values();
    };
    if (!transpose.partial) {
      call();
      return;
    }
    l.choose(l.less(n, l.i64(shape.columnsTotal)), TypeRange(), call, [&] {
      Type line =
          VectorType::get({lanes}, l.b.getIntegerType(8 * shape.wordBytes()));
      l.loop(words, [&](Value word) {
        l.store(l.constant(line, 0),
                l.offset(at, l.mul(word, transpose.targetStride)));
      });
      return LeafBuilder::Values();
    });
  });
}

/// Columns lie side by side: lines are copies of the source's, or two of them
/// interleaved.
void PanelPacker::packColumns(const PanelRange &range, unsigned side,
                              const Source &source, Value words) {
  const int64_t lanes = frame.target.getLanes();
  Type element = l.b.getIntegerType(8 * shape.elementBytes());
  const bool whole =
      shape.columnsTotal % shape.columns == 0 && shape.columns % lanes == 0;
  Value first = l.mul(range.panel, shape.columns);
  Value columns = columnsFrom(first, shape.columns);
  l.loop(words, [&](Value i) {
    Value word = l.add(range.wordBegin, i);
    Value to = line(range, word, side);
    Value k = l.mul(word, shape.interleave);
    Value from = sourceAt(source, range.expert, first, k);
    Value below = shape.interleave == 1
                      ? Value()
                      : sourceAt(source, range.expert, first, l.add(k, 1));
    auto place = [&](Value j) {
      return l.offset(to, l.mul(j, shape.wordBytes()));
    };
    l.lanes(columns, lanes, whole, [&](int64_t width, Value j) {
      Type type = l.widened(element, width);
      Value at = l.element(from, element, j);
      Value even = l.load(type, at);
      if (shape.interleave == 1)
        return l.store(even, place(j));
      Value odd = l.load(type, l.element(below, element, j));
      if (width > 1)
        return l.store(vector::InterleaveOp::create(l.b, l.loc, even, odd),
                       place(j));
      l.store(even, place(j));
      l.store(odd, l.offset(place(j), shape.elementBytes()));
    });
    if (!whole)
      l.loop(columns, l.i64(shape.columns), 1, [&](Value j) {
        Type type = l.b.getIntegerType(8 * shape.wordBytes());
        l.store(l.constant(type, 0), place(j));
      });
  });
}

/// Words [done, wordBegin + words), element by element.
void PanelPacker::packElements(const PanelRange &range, unsigned side,
                               Value done) {
  leaf::ElementReader reader(frame);
  const bool grouped =
      cast<RankedTensorType>(tensors[side].getType()).getRank() == 3;
  auto place = [&](Value k, Value j) {
    Value to = line(range, l.div(k, shape.interleave), side);
    Value at = l.add(l.mul(j, shape.interleave), l.rem(k, shape.interleave));
    return l.element(to, shape.element, at);
  };
  auto zeros = [&](Value k, Value begin) {
    l.loop(begin, l.i64(shape.columns), 1, [&](Value j) {
      l.store(l.constant(shape.element, 0), place(k, j));
    });
  };
  Value first = l.mul(range.panel, shape.columns);
  Value columns = columnsFrom(first, shape.columns);
  Value begin = l.mul(done, shape.interleave);
  Value end = l.mul(l.add(range.wordBegin, range.words), shape.interleave);
  reader.loop(begin, l.min(end, l.i64(shape.depth)), 1, [&](Value k) {
    reader.loop(columns, [&](Value j) {
      LeafBuilder::Values indices{l.add(first, j), k};
      if (grouped)
        indices.insert(indices.begin(), range.expert);
      l.store(reader.read(tensors[side], indices), place(k, j));
    });
    zeros(k, columns);
  });
  if (shape.depthPadded > shape.depth)
    l.loop(l.max(begin, l.i64(shape.depth)), end, 1,
           [&](Value k) { zeros(k, l.i64(0)); });
}
