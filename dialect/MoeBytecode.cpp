//===- MoeBytecode.cpp - Versioned bytecode of the moe dialect ------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The dialect writes its version, and refuses to read a newer one with an error
// that says so. docs/versioning.md lists what each version changed.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/MoeDialect.h"

#include "mlir/Bytecode/BytecodeImplementation.h"
#include "mlir/Bytecode/BytecodeReader.h"

using namespace mlir;
using namespace moe;

namespace {

struct MoeVersion : DialectVersion {
  uint64_t version;
  explicit MoeVersion(uint64_t version) : version(version) {}
};

struct MoeBytecodeInterface : BytecodeDialectInterface {
  explicit MoeBytecodeInterface(Dialect *dialect)
      : BytecodeDialectInterface(dialect) {}

  void writeVersion(DialectBytecodeWriter &writer) const final {
    writer.writeVarInt(MoeDialect::kBytecodeVersion);
  }

  std::unique_ptr<DialectVersion>
  readVersion(DialectBytecodeReader &reader) const final {
    uint64_t version;
    if (failed(reader.readVarInt(version)))
      return nullptr;
    if (version > static_cast<uint64_t>(MoeDialect::kBytecodeVersion)) {
      reader.emitError("moe bytecode has version ")
          << version << ", this moec reads up to "
          << MoeDialect::kBytecodeVersion << ": use a newer moec";
      return nullptr;
    }
    return std::make_unique<MoeVersion>(version);
  }
};

} // namespace

void MoeDialect::registerBytecode() { addInterfaces<MoeBytecodeInterface>(); }
