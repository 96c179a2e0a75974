//===- CodeImageTest.cpp - What an image holds and what it refuses --------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The refusals start from LLVM dialect modules that no lowering would make: the
// image must be safe by itself. compileKernels() links every kernel of every
// test at two bases and compares the bytes.
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"

#include "moe/codegen/cpu/CodeImage.h"
#include "moe/codegen/cpu/CpuTargets.h"

#include "mlir/Parser/Parser.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace moe;
using namespace moe::test;
using testing::ElementsAre;

namespace {

const char signature[] = "(%a: !llvm.ptr, %b: i64, %e: i64, %w: i32, "
                         "%s: !llvm.ptr) attributes {moe.kernel}";

/// The errors of emitting and linking an LLVM dialect module as it is.
std::vector<std::string> linkErrors(const std::string &text,
                                    llvm::StringRef target,
                                    std::vector<std::string> entries = {"k"}) {
  KernelContext context;
  auto module =
      mlir::parseSourceString<mlir::ModuleOp>(text, context.context.get());
  EXPECT_TRUE(module) << text;
  auto object = cpu::emitCode(*module, *cpu::CpuTarget::parse(target),
                              cpu::EmitKind::Object);
  EXPECT_TRUE(mlir::succeeded(object));
  if (mlir::failed(object))
    return context.errors;
  auto image = cpu::linkCodeImage({object->bytes}, entries,
                                  [&] { return module->emitError(); });
  EXPECT_EQ(mlir::succeeded(image), context.errors.empty());
  return context.errors;
}

std::string kernel(const std::string &body) {
  return "llvm.func @k" + std::string(signature) + " {\n" + body +
         "  llvm.return\n}\n";
}

class RefusalTest : public testing::TestWithParam<const char *> {};
INSTANTIATE_TEST_SUITE_P(Targets, RefusalTest,
                         testing::Values("x86-64-v3", "aarch64"),
                         [](const auto &info) {
                           return std::string(info.param).substr(0, 3);
                         });

TEST_P(RefusalTest, UndefinedFunctions) {
  EXPECT_THAT(linkErrors("llvm.func @expf(f32) -> f32\n" + kernel(R"(
  %x = llvm.load %a : !llvm.ptr -> f32
  %y = llvm.call @expf(%x) : (f32) -> f32
  llvm.store %y, %s : f32, !llvm.ptr
)"),
                         GetParam()),
              ElementsAre("code image refused: undefined symbol 'expf': a "
                          "kernel calls nothing outside its image"));
  // One that only LLVM knows of.
  EXPECT_THAT(linkErrors(kernel(R"(
  %x = llvm.load %a : !llvm.ptr -> f32
  %y = llvm.intr.exp(%x) : (f32) -> f32
  %z = llvm.frem %y, %x : f32
  llvm.store %z, %s : f32, !llvm.ptr
)"),
                         GetParam()),
              ElementsAre("code image refused: undefined symbol 'expf': a "
                          "kernel calls nothing outside its image",
                          "code image refused: undefined symbol 'fmodf': a "
                          "kernel calls nothing outside its image"));
}

TEST_P(RefusalTest, DataThatIsWritten) {
  const std::string use = kernel(R"(
  %g = llvm.mlir.addressof @n : !llvm.ptr
  %v = llvm.load %g : !llvm.ptr -> i64
  %x = llvm.add %v, %e : i64
  llvm.store %x, %g : i64, !llvm.ptr
)");
  EXPECT_THAT(
      linkErrors("llvm.mlir.global internal @n(5 : i64) : i64\n" + use,
                 GetParam()),
      ElementsAre("code image refused: section '.data.n': an image has no data "
                  "that is written"));
  EXPECT_THAT(
      linkErrors("llvm.mlir.global internal @n(0 : i64) : i64\n" + use,
                 GetParam()),
      ElementsAre("code image refused: section '.bss.n': an image has no data "
                  "that is written"));
}

TEST_P(RefusalTest, ThreadLocalData) {
  std::vector<std::string> errors = linkErrors(
      "llvm.mlir.global internal thread_local @n(5 : i64) : i64\n" + kernel(R"(
  %g = llvm.mlir.addressof @n : !llvm.ptr
  %v = llvm.load %g : !llvm.ptr -> i64
  %x = llvm.add %v, %e : i64
  llvm.store %x, %g : i64, !llvm.ptr
)"),
      GetParam());
  EXPECT_THAT(errors, ElementsAre("code image refused: section '.tdata.n': an "
                                  "image has no thread-local data"));
}

TEST_P(RefusalTest, TablesOfPointers) {
  std::vector<std::string> errors = linkErrors(R"(
llvm.func internal @f(%a: !llvm.ptr) attributes {passthrough = ["noinline"]} {
  %one = llvm.mlir.constant(1 : i64) : i64
  llvm.store %one, %a : i64, !llvm.ptr
  llvm.return
}
llvm.func internal @g(%a: !llvm.ptr) attributes {passthrough = ["noinline"]} {
  %two = llvm.mlir.constant(2 : i64) : i64
  llvm.store %two, %a : i64, !llvm.ptr
  llvm.return
}
llvm.mlir.global internal constant @t() : !llvm.array<2 x ptr> {
  %0 = llvm.mlir.poison : !llvm.array<2 x ptr>
  %f = llvm.mlir.addressof @f : !llvm.ptr
  %g = llvm.mlir.addressof @g : !llvm.ptr
  %1 = llvm.insertvalue %f, %0[0] : !llvm.array<2 x ptr>
  %2 = llvm.insertvalue %g, %1[1] : !llvm.array<2 x ptr>
  llvm.return %2 : !llvm.array<2 x ptr>
}
)" + kernel(R"(
  %t = llvm.mlir.addressof @t : !llvm.ptr
  %p = llvm.getelementptr %t[%e] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.ptr
  %h = llvm.load %p : !llvm.ptr -> !llvm.ptr
  llvm.call %h(%a) : !llvm.ptr, (!llvm.ptr) -> ()
)"),
                                               GetParam());
  EXPECT_THAT(errors,
              testing::Contains(
                  "code image refused: relocation Pointer64 in section "
                  "'.data.rel.ro.t': only PC-relative ones survive a move"));
}

TEST_P(RefusalTest, DataOfOthersThroughATable) {
  std::vector<std::string> errors =
      linkErrors("llvm.mlir.global external @other() : i64\n" + kernel(R"(
  %g = llvm.mlir.addressof @other : !llvm.ptr
  %v = llvm.load %g : !llvm.ptr -> i64
  llvm.store %v, %s : i64, !llvm.ptr
)"),
                 GetParam());
  EXPECT_THAT(errors,
              testing::Contains("code image refused: undefined symbol 'other': "
                                "a kernel calls nothing outside its image"));
  EXPECT_THAT(errors, testing::Contains(testing::ContainsRegex(
                          "relocation Request.*GOT.* in section '.text.k': "
                          "only PC-relative ones survive a move")));
}

TEST(CodeImageTest, AnEntryThatIsMissing) {
  EXPECT_THAT(linkErrors(kernel(""), "x86-64-v3", {"k", "other"}),
              ElementsAre("code image refused: entry 'other' is not defined"));
}

TEST(CodeImageTest, AnObjectThatIsNone) {
  KernelContext context;
  auto module =
      mlir::parseSourceString<mlir::ModuleOp>("", context.context.get());
  const char *const texts[] = {"", "ELF", "\177ELF\2\1\1 and then nothing"};
  for (const char *text : texts) {
    context.errors.clear();
    EXPECT_TRUE(mlir::failed(
        cpu::linkCodeImage({text}, {}, [&] { return module->emitError(); })));
    ASSERT_EQ(context.errors.size(), 1u);
    EXPECT_THAT(context.errors[0], testing::StartsWith("code image refused: "));
  }
}

TEST(CodeImageTest, HoldsOnlyWhatItsEntriesReach) {
  const std::string large = "llvm.mlir.global internal constant @c(dense<1.5> :"
                            " tensor<4096xf32>) : !llvm.array<4096 x f32>\n";
  const std::string reach = kernel(R"(
  %g = llvm.mlir.addressof @c : !llvm.ptr
  %p = llvm.getelementptr %g[%e] : (!llvm.ptr, i64) -> !llvm.ptr, f32
  %v = llvm.load %p : !llvm.ptr -> f32
  llvm.store %v, %s : f32, !llvm.ptr
)");
  const std::string other = "llvm.func @other() {\n  llvm.return\n}\n";
  KernelContext context;
  auto size = [&](const std::string &text, std::vector<std::string> entries) {
    auto module =
        mlir::parseSourceString<mlir::ModuleOp>(text, context.context.get());
    auto object = cpu::emitCode(*module, *cpu::CpuTarget::parse("x86-64-v3"),
                                cpu::EmitKind::Object);
    auto image = cpu::linkCodeImage({object->bytes}, entries,
                                    [&] { return module->emitError(); });
    EXPECT_TRUE(mlir::succeeded(image));
    return image->bytes.size();
  };
  const std::string both = large + reach + "llvm.func @j" + signature +
                           " {\n  llvm.return\n}\n" + other;
  EXPECT_GT(size(both, {"k", "j"}), 16384u);
  EXPECT_LE(size(both, {"j"}), 64u);
}

TEST(CodeImageTest, TheMemoryFunctionsAreReserved) {
  KernelContext context;
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      "llvm.func @memset" + std::string(signature) + R"( {
  "llvm.intr.memcpy"(%s, %a, %e) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()
  llvm.return
})",
      context.context.get());
  EXPECT_TRUE(mlir::failed(cpu::emitCode(
      *module, *cpu::CpuTarget::parse("x86-64-v3"), cpu::EmitKind::Object)));
  EXPECT_THAT(context.errors,
              ElementsAre("code generation for x86-64-v3: the module defines "
                          "'memset', a name that compiled code reserves"));
}

TEST(CodeImageTest, EmissionReportsWhatItCannotTranslate) {
  KernelContext context;
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      "func.func @f() {\n  return\n}\n", context.context.get());
  EXPECT_TRUE(mlir::failed(cpu::emitCode(
      *module, *cpu::CpuTarget::parse("x86-64-v3"), cpu::EmitKind::Object)));
  EXPECT_THAT(context.errors,
              testing::Contains("code generation for x86-64-v3: the module is "
                                "not translatable to LLVM IR"));
}

//===----------------------------------------------------------------------===//
// aarch64
//===----------------------------------------------------------------------===//

/// Loads FILE and runs the kernel at OFFSET on x[i] = i - 100, 200 values; the
/// results as text.
const char harness[] = R"(
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
typedef struct { void *const *buffers; const int64_t *dims; } args_t;
typedef void (*kernel_t)(const args_t *, uint64_t, uint64_t, uint32_t, void *);
int main(int argc, char **argv) {
  static char bytes[1 << 20];
  FILE *file = fopen(argv[1], "rb");
  size_t size = fread(bytes, 1, sizeof bytes, file);
  char *code = mmap(0, 1 << 20, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(code, bytes, size);
  __builtin___clear_cache(code, code + size);
  if (mprotect(code, 1 << 20, PROT_READ | PROT_EXEC))
    return 1;
  static float x[200], y[200];
  for (int i = 0; i < 200; ++i)
    x[i] = i - 100;
  void *buffers[2] = {x, y};
  args_t args = {buffers, 0};
  ((kernel_t)(code + atoll(argv[2])))(&args, 0, 200, 0, 0);
  for (int i = 0; i < 200; ++i)
    printf("%a\n", y[i]);
}
)";

TEST(CodeImageTest, Aarch64RunsUnderEmulation) {
  // A polynomial, a constant table, a conversion that is expanded, and a tail.
  const std::string text = elementwise(16, "f32", "f32", R"(
    %e = math.exp %x : vector<16xf32>
    %h = arith.truncf %e : vector<16xf32> to vector<16xbf16>
    %y = arith.extf %h : vector<16xbf16> to vector<16xf32>)");
  CompiledKernel compiled =
      compileKernels(text, "aarch64", /*emulate=*/false, /*load=*/false);
  ASSERT_EQ(compiled.errors, std::vector<std::string>());
  ASSERT_EQ(compiled.image.entries.size(), 1u);
  if (std::system("command -v aarch64-linux-gnu-gcc qemu-aarch64 >/dev/null"))
    GTEST_SKIP() << "needs gcc-aarch64-linux-gnu and qemu-user";
  char folder[] = "/tmp/moe-aarch64-XXXXXX";
  ASSERT_TRUE(mkdtemp(folder));
  const std::string dir = folder;
  std::ofstream(dir + "/harness.c") << harness;
  std::ofstream(dir + "/image", std::ios::binary)
      .write(reinterpret_cast<const char *>(compiled.image.bytes.data()),
             compiled.image.bytes.size());
  const std::string command =
      "cd " + dir + " && aarch64-linux-gnu-gcc -static -O1 harness.c -o run " +
      "&& qemu-aarch64 ./run image " +
      std::to_string(compiled.image.entries[0].offset) + " > out";
  ASSERT_EQ(std::system(command.c_str()), 0);
  // The same kernel here: v3 rounds the same way.
  CompiledKernel native = compileKernels(text, "x86-64-v3");
  std::vector<float> x(200), y(200), got;
  for (int i = 0; i < 200; ++i)
    x[i] = static_cast<float>(i - 100);
  std::ifstream out(dir + "/out");
  for (std::string line; std::getline(out, line);)
    got.push_back(std::strtof(line.c_str(), nullptr));
  std::filesystem::remove_all(dir);
  if (!hostRuns("x86-64-v3"))
    GTEST_SKIP() << "nothing to compare with";
  native.run({x.data(), y.data()}, {}, 200);
  EXPECT_EQ(got, y);
}

} // namespace
