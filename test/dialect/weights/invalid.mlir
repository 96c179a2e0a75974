// RUN: moe-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{'moe.param' op expects a static ranked tensor type, got 'tensor<?x4xf32>'}}
moe.param @param_c1_dynamic : tensor<?x4xf32>

// -----

// expected-error @below {{'moe.param' op expects a static ranked tensor type, got 'memref<4xf32>'}}
moe.param @param_c1_no_tensor : memref<4xf32>

// -----

// expected-error @below {{'moe.param' op expects the source to yield 'tensor<4x8xf32>', it yields 'tensor<8x4xf32>'}}
moe.param @param_c2_shape : tensor<4x8xf32> from #moe.source<"w" : 8x4xf32>

// -----

// expected-error @below {{'moe.param' op expects the source to yield 'tensor<8x4xf32>', it yields 'tensor<8x4xbf16>'}}
moe.param @param_c2_type : tensor<8x4xf32> from #moe.source<"w" : 8x4xbf16>

// -----

// expected-error @below {{'moe.param' op expects the source to yield 'tensor<4xf32>', it yields 'tensor<4xf32>' for each expert}}
moe.param @param_c2_expert : tensor<4xf32> from #moe.source<"w.{e}" : 4xf32>

// -----

// expected-error @below {{'moe.param' op expects the source to yield 'tensor<f32>', it yields 'tensor<f32>' for each expert}}
moe.param @param_c2_rank : tensor<f32> from #moe.source<"w.{e}" : f32>

// -----

// expected-error @below {{'moe.param' op has a source that does not apply: transpose expects a permutation of 2 dimensions, got [0, 0]}}
moe.param @source_transpose : tensor<4x4xf32> from #moe.source<"w" : 4x4xf32 transpose [0, 0]>

// -----

// expected-error @below {{'moe.param' op has a source that does not apply: transpose expects a permutation of 2 dimensions, got [9223372036854775807, -1, 0]}}
moe.param @source_transpose_range : tensor<4x4xf32> from #moe.source<"w" : 4x4xf32 transpose [9223372036854775807, -1, 0]>

// -----

// expected-error @below {{'moe.param' op has a source that does not apply: slice expects a dimension below 1, got 1}}
moe.param @source_slice_dimension : tensor<4xf32> from #moe.source<"w" : 4xf32 slice 1 from 0 step 1 size 1>

// -----

// expected-error @below {{'moe.param' op has a source that does not apply: slice from 1 step 2 size 2 does not fit dimension 0 of size 3}}
moe.param @source_slice_end : tensor<2xf32> from #moe.source<"w" : 3xf32 slice 0 from 1 step 2 size 2>

// -----

// expected-error @below {{'moe.param' op has a source that does not apply: slice from -1 step 1 size 1 does not fit dimension 0 of size 3}}
moe.param @source_slice_from : tensor<1xf32> from #moe.source<"w" : 3xf32 slice 0 from -1 step 1 size 1>

// -----

// expected-error @below {{'moe.param' op has a source that does not apply: slice from 0 step 0 size 2 does not fit dimension 0 of size 3}}
moe.param @source_slice_step : tensor<2xf32> from #moe.source<"w" : 3xf32 slice 0 from 0 step 0 size 2>

// -----

// expected-error @below {{'moe.param' op has a source that does not apply: slice from 0 step 9223372036854775807 size 9223372036854775807 does not fit dimension 0 of size 3}}
moe.param @source_slice_overflow : tensor<2xf32> from #moe.source<"w" : 3xf32 slice 0 from 0 step 9223372036854775807 size 9223372036854775807>

// -----

// expected-error @below {{'moe.param' op has a source that does not apply: reshape expects as many elements as the stored tensor has: 12, got 16}}
moe.param @source_reshape : tensor<4x4xf32> from #moe.source<"w" : 12xf32 reshape [4, 4]>

// -----

// expected-error @below {{'moe.param' op has a source that does not apply: reshape must come directly after the stored type}}
moe.param @source_reshape_late : tensor<4x4xf32> from #moe.source<"w" : 4x4xf32 transpose [1, 0] reshape [4, 4]>

// -----

// expected-error @below {{source expects a tensor name, got an empty string}}
moe.param @source_name : tensor<4xf32> from #moe.source<"" : 4xf32>

// -----

// expected-error @below {{source expects at most one {e}, got 'a.{e}.{e}'}}
moe.param @source_two_experts : tensor<4x4xf32> from #moe.source<"a.{e}.{e}" : 4xf32>

// -----

// expected-error @below {{source's stored type has too many elements: 'tensor<4294967296x4294967296xf32>'}}
moe.param @source_size : tensor<4xf32> from #moe.source<"a" : 4294967296x4294967296xf32>

// -----

// expected-error @below {{expected static shape}}
moe.param @source_dynamic : tensor<4xf32> from #moe.source<"a" : ?xf32>

// -----

// expected-error @below {{invalid element type 'none'}}
moe.param @source_element : tensor<4xf32> from #moe.source<"a" : 4xnone>

// -----

// expected-error @below {{expected '>'}}
moe.param @source_step : tensor<4xf32> from #moe.source<"a" : 4xf32 rotate 1>

// -----

func.func @load_param_c1_unknown() {
  // expected-error @below {{'moe.load_param' op expects a moe.param named @w}}
  %w = moe.load_param @w : tensor<4xf32>
  return
}

// -----

func.func @load_param_c1_no_param() {
  // expected-error @below {{'moe.load_param' op expects a moe.param named @load_param_c1_no_param}}
  %w = moe.load_param @load_param_c1_no_param : tensor<4xf32>
  return
}

// -----

moe.param @w : tensor<4xf32>
func.func @load_param_c1_type() {
  // expected-error @below {{'moe.load_param' op expects the type of @w, 'tensor<4xf32>', got 'tensor<4xbf16>'}}
  %w = moe.load_param @w : tensor<4xbf16>
  return
}

// -----

func.func @assume_c1_order(%d: index) {
  // expected-error @below {{'moe.assume' op expects 0 <= lo <= hi, got [5, 4]}}
  %t = moe.assume %d in [5, 4]
  return
}

// -----

func.func @assume_c1_negative(%d: index) {
  // expected-error @below {{'moe.assume' op expects 0 <= lo <= hi, got [-1, 4]}}
  %t = moe.assume %d in [-1, 4]
  return
}

// -----

//===----------------------------------------------------------------------===//
// The dialect's attributes on functions, modules and other ops
//===----------------------------------------------------------------------===//

// expected-error @below {{moe.bounds expects a dictionary on a function, such as {T = 4096}}}
func.func private @bounds_kind() attributes {moe.bounds = 4096}

// -----

// expected-error @below {{moe.bounds expects a dictionary on a function, such as {T = 4096}}}
module attributes {moe.bounds = {T = 4096}} {}

// -----

// expected-error @below {{moe.bounds expects 1 to 2147483648 for "T", got 0 : i64}}
func.func private @bounds_low() attributes {moe.bounds = {T = 0}}

// -----

// expected-error @below {{moe.bounds expects 1 to 2147483648 for "T", got 2147483649 : i64}}
func.func private @bounds_high() attributes {moe.bounds = {T = 2147483649}}

// -----

// expected-error @below {{moe.bounds expects 1 to 2147483648 for "T", got 18446744073709551621 : i128}}
func.func private @bounds_width() attributes {moe.bounds = {T = 18446744073709551621 : i128}}

// -----

// expected-error @below {{moe.bounds expects 1 to 2147483648 for "T", got "many"}}
func.func private @bounds_text() attributes {moe.bounds = {T = "many"}}

// -----

// expected-error @below {{moe.plan expects a plan, got 5 : i32}}
func.func private @plan() attributes {moe.plan = 5 : i32}

// -----

// expected-error @below {{moe.target expects a target, got "gpu"}}
module attributes {moe.target = "gpu"} {}

// -----

// expected-error @below {{moe.decisions expects an array of #moe.decision}}
func.func private @decisions() attributes {moe.decisions = ["none"]}

// -----

// expected-error @below {{moe.determinism expects "row" or "none", got "some"}}
module attributes {moe.determinism = "some"} {}

// -----

// expected-error @below {{moe.disable expects an array of 'moe-raise-layers', 'moe-raise-routes', 'moe-simplify-layers', 'moe-fuse-gather', 'moe-fuse-epilogue', 'moe-dedupe-kernels', 'moe-plan-memory', got ["moe-fuse"]}}
module attributes {moe.disable = ["moe-fuse"]} {}

// -----

// expected-error @below {{moe.fast expects "none" or "approx", got "yes"}}
module attributes {moe.fast = "yes"} {}

// -----

// expected-error @below {{moe.kernel expects a unit on a function, got 1 : i32}}
func.func private @kernel() attributes {moe.kernel = 1 : i32}

// -----

// expected-error @below {{unknown attribute "moe.nothing" of the moe dialect}}
func.func private @unknown() attributes {moe.nothing}

// -----

// expected-error @below {{moe.name expects a string, got 1 : i32}}
func.func private @argument_name(tensor<4xf32> {moe.name = 1 : i32})

// -----

// expected-error @below {{moe.dims expects one name a dimension of argument 1, got ["T"]}}
func.func private @argument_dims(f32, tensor<?x4xf32> {moe.dims = ["T"]})

// -----

// expected-error @below {{moe.dims expects one name a dimension of argument 0, got ["T"]}}
func.func private @argument_dims_scalar(f32 {moe.dims = ["T"]})

// -----

// expected-error @below {{moe.dims expects one name a dimension of argument 0, got [1]}}
func.func private @argument_dims_text(tensor<?xf32> {moe.dims = [1]})

// -----

// expected-error @below {{moe.source expects a #moe.source, got "w"}}
func.func private @argument_source(tensor<4xf32> {moe.source = "w"})

// -----

// expected-error @below {{unknown attribute "moe.nothing" on argument 0}}
func.func private @argument_unknown(tensor<4xf32> {moe.nothing})

// -----

// expected-error @below {{moe.name expects a string, got 1 : i32}}
func.func private @result_name() -> (tensor<4xf32> {moe.name = 1 : i32})

// -----

// expected-error @below {{unknown attribute "moe.dims" on result 0}}
func.func private @result_unknown() -> (tensor<4xf32> {moe.dims = ["T"]})
