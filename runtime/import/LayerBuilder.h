//===- LayerBuilder.h - A described layer as IR, part by part ---*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a layer is built of: BuildLayer.cpp has the whole and its experts,
// BuildRouter.cpp the way from tokens to ids and weights.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_IMPORT_LAYERBUILDER_H
#define MOE_RUNTIME_IMPORT_LAYERBUILDER_H

#include "moe/dialect/MoeOps.h"
#include "moe/runtime/import/LayerDesc.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace moe::import {

class LayerBuilder {
public:
  LayerBuilder(mlir::MLIRContext &context, const LayerDesc &layer);

  mlir::OwningOpRef<mlir::ModuleOp> build();

private:
  mlir::RankedTensorType rows(int64_t width, mlir::Type element) {
    return mlir::RankedTensorType::get({mlir::ShapedType::kDynamic, width},
                                       element);
  }
  mlir::TypeAttr acc() { return mlir::TypeAttr::get(f32); }

  void addParams(Role role, const Weight &weight);
  mlir::func::FuncOp addFunction();
  /// The weight's value at the top of the function; null if there is none.
  mlir::Value load(Role role);
  mlir::Value linear(mlir::Value input, mlir::Value weight, mlir::Value bias);
  mlir::Value activate(const LayerDesc::ActivationDesc &activation,
                       mlir::Value gate, mlir::Value up);
  mlir::Value norm(Role role, mlir::Value weight, mlir::Value input,
                   mlir::Type element);
  mlir::Value routerInput(mlir::func::FuncOp function);
  mlir::Value logits(mlir::func::FuncOp function);
  /// Ids and weights [T, K].
  struct Routing {
    mlir::Value ids, weights;
  };
  Routing select(mlir::func::FuncOp function, mlir::Value logits);
  Routing limit(Routing routing, mlir::Value logits);
  Routing route(mlir::func::FuncOp function, mlir::Value logits);
  mlir::Value expertsInput(mlir::Value hidden);
  mlir::Value sharedExperts(mlir::Value hidden, mlir::Value mix);
  mlir::Value addOutputBias(mlir::Value hidden, mlir::Value shared);
  mlir::Value addInput(mlir::Value hidden, mlir::Value weight,
                       mlir::Value init);
  mlir::Value mixing(mlir::Value weights, mlir::Value mix);
  /// The parts of an expert's MLP, with null for what there never is.
  struct ExpertRoles {
    Role gate, up, down;
    std::optional<Role> gateBias = {}, upBias = {}, downBias = {}, norm = {};
  };
  mlir::Value experts(mlir::Value dispatched, mlir::Value groups,
                      const ExpertRoles &roles);
  mlir::Value alwaysExperts(mlir::Value input, Routing routing,
                            mlir::Value init);
  mlir::Value output(mlir::Value summed, mlir::Value init);
  void buildBody(mlir::func::FuncOp function);

  const LayerDesc &layer;
  mlir::Location loc;
  mlir::OpBuilder builder;
  mlir::FloatType f32;
  mlir::IntegerType i32;
  /// Of a router that has one.
  mlir::Value routerState;
};

} // namespace moe::import

#endif // MOE_RUNTIME_IMPORT_LAYERBUILDER_H
