/*===- CHeaderTest.c - The C interface from C ---------------------*- C -*-===*\
|*                                                                            *|
|* Part of moec, under the Apache License v2.0 with LLVM Exceptions.          *|
|* See LICENSE for license information.                                       *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|*===----------------------------------------------------------------------===*|
|*                                                                            *|
|* A C compiler reads the header, and C calls from the package to the result. *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#include "moe/runtime/api/moe_c.h"

#include <string.h>

/* The offsets of DLPack's DLTensor on 64-bit machines. */
_Static_assert(offsetof(moe_tensor, device) == 8, "device");
_Static_assert(offsetof(moe_tensor, ndim) == 16, "ndim");
_Static_assert(offsetof(moe_tensor, dtype) == 20, "dtype");
_Static_assert(offsetof(moe_tensor, shape) == 24, "shape");
_Static_assert(offsetof(moe_tensor, strides) == 32, "strides");
_Static_assert(offsetof(moe_tensor, byte_offset) == 40, "byte_offset");
_Static_assert(sizeof(moe_tensor) == 48, "moe_tensor");

uint32_t run_from_c(const char *package, size_t size, float *x, int32_t *ids,
                    float *y, int64_t tokens);

/* Runs the sample package with random weights; the id of the first error. */
uint32_t run_from_c(const char *package, size_t size, float *x, int32_t *ids,
                    float *y, int64_t tokens) {
  moe_program *program = NULL;
  moe_bound *bound = NULL;
  moe_workspace *workspace = NULL;

  moe_source source = {0};
  source.size = sizeof(source);
  source.kind = MOE_FROM_PACKAGE;
  source.data = package;
  source.data_size = size;
  moe_error *error = moe_compile(&source, NULL, &program);

  moe_weights weights = {0};
  weights.size = sizeof(weights);
  weights.kind = MOE_WEIGHTS_RANDOM;
  weights.seed = 1;
  if (!error)
    error = moe_bind(program, &weights, NULL, &bound);

  moe_dim most = {"T", 64};
  moe_workspace_options options = {0};
  options.size = sizeof(options);
  options.dims = &most;
  options.num_dims = 1;
  if (!error)
    error = moe_workspace_create(bound, &options, &workspace);

  int64_t matrix[2], vector[1];
  matrix[0] = vector[0] = tokens;
  matrix[1] = 4;
  moe_named_tensor inputs[2], output;
  memset(inputs, 0, sizeof(inputs));
  inputs[0].name = "hidden_states";
  inputs[0].tensor.data = x;
  inputs[0].tensor.device.device_type = 1;
  inputs[0].tensor.ndim = 2;
  inputs[0].tensor.dtype.code = MOE_DL_FLOAT;
  inputs[0].tensor.dtype.bits = 32;
  inputs[0].tensor.dtype.lanes = 1;
  inputs[0].tensor.shape = matrix;
  inputs[1] = inputs[0];
  inputs[1].name = "ids";
  inputs[1].tensor.data = ids;
  inputs[1].tensor.ndim = 1;
  inputs[1].tensor.dtype.code = MOE_DL_INT;
  inputs[1].tensor.shape = vector;
  output = inputs[0];
  output.tensor.data = y;
  if (!error)
    error = moe_run(bound, inputs, 2, &output, 1, workspace, NULL);

  uint32_t id = moe_error_id(error);
  moe_error_release(error);
  moe_workspace_release(workspace);
  moe_bound_release(bound);
  moe_program_release(program);
  return id;
}
