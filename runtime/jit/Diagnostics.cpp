//===- Diagnostics.cpp - MLIR's diagnostics as an Error -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/jit/Diagnostics.h"

#include "mlir/IR/Location.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace moe;
using namespace moe::jit;

/// "file:line:column: ", or nothing where a location names no file.
static void printPlace(llvm::raw_ostream &os, Location loc) {
  if (auto file = loc->findInstanceOf<FileLineColLoc>())
    os << file.getFilename().getValue() << ":" << file.getLine() << ":"
       << file.getColumn() << ": ";
}

DiagnosticCollector::DiagnosticCollector(MLIRContext &context)
    : handler(&context, [this](Diagnostic &diagnostic) -> LogicalResult {
        if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
          return failure();
        std::string text;
        llvm::raw_string_ostream os(text);
        printPlace(os, diagnostic.getLocation());
        os << diagnostic.str();
        if (first.empty())
          first = text;
        all += text + "\n";
        for (Diagnostic &note : diagnostic.getNotes())
          all += "  note: " + note.str() + "\n";
        return success();
      }) {}

core::Error DiagnosticCollector::error(core::ErrorId id,
                                       std::string_view fallback) const {
  return core::Error(id, first.empty() ? std::string(fallback) : first);
}
