//===- Supported.cpp - What a CPU kernel may be made of -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/Supported.h"

#include "moe/codegen/cpu/ObjectEmitter.h"

#include "moe/codegen/cpu/IsaOps.h"
#include "moe/dialect/MoeDialect.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace moe::cpu;
using moe::MoeDialect;

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

/// Dialects all of whose ops can be lowered (math and the others: below).
static bool isWholeDialect(StringRef name) {
  return name == "arith" || name == "index" || name == "ub" || name == "amx" ||
         name == "x86vector";
}

/// Functions that processors have, and those that become polynomials.
static constexpr StringRef instructionMath =
    "absf absi ceil copysign ctlz ctpop cttz floor fma isfinite isinf isnan "
    "isnormal round roundeven rsqrt sqrt trunc";
static constexpr StringRef polynomialMath =
    "acos asin atan atan2 cbrt cos erf erfc exp exp2 expm1 log log1p log2 sin "
    "tanh";

static bool isListed(StringRef words, StringRef word) {
  return llvm::is_contained(llvm::split(words, ' '), word);
}

/// The ops of the other dialects that can, a row a dialect.
static const llvm::StringSet<> &supportedOps() {
  struct Row {
    StringRef prefix, ops;
  };
  static constexpr Row rows[] = {
      {"builtin.", "unrealized_conversion_cast"},
      {"affine.", "apply max min"},
      {"func.", "func return call"},
      {"cf.", "br cond_br switch"},
      {"scf.", "condition execute_region for if index_switch parallel reduce "
               "reduce.return while yield"},
      {"math.", instructionMath},
      {"math.", polynomialMath},
      {"memref.", "alloca assume_alignment cast collapse_shape copy dim "
                  "expand_shape extract_aligned_pointer_as_index "
                  "extract_strided_metadata get_global load prefetch rank "
                  "reinterpret_cast store subview transpose view"},
      {"vector.", "bitcast broadcast compressstore constant_mask contract "
                  "create_mask deinterleave expandload extract "
                  "extract_strided_slice fma from_elements gather insert "
                  "insert_strided_slice interleave load maskedload "
                  "maskedstore multi_reduction outerproduct reduction scatter "
                  "shape_cast shuffle step store to_elements transfer_read "
                  "transfer_write transpose"},
      {"llvm.", "add alloca and ashr bitcast br call call_intrinsic cond_br "
                "extractelement extractvalue fadd fcmp fdiv fmul fneg fpext "
                "fptosi fptoui fptrunc freeze fsub getelementptr icmp "
                "insertelement insertvalue inttoptr load lshr mlir.addressof "
                "mlir.constant mlir.poison mlir.undef mlir.zero mul or "
                "ptrtoint return sdiv select sext shl shufflevector sitofp "
                "srem store sub switch trunc udiv uitofp unreachable urem xor "
                "zext"},
      {"llvm.intr.",
       "abs assume bitreverse bswap ceil copysign ctlz ctpop cttz expect "
       "expect.with.probability experimental.noalias.scope.decl fabs floor "
       "fma fmuladd fshl fshr is.fpclass lifetime.end lifetime.start "
       "masked.compressstore masked.expandload masked.gather masked.load "
       "masked.scatter masked.store maximum maxnum memcpy memmove memset "
       "minimum minnum nearbyint prefetch rint round roundeven sadd.sat smax "
       "smin sqrt ssub.sat trunc uadd.sat umax umin usub.sat "
       "vector.deinterleave2 vector.extract vector.insert vector.interleave2"},
      {"llvm.intr.vector.reduce.",
       "add and fadd fmax fmaximum fmin fminimum fmul mul or smax smin umax "
       "umin xor"},
  };
  static const llvm::StringSet<> set = [] {
    llvm::StringSet<> names;
    for (const Row &row : rows)
      for (StringRef op : llvm::split(row.ops, ' '))
        names.insert((row.prefix + op).str());
    return names;
  }();
  return set;
}

/// What to do instead of an op that has no lowering, where there is an answer.
static StringRef advice(StringRef name) {
  if (name == "memref.alloc" || name == "memref.dealloc" ||
      name == "memref.realloc")
    return "a kernel allocates nothing; use memref.alloca or its scratch";
  if (name == "cf.assert")
    return "a kernel cannot fail; check before the launch";
  if (name == "arith.remf" || name == "llvm.frem")
    return "no processor has it and a kernel calls no library; use x - y * "
           "trunc(x / y)";
  if (name == "math.powf" || name == "math.fpowi" || name == "math.ipowi")
    return "use exp and log, or products";
  return {};
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

/// Code grows with a vector's length: far beyond what registers hold it is a
/// mistake, and would be compiled for minutes.
static constexpr int64_t mostVectorElements = 4096;

static bool isSupportedType(Type type) {
  if (auto vector = dyn_cast<VectorType>(type))
    return !vector.isScalable() &&
           vector.getNumElements() <= mostVectorElements &&
           isSupportedType(vector.getElementType());
  if (auto memref = dyn_cast<MemRefType>(type))
    return memref.isStrided() && !memref.getMemorySpace() &&
           isSupportedType(memref.getElementType());
  if (auto pointer = dyn_cast<LLVM::LLVMPointerType>(type))
    return pointer.getAddressSpace() == 0;
  if (auto integer = dyn_cast<IntegerType>(type))
    return integer.isSignless() && integer.getWidth() >= 1 &&
           integer.getWidth() <= 64;
  if (auto array = dyn_cast<LLVM::LLVMArrayType>(type))
    return isSupportedType(array.getElementType());
  if (auto record = dyn_cast<LLVM::LLVMStructType>(type))
    return !record.isOpaque() &&
           llvm::all_of(record.getBody(), isSupportedType);
  return isa<IndexType, Float16Type, BFloat16Type, Float32Type, Float64Type,
             LLVM::LLVMVoidType, LLVM::LLVMX86AMXType, amx::TileType>(type);
}

static LogicalResult checkType(Operation *op, Type type) {
  if (isSupportedType(type))
    return success();
  return op->emitOpError("uses type ")
         << type
         << ", which a CPU kernel cannot hold; expected index, i1 to i64, f16, "
            "bf16, f32, f64, an LLVM pointer, array or struct, an AMX tile, or "
            "a strided memref or a vector of at most "
         << mostVectorElements << " of these, in the default memory space";
}

static LogicalResult checkTypes(Operation *op) {
  for (Type type : op->getOperandTypes())
    if (failed(checkType(op, type)))
      return failure();
  for (Type type : op->getResultTypes())
    if (failed(checkType(op, type)))
      return failure();
  return success();
}

static LogicalResult checkIsa(Operation *op, const CpuTarget &target) {
  std::optional<IsaNeed> need = isaNeed(op);
  if (!need)
    return success();
  if (!need->known)
    return op->emitOpError(
        "stands for an instruction that no target of moec has");
  if (need->arch == target.arch && target.features.contains(need->features))
    return success();
  return op->emitOpError("needs ")
         << need->features.str() << ", of which target " << target.name()
         << " lacks " << (need->features - target.features).str()
         << "; moe-emulate-isa replaces it, or choose a target that has it";
}

/// LLVM's own ops on 16-bit floats call a library where the target has no
/// conversion; arith ops are expanded.
static LogicalResult checkHalfFloats(Operation *op, const CpuTarget &target) {
  if (!isa<LLVM::FAddOp, LLVM::FSubOp, LLVM::FMulOp, LLVM::FDivOp, LLVM::FNegOp,
           LLVM::FCmpOp, LLVM::FPTruncOp, LLVM::FPExtOp, LLVM::SIToFPOp,
           LLVM::UIToFPOp, LLVM::FPToSIOp, LLVM::FPToUIOp>(op) &&
      !op->getName().getStringRef().starts_with("llvm.intr."))
    return success();
  if (isa<LLVM::MaskedLoadOp, LLVM::MaskedStoreOp, LLVM::masked_gather,
          LLVM::masked_scatter, LLVM::masked_expandload,
          LLVM::masked_compressstore, LLVM::vector_insert, LLVM::vector_extract,
          LLVM::vector_interleave2, LLVM::vector_deinterleave2>(op))
    return success(); // these move bits
  auto lacksConversion = [&](Type type) {
    Type element = getElementTypeOrSelf(type);
    return (element.isBF16() && !target.hasBf16Conversion()) ||
           (element.isF16() && !target.hasF16Conversion());
  };
  for (Type type :
       llvm::concat<const Type>(llvm::to_vector(op->getOperandTypes()),
                                llvm::to_vector(op->getResultTypes())))
    if (lacksConversion(type))
      return op->emitOpError("computes with ")
             << type << ", for which target " << target.name()
             << " has no instruction; the arith op of the same meaning is "
                "expanded";
  return success();
}

static LogicalResult checkAlloca(Operation *op, bool isStatic) {
  if (!isStatic)
    return op->emitOpError("has a size that is not constant; a kernel's frame "
                           "is bounded, use its scratch");
  auto function = op->getParentOfType<FunctionOpInterface>();
  if (op->getBlock() != &function.getFunctionBody().front())
    return op->emitOpError("is outside of the function's entry block; in a "
                           "loop the stack would grow");
  return success();
}

static LogicalResult checkCallee(Operation *op, ModuleOp module,
                                 StringRef callee) {
  auto function = module.lookupSymbol<FunctionOpInterface>(callee);
  if (function && !function.isExternal())
    return success();
  return op->emitOpError("calls '")
         << callee
         << "', which the module does not define; a kernel calls nothing "
            "outside its code image";
}

static LogicalResult checkOp(Operation *op, ModuleOp module,
                             const CpuTarget &target) {
  const StringRef name = op->getName().getStringRef();
  const StringRef dialect = op->getName().getDialectNamespace();
  const StringRef hint = advice(name);
  if (!hint.empty() ||
      (!isWholeDialect(dialect) && !supportedOps().contains(name))) {
    InFlightDiagnostic diag = op->emitOpError("has no CPU lowering");
    if (!hint.empty())
      return diag << ": " << hint;
    return diag << "; kernels are made of func, scf, cf, arith, math, index, "
                   "vector, memref, ub, llvm, amx and x86vector ops";
  }
  if (failed(checkIsa(op, target)) || failed(checkTypes(op)) ||
      failed(checkHalfFloats(op, target)))
    return failure();

  if (dialect == "math" &&
      isListed(polynomialMath, op->getName().stripDialect()) &&
      getElementTypeOrSelf(op->getResult(0).getType()).isF64())
    return op->emitOpError("on f64 has no polynomial; compute in f32");
  if (auto fma = dyn_cast<LLVM::FMAOp>(op); fma && !target.hasFma())
    return op->emitOpError("needs an instruction that target ")
           << target.name() << " lacks; math.fma and vector.fma are expanded";
  if (auto trunc = dyn_cast<arith::TruncFOp>(op))
    if (getElementTypeOrSelf(trunc.getIn()).isF64() &&
        getElementTypeOrSelf(trunc.getType()).getIntOrFloatBitWidth() == 16)
      return op->emitOpError("from f64 to ")
             << getElementTypeOrSelf(trunc.getType())
             << " has no CPU lowering; round to f32 first";
  if (auto trunc = dyn_cast<LLVM::FPTruncOp>(op))
    if (getElementTypeOrSelf(trunc.getArg()).isF64() &&
        !getElementTypeOrSelf(trunc.getType()).isF32())
      return op->emitOpError("from f64 to a 16-bit float has no CPU lowering; "
                             "round to f32 first");
  if (auto copy = dyn_cast<memref::CopyOp>(op))
    for (Value side : {copy.getSource(), copy.getTarget()}) {
      auto type = dyn_cast<MemRefType>(side.getType());
      if (!type || !type.getLayout().isIdentity())
        return op->emitOpError("of ")
               << side.getType()
               << " has no CPU lowering: only contiguous memrefs are copied "
                  "as a block; write the loops";
    }
  if (auto alloca = dyn_cast<memref::AllocaOp>(op))
    return checkAlloca(op, alloca.getType().hasStaticShape());
  if (auto alloca = dyn_cast<LLVM::AllocaOp>(op))
    return checkAlloca(op, isa_and_nonnull<LLVM::ConstantOp>(
                               alloca.getArraySize().getDefiningOp()));
  if (auto call = dyn_cast<func::CallOp>(op))
    return checkCallee(op, module, call.getCallee());
  if (auto call = dyn_cast<LLVM::CallOp>(op)) {
    if (!call.getCallee())
      return op->emitOpError("calls a pointer; a kernel calls functions of its "
                             "module by name");
    return checkCallee(op, module, *call.getCallee());
  }
  return success();
}

/// Attributes that say how a function is compiled (a garbage collector, another
/// target, a section) are ours to set, and could stop LLVM.
static LogicalResult checkAttributes(FunctionOpInterface function) {
  for (NamedAttribute attribute : function->getAttrDictionary()) {
    StringRef name = attribute.getName();
    if (name.contains('.') && !name.starts_with("llvm."))
      continue; // of another dialect, nothing to LLVM
    // LLVM's own attributes: those that steer inlining, and ours.
    auto passed = dyn_cast<ArrayAttr>(attribute.getValue());
    if (name == "passthrough" && passed &&
        llvm::all_of(passed, [](Attribute entry) {
          auto text = dyn_cast<StringAttr>(entry);
          return text && (text == asWrittenAttr ||
                          isListed("alwaysinline noinline norecurse", text));
        }))
      continue;
    if (!isListed("CConv always_inline arg_attrs dso_local function_type "
                  "linkage no_inline no_unwind res_attrs sym_name "
                  "sym_visibility unnamed_addr visibility_ will_return",
                  name))
      return function->emitOpError("has attribute '")
             << name << "' = " << attribute.getValue()
             << ", which a function of kernels cannot have";
  }
  if (auto llvmFunction = dyn_cast<LLVM::LLVMFuncOp>(*function))
    if (llvmFunction.getCConv() != LLVM::CConv::C)
      return function->emitOpError("has another calling convention than C's");
  return success();
}

static LogicalResult checkSignature(FunctionOpInterface function) {
  MLIRContext *context = function.getContext();
  ArrayRef<Type> arguments = function.getArgumentTypes();
  if (function->hasAttr(MoeDialect::kKernelAttr)) {
    Type pointer = LLVM::LLVMPointerType::get(context);
    Type i64 = IntegerType::get(context, 64);
    Type i32 = IntegerType::get(context, 32);
    if (arguments != ArrayRef<Type>{pointer, i64, i64, i32, pointer} ||
        !llvm::all_of(function.getResultTypes(),
                      llvm::IsaPred<LLVM::LLVMVoidType>))
      return function->emitOpError("is a kernel of type ")
             << function.getFunctionType()
             << "; expected (!llvm.ptr, i64, i64, i32, !llvm.ptr) -> ()";
  }
  for (Type type : arguments) {
    if (failed(checkType(function, type)))
      return failure();
    auto memref = dyn_cast<MemRefType>(type);
    if (memref && !(memref.hasStaticShape() && memref.getLayout().isIdentity()))
      return function->emitOpError("takes ")
             << type
             << "; arguments are passed as bare pointers, so a memref needs a "
                "static shape and no layout";
  }
  return success();
}

LogicalResult moe::cpu::checkSupported(ModuleOp module,
                                       const CpuTarget &target) {
  bool ok = true;
  for (Operation &top : *module.getBody()) {
    if (auto global = dyn_cast<memref::GlobalOp>(top))
      if (!global.getConstant() || global.isUninitialized()) {
        global.emitOpError("is not constant; a code image has no data that is "
                           "written");
        ok = false;
      }
    if (auto global = dyn_cast<LLVM::GlobalOp>(top))
      if (!global.getConstant() || global.getThreadLocal_()) {
        global.emitOpError("is not constant; a code image has no data that is "
                           "written");
        ok = false;
      }
    auto function = dyn_cast<FunctionOpInterface>(top);
    if (!function || !isa<func::FuncOp, LLVM::LLVMFuncOp>(top))
      continue;
    ok &= succeeded(checkAttributes(function)) &&
          succeeded(checkSignature(function));
    function.getFunctionBody().walk([&](Operation *op) {
      if (failed(checkOp(op, module, target)))
        ok = false;
      for (Region &region : op->getRegions())
        for (Block &block : region)
          for (Type type : block.getArgumentTypes())
            if (failed(checkType(op, type))) {
              ok = false;
              return;
            }
    });
  }
  return success(ok);
}
