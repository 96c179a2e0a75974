//===- Source.cpp - What is compiled ----------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Telling the kinds of sources apart.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Source.h"
#include "moe/runtime/core/Os.h"
#include "moe/runtime/core/Package.h"

using namespace moe::core;

bool moe::core::isCheckpoint(const std::string &path) {
  std::optional<os::FileInfo> info = os::fileInfo(path);
  return info && (info->isDirectory || path.ends_with(".gguf"));
}

Result<Source> moe::core::sourceFromPath(const std::string &path) {
  Source source;
  source.name = path;
  if (isCheckpoint(path)) {
    source.kind = Source::Kind::Checkpoint;
    source.content = path;
    return source;
  }
  // The compiler has its own limit for IR, which is lower.
  constexpr size_t limit = size_t(2) << 30;
  Result<std::string> file = os::readFile(path, limit);
  if (!file)
    return file.takeError();
  source.content = *std::move(file);
  if (looksLikePackage(source.content) || path.ends_with(".moe"))
    source.kind = Source::Kind::Package;
  return source;
}

Result<Source> moe::core::sourceOfIr(const Source &source,
                                     const std::string &purpose) {
  if (source.kind != Source::Kind::Package)
    return source;
  Result<std::shared_ptr<const Package>> package =
      Package::fromBytes(source.content, source.name);
  if (!package)
    return package.takeError();
  const flatbuffers::String *ir = (*package)->root().ir();
  if (!ir)
    return Error(ErrorId::PackageNoIr,
                 quote(source.name) + " holds no IR, which " + purpose +
                     " needs; compile it without --strip-ir");
  Source text;
  text.content = ir->str();
  text.name = source.name;
  text.function = source.function;
  text.overrideIds = source.overrideIds;
  return text;
}
