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

#include "llvm/ADT/StringSet.h"
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

/// Functions of an image and where they are.
using Addresses = StringMap<orc::ExecutorAddr>;

/// What is wrong with the pruned graph, sorted and without repetition.
std::set<std::string> findRefusals(LinkGraph &graph, const Addresses &known) {
  std::set<std::string> refusals;
  for (Symbol *symbol : graph.external_symbols())
    if (!known.contains(*symbol->getName()))
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
  /// Keeps what `wanted` names, and adds its addresses to `known`.
  Context(Slab &slab, const StringSet<> &wanted, Addresses &known,
          StringMap<uint64_t> &sizes, std::vector<std::string> &errors)
      : JITLinkContext(nullptr), slab(slab), wanted(wanted), known(known),
        sizes(sizes), errors(errors) {}

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
        symbol->setLive(isWanted(*symbol));
      return Error::success();
    });
    config.PostPrunePasses.push_back([this](LinkGraph &graph) -> Error {
      for (const std::string &refusal : findRefusals(graph, known))
        errors.push_back(refusal);
      if (!errors.empty())
        return createStringError("refused");
      // What other objects define has its place already.
      for (Symbol *symbol : to_vector(graph.external_symbols()))
        graph.makeAbsolute(*symbol, known.lookup(*symbol->getName()));
      return Error::success();
    });
    return Error::success();
  }

  Error notifyResolved(LinkGraph &graph) override {
    for (const Symbol *symbol : graph.defined_symbols())
      if (isWanted(*symbol)) {
        known[*symbol->getName()] = symbol->getAddress();
        sizes[*symbol->getName()] = symbol->getSize();
      }
    return Error::success();
  }
  void
  notifyFinalized(JITLinkMemoryManager::FinalizedAlloc allocation) override {
    allocation.release();
  }

private:
  bool isWanted(const Symbol &symbol) const {
    return symbol.hasName() && symbol.getScope() != Scope::Local &&
           wanted.contains(*symbol.getName());
  }

  Slab &slab;
  const StringSet<> &wanted;
  Addresses &known;
  StringMap<uint64_t> &sizes;
  std::vector<std::string> &errors;
};

} // namespace

mlir::FailureOr<CodeImage> moe::cpu::linkCodeImage(
    ArrayRef<StringRef> objects, ArrayRef<std::string> entries,
    function_ref<mlir::InFlightDiagnostic()> emitError, uint64_t base) {
  CodeImage image;
  std::vector<std::string> errors;
  std::vector<std::unique_ptr<LinkGraph>> graphs;
  // Entries, and what one object needs of another.
  StringSet<> wanted;
  for (const std::string &entry : entries)
    wanted.insert(entry);
  for (StringRef object : objects) {
    Expected<std::unique_ptr<LinkGraph>> graph = readObject(object);
    if (!graph) {
      errors.push_back(toString(graph.takeError()));
      continue;
    }
    for (const Symbol *symbol : (*graph)->external_symbols())
      wanted.insert(*symbol->getName());
    graphs.push_back(std::move(*graph));
  }
  Addresses known;
  StringMap<uint64_t> sizes;
  for (std::unique_ptr<LinkGraph> &graph : graphs) {
    if (!errors.empty())
      break;
    image.bytes.resize(alignTo(image.bytes.size(), 64));
    Slab slab(base + image.bytes.size());
    link(std::move(graph),
         std::make_unique<Context>(slab, wanted, known, sizes, errors));
    append_range(image.bytes, slab.bytes);
  }
  for (const std::string &entry : entries)
    if (known.contains(entry))
      image.entries.push_back(CodeEntry{
          entry, known[entry] - orc::ExecutorAddr(base), sizes[entry]});
    else if (errors.empty())
      errors.push_back("entry '" + entry + "' is not defined");
  for (const std::string &error : errors)
    emitError() << "code image refused: " << error;
  if (!errors.empty())
    return mlir::failure();
  return image;
}
