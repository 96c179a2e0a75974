/*===- consumer.c - A C program that runs a layer -----------------*- C -*-===*\
|*                                                                            *|
|* Part of moec, under the Apache License v2.0 with LLVM Exceptions.          *|
|* See LICENSE for license information.                                       *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|*===----------------------------------------------------------------------===*|
|*                                                                            *|
|* consumer_c LAYER: runs a package (or whatever else moe_compile takes) with *|
|* random weights on [2, 4] hidden states and prints what comes out.          *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#include "moe/moe_c.h"

#include <stdio.h>

static int failed(moe_error *error) {
  if (!error)
    return 0;
  fprintf(stderr, "error: E%04u: %s\n", (unsigned)moe_error_id(error),
          moe_error_message(error));
  moe_error_release(error);
  return 1;
}

static moe_named_tensor hidden_states(float *data, int64_t *shape) {
  moe_named_tensor named = {0};
  named.name = "hidden_states";
  named.tensor.data = data;
  named.tensor.device.device_type = 1;
  named.tensor.ndim = 2;
  named.tensor.dtype.code = MOE_DL_FLOAT;
  named.tensor.dtype.bits = 32;
  named.tensor.dtype.lanes = 1;
  named.tensor.shape = shape;
  return named;
}

int main(int argc, char **argv) {
  moe_source source = {0};
  moe_weights weights = {0};
  moe_program *program = NULL;
  moe_bound *bound = NULL;
  moe_workspace *workspace = NULL;
  float x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, y[8] = {0};
  int64_t shape[2] = {2, 4};
  moe_named_tensor input = hidden_states(x, shape);
  moe_named_tensor output = hidden_states(y, shape);
  moe_workspace_options options = {0};
  moe_dim most = {"T", 2};
  int i, bad;

  if (argc != 2)
    return 2;
  source.size = sizeof(source);
  source.data = argv[1];
  weights.size = sizeof(weights);
  weights.kind = MOE_WEIGHTS_RANDOM;
  weights.seed = 1;
  options.size = sizeof(options);
  options.dims = &most;
  options.num_dims = 1;
  bad = failed(moe_compile(&source, NULL, &program)) ||
        failed(moe_bind(program, &weights, NULL, &bound)) ||
        failed(moe_workspace_create(bound, &options, &workspace)) ||
        failed(moe_run(bound, &input, 1, &output, 1, workspace, NULL));
  for (i = 0; !bad && i < 8; ++i)
    printf("%g%s", y[i], i == 7 ? "\n" : " ");
  moe_workspace_release(workspace);
  moe_bound_release(bound);
  moe_program_release(program);
  return bad;
}
