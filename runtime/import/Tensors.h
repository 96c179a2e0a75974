//===- Tensors.h - Stored tensors as weights of a layer ---------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A row says how a tensor should lie, a checkpoint how it does. Both are held
// against each other here, for every expert, so that a wrong configuration is
// found before anything is computed with it; what is left is a source.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_IMPORT_TENSORS_H
#define MOE_RUNTIME_IMPORT_TENSORS_H

#include "moe/dialect/semantics/TensorPattern.h"
#include "moe/runtime/core/Checkpoint.h"
#include "moe/runtime/import/Config.h"
#include "moe/runtime/import/LayerDesc.h"
#include "moe/runtime/import/Quantization.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

namespace moe::import {

/// The sizes that dimensions are named by.
struct Sizes {
  Size experts, columns, always, choices, hidden, routerWidth, latent, width,
      shared, vocabulary, topK, two = {2, ""}, one = {1, ""};
  const Size &of(char letter) const;
};

class TensorResolver {
public:
  /// `activations` is the element type of decoded weights, and of all where
  /// nothing is stored.
  TensorResolver(const core::Checkpoint &checkpoint, std::string folder,
                 std::string block, Sizes sizes, Quantization quantization,
                 mlir::FloatType activations)
      : checkpoint(checkpoint), folder(std::move(folder)),
        block(std::move(block)), sizes(std::move(sizes)),
        quantization(std::move(quantization)), activations(activations) {}

  /// The first layout whose first tensor is stored, best in its shape; where
  /// nothing is, the first that the quantization fits. Error: TensorNotFound.
  core::Result<const Layout *>
  chooseLayout(std::span<const Layout> layouts) const;

  /// The weight of a row. Errors: TensorNotFound, TensorShape, TensorDType,
  /// QuantizationUnsupported.
  core::Result<Weight>
  resolve(const TensorRow &row,
          std::optional<semantics::QuantFormat> format = std::nullopt) const;

  /// Whether the tensor of a row is stored; true where nothing is.
  bool isStored(const TensorRow &row) const;

private:
  /// A row, with its letters replaced by sizes.
  struct Lie {
    /// One stored tensor an expert.
    bool perExpert = false;
    /// Stored dimensions; `flat` before joined ones are parted.
    std::vector<int64_t> flat, shape;
    /// Dimension i of the canonical tensor is permutation[i] of `shape`;
    /// without the experts where each has a tensor of its own.
    llvm::SmallVector<int64_t> permutation;
    /// The canonical dimension that holds two joined tensors, or -1.
    int64_t joined = -1;
    Part part = Part::Whole;
    /// Canonical, experts included.
    llvm::SmallVector<int64_t> canonical;
    /// "num_experts = 8 and hidden_size = 64": what the shape follows from.
    std::string reason;

    bool isPlain() const {
      return part == Part::Whole && flat == shape &&
             llvm::is_sorted(permutation);
    }
  };
  Lie lieOf(const TensorRow &row) const;
  bool fits(const Layout &layout) const;
  std::string fullName(std::string_view name) const;
  core::Result<core::DType> checkStored(const std::string &pattern,
                                        const std::vector<int64_t> &shape,
                                        const std::string &reason) const;
  Param paramOf(const std::string &pattern, mlir::Type element,
                const Lie &lie) const;
  core::Result<Weight> resolveBlocks(const Lie &lie,
                                     const std::string &name) const;
  std::string quantizedName(const std::string &name,
                            std::string_view suffix) const;
  bool isQuantized(const std::string &name) const;
  core::Result<Param> quantizedParam(const std::string &name, const Lie &matrix,
                                     std::vector<int64_t> inner, bool swapped,
                                     std::span<const core::DType> types,
                                     const std::string &reason) const;
  core::Result<std::array<int64_t, 2>> blockOf(const std::string &scales,
                                               const Lie &lie) const;
  core::Result<Param> scalesOf(const std::string &name, const Lie &lie,
                               const semantics::QuantRow &row,
                               const semantics::QuantShape &shape,
                               const std::string &reason) const;
  core::Result<const semantics::QuantRow *>
  blockFormatOf(const std::string &name, const std::string &scales) const;
  core::Result<Weight> resolveProjection(const Lie &lie,
                                         const std::string &name) const;

  const core::Checkpoint &checkpoint;
  std::string folder, block;
  Sizes sizes;
  Quantization quantization;
  mlir::FloatType activations;
};

} // namespace moe::import

#endif // MOE_RUNTIME_IMPORT_TENSORS_H
