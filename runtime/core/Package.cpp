//===- Package.cpp - The file that holds a compiled layer -------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The header and the hash; what is inside is checked in PackageCheck.cpp.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Package.h"
#include "moe/runtime/core/Os.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace moe::core;

namespace {

constexpr std::array<char, 8> magic = {'\x8f', 'M',  'O',    'E',
                                       '\r',   '\n', '\x1a', '\n'};
/// FlatBuffers' offsets are 32 bits, with a sign.
constexpr size_t maxPackageBytes = FLATBUFFERS_MAX_BUFFER_SIZE - 1;

struct Header {
  std::array<char, 8> magic;
  uint32_t version;
  uint32_t reserved;
  uint64_t payloadBytes;
  XXH128_canonical_t hash;
  std::array<uint8_t, 24> padding;
};
static_assert(sizeof(Header) == packageHeaderBytes);
static_assert(std::endian::native == std::endian::little);

Header headerFor(std::string_view payload) {
  Header header{};
  header.magic = magic;
  header.version = packageVersion;
  header.payloadBytes = payload.size();
  XXH128_canonicalFromHash(&header.hash,
                           XXH3_128bits(payload.data(), payload.size()));
  return header;
}

std::string bytesText(size_t count) {
  return std::to_string(count) + (count == 1 ? " byte" : " bytes");
}

Error truncated(size_t expected, size_t found) {
  return {ErrorId::PackageTruncated,
          "the package is cut short: " + bytesText(expected) +
              " are expected, it has " + bytesText(found)};
}

Status checkHeader(std::string_view file) {
  const size_t prefix = std::min(file.size(), magic.size());
  if (std::memcmp(file.data(), magic.data(), prefix) != 0)
    return Error(ErrorId::PackageCorrupt, "this is not a moec package");
  if (file.size() < packageHeaderBytes)
    return truncated(packageHeaderBytes, file.size());
  Header header;
  std::memcpy(&header, file.data(), sizeof(header));
  if (header.version != packageVersion)
    return Error(ErrorId::PackageVersion,
                 "the package has format " + std::to_string(header.version) +
                     ", this moec reads format " +
                     std::to_string(packageVersion) +
                     "; compile it again with this version's moe-compile");
  const std::string_view payload = file.substr(packageHeaderBytes);
  if (std::max(header.payloadBytes, payload.size()) > maxPackageBytes)
    return Error(ErrorId::PackageCorrupt,
                 "the package's header is damaged, or the file is too large "
                 "for a package");
  if (header.payloadBytes > payload.size())
    return truncated(packageHeaderBytes + header.payloadBytes, file.size());
  const Header expected = headerFor(payload);
  if (std::memcmp(&header, &expected, sizeof(header)) != 0)
    return Error(ErrorId::PackageCorrupt,
                 "the package is damaged: its contents do not match the hash "
                 "in its header; copy or compile it again");
  return {};
}

} // namespace

bool moe::core::looksLikePackage(std::string_view file) {
  return file.size() >= 4 && std::memcmp(file.data(), magic.data(), 4) == 0;
}

std::string moe::core::writePackage(std::span<const uint8_t> flatbuffer) {
  const std::string_view payload(
      reinterpret_cast<const char *>(flatbuffer.data()), flatbuffer.size());
  const Header header = headerFor(payload);
  std::string file(packageHeaderBytes, '\0');
  std::memcpy(file.data(), &header, sizeof(header));
  file += payload;
  return file;
}

std::string moe::core::writePackage(const abi::PackageT &package) {
  flatbuffers::FlatBufferBuilder builder;
  abi::FinishPackageBuffer(builder, abi::Package::Pack(builder, &package));
  return writePackage({builder.GetBufferPointer(), builder.GetSize()});
}

Result<std::shared_ptr<const Package>> Package::open(const std::string &path) {
  return open(path, path);
}

Result<std::shared_ptr<const Package>> Package::open(const std::string &path,
                                                     std::string name) {
  Result<std::string> file =
      os::readFile(path, packageHeaderBytes + maxPackageBytes);
  if (!file)
    return file.takeError();
  Result<std::shared_ptr<Package>> package = read(*std::move(file), path);
  if (!package)
    return package.takeError();
  (*package)->fileName = std::move(name);
  return std::shared_ptr<const Package>(*std::move(package));
}

Result<std::shared_ptr<const Package>> Package::fromBytes(std::string file,
                                                          std::string name) {
  Result<std::shared_ptr<Package>> package =
      read(std::move(file), std::move(name));
  if (!package)
    return package.takeError();
  return std::shared_ptr<const Package>(*std::move(package));
}

Result<std::shared_ptr<Package>> Package::read(std::string file,
                                               std::string name) {
  // Not make_shared: the constructor is private.
  std::shared_ptr<Package> package(new Package);
  package->file = std::move(file);
  package->fileName = std::move(name);
  auto where = [&](Error error) {
    error.message = quote(package->fileName) + ": " + error.message;
    return error;
  };
  Status header = checkHeader(package->file);
  if (!header)
    return where(header.takeError());

  // A std::string of this size is on the heap, aligned for any scalar.
  const auto *payload = reinterpret_cast<const uint8_t *>(package->file.data() +
                                                          packageHeaderBytes);
  const size_t size = package->file.size() - packageHeaderBytes;
  flatbuffers::Verifier verifier(payload, size);
  if (!abi::VerifyPackageBuffer(verifier))
    return where({ErrorId::PackageCorrupt,
                  "the package's tables are ill-formed; compile it again"});
  package->tables = abi::GetPackage(payload);
  Status checked = checkPackage(*package->tables);
  if (!checked)
    return where(checked.takeError());
  return package;
}
