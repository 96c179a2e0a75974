//===- Remarks.cpp - What passes did and did not do, for readers ----------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/jit/Remarks.h"

#include "mlir/IR/Location.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace moe;
using namespace moe::jit;

/// The first place in a file that a location names.
static std::string placeOf(Location location) {
  std::string place;
  location->walk([&](Location part) {
    auto file = dyn_cast<FileLineColLoc>(part);
    if (!file)
      return WalkResult::advance();
    place = llvm::sys::path::filename(file.getFilename()).str() + ":" +
            std::to_string(file.getLine());
    return WalkResult::interrupt();
  });
  return place;
}

namespace {
class Collector : public remark::detail::MLIRRemarkStreamerBase {
public:
  explicit Collector(std::shared_ptr<PassRemarks> remarks)
      : remarks(std::move(remarks)) {}

  void streamOptimizationRemark(const remark::detail::Remark &remark) override {
    // Its rewrites are decisions in the IR.
    if (remark.getCategoryName() == "moe-simplify-layers")
      return;
    PassRemark made;
    switch (remark.getRemarkType()) {
    case llvm::remarks::Type::Passed:
      made.kind = PassRemark::Kind::Done;
      break;
    case llvm::remarks::Type::Analysis:
      made.kind = PassRemark::Kind::Figures;
      made.function = remark.getFunction().str();
      break;
    default:
      made.kind = PassRemark::Kind::Left;
      break;
    }
    made.pass = remark.getCategoryName().str();
    made.name = remark.getRemarkName().str();
    for (const auto &argument : remark.getArgs()) {
      double number;
      if (argument.key == "Remark")
        made.text += argument.val;
      else if (!StringRef(argument.val).getAsDouble(number))
        made.figures.emplace_back(argument.key, number);
    }
    made.place = placeOf(remark.getLocation());
    for (const PassRemark &known : *remarks)
      if (known.name == made.name && known.text == made.text &&
          known.place == made.place && known.figures == made.figures)
        return;
    remarks->push_back(std::move(made));
  }

private:
  std::shared_ptr<PassRemarks> remarks;
};
} // namespace

void jit::collectRemarks(MLIRContext &context,
                         std::shared_ptr<PassRemarks> remarks) {
  remark::RemarkCategories every;
  every.passed = every.missed = every.analysis = ".*";
  // moe-opt has an engine of its own, for --remark-filter; into an empty place
  // a new one always fits.
  context.setRemarkEngine(nullptr);
  LogicalResult set = remark::enableOptimizationRemarks(
      context, std::make_unique<Collector>(std::move(remarks)),
      std::make_unique<remark::RemarkEmittingPolicyAll>(), every);
  (void)set;
}
