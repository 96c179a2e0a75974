//===- PackedFile.cpp - Packed weights on disk ------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A header of one page, then the parameters, each at the beginning of a page.
// The header is as this process would write it, byte by byte, or the file is
// another. The weights themselves are not hashed, which would take as long as
// packing them: files appear whole (AtomicFile) or not at all.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/PackedFile.h"

#include "moe/runtime/core/KeyText.h"
#include "moe/runtime/core/Log.h"

#include <cstring>

using namespace moe::core;

static constexpr std::string_view magic = "moec packed weights 1\n";
/// No page of a system is larger.
static constexpr uint64_t alignment = 64 << 10;

static uint64_t aligned(uint64_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}

static const moe::abi::Param &paramOf(const Program &program, uint32_t index) {
  return *program.variant().params()->Get(index);
}

PackedFile::PackedFile(const std::string &folder, const Program &program,
                       std::string_view identity)
    : program(program), folder(folder) {
  KeyText text;
  text.add(magic);
  text.add(program.package().bytes());
  text.add(program.variantIndex());
  text.add(program.name());
  text.add(identity);
  key = text.hash();
  file = folder + "/" + key + ".packed";
  uint64_t end = aligned(header().size());
  for (uint32_t index : program.params()) {
    offsets.push_back(end);
    end = aligned(end + paramOf(program, index).bytes());
  }
  offsets.push_back(end);
}

std::string PackedFile::header() const {
  std::string text = std::string(magic) + key + "\n";
  for (uint32_t index : program.params())
    text += std::to_string(paramOf(program, index).bytes()) + "\n";
  return text;
}

bool PackedFile::map() {
  if (!os::fileInfo(file))
    return false;
  auto warn = [&](const std::string &why) {
    log(LogLevel::Warning, "weights are packed again: " + why);
    return false;
  };
  Result<os::MappedFile> opened = os::MappedFile::open(file);
  if (!opened)
    return warn(opened.error().message);
  const std::span<const std::byte> bytes = opened->bytes();
  const std::string expected = header();
  if (bytes.size() != offsets.back())
    return warn(quote(file) + " has " + std::to_string(bytes.size()) +
                " bytes, expected " + std::to_string(offsets.back()));
  if (std::memcmp(bytes.data(), expected.data(), expected.size()) != 0)
    return warn(quote(file) + " does not begin as packed weights of this "
                              "program and checkpoint do");
  mapped = *std::move(opened);
  return true;
}

const std::byte *PackedFile::param(size_t index) const {
  return mapped->bytes().data() + offsets[index];
}

Status PackedFile::unwritable(const Status &status) const {
  return Error(ErrorId::CacheUnwritable,
               "packed weights cannot be kept in " + quote(folder) + ": " +
                   status.error().message +
                   "; give a folder that can be written and has room for " +
                   std::to_string(offsets.back()) + " bytes");
}

Status PackedFile::create() {
  if (Status made = os::makeDirectories(folder); !made)
    return unwritable(made);
  Result<os::AtomicFile> opened = os::AtomicFile::create(file);
  if (!opened)
    return unwritable(opened.takeError());
  written.emplace(*std::move(opened));
  return {};
}

Status PackedFile::write(std::span<std::byte *const> params) {
  std::string begin = header();
  begin.resize(offsets.front());
  const std::string zeros(alignment, '\0');
  Status status = written->write(begin.data(), begin.size());
  for (size_t i = 0; i < params.size() && status; ++i) {
    const uint64_t bytes = paramOf(program, program.params()[i]).bytes();
    status = written->write(params[i], bytes);
    if (status)
      status =
          written->write(zeros.data(), offsets[i + 1] - offsets[i] - bytes);
  }
  if (status)
    status = written->commit();
  written.reset();
  return status ? Status() : unwritable(status);
}
