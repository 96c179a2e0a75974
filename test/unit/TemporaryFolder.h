//===- TemporaryFolder.h - A folder for one test ----------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tests of files write into a folder of their own, which goes with them.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_UNIT_TEMPORARYFOLDER_H
#define MOE_TEST_UNIT_TEMPORARYFOLDER_H

#include "gtest/gtest.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace moe::test {

class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string name = testing::TempDir() + "/moe-XXXXXX";
    if (!mkdtemp(name.data()))
      ADD_FAILURE() << "no temporary folder " << name;
    folder = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;

  const std::string &path() const { return folder; }
  std::string operator/(std::string_view name) const {
    return folder + "/" + std::string(name);
  }
  /// Writes a file, with the folders above it, and returns its path.
  std::string write(std::string_view name, std::string_view bytes) const {
    std::string file = *this / name;
    std::filesystem::create_directories(
        std::filesystem::path(file).parent_path());
    std::ofstream(file, std::ios::binary) << bytes;
    return file;
  }

private:
  std::string folder;
};

} // namespace moe::test

#endif // MOE_TEST_UNIT_TEMPORARYFOLDER_H
