//===- EmulateAmx.h - AMX tiles as vectors -----------------------*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The half of moe-emulate-isa that needs a type conversion.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_EMULATEAMX_H
#define MOE_CODEGEN_CPU_EMULATEAMX_H

namespace mlir {
class ConversionTarget;
class RewritePatternSet;
class TypeConverter;
} // namespace mlir

namespace moe::cpu {

/// A tile is a vector of its shape.
void addTileConversion(mlir::TypeConverter &converter);

/// All ops of the amx dialect, and scf ops that carry tiles.
void populateAmxEmulation(const mlir::TypeConverter &converter,
                          mlir::RewritePatternSet &patterns,
                          mlir::ConversionTarget &target);

} // namespace moe::cpu

#endif // MOE_CODEGEN_CPU_EMULATEAMX_H
