// RUN: moe-opt %s --split-input-file --verify-diagnostics --moe-to-llvm=target=x86-64-v2

// expected-error @below {{'func.func' op is a kernel of type '(!llvm.ptr) -> ()'; expected (!llvm.ptr, i64, i64, i32, !llvm.ptr) -> ()}}
func.func @signature(%args: !llvm.ptr) attributes {moe.kernel} {
  return
}

// -----

func.func @tensors(%x: f32) {
  // expected-error @below {{'tensor.empty' op has no CPU lowering; kernels are made of func, scf, cf, arith, math, index, vector, memref, ub, llvm, amx and x86vector ops}}
  %t = tensor.empty() : tensor<4xf32>
  return
}

// -----

// Each op that cannot be lowered is reported, not only the first.
func.func @advice(%x: f32, %y: f32, %c: i1) {
  // expected-error @below {{'memref.alloc' op has no CPU lowering: a kernel allocates nothing; use memref.alloca or its scratch}}
  %m = memref.alloc() : memref<4xf32>
  // expected-error @below {{'cf.assert' op has no CPU lowering: a kernel cannot fail; check before the launch}}
  cf.assert %c, "no"
  // expected-error @below {{'arith.remf' op has no CPU lowering: no processor has it and a kernel calls no library; use x - y * trunc(x / y)}}
  %r = arith.remf %x, %y : f32
  // expected-error @below {{'math.powf' op has no CPU lowering: use exp and log, or products}}
  %p = math.powf %x, %y : f32
  return
}

// -----

func.func @float8(%x: i8) {
  // expected-error @below {{'arith.bitcast' op uses type 'f8E4M3FN', which a CPU kernel cannot hold}}
  %f = arith.bitcast %x : i8 to f8E4M3FN
  return
}

// -----

func.func @wide(%x: i32) {
  // expected-error @below {{'arith.extsi' op uses type 'i128', which a CPU kernel cannot hold; expected index, i1 to i64, f16, bf16, f32, f64, an LLVM pointer, array or struct, an AMX tile, or a strided memref or a vector of at most 4096 of these, in the default memory space}}
  %y = arith.extsi %x : i32 to i128
  return
}

// -----

// expected-error @below {{'func.func' op uses type 'vector<[4]xf32>', which a CPU kernel cannot hold}}
func.func private @scalable(%x: vector<[4]xf32>) {
  return
}

// -----

// expected-error @below {{'func.func' op takes 'memref<?xf32>'; arguments are passed as bare pointers, so a memref needs a static shape and no layout}}
func.func private @dynamic(%x: memref<?xf32>) {
  return
}

// -----

func.func @isa(%x: vector<16xf32>, %m: i16, %r: i32) {
  // expected-error @below {{'x86vector.avx512.mask.scalef' op needs avx512f, of which target x86-64-v2 lacks avx512f; moe-emulate-isa replaces it, or choose a target that has it}}
  %y = x86vector.avx512.mask.scalef %x, %x, %x, %m, %r : vector<16xf32>
  // expected-error @below {{'amx.tile_zero' op needs amx_tile, of which target x86-64-v2 lacks amx_tile; moe-emulate-isa replaces it, or choose a target that has it}}
  %t = amx.tile_zero : !amx.tile<16x16xf32>
  return
}

// -----

func.func @intrinsics(%x: vector<8xi32>, %p: vector<8xf32>) {
  // expected-error @below {{'llvm.call_intrinsic' op needs avx2, of which target x86-64-v2 lacks avx2; moe-emulate-isa replaces it, or choose a target that has it}}
  %y = llvm.call_intrinsic "llvm.x86.avx2.permd"(%x, %x) : (vector<8xi32>, vector<8xi32>) -> vector<8xi32>
  // expected-error @below {{'llvm.call_intrinsic' op stands for an instruction that no target of moec has}}
  %z = llvm.call_intrinsic "llvm.x86.xop.vpcomd"(%x, %x) : (vector<8xi32>, vector<8xi32>) -> vector<8xi32>
  return
}

// -----

func.func @halves(%x: vector<8xf32>, %h: vector<8xbf16>, %d: f64) {
  // expected-error @below {{'llvm.fptrunc' op computes with 'vector<8xbf16>', for which target x86-64-v2 has no instruction; the arith op of the same meaning is expanded}}
  %y = llvm.fptrunc %x : vector<8xf32> to vector<8xbf16>
  // expected-error @below {{'llvm.fadd' op computes with 'vector<8xbf16>', for which target x86-64-v2 has no instruction; the arith op of the same meaning is expanded}}
  %z = llvm.fadd %h, %h : vector<8xbf16>
  // expected-error @below {{'arith.truncf' op from f64 to 'bf16' has no CPU lowering; round to f32 first}}
  %t = arith.truncf %d : f64 to bf16
  return
}

// -----

func.func @fused(%x: f32, %d: f64) {
  // expected-error @below {{'llvm.intr.fma' op needs an instruction that target x86-64-v2 lacks; math.fma and vector.fma are expanded}}
  %y = llvm.intr.fma(%x, %x, %x) : (f32, f32, f32) -> f32
  // expected-error @below {{'math.exp' op on f64 has no polynomial; compute in f32}}
  %e = math.exp %d : f64
  return
}

// -----

func.func private @outside(f32) -> f32
func.func @calls(%x: f32, %f: !llvm.ptr) {
  // expected-error @below {{'func.call' op calls 'outside', which the module does not define; a kernel calls nothing outside its code image}}
  %y = func.call @outside(%x) : (f32) -> f32
  // expected-error @below {{'llvm.call' op calls a pointer; a kernel calls functions of its module by name}}
  llvm.call %f(%x) : !llvm.ptr, (f32) -> ()
  return
}

// -----

func.func @stack(%n: index, %end: i64) {
  // expected-error @below {{'memref.alloca' op has a size that is not constant; a kernel's frame is bounded, use its scratch}}
  %m = memref.alloca(%n) : memref<?xf32>
  %one = arith.constant 1 : i64
  scf.for %i = %one to %end step %one : i64 {
    // expected-error @below {{'memref.alloca' op is outside of the function's entry block; in a loop the stack would grow}}
    %s = memref.alloca() : memref<4xf32>
  }
  return
}

// -----

func.func @copies(%x: memref<4x8xf32>, %y: memref<4x4xf32>) {
  %s = memref.subview %x[0, 0] [4, 4] [1, 1] : memref<4x8xf32> to memref<4x4xf32, strided<[8, 1]>>
  // expected-error @below {{'memref.copy' op of 'memref<4x4xf32, strided<[8, 1]>>' has no CPU lowering: only contiguous memrefs are copied as a block; write the loops}}
  memref.copy %s, %y : memref<4x4xf32, strided<[8, 1]>> to memref<4x4xf32>
  return
}

// -----

// expected-error @below {{'memref.global' op is not constant; a code image has no data that is written}}
memref.global "private" @state : memref<4xf32>
// expected-error @below {{'llvm.mlir.global' op is not constant; a code image has no data that is written}}
llvm.mlir.global internal @counter(0 : i64) : i64

// -----

func.func @casts(%x: i64) -> i64 {
  // expected-error @below {{'builtin.unrealized_conversion_cast' op is left after lowering: nothing turns 'i64' into '!llvm.ptr'}}
  %p = builtin.unrealized_conversion_cast %x : i64 to !llvm.ptr
  %v = llvm.load %p : !llvm.ptr -> i64
  return %v : i64
}

// -----

// expected-error @below {{'func.func' op uses type 'vector<8192xf32>', which a CPU kernel cannot hold}}
func.func private @long(%x: vector<8192xf32>) {
  return
}
// expected-error @below {{'func.func' op uses type '!llvm.ptr<256>', which a CPU kernel cannot hold}}
func.func private @segment(%x: !llvm.ptr<256>) {
  return
}
// expected-error @below {{'func.func' op uses type 'memref<4xf32, 1>', which a CPU kernel cannot hold}}
func.func private @space(%x: memref<4xf32, 1>) {
  return
}

// -----

// expected-error @below {{'llvm.func' op has attribute 'garbageCollector' = "statepoint-example", which a function of kernels cannot have}}
llvm.func @collected() attributes {garbageCollector = "statepoint-example"} {
  llvm.return
}
// expected-error @below {{'func.func' op has attribute 'passthrough' = ["noinline", ["target-features", "+avx512f"]], which a function of kernels cannot have}}
func.func private @passed() attributes {passthrough = ["noinline", ["target-features", "+avx512f"]]} {
  return
}
// These steer inlining, and pass.
func.func private @inlining() attributes {passthrough = ["noinline", "norecurse"]} {
  return
}
// expected-error @below {{'llvm.func' op has another calling convention than C's}}
llvm.func fastcc @fast() {
  llvm.return
}
