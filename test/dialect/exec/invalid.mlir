// RUN: moe-opt %s -split-input-file -verify-diagnostics

//===----------------------------------------------------------------------===//
// moe_exec.program
//===----------------------------------------------------------------------===//

// expected-error @below {{'moe_exec.program' op expects a 'name' on every dimension, input and output}}
moe_exec.program @program_name dims(%T: index {bound = 4}) inputs() outputs() {
}

// -----

// expected-error @below {{'moe_exec.program' op expects a 'name' on every dimension, input and output}}
"moe_exec.program"() <{sym_name = "program_attributes", num_dims = 0 : i64, num_inputs = 1 : i64, arg_attrs = [5 : i32]}> ({
^bb0(%x: memref<4xf32>):
  "moe_exec.end"() : () -> ()
}) : () -> ()

// -----

// expected-error @below {{'moe_exec.program' op expects 1 block arguments to begin with the dimensions and inputs, got -1 and 2}}
"moe_exec.program"() <{sym_name = "program_counts", num_dims = -1 : i64, num_inputs = 2 : i64, arg_attrs = [{name = "T", bound = 4 : i64}]}> ({
^bb0(%t: index):
  "moe_exec.end"() : () -> ()
}) : () -> ()

// -----

// expected-error @below {{'moe_exec.program' op expects 1 block arguments to begin with the dimensions and inputs, got 1 and 9223372036854775807}}
"moe_exec.program"() <{sym_name = "program_counts_high", num_dims = 1 : i64, num_inputs = 9223372036854775807 : i64, arg_attrs = [{name = "T", bound = 4 : i64}]}> ({
^bb0(%t: index):
  "moe_exec.end"() : () -> ()
}) : () -> ()

// -----

// expected-error @below {{'moe_exec.program' op expects one attribute dictionary a block argument, got 0 for 1}}
"moe_exec.program"() <{sym_name = "program_dictionaries", num_dims = 1 : i64, num_inputs = 0 : i64, arg_attrs = []}> ({
^bb0(%t: index):
  "moe_exec.end"() : () -> ()
}) : () -> ()

// -----

// expected-error @below {{'moe_exec.program' op expects dimension 0 to be an index with a bound of at least 1}}
moe_exec.program @program_c1_bound dims(%T: index {name = "T", bound = 0}) inputs() outputs() {
}

// -----

// expected-error @below {{'moe_exec.program' op expects dimension 0 to be an index with a bound of at least 1}}
moe_exec.program @program_c1_no_bound dims(%T: index {name = "T"}) inputs() outputs() {
}

// -----

// expected-error @below {{'moe_exec.program' op expects dimension 0 to be an index with a bound of at least 1}}
moe_exec.program @program_c1_wide dims(%T: index {name = "T", bound = 18446744073709551617 : i128}) inputs() outputs() {
}

// -----

// expected-error @below {{'moe_exec.program' op expects dimension 0 to be an index with a bound of at least 1}}
moe_exec.program @program_c1_type dims(%T: i64 {name = "T", bound = 4}) inputs() outputs() {
}

// -----

// expected-error @below {{'moe_exec.program' op has two dimensions named 'T'}}
moe_exec.program @program_c1_twice dims(%T: index {name = "T", bound = 4}, %S: index {name = "T", bound = 4}) inputs() outputs() {
}

// -----

// expected-error @below {{'moe_exec.program' op expects buffer 'x' to be a contiguous memref of integers or floats, got 'tensor<4xf32>'}}
moe_exec.program @program_c2_tensor dims() inputs(%x: tensor<4xf32> {name = "x", dims = ["4"]}) outputs() {
}

// -----

// expected-error @below {{'moe_exec.program' op expects buffer 'x' to be a contiguous memref of integers or floats, got 'memref<4xf32, strided<[2]>>'}}
moe_exec.program @program_c2_layout dims() inputs(%x: memref<4xf32, strided<[2]>> {name = "x", dims = ["4"]}) outputs() {
}

// -----

// expected-error @below {{'moe_exec.program' op expects buffer 'x' to be a contiguous memref of integers or floats, got 'memref<4xindex>'}}
moe_exec.program @program_c2_element dims() inputs(%x: memref<4xindex> {name = "x", dims = ["4"]}) outputs() {
}

// -----

// expected-error @below {{'moe_exec.program' op expects 'dims' with one name a dimension of 'x'}}
moe_exec.program @program_c2_dims dims() inputs(%x: memref<4x4xf32> {name = "x", dims = ["4"]}) outputs() {
}

// -----

// expected-error @below {{'moe_exec.program' op expects 'dims' with one name a dimension of 'x'}}
moe_exec.program @program_c2_names dims() inputs(%x: memref<4xf32> {name = "x", dims = [4]}) outputs() {
}

// -----

// expected-error @below {{'moe_exec.program' op expects dimension 0 of 'y' to be one of the program's, got "S"}}
moe_exec.program @program_c2_unknown dims(%T: index {name = "T", bound = 16}) inputs() outputs(%y: memref<?xf32> {name = "y", dims = ["S"]}) {
}

// -----

// expected-error @below {{'moe_exec.program' op expects at most one workspace}}
moe_exec.program @program_c3 dims() inputs() outputs() {
  moe_exec.workspace size affine_map<() -> (64)>
  moe_exec.workspace size affine_map<() -> (64)>
}

// -----

moe_exec.program @program_c4 dims(%T: index {name = "T", bound = 16}) inputs() outputs() {
  moe_exec.switch %T [] {
    // expected-error @below {{'arith.constant' op is not a step; expects ops of moe_exec in a program}}
    %c = arith.constant 1 : i32
  }
}

// -----

// expected-error @below {{expected 'outputs'}}
moe_exec.program @program_assembly dims(%T: index {name = "T", bound = 16}) inputs() {
}

// -----

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

moe_exec.program @workspace_c1 dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  // expected-error @below {{'moe_exec.workspace' op expects 'size' to map the 1 dimensions of the program to one value, got affine_map<(d0, d1) -> (d0)>}}
  moe_exec.workspace size affine_map<(d0, d1) -> (d0)>
}

// -----

moe_exec.program @workspace_c1_results dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  // expected-error @below {{'moe_exec.workspace' op expects 'size' to map the 1 dimensions of the program to one value, got affine_map<(d0) -> (d0, d0)>}}
  moe_exec.workspace size affine_map<(d0) -> (d0, d0)>
}

// -----

moe_exec.program @workspace_c1_symbol dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  // expected-error @below {{'moe_exec.workspace' op expects 'size' to map the 1 dimensions of the program to one value, got affine_map<(d0)[s0] -> (s0)>}}
  moe_exec.workspace size affine_map<(d0)[s0] -> (s0)>
}

// -----

moe_exec.program @workspace_c1_divisor dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  // expected-error @below {{'moe_exec.workspace' op expects 'size' to divide by positive numbers, got affine_map<(d0) -> (d0 floordiv 0)>}}
  moe_exec.workspace size affine_map<(d0) -> (d0 floordiv 0)>
}

// -----

moe_exec.program @slice_c1_offset dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  %ws = moe_exec.workspace size affine_map<(d0) -> (d0)>
  // expected-error @below {{'moe_exec.slice' op expects 'offset' to map the 1 dimensions of the program to one value, got affine_map<() -> (0)>}}
  moe_exec.slice %ws offset affine_map<() -> (0)> bytes affine_map<(d0) -> (4)> : memref<1xf32>
}

// -----

moe_exec.program @slice_c1_bytes dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  %ws = moe_exec.workspace size affine_map<(d0) -> (d0)>
  // expected-error @below {{'moe_exec.slice' op expects 'bytes' to map the 1 dimensions of the program to one value, got affine_map<(d0) -> ()>}}
  moe_exec.slice %ws offset affine_map<(d0) -> (0)> bytes affine_map<(d0) -> ()> : memref<1xf32>
}

// -----

moe_exec.program @slice_c2 dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  %ws = moe_exec.workspace size affine_map<(d0) -> (d0)>
  // expected-error @below {{'moe_exec.slice' op expects 'offset' to be a multiple of 64, got affine_map<(d0) -> (d0 * 32)>}}
  moe_exec.slice %ws offset affine_map<(d0) -> (d0 * 32)> bytes affine_map<(d0) -> (4)> : memref<1xf32>
}

// -----

moe_exec.program @workspace_parent dims(%T: index {name = "T", bound = 16}) inputs() outputs() {
  moe_exec.switch %T [] {
    // expected-error @below {{'moe_exec.workspace' op expects parent op 'moe_exec.program'}}
    moe_exec.workspace size affine_map<(d0) -> (d0)>
  }
}

// -----

moe_exec.program @slice_parent dims(%T: index {name = "T", bound = 16}) inputs() outputs() {
  %ws = moe_exec.workspace size affine_map<(d0) -> (d0)>
  moe_exec.switch %T [] {
    // expected-error @below {{'moe_exec.slice' op expects parent op 'moe_exec.program'}}
    moe_exec.slice %ws offset affine_map<(d0) -> (0)> bytes affine_map<(d0) -> (4)> : memref<1xf32>
  }
}

// -----

moe_exec.program @param_c1_unknown dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  // expected-error @below {{'moe_exec.param' op expects a moe_exec.prepare named @w}}
  moe_exec.param @w : memref<4xi8>
}

// -----

moe_exec.kernel @k(%x: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
  moe_exec.return %x : tensor<?x4xf32>
}
moe_exec.program @param_c1_kind dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  // expected-error @below {{'moe_exec.param' op expects a moe_exec.prepare named @k}}
  moe_exec.param @k : memref<4xi8>
}

// -----

moe_exec.prepare @w units 1 from [#moe.source<"w" : 8xi8>] : memref<8xi8>
moe_exec.program @param_c1_type dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  // expected-error @below {{'moe_exec.param' op expects the type of @w, 'memref<8xi8>', got 'memref<4xi8>'}}
  moe_exec.param @w : memref<4xi8>
}

// -----

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

moe_exec.program @launch_c1_unknown dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  // expected-error @below {{'moe_exec.launch' op expects a moe_exec.kernel named @missing}}
  moe_exec.launch @missing tasks affine_map<(d0) -> (d0)> args(%x, %y) : memref<?x4xf32>, memref<?x4xf32>
}

// -----

moe_exec.program @launch_c1_kind dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  // expected-error @below {{'moe_exec.launch' op expects a moe_exec.kernel named @launch_c1_kind}}
  moe_exec.launch @launch_c1_kind tasks affine_map<(d0) -> (d0)> args(%x, %y) : memref<?x4xf32>, memref<?x4xf32>
}

// -----

moe_exec.kernel @k(%x: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
  moe_exec.return %x : tensor<?x4xf32>
}
moe_exec.program @launch_c1_count dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  // expected-error @below {{'moe_exec.launch' op expects 2 buffers for @k, got 1}}
  moe_exec.launch @k tasks affine_map<(d0) -> (d0)> args(%x) : memref<?x4xf32>
}

// -----

moe_exec.kernel @k(%x: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
  moe_exec.return %x : tensor<?x4xf32>
}
moe_exec.program @launch_c1_type dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}) outputs(%y: memref<4x4xf32> {name = "y", dims = ["4", "4"]}) {
  // expected-error @below {{'moe_exec.launch' op expects buffer 1 of @k to be 'memref<?x4xf32>', got 'memref<4x4xf32>'}}
  moe_exec.launch @k tasks affine_map<(d0) -> (d0)> args(%x, %y) : memref<?x4xf32>, memref<4x4xf32>
}

// -----

moe_exec.kernel @k(%x: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
  moe_exec.return %x : tensor<?x4xf32>
}
moe_exec.program @launch_c2_none dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  // expected-error @below {{'moe_exec.launch' op expects tasks from a map or from a buffer}}
  moe_exec.launch @k tasks args(%x, %y) : memref<?x4xf32>, memref<?x4xf32>
}

// -----

moe_exec.kernel @k(%x: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
  moe_exec.return %x : tensor<?x4xf32>
}
moe_exec.program @launch_c2_both dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}, %c: memref<1xi64> {name = "c", dims = ["1"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  // expected-error @below {{'moe_exec.launch' op expects tasks from a map or from a buffer}}
  moe_exec.launch @k tasks affine_map<(d0) -> (d0)> from %c : memref<1xi64> times 1 args(%x, %y) : memref<?x4xf32>, memref<?x4xf32>
}

// -----

moe_exec.kernel @k(%x: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
  moe_exec.return %x : tensor<?x4xf32>
}
moe_exec.program @launch_c2_map dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  // expected-error @below {{'moe_exec.launch' op expects 'tasks' to map the 1 dimensions of the program to one value, got affine_map<() -> (1)>}}
  moe_exec.launch @k tasks affine_map<() -> (1)> args(%x, %y) : memref<?x4xf32>, memref<?x4xf32>
}

// -----

moe_exec.kernel @k(%x: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
  moe_exec.return %x : tensor<?x4xf32>
}
moe_exec.program @launch_c2_times dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}, %c: memref<1xi64> {name = "c", dims = ["1"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  // expected-error @below {{'moe_exec.launch' op expects times >= 1, got -4}}
  moe_exec.launch @k tasks from %c : memref<1xi64> times -4 args(%x, %y) : memref<?x4xf32>, memref<?x4xf32>
}

// -----

moe_exec.kernel @k(%x: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
  moe_exec.return %x : tensor<?x4xf32>
}
moe_exec.program @launch_c2_count_type dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  // expected-error @below {{'moe_exec.launch' op expects tasks from a buffer of one i64, got 'memref<?x4xf32>'}}
  moe_exec.launch @k tasks from %x : memref<?x4xf32> times 1 args(%x, %y) : memref<?x4xf32>, memref<?x4xf32>
}

// -----

moe_exec.kernel @k(%x: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
  moe_exec.return %x : tensor<?x4xf32>
}
moe_exec.program @launch_c2_count_size dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}, %c: memref<2xi64> {name = "c", dims = ["2"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  // expected-error @below {{'moe_exec.launch' op expects tasks from a buffer of one i64, got 'memref<2xi64>'}}
  moe_exec.launch @k tasks from %c : memref<2xi64> times 1 args(%x, %y) : memref<?x4xf32>, memref<?x4xf32>
}

// -----

func.func @launch_parent(%x: memref<4xf32>) {
  // expected-error @below {{'moe_exec.launch' op expects parent op to be one of 'moe_exec.program, moe_exec.switch'}}
  moe_exec.launch @k tasks affine_map<() -> (1)> args(%x) : memref<4xf32>
  return
}

// -----

moe_exec.program @copy_c1 dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}) outputs(%y: memref<?x5xf32> {name = "y", dims = ["T", "5"]}) {
  // expected-error @below {{'moe_exec.copy' op expects buffers of one type, got 'memref<?x4xf32>' and 'memref<?x5xf32>'}}
  moe_exec.copy %x, %y : memref<?x4xf32>, memref<?x5xf32>
}

// -----

moe_exec.program @view_c1 dims() inputs(%x: memref<4x4xf32> {name = "x", dims = ["4", "4"]}) outputs(%y: memref<4xf32> {name = "y", dims = ["4"]}) {
  // expected-error @below {{'moe_exec.view' op expects contiguous buffers of one element type and as many elements, got 'memref<4x4xf32>' and 'memref<15xf32>'}}
  %v = moe_exec.view %x : memref<4x4xf32> to memref<15xf32>
}

// -----

moe_exec.program @view_c1_element dims() inputs(%x: memref<4x4xf32> {name = "x", dims = ["4", "4"]}) outputs(%y: memref<4xf32> {name = "y", dims = ["4"]}) {
  // expected-error @below {{'moe_exec.view' op expects contiguous buffers of one element type and as many elements, got 'memref<4x4xf32>' and 'memref<16xi32>'}}
  %v = moe_exec.view %x : memref<4x4xf32> to memref<16xi32>
}

// -----

moe_exec.program @check_c1 dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  // expected-error @below {{'moe_exec.check' op expects a status of one i64, got 'memref<?x4xf32>'}}
  moe_exec.check %x error 708 : memref<?x4xf32>
}

// -----

moe_exec.program @check_c2 dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}, %c: memref<1xi64> {name = "c", dims = ["1"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  // expected-error @below {{'moe_exec.check' op expects an error id of 1 to 9999, got 10000}}
  moe_exec.check %c error 10000 : memref<1xi64>
}

// -----

moe_exec.program @check_c2_negative dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}, %c: memref<1xi64> {name = "c", dims = ["1"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  // expected-error @below {{'moe_exec.check' op expects an error id of 1 to 9999, got -1}}
  moe_exec.check %c error -1 : memref<1xi64>
}

// -----

moe_exec.program @switch_c1 dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  // expected-error @below {{'moe_exec.switch' op expects one region more than buckets, got 1 regions and 1 buckets}}
  moe_exec.switch %T [8] {
  }
}

// -----

moe_exec.program @switch_c1_order dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  // expected-error @below {{'moe_exec.switch' op expects positive, ascending buckets, got 4 after 8}}
  moe_exec.switch %T [8, 4] {
  }, {
  }, {
  }
}

// -----

moe_exec.program @switch_c3 dims(%T: index {name = "T", bound = 16}) inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}) outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  // expected-error @below {{'moe_exec.switch' op expects no arguments of region 0, got 1}}
  "moe_exec.switch"(%T) <{buckets = array<i64>}> ({
  ^bb0(%a: index):
  }) : (index) -> ()
}

// -----

func.func @switch_c2(%t: index) {
  // expected-error @below {{'moe_exec.switch' op expects parent op to be one of 'moe_exec.program, moe_exec.switch'}}
  moe_exec.switch %t [] {
  }
  return
}

// -----

moe_exec.program @switch_c2_value dims(%T: index {name = "T", bound = 16}) inputs() outputs() {
  %t = index.constant 4
  // expected-error @below {{'moe_exec.switch' op expects a dimension of the program}}
  moe_exec.switch %t [] {
  }
}

// -----

//===----------------------------------------------------------------------===//
// moe_exec.kernel
//===----------------------------------------------------------------------===//

// expected-error @below {{'moe_exec.kernel' op expects tensors of integers or floats, groups, tiles or packed values in its signature, got 'f32'}}
moe_exec.kernel @kernel_c1_scalar(%x: f32) -> f32 attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
  moe_exec.return %x : f32
}

// -----

// expected-error @below {{'moe_exec.kernel' op expects tensors of integers or floats, groups, tiles or packed values in its signature, got 'tensor<4xindex>'}}
moe_exec.kernel @kernel_c1_index(%x: tensor<4xindex>) -> tensor<4xindex> attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
  moe_exec.return %x : tensor<4xindex>
}

// -----

// expected-error @below {{'moe_exec.kernel' op expects tensors of integers or floats, groups, tiles or packed values in its signature, got 'tensor<4x!moe.tiles<rows = 4>>'}}
moe_exec.kernel @kernel_c1_element(%x: tensor<4x!moe.tiles<rows = 4>>) -> tensor<4x!moe.tiles<rows = 4>> attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
  moe_exec.return %x : tensor<4x!moe.tiles<rows = 4>>
}

// -----

// expected-error @below {{'moe_exec.kernel' op expects 2 size maps, one an argument and result, got 1}}
moe_exec.kernel @kernel_c2_count(%x: tensor<4xf32>) -> tensor<4xf32> attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>]} {
  moe_exec.return %x : tensor<4xf32>
}

// -----

// expected-error @below {{'moe_exec.kernel' op expects a size map of 1 dimensions and 0 results for 'tensor<4xf32>', got affine_map<() -> ()>}}
moe_exec.kernel @kernel_c2_dims(%x: tensor<4xf32>) -> tensor<4xf32> attributes {num_dims = 1 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
  moe_exec.return %x : tensor<4xf32>
}

// -----

// expected-error @below {{'moe_exec.kernel' op expects a size map of 1 dimensions and 2 results for 'tensor<?x?xf32>', got affine_map<(d0) -> (d0)>}}
moe_exec.kernel @kernel_c2_results(%x: tensor<?x?xf32>) -> tensor<?x?xf32> attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
  moe_exec.return %x : tensor<?x?xf32>
}

// -----

// expected-error @below {{'moe_exec.kernel' op expects a size map of 1 dimensions and 1 results for 'tensor<?xf32>', got affine_map<(d0)[s0] -> (s0)>}}
moe_exec.kernel @kernel_c2_symbols(%x: tensor<?xf32>) -> tensor<?xf32> attributes {num_dims = 1 : i64, sizes = [affine_map<(d0)[s0] -> (s0)>, affine_map<(d0) -> (d0)>]} {
  moe_exec.return %x : tensor<?xf32>
}

// -----

// expected-error @below {{'moe_exec.kernel' op expects 'sizes' to divide by positive numbers, got affine_map<(d0) -> (d0 mod 0)>}}
moe_exec.kernel @kernel_c2_divisor(%x: tensor<?xf32>) -> tensor<?xf32> attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0 mod 0)>, affine_map<(d0) -> (d0)>]} {
  moe_exec.return %x : tensor<?xf32>
}

// -----

// expected-error @below {{'moe_exec.kernel' op expects its body to return the results}}
moe_exec.kernel @kernel_c3_type(%x: tensor<4xf32>) -> tensor<5xf32> attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
  moe_exec.return %x : tensor<4xf32>
}

// -----

// expected-error @below {{'moe_exec.kernel' op expects its body to return the results}}
moe_exec.kernel @kernel_c3_terminator(%x: tensor<4xf32>) -> tensor<4xf32> attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
  llvm.unreachable
}

// -----

// expected-error @below {{'moe_exec.kernel' op expects scratch >= 0, got -1}}
moe_exec.kernel @kernel_c4(%x: tensor<4xf32>) -> tensor<4xf32> attributes {num_dims = 0 : i64, scratch = -1 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
  moe_exec.return %x : tensor<4xf32>
}

// -----

// expected-error @below {{'moe_exec.kernel' op requires attribute 'num_dims'}}
moe_exec.kernel @kernel_num_dims(%x: tensor<4xf32>) -> tensor<4xf32> attributes {sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
  moe_exec.return %x : tensor<4xf32>
}

// -----

// expected-error @below {{'moe_exec.kernel' op region #0 ('body') failed to verify constraint: region with 1 blocks}}
moe_exec.kernel @kernel_body(%x: tensor<4xf32>) -> tensor<4xf32> attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]}

// -----

moe_exec.kernel @size_c1(%x: tensor<4xf32>) -> tensor<4xf32> attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
  // expected-error @below {{'moe_exec.size' op expects a map of the kernel's 0 dimensions to one value, got affine_map<(d0) -> (d0)>}}
  %n = moe_exec.size affine_map<(d0) -> (d0)>
  moe_exec.return %x : tensor<4xf32>
}

// -----

moe_exec.kernel @size_c1_divisor(%x: tensor<?xf32>) -> tensor<?xf32> attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
  // expected-error @below {{'moe_exec.size' op expects 'map' to divide by positive numbers, got affine_map<(d0) -> (d0 ceildiv -2)>}}
  %n = moe_exec.size affine_map<(d0) -> (d0 ceildiv -2)>
  moe_exec.return %x : tensor<?xf32>
}

// -----

func.func @size_parent() {
  // expected-error @below {{'moe_exec.size' op expects parent op 'moe_exec.kernel'}}
  %n = moe_exec.size affine_map<() -> (1)>
  return
}

// -----

//===----------------------------------------------------------------------===//
// moe_exec.prepare
//===----------------------------------------------------------------------===//

// expected-error @below {{'moe_exec.prepare' op expects a moe_exec.kernel named @k}}
moe_exec.prepare @prepare_c1_unknown kernel @k units 4 from [#moe.source<"a.{e}" : 16xf32>] : memref<4x16xf32>

// -----

moe_exec.kernel @k(%a: tensor<16xf32>) -> tensor<16xf32> attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
  moe_exec.return %a : tensor<16xf32>
}
// expected-error @below {{'moe_exec.prepare' op expects @k to take one argument a source and give one result}}
moe_exec.prepare @prepare_c1_count kernel @k units 4 from [#moe.source<"a.{e}" : 16xf32>, #moe.source<"a.{e}" : 16xf32>] : memref<4x16xf32>

// -----

moe_exec.kernel @k(%a: tensor<16xf32>) -> tensor<16xf32> attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
  moe_exec.return %a : tensor<16xf32>
}
// expected-error @below {{'moe_exec.prepare' op expects argument 0 of @k to be 'tensor<8xf32>', a unit of its source, got 'tensor<16xf32>'}}
moe_exec.prepare @prepare_c1_slice kernel @k units 4 from [#moe.source<"a" : 4x8xf32>] : memref<4x16xf32>

// -----

moe_exec.kernel @k(%a: tensor<16xf32>) -> tensor<16xf32> attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
  moe_exec.return %a : tensor<16xf32>
}
// expected-error @below {{'moe_exec.prepare' op expects argument 0 of @k to be 'tensor<16xbf16>', a unit of its source, got 'tensor<16xf32>'}}
moe_exec.prepare @prepare_c1_element kernel @k units 4 from [#moe.source<"a.{e}" : 16xbf16>] : memref<4x16xf32>

// -----

moe_exec.kernel @k(%a: tensor<16xf32>) -> tensor<16xf32> attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
  moe_exec.return %a : tensor<16xf32>
}
// expected-error @below {{'moe_exec.prepare' op expects @k to make one unit of 128 bytes, got 'tensor<16xf32>'}}
moe_exec.prepare @prepare_c1_bytes kernel @k units 4 from [#moe.source<"a.{e}" : 16xf32>] : memref<4x32xf32>

// -----

moe_exec.kernel @k(%a: tensor<16xf32>) -> !moe.groups<experts = 8, ragged> attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> (4)>]} {
  %i = arith.constant dense<0> : tensor<4x1xi32>
  %g = moe.group %i : tensor<4x1xi32> -> !moe.groups<experts = 8, ragged>
  moe_exec.return %g : !moe.groups<experts = 8, ragged>
}
// expected-error @below {{'moe_exec.prepare' op expects @k to make one unit of 64 bytes, got '!moe.groups<experts = 8, ragged>'}}
moe_exec.prepare @prepare_c1_result kernel @k units 4 from [#moe.source<"a.{e}" : 16xf32>] : memref<4x16xf32>

// -----

// expected-error @below {{'moe_exec.prepare' op expects units to divide a static type of integers or floats, got 3 units of 'memref<16xf32>'}}
moe_exec.prepare @prepare_c2_divides units 3 from [#moe.source<"a.{e}" : 16xf32>] : memref<16xf32>

// -----

// expected-error @below {{'moe_exec.prepare' op expects units to divide a static type of integers or floats, got -4 units of 'memref<16xf32>'}}
moe_exec.prepare @prepare_c2_negative units -4 from [#moe.source<"a.{e}" : 16xf32>] : memref<16xf32>

// -----

// expected-error @below {{'moe_exec.prepare' op expects units to divide a static type of integers or floats, got 4 units of 'memref<?xf32>'}}
moe_exec.prepare @prepare_c2_dynamic units 4 from [#moe.source<"a.{e}" : 16xf32>] : memref<?xf32>

// -----

// expected-error @below {{'moe_exec.prepare' op expects units to divide a static type of integers or floats, got 4 units of 'memref<16xindex>'}}
moe_exec.prepare @prepare_c2_element units 4 from [#moe.source<"a.{e}" : 16xf32>] : memref<16xindex>

// -----

// expected-error @below {{'moe_exec.prepare' op expects units to divide a static type of integers or floats, got 4 units of 'memref<4611686018427387904x4611686018427387904xf32>'}}
moe_exec.prepare @prepare_c2_huge units 4 from [#moe.source<"a.{e}" : 16xf32>] : memref<4611686018427387904x4611686018427387904xf32>

// -----

// expected-error @below {{'moe_exec.prepare' op expects a list of #moe.source}}
moe_exec.prepare @prepare_c3_none units 1 from [] : memref<16xf32>

// -----

// expected-error @below {{'moe_exec.prepare' op expects a list of #moe.source}}
moe_exec.prepare @prepare_c3_kind units 1 from [1] : memref<16xf32>

// -----

// expected-error @below {{'moe_exec.prepare' op expects a source of 4 units, got #moe.source<"a" : 2x32xf32>}}
moe_exec.prepare @prepare_c3_units units 4 from [#moe.source<"a" : 2x32xf32>] : memref<64xf32>

// -----

// expected-error @below {{'moe_exec.prepare' op expects a source of 4 units, got #moe.source<"a" : f32>}}
moe_exec.prepare @prepare_c3_scalar units 4 from [#moe.source<"a" : f32>] : memref<64xf32>

// -----

// expected-error @below {{'moe_exec.prepare' op has a source that does not apply: slice expects a dimension below 1, got 1}}
moe_exec.prepare @prepare_c3_view units 1 from [#moe.source<"a" : 4xf32 slice 1 from 0 step 1 size 1>] : memref<4xf32>

// -----

// expected-error @below {{'moe_exec.prepare' op expects one source without a kernel, got 2}}
moe_exec.prepare @prepare_c4_sources units 4 from [#moe.source<"a.{e}" : 16xf32>, #moe.source<"a.{e}" : 16xf32>] : memref<4x16xf32>

// -----

// expected-error @below {{'moe_exec.prepare' op expects the source to fill 'memref<4x32xf32>', got #moe.source<"a.{e}" : 16xf32>}}
moe_exec.prepare @prepare_c4_size units 4 from [#moe.source<"a.{e}" : 16xf32>] : memref<4x32xf32>

// -----

// expected-error @below {{'moe_exec.prepare' op expects the source to fill 'memref<4x16xi32>', got #moe.source<"a.{e}" : 16xf32>}}
moe_exec.prepare @prepare_c4_element units 4 from [#moe.source<"a.{e}" : 16xf32>] : memref<4x16xi32>

// -----

// expected-error @below {{'moe_exec.prepare' op expects tasks >= 1, got 0}}
moe_exec.prepare @prepare_c5 units 4 tasks 0 from [#moe.source<"a.{e}" : 16xf32>] : memref<4x16xf32>
