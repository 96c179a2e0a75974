// A function that computes nothing runs like any other: a program of copies,
// with no code in its package; and one without weights is checked without any.
// RUN: moe-run %s --function=same --random-args=1 --executor=cpu --check | FileCheck %s
// RUN: %if cudasim %{ moe-run %s --function=same --random-args=1 --executor=cuda-sim --check | FileCheck %s %}
// CHECK: against the reference:  result0 0.0e+00  ok
// CHECK-NEXT: kernels:{{ *$}}
// RUN: moe-run %s --function=twice --random-args=1 --check --check-phases | FileCheck %s --check-prefix=TWICE
// TWICE: against the reference:  result0 0.0e+00  ok
// TWICE: plan error 0.00e+00
func.func @same(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  return %x : tensor<4x8xf32>
}
func.func @twice(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = arith.addf %x, %x : tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}
