//===- CodeImage.cpp - From an object to position-independent bytes -------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// JITLink parses, prunes and fixes up; we choose the addresses and keep the
// bytes. Its default passes stay off: they would build a GOT, which holds
// absolute addresses.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/CodeImage.h"

#include "llvm/ExecutionEngine/JITLink/JITLink.h"
#include "llvm/ExecutionEngine/JITLink/aarch64.h"
#include "llvm/ExecutionEngine/JITLink/x86_64.h"
#include "llvm/Object/ELFObjectFile.h"

#include <set>

using namespace llvm;
using namespace llvm::jitlink;
using moe::abi::CodeEntry;
using moe::abi::CodeImage;

namespace {

/// One slab at a base of our choice, code first.
class Slab final : public JITLinkMemoryManager {
public:
  explicit Slab(uint64_t base) : base(base) {}

  struct Allocation final : InFlightAlloc {
    orc::ExecutorAddr at;
    explicit Allocation(orc::ExecutorAddr at) : at(at) {}
    void abandon(OnAbandonedFunction done) override { done(Error::success()); }
    void finalize(OnFinalizedFunction done) override {
      done(FinalizedAlloc(at));
    }
  };

  void allocate(const JITLinkDylib *, LinkGraph &graph,
                OnAllocatedFunction done) override {
    BasicLayout layout(graph);
    uint64_t size = 0;
    for (bool code : {true, false})
      for (auto &[group, segment] : layout.segments()) {
        const bool executable =
            (group.getMemProt() & orc::MemProt::Exec) != orc::MemProt::None;
        if (executable != code)
          continue;
        size = alignTo(size, std::max(segment.Alignment, Align(64)));
        segment.Addr = base + size;
        size += segment.ContentSize + segment.ZeroFillSize;
      }
    bytes.assign(size, 0);
    for (auto &[group, segment] : layout.segments())
      segment.WorkingMem =
          reinterpret_cast<char *>(bytes.data()) + (segment.Addr - base);
    if (Error error = layout.apply())
      return done(std::move(error));
    done(std::make_unique<Allocation>(base));
  }

  void deallocate(std::vector<FinalizedAlloc> allocations,
                  OnDeallocatedFunction done) override {
    for (FinalizedAlloc &allocation : allocations)
      allocation.release();
    done(Error::success());
  }

  const orc::ExecutorAddr base;
  std::vector<uint8_t> bytes;
};

/// Relocations whose value does not change when everything moves together.
/// Page21 and PageOffset12 hold for bases aligned to 4 KiB.
bool isPcRelative(const Triple &triple, Edge::Kind kind) {
  if (triple.isX86())
    return is_contained({x86_64::Delta64, x86_64::Delta32, x86_64::PCRel32,
                         x86_64::BranchPCRel32},
                        kind);
  return is_contained({aarch64::Delta64, aarch64::Delta32,
                       aarch64::Branch26PCRel, aarch64::TestAndBranch14PCRel,
                       aarch64::CondBranch19PCRel, aarch64::LDRLiteral19,
                       aarch64::ADRLiteral21, aarch64::Page21,
                       aarch64::PageOffset12},
                      kind);
}

/// Thread-local sections, of whose relocations JITLink knows only some.
Error checkThreadLocal(MemoryBufferRef object) {
  Expected<std::unique_ptr<object::ObjectFile>> file =
      object::ObjectFile::createELFObjectFile(object);
  if (!file)
    return file.takeError();
  for (const object::SectionRef &section : (*file)->sections()) {
    if (!(object::ELFSectionRef(section).getFlags() & ELF::SHF_TLS))
      continue;
    Expected<StringRef> name = section.getName();
    if (!name)
      return name.takeError();
    return createStringError("section '" + *name +
                             "': an image has no thread-local data");
  }
  return Error::success();
}

Expected<std::unique_ptr<LinkGraph>> readObject(StringRef bytes) {
  MemoryBufferRef object(bytes, "kernels");
  if (Error error = checkThreadLocal(object))
    return error;
  return createLinkGraphFromObject(object,
                                   std::make_shared<orc::SymbolStringPool>());
}

/// What is wrong with the pruned graph, sorted and without repetition.
std::set<std::string> findRefusals(LinkGraph &graph) {
  std::set<std::string> refusals;
  for (Symbol *symbol : graph.external_symbols())
    refusals.insert("undefined symbol '" + (*symbol->getName()).str() +
                    "': a kernel calls nothing outside its image");
  for (Section &section : graph.sections()) {
    if (section.empty())
      continue;
    if ((section.getMemProt() & orc::MemProt::Write) != orc::MemProt::None)
      refusals.insert("section '" + section.getName().str() +
                      "': an image has no data that is written");
  }
  for (Block *block : graph.blocks())
    for (Edge &edge : block->edges()) {
      if (!edge.isRelocation())
        continue;
      if (isPcRelative(graph.getTargetTriple(), edge.getKind()) &&
          !edge.getTarget().isAbsolute())
        continue;
      refusals.insert("relocation " +
                      std::string(graph.getEdgeKindName(edge.getKind())) +
                      " in section '" + block->getSection().getName().str() +
                      "': only PC-relative ones survive a move");
    }
  return refusals;
}

/// Drives one link; everything JITLink does is synchronous here.
class Context final : public JITLinkContext {
public:
  Context(Slab &slab, ArrayRef<std::string> names, CodeImage &image,
          std::vector<std::string> &errors)
      : JITLinkContext(nullptr), slab(slab), names(names), image(image),
        errors(errors) {}

  JITLinkMemoryManager &getMemoryManager() override { return slab; }
  bool shouldAddDefaultTargetPasses(const Triple &) const override {
    return false;
  }
  void notifyFailed(Error error) override {
    handleAllErrors(std::move(error), [&](const ErrorInfoBase &info) {
      if (errors.empty()) // else it repeats the refusals
        errors.push_back(info.message());
    });
  }
  void lookup(const LookupMap &,
              std::unique_ptr<JITLinkAsyncLookupContinuation> next) override {
    next->run(createStringError("an external symbol")); // refused before
  }

  Error modifyPassConfig(LinkGraph &, PassConfiguration &config) override {
    config.PrePrunePasses.push_back([this](LinkGraph &graph) {
      for (Symbol *symbol : graph.defined_symbols())
        symbol->setLive(symbol->hasName() &&
                        is_contained(names, *symbol->getName()));
      return Error::success();
    });
    config.PostPrunePasses.push_back([this](LinkGraph &graph) {
      for (const std::string &refusal : findRefusals(graph))
        errors.push_back(refusal);
      return errors.empty() ? Error::success() : createStringError("refused");
    });
    return Error::success();
  }

  Error notifyResolved(LinkGraph &graph) override {
    for (const std::string &name : names) {
      const Symbol *found = nullptr;
      for (const Symbol *symbol : graph.defined_symbols())
        if (symbol->hasName() && *symbol->getName() == name)
          found = symbol;
      if (!found) {
        errors.push_back("entry '" + name + "' is not defined");
        continue;
      }
      image.entries.push_back(
          CodeEntry{name, found->getAddress() - slab.base, found->getSize()});
    }
    return Error::success();
  }
  void
  notifyFinalized(JITLinkMemoryManager::FinalizedAlloc allocation) override {
    allocation.release();
  }

private:
  Slab &slab;
  ArrayRef<std::string> names;
  CodeImage &image;
  std::vector<std::string> &errors;
};

} // namespace

mlir::FailureOr<CodeImage>
moe::cpu::linkCodeImage(StringRef object, ArrayRef<std::string> entries,
                        function_ref<mlir::InFlightDiagnostic()> emitError,
                        uint64_t base) {
  CodeImage image;
  std::vector<std::string> errors;
  Expected<std::unique_ptr<LinkGraph>> graph = readObject(object);
  if (!graph) {
    errors.push_back(toString(graph.takeError()));
  } else {
    Slab slab(base);
    link(std::move(*graph),
         std::make_unique<Context>(slab, entries, image, errors));
    image.bytes = std::move(slab.bytes);
  }
  for (const std::string &error : errors)
    emitError() << "code image refused: " << error;
  if (!errors.empty())
    return mlir::failure();
  return image;
}
