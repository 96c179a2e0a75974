// REQUIRES: cudasim
// RUN: for f in map norm move integers; do moe-run %s --function=$f --random-args=3 --random-weights=1 --executor=cuda-sim --target=sm_80 --check --rtol=1e-5; done | FileCheck %s

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
