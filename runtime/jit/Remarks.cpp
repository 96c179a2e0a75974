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
    made.done = remark.getRemarkType() == llvm::remarks::Type::Passed;
    made.pass = remark.getCategoryName().str();
    made.name = remark.getRemarkName().str();
    for (const auto &argument : remark.getArgs())
      made.text += argument.val;
    made.place = placeOf(remark.getLocation());
    for (const PassRemark &known : *remarks)
      if (known.text == made.text && known.place == made.place)
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
  every.passed = every.missed = ".*";
  // moe-opt has an engine of its own, for --remark-filter; into an empty place
  // a new one always fits.
  context.setRemarkEngine(nullptr);
  LogicalResult set = remark::enableOptimizationRemarks(
      context, std::make_unique<Collector>(std::move(remarks)),
      std::make_unique<remark::RemarkEmittingPolicyAll>(), every);
  (void)set;
}
