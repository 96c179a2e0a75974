//===- ImportFolder.h - Checkpoints' folders of tests -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A test says which keys and tensors there are; what the importer makes of
// them, or says against them, comes back as text.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_UNIT_RUNTIME_IMPORT_IMPORTFOLDER_H
#define MOE_TEST_UNIT_RUNTIME_IMPORT_IMPORTFOLDER_H

#include "moe/runtime/import/Import.h"

#include "moe/dialect/MoeOps.h"
#include "moe/runtime/core/Safetensors.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

namespace moe::test {

using core::DType;

/// A checkpoint's folder that ends with the test.
class Folder {
public:
  Folder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "moe-import-XXXXXX").string();
    path = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }

  Folder &config(const std::string &json) { return file("config.json", json); }
  Folder &file(const std::string &name, const std::string &text) {
    std::ofstream(path + "/" + name) << text;
    return *this;
  }
  Folder &tensor(const std::string &name, std::vector<int64_t> shape,
                 DType dtype = DType::F32) {
    tensors[name] = core::Tensor(dtype, std::move(shape));
    return *this;
  }
  Folder &without(const std::string &name) {
    tensors.erase(name);
    return *this;
  }
  /// Writes the tensors; the folder's own name is "X" in what comes back.
  std::string error(int64_t layer = -1, std::string_view dtype = "") {
    auto module = load(layer, dtype);
    return module ? "no error" : named(module.error().str());
  }
  /// "@symbol = pattern" of every parameter.
  std::vector<std::string> params(int64_t layer = -1,
                                  std::string_view dtype = "") {
    auto module = load(layer, dtype);
    std::vector<std::string> list;
    if (!module) {
      ADD_FAILURE() << module.error().str();
      return list;
    }
    for (auto param : (*module)->getOps<ParamOp>()) {
      std::string text = param.getSymName().str() + " ";
      llvm::raw_string_ostream os(text);
      os << param.getType() << " "
         << param.getSourceAttr().getPattern().getValue();
      list.push_back(text);
    }
    return list;
  }
  std::string printed(int64_t layer = -1, std::string_view dtype = "") {
    auto module = load(layer, dtype);
    std::string text;
    if (!module)
      return module.error().str();
    llvm::raw_string_ostream os(text);
    (*module)->print(os);
    return text;
  }
  /// "number description" of every layer, or the error.
  std::vector<std::string> layers() {
    write();
    auto layers = import::listLayers(path);
    if (!layers)
      return {named(layers.error().str())};
    std::vector<std::string> list;
    for (const import::MoeLayer &layer : *layers)
      list.push_back(std::to_string(layer.number) + " " + layer.description);
    return list;
  }

private:
  void write() {
    if (tensors.empty())
      return;
    std::vector<core::NamedView> views;
    for (const auto &[name, tensor] : tensors)
      views.push_back({name, tensor.view()});
    ASSERT_TRUE(core::writeSafetensors(path + "/model.safetensors", views));
  }
  core::Result<mlir::OwningOpRef<mlir::ModuleOp>> load(int64_t layer,
                                                       std::string_view dtype) {
    write();
    return import::importLayer(context, path, layer, dtype);
  }
  std::string named(const std::string &text) const {
    std::string result;
    size_t from = 0;
    for (size_t at; (at = text.find(path, from)) != std::string::npos;) {
      result += text.substr(from, at - from) + "X";
      from = at + path.size();
    }
    return result + text.substr(from);
  }

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  std::string path;
  std::map<std::string, core::Tensor> tensors;
};

inline std::string replaced(std::string text, const std::string &from,
                            const std::string &to) {
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

inline const std::string kMixtral = R"({
  "model_type": "mixtral", "hidden_size": 8, "intermediate_size": 4,
  "num_local_experts": 2, "num_experts_per_tok": 1, "num_hidden_layers": 3,
  "hidden_act": "silu", "torch_dtype": "bfloat16"
})";

inline Folder &addMixtral(Folder &folder, int layer = 1,
                          DType dtype = DType::F32) {
  std::string block =
      "model.layers." + std::to_string(layer) + ".block_sparse_moe.";
  folder.tensor(block + "gate.weight", {2, 8}, dtype);
  for (std::string e : {"0", "1"}) {
    folder.tensor(block + "experts." + e + ".w1.weight", {4, 8}, dtype);
    folder.tensor(block + "experts." + e + ".w3.weight", {4, 8}, dtype);
    folder.tensor(block + "experts." + e + ".w2.weight", {8, 4}, dtype);
  }
  return folder;
}

inline const std::string kDeepSeek = R"({
  "model_type": "deepseek_v3", "hidden_size": 256, "moe_intermediate_size": 130,
  "n_routed_experts": 8, "num_experts_per_tok": 2, "n_shared_experts": 2,
  "n_group": 4, "topk_group": 2, "num_hidden_layers": 5, "moe_layer_freq": 1,
  "first_k_dense_replace": 3, "routed_scaling_factor": 2.5,
  "norm_topk_prob": true, "torch_dtype": "bfloat16"
})";

using Strings = std::vector<std::string>;

} // namespace moe::test

#endif // MOE_TEST_UNIT_RUNTIME_IMPORT_IMPORTFOLDER_H
