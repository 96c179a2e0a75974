// RUN: rm -rf %t && mkdir %t
// RUN: env MOE_DUMP_DIR=%t %error 1 moe-compile %s --from=exec --target=sm_80 --emit=cubin -o %t/k.cubin | FileCheck %s
// RUN: cat %t/moec-reproducer-*.cu | FileCheck %s --check-prefix=TEXT

// A text that NVRTC does not compile: its log's first error, and the text to go
// with it. (A kernel by the name of a namespace of device code.)

// CHECK: error: E0405: NVRTC does not compile 'kernels.cu' for sm_80: kernels.cu({{[0-9]+}}): error: "sizes" has already been declared in the current scope; the text is in 'moec-reproducer-{{[0-9-]+}}.cu'
// TEXT: sizes(const bf16 *x0, bf16 *y0, i64 d0, i64 tasks) {

module attributes {moe.target = #moe_cuda.target<name = "sm_80">} {
  moe_exec.program @f dims(%T: index {name = "T", bound = 4096})
      inputs(%x: memref<?x64xbf16> {name = "x", dims = ["T", "64"]})
      outputs(%y: memref<?x64xbf16> {name = "y", dims = ["T", "64"]}) {
    moe_exec.launch @sizes tasks affine_map<(d0) -> (d0)> args(%x, %y) : memref<?x64xbf16>, memref<?x64xbf16>
  }
  moe_exec.kernel @sizes(%x: tensor<?x64xbf16>) -> tensor<?x64xbf16>
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
    %e = math.exp %x : tensor<?x64xbf16>
    %y = arith.addf %e, %x : tensor<?x64xbf16>
    moe_exec.return %y : tensor<?x64xbf16>
  }
}
