// REQUIRES: cudasim
// RUN: for f in map norm move integers reshape made reduce scalars product; do moe-run %s --function=$f --random-args=3 --random-weights=1 --executor=cuda-sim --target=sm_80 --check --rtol=1e-5; done | FileCheck %s

// Ordinary ops as CUDA kernels: what they give under the simulator is what the
// interpreter gives.

// CHECK: run against the reference: {{.*}} ok
// CHECK-NEXT: kernels: activate_sm_80, tanh_sm_80, extf_sm_80, addf_sm_80, truncf_sm_80
// CHECK: run against the reference: {{.*}} ok
// CHECK-NEXT: kernels: generic_sm_80, generic_sm_80_0
// CHECK: run against the reference: {{.*}} ok
// CHECK-NEXT: kernels: concat_sm_80, transpose_sm_80, extract_slice_sm_80, insert_slice_sm_80, pad_sm_80
// CHECK: run against the reference: {{.*}} ok
// CHECK-NEXT: kernels: ori_sm_80,
// CHECK-COUNT-5: run against the reference: {{.*}} ok

func.func @map(%x: tensor<?x40xf32>, %y: tensor<?x40xbf16>) -> (tensor<?x40xf32>, tensor<?x40xbf16>) {
  %a = moe.activate gelu(%x) : (tensor<?x40xf32>) -> tensor<?x40xf32>
  %e = math.tanh %y : tensor<?x40xbf16>
  %w = arith.extf %e : tensor<?x40xbf16> to tensor<?x40xf32>
  %s = arith.addf %a, %w : tensor<?x40xf32>
  %t = arith.truncf %s : tensor<?x40xf32> to tensor<?x40xbf16>
  return %s, %t : tensor<?x40xf32>, tensor<?x40xbf16>
}
func.func @norm(%x: tensor<?x72xf32>, %g: tensor<72xf32>) -> tensor<?x72xf32> {
  %c0 = arith.constant 0 : index
  %t = tensor.dim %x, %c0 : tensor<?x72xf32>
  %zero = arith.constant 0.0 : f32
  %n = arith.constant 72.0 : f32
  %eps = arith.constant 1.0e-6 : f32
  %e1 = tensor.empty(%t) : tensor<?xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e1 : tensor<?xf32>) -> tensor<?xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<?x72xf32>) outs(%z : tensor<?xf32>) {
  ^bb0(%a: f32, %s: f32):
    %q = arith.mulf %a, %a : f32
    %r = arith.addf %s, %q : f32
    linalg.yield %r : f32
  } -> tensor<?xf32>
  %e2 = tensor.empty(%t) : tensor<?x72xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum, %g : tensor<?x72xf32>, tensor<?xf32>, tensor<72xf32>) outs(%e2 : tensor<?x72xf32>) {
  ^bb0(%a: f32, %s: f32, %w: f32, %o: f32):
    %m = arith.divf %s, %n : f32
    %me = arith.addf %m, %eps : f32
    %r = math.rsqrt %me : f32
    %p = arith.mulf %a, %r : f32
    %q = arith.mulf %p, %w : f32
    linalg.yield %q : f32
  } -> tensor<?x72xf32>
  return %y : tensor<?x72xf32>
}
func.func @move(%x: tensor<12x20xf32>, %y: tensor<4x20xf32>) -> (tensor<20x16xf32>, tensor<5x8xf32>, tensor<14x22xf32>) {
  %zero = arith.constant -3.0 : f32
  %c = tensor.concat dim(0) %x, %y : (tensor<12x20xf32>, tensor<4x20xf32>) -> tensor<16x20xf32>
  %e = tensor.empty() : tensor<20x16xf32>
  %t = linalg.transpose ins(%c : tensor<16x20xf32>) outs(%e : tensor<20x16xf32>) permutation = [1, 0]
  %s = tensor.extract_slice %x[1, 2] [5, 8] [2, 2] : tensor<12x20xf32> to tensor<5x8xf32>
  %i = tensor.insert_slice %s into %x[3, 5] [5, 8] [1, 1] : tensor<5x8xf32> into tensor<12x20xf32>
  %p = tensor.pad %i low[1, 0] high[1, 2] {
  ^bb0(%a: index, %b: index):
    tensor.yield %zero : f32
  } : tensor<12x20xf32> to tensor<14x22xf32>
  return %t, %s, %p : tensor<20x16xf32>, tensor<5x8xf32>, tensor<14x22xf32>
}
func.func @integers(%a: tensor<37xi32>, %b: tensor<37xi32>) -> (tensor<37xi32>, tensor<37xi32>, tensor<37xf32>) {
  %one = arith.constant dense<1> : tensor<37xi32>
  %m = arith.ori %b, %one : tensor<37xi32>
  %d = arith.divui %a, %m : tensor<37xi32>
  %s = arith.muli %a, %b : tensor<37xi32>
  %x = arith.maxui %d, %s : tensor<37xi32>
  %f = arith.sitofp %s : tensor<37xi32> to tensor<37xf32>
  %c = arith.cmpi slt, %a, %b : tensor<37xi32>
  %y = arith.select %c, %x, %s : tensor<37xi1>, tensor<37xi32>
  return %x, %y, %f : tensor<37xi32>, tensor<37xi32>, tensor<37xf32>
}
func.func @reshape(%x: tensor<6x8xf32>) -> (tensor<2x3x8xf32>, tensor<48xf32>, tensor<4x12xf32>) {
  %e = tensor.expand_shape %x [[0, 1], [2]] output_shape [2, 3, 8] : tensor<6x8xf32> into tensor<2x3x8xf32>
  %c = tensor.collapse_shape %x [[0, 1]] : tensor<6x8xf32> into tensor<48xf32>
  %s = arith.constant dense<[4, 12]> : tensor<2xi64>
  %r = tensor.reshape %x(%s) : (tensor<6x8xf32>, tensor<2xi64>) -> tensor<4x12xf32>
  return %e, %c, %r : tensor<2x3x8xf32>, tensor<48xf32>, tensor<4x12xf32>
}
func.func @made(%x: tensor<?x7xf32>) -> (tensor<5x7xf32>, tensor<?x7xi32>, tensor<3xf64>) {
  %c0 = arith.constant 0 : index
  %t = tensor.dim %x, %c0 : tensor<?x7xf32>
  %g = tensor.generate {
  ^bb0(%i: index, %j: index):
    %s = arith.addi %i, %j : index
    %n = arith.index_cast %s : index to i64
    %f = arith.sitofp %n : i64 to f32
    tensor.yield %f : f32
  } : tensor<5x7xf32>
  %e = tensor.empty(%t) : tensor<?x7xi32>
  %k = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x7xf32>) outs(%e : tensor<?x7xi32>) {
  ^bb0(%a: f32, %o: i32):
    %j = linalg.index 1 : index
    %n = arith.index_cast %j : index to i32
    %z = arith.constant 0.0 : f32
    %p = arith.cmpf ogt, %a, %z : f32
    %m = arith.constant -5 : i32
    %r = arith.select %p, %n, %m : i32
    linalg.yield %r : i32
  } -> tensor<?x7xi32>
  %d = arith.constant dense<[1.5, -2.25, 1.0e100]> : tensor<3xf64>
  %q = arith.mulf %d, %d : tensor<3xf64>
  return %g, %k, %q : tensor<5x7xf32>, tensor<?x7xi32>, tensor<3xf64>
}
func.func @reduce(%x: tensor<?x50xf32>, %n: tensor<?x50xi32>) -> (tensor<?xf32>, tensor<?xi32>, tensor<50xf32>) {
  %c0 = arith.constant 0 : index
  %t = tensor.dim %x, %c0 : tensor<?x50xf32>
  %lo = arith.constant 0xFF800000 : f32
  %one = arith.constant 1.0 : f32
  %zero = arith.constant 0 : i32
  %e1 = tensor.empty(%t) : tensor<?xf32>
  %i1 = linalg.fill ins(%lo : f32) outs(%e1 : tensor<?xf32>) -> tensor<?xf32>
  %m = linalg.reduce ins(%x : tensor<?x50xf32>) outs(%i1 : tensor<?xf32>) dimensions = [1]
    (%a: f32, %b: f32) { %c = arith.maximumf %a, %b : f32 linalg.yield %c : f32 }
  %e2 = tensor.empty(%t) : tensor<?xi32>
  %i2 = linalg.fill ins(%zero : i32) outs(%e2 : tensor<?xi32>) -> tensor<?xi32>
  %s = linalg.reduce ins(%n : tensor<?x50xi32>) outs(%i2 : tensor<?xi32>) dimensions = [1]
    (%a: i32, %b: i32) { %c = arith.addi %a, %b : i32 linalg.yield %c : i32 }
  %e3 = tensor.empty() : tensor<50xf32>
  %i3 = linalg.fill ins(%one : f32) outs(%e3 : tensor<50xf32>) -> tensor<50xf32>
  %k = linalg.reduce ins(%x : tensor<?x50xf32>) outs(%i3 : tensor<50xf32>) dimensions = [0]
    (%a: f32, %b: f32) { %c = arith.addf %a, %b : f32 linalg.yield %c : f32 }
  return %m, %s, %k : tensor<?xf32>, tensor<?xi32>, tensor<50xf32>
}
func.func @scalars(%x: tensor<41xf32>, %y: tensor<41xf32>, %h: tensor<41xf16>) -> (tensor<41xf32>, tensor<41xf32>, tensor<41xf32>, tensor<41xf16>, tensor<41xi1>) {
  %a = math.absf %x : tensor<41xf32>
  %s = math.sqrt %a : tensor<41xf32>
  %c = math.copysign %s, %y : tensor<41xf32>
  %f = math.fma %x, %y, %c : tensor<41xf32>
  %r = math.roundeven %f : tensor<41xf32>
  %e = math.erf %x : tensor<41xf32>
  %l = math.log1p %a : tensor<41xf32>
  %g = arith.divf %e, %l : tensor<41xf32>
  %t = math.tanh %h : tensor<41xf16>
  %n = arith.negf %t : tensor<41xf16>
  %p = arith.cmpf ult, %x, %y : tensor<41xf32>
  %q = arith.cmpf one, %a, %y : tensor<41xf32>
  %b = arith.xori %p, %q : tensor<41xi1>
  return %f, %r, %g, %n, %b : tensor<41xf32>, tensor<41xf32>, tensor<41xf32>, tensor<41xf16>, tensor<41xi1>
}
func.func @product(%x: tensor<?x12xf32>, %w: tensor<12x9xf32>) -> tensor<?x9xf32> {
  %c0 = arith.constant 0 : index
  %z = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c0 : tensor<?x12xf32>
  %e = tensor.empty(%t) : tensor<?x9xf32>
  %i = linalg.fill ins(%z : f32) outs(%e : tensor<?x9xf32>) -> tensor<?x9xf32>
  %y = linalg.matmul ins(%x, %w : tensor<?x12xf32>, tensor<12x9xf32>) outs(%i : tensor<?x9xf32>) -> tensor<?x9xf32>
  return %y : tensor<?x9xf32>
}
