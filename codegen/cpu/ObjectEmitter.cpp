//===- ObjectEmitter.cpp - LLVM dialect to machine code -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/ObjectEmitter.h"

#include "moe/codegen/cpu/MemoryFunctions.h"
#include "moe/dialect/MoeDialect.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"

#include "llvm/Analysis/LoopInfo.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/DiagnosticHandler.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/PassInstrumentation.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/LoopRotation.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"

#include <mutex>

using namespace mlir;
using namespace moe::cpu;
using llvm::raw_string_ostream;
using moe::MoeDialect;

namespace {

/// Collects what LLVM says instead of printing it or exiting.
struct Collector final : llvm::DiagnosticHandler {
  std::vector<std::string> &messages;
  explicit Collector(std::vector<std::string> &messages) : messages(messages) {}

  bool handleDiagnostics(const llvm::DiagnosticInfo &info) override {
    // The frame limit comes as a warning; so do other complaints about code
    // that LLVM could not compile as asked.
    if (info.getSeverity() != llvm::DS_Error &&
        info.getSeverity() != llvm::DS_Warning)
      return true;
    std::string text;
    raw_string_ostream stream(text);
    llvm::DiagnosticPrinterRawOStream printer(stream);
    info.print(printer);
    messages.push_back(text);
    return true;
  }
};

} // namespace

static std::unique_ptr<llvm::TargetMachine>
createTargetMachine(const CpuTarget &target, std::string &error) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
  });
  llvm::Triple triple(target.triple());
  const llvm::Target *llvmTarget =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!llvmTarget)
    return nullptr;
  llvm::TargetOptions options;
  // A block for each function and constant: the image keeps what is reached.
  options.FunctionSections = true;
  options.DataSections = true;
  return std::unique_ptr<llvm::TargetMachine>(llvmTarget->createTargetMachine(
      triple, target.llvmCpu(), target.llvmFeatures(), options,
      llvm::Reloc::PIC_, llvm::CodeModel::Small,
      llvm::CodeGenOptLevel::Aggressive));
}

/// What every function of an image has, for LLVM takes the target from there.
static void setTargetAttributes(llvm::Function &function,
                                const CpuTarget &target, unsigned frameLimit) {
  function.addFnAttr("target-cpu", target.llvmCpu());
  function.addFnAttr("tune-cpu", target.llvmTuneCpu());
  function.addFnAttr("target-features", target.llvmFeatures());
  // Some tunings prefer half of the registers' width.
  if (target.arch == moe::abi::CpuArch::X86_64)
    function.addFnAttr("prefer-vector-width",
                       std::to_string(32 * target.vectorLanes()));
  function.addFnAttr(llvm::Attribute::NoUnwind);
  function.addFnAttr("frame-pointer", "none");
  function.addFnAttr("warn-stack-size", std::to_string(frameLimit));
  // A frame larger than a page touches each of its pages in turn, so that the
  // guard page below a stack is hit.
  function.addFnAttr("probe-stack", "inline-asm");
}

/// The kernel ABI in LLVM's terms (codegen/abi/kernel.h).
static void setKernelAttributes(llvm::Function &function) {
  llvm::AttrBuilder args(function.getContext());
  args.addAttribute(llvm::Attribute::NoAlias)
      .addAttribute(llvm::Attribute::ReadOnly)
      .addAttribute(llvm::Attribute::NonNull)
      .addDereferenceableAttr(16)
      .addAlignmentAttr(8);
  function.addParamAttrs(0, args);
  llvm::AttrBuilder scratch(function.getContext());
  scratch.addAttribute(llvm::Attribute::NoAlias).addAlignmentAttr(64);
  function.addParamAttrs(4, scratch);
}

/// Functions are seen by the other parts of an image, data is not: an address
/// of something that could be replaced would be looked up in a table.
static void setVisibility(llvm::Module &module) {
  for (llvm::GlobalValue &value : module.global_values()) {
    if (value.isDeclaration() || value.getName().starts_with("llvm."))
      continue;
    if (llvm::isa<llvm::Function>(value)) {
      value.setLinkage(llvm::GlobalValue::ExternalLinkage);
      value.setVisibility(llvm::GlobalValue::HiddenVisibility);
    } else {
      value.setLinkage(llvm::GlobalValue::InternalLinkage);
    }
    value.setDSOLocal(true);
  }
}

/// The library functions that LLVM may think of: those that an image can hold.
/// Otherwise it makes calls of strlen, memcmp or ldexp where code looks alike.
static llvm::TargetLibraryInfoImpl
libraryFunctions(const llvm::Triple &triple) {
  llvm::TargetLibraryInfoImpl functions(triple);
  functions.disableAllFunctions();
  for (llvm::LibFunc function :
       {llvm::LibFunc_memcpy, llvm::LibFunc_memmove, llvm::LibFunc_memset})
    functions.setAvailable(function);
  return functions;
}

/// What is left to do in loops that are written as they are to run: their tests
/// go to the end and what does not change goes before them. A tenth of the
/// time of a whole pipeline, for the same inner loops.
static llvm::FunctionPassManager cleanUp() {
  llvm::LoopPassManager loops;
  loops.addPass(llvm::LoopRotatePass());
  loops.addPass(llvm::LICMPass(llvm::LICMOptions()));
  llvm::FunctionPassManager passes;
  passes.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  passes.addPass(llvm::createFunctionToLoopPassAdaptor(std::move(loops),
                                                       /*UseMemorySSA=*/true));
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::SimplifyCFGPass());
  return passes;
}

static bool isAsWritten(const llvm::Function &function) {
  return function.hasFnAttribute(asWrittenAttr);
}

static bool isAsWritten(llvm::Any ir) {
  if (auto *function = llvm::any_cast<const llvm::Function *>(&ir))
    return isAsWritten(**function);
  if (auto *loop = llvm::any_cast<const llvm::Loop *>(&ir))
    return isAsWritten(*(*loop)->getHeader()->getParent());
  return false;
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::PipelineTuningOptions tuning;
  // Emitters unroll where it pays; LLVM unrolls K loops of 8 to 16 trips fully,
  // which doubles compile time for no speed.
  tuning.LoopUnrolling = false;
  tuning.LoopVectorization = true;
  tuning.SLPVectorization = true;
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  functions.registerPass([&] {
    return llvm::TargetLibraryAnalysis(
        libraryFunctions(machine.getTargetTriple()));
  });
  llvm::PassInstrumentationCallbacks callbacks;
  llvm::PassBuilder builder(&machine, tuning, std::nullopt, &callbacks);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  bool others = false;
  llvm::FunctionPassManager passes = cleanUp();
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    if (isAsWritten(function))
      passes.run(function, functions);
    else
      others = true;
  }
  if (!others)
    return;
  functions.clear();
  callbacks.registerShouldRunOptionalPassCallback(
      [](StringRef, llvm::Any ir) { return !isAsWritten(ir); });
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(module, modules);
}

/// An error text, or none.
static std::string generate(llvm::Module &module, llvm::TargetMachine &machine,
                            EmitKind kind, std::string &bytes) {
  if (kind == EmitKind::LlvmIr) {
    raw_string_ostream stream(bytes);
    module.print(stream, nullptr);
    return {};
  }
  llvm::SmallVector<char, 0> buffer;
  llvm::raw_svector_ostream stream(buffer);
  llvm::legacy::PassManager passes;
  passes.add(new llvm::TargetLibraryInfoWrapperPass(
      libraryFunctions(machine.getTargetTriple())));
  if (machine.addPassesToEmitFile(passes, stream, nullptr,
                                  kind == EmitKind::Object
                                      ? llvm::CodeGenFileType::ObjectFile
                                      : llvm::CodeGenFileType::AssemblyFile))
    return "the target emits no such file";
  passes.run(module);
  bytes.assign(buffer.data(), buffer.size());
  return {};
}

FailureOr<EmittedCode> moe::cpu::emitCode(ModuleOp module,
                                          const CpuTarget &target,
                                          EmitKind kind, unsigned frameLimit) {
  EmittedCode code;
  for (auto function : module.getOps<LLVM::LLVMFuncOp>())
    if (function->hasAttr(MoeDialect::kKernelAttr) && !function.isExternal())
      code.entries.push_back(function.getName().str());

  std::vector<std::string> messages;
  auto report = [&](const std::string &text) {
    module.emitError("code generation for ") << target.name() << ": " << text;
  };
  Stopwatch watch;
  llvm::LLVMContext context;
  context.setDiagnosticHandler(std::make_unique<Collector>(messages));
  std::string error;
  std::unique_ptr<llvm::TargetMachine> machine =
      createTargetMachine(target, error);
  if (!machine) {
    report(error);
    return failure();
  }
  std::unique_ptr<llvm::Module> llvmModule =
      translateModuleToLLVMIR(module, context, "kernels");
  if (!llvmModule) {
    report("the module is not translatable to LLVM IR");
    return failure();
  }
  llvmModule->setTargetTriple(machine->getTargetTriple());
  llvmModule->setDataLayout(machine->createDataLayout());
  llvmModule->setPICLevel(llvm::PICLevel::BigPIC);
  setVisibility(*llvmModule);
  for (const std::string &entry : code.entries)
    setKernelAttributes(*llvmModule->getFunction(entry));
  auto setAttributes = [&] {
    for (llvm::Function &function : *llvmModule)
      if (!function.isDeclaration())
        setTargetAttributes(function, target, frameLimit);
  };
  setAttributes();
  raw_string_ostream stream(error);
  if (llvm::verifyModule(*llvmModule, &stream)) {
    report(error);
    return failure();
  }
  code.translateMs = watch.lap();

  optimize(*llvmModule, *machine);
  code.optimizeMs = watch.lap();

  if (llvm::Error failed = addMemoryFunctions(*llvmModule)) {
    report(llvm::toString(std::move(failed)));
    return failure();
  }
  setAttributes();
  error = generate(*llvmModule, *machine, kind, code.bytes);
  code.generateMs = watch.lap();
  if (!error.empty())
    messages.push_back(error);
  for (const std::string &message : messages)
    report(message);
  if (!messages.empty())
    return failure();
  return code;
}

void moe::cpu::registerCpuTranslations(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}
