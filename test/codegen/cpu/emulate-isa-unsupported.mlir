// RUN: moe-opt %s --split-input-file --verify-diagnostics --moe-emulate-isa=target=x86-64-v3

func.func @wide(%a: vector<8xf64>, %m: i8, %r: i32, %x: vector<16xf32>, %k: i16) {
  %near = arith.constant 4 : i32
  // expected-error @below {{'x86vector.avx512.mask.scalef' op needs avx512f, which target x86-64-v3 lacks, and has no emulation}}
  %0 = x86vector.avx512.mask.scalef %a, %a, %a, %m, %near : vector<8xf64>
  // A rounding that is not known.
  // expected-error @below {{'x86vector.avx512.mask.rndscale' op needs avx512f, which target x86-64-v3 lacks, and has no emulation}}
  %1 = x86vector.avx512.mask.rndscale %x, %r, %x, %k, %near : vector<16xf32>
  return
}

// -----

func.func @unknown(%a: vector<16xi32>, %w: vector<8xi32>, %b: vector<32xi8>) {
  // expected-error @below {{'x86vector.avx512.vp2intersect' op stands for an instruction that no target of moec has, and has no emulation}}
  %k, %l = x86vector.avx512.vp2intersect %a, %a : vector<16xi32>
  // expected-error @below {{'x86vector.avx.dot.i8' op stands for an instruction that no target of moec has, and has no emulation}}
  %d = x86vector.avx.dot.i8 %w, %b, %b : vector<32xi8> -> vector<8xi32>
  return
}

// -----

// expected-error @below {{'func.func' op passes an AMX tile on; only amx and scf ops may where tiles are emulated}}
func.func private @helper(!amx.tile<16x16xf32>)
func.func @passes() {
  %t = amx.tile_zero : !amx.tile<16x16xf32>
  // expected-error @below {{'func.call' op passes an AMX tile on; only amx and scf ops may where tiles are emulated}}
  func.call @helper(%t) : (!amx.tile<16x16xf32>) -> ()
  return
}
