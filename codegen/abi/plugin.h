/*===- plugin.h - Between libmoe and the compiler plugin ----------*- C -*-===*\
|*                                                                            *|
|* Part of moec, under the Apache License v2.0 with LLVM Exceptions.          *|
|* See LICENSE for license information.                                       *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|*===----------------------------------------------------------------------===*|
|*                                                                            *|
|* libmoe.so loads libmoe_compiler.so on first use and calls it through this  *|
|* table. Only plain C values cross: each library has its own copy of         *|
|* runtime/core, and neither frees what the other allocated.                  *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef MOE_CODEGEN_ABI_PLUGIN_H
#define MOE_CODEGEN_ABI_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised when a field changes its meaning; fields are only appended. */
#define MOE_PLUGIN_VERSION 1u

/* Bytes that the plugin owns until `release` is called. */
typedef struct moe_plugin_blob {
  const void *data;
  size_t size;
  void *owner;
} moe_plugin_blob;

/* id: core::ErrorId, 0 for success. message: what the user reads.
   details: collected diagnostics, the failing pass and the reproducer's path,
   empty where there are none. Owned by `owner`. */
typedef struct moe_plugin_error {
  uint32_t id;
  const char *message;
  const char *details;
  void *owner;
} moe_plugin_error;

/* A borrowed, contiguous, row-major tensor. dtype: core::DType. */
typedef struct moe_plugin_tensor {
  const char *name;
  uint32_t dtype;
  uint32_t rank;
  const int64_t *shape;
  const void *data;
} moe_plugin_tensor;

enum {
  MOE_SOURCE_TEXT = 0,       /* textual IR */
  MOE_SOURCE_CHECKPOINT = 1, /* a folder with config.json */
  MOE_SOURCE_SPEC = 2        /* a LayerSpec as JSON */
};

/* What to compile or interpret. Strings are UTF-8 and end with 0; NULL is the
   default. */
typedef struct moe_plugin_source {
  uint32_t kind;
  const char *text;  /* IR text, folder, or JSON */
  const char *name;  /* what diagnostics call it: a file name */
  int64_t layer;     /* MOE_SOURCE_CHECKPOINT; -1: the only MoE layer */
  const char *dtype; /* activations: "f32", "bf16", "f16"; NULL: the source's */
  const char *function;  /* NULL: the only public function */
  uint32_t override_ids; /* 1: an argument override_ids [T, K] replaces what
                            the router picked (pass moe-override-ids) */
} moe_plugin_source;

typedef struct moe_plugin_options {
  const char *targets; /* "host", or a comma-separated list */
  const char *isa;     /* MOE_ISA's value, or NULL */
  const char *emit;    /* "package", "object", "llvm", "asm", "plan", "exec" */
  const char *from_phase; /* NULL: input */
  const char *to_phase;   /* NULL: object */
  const char *dump_dir;   /* a folder for the IR after each phase, or NULL */
  uint32_t strip_ir;
  uint32_t deterministic; /* 1: "row" (default), 0: "none" */
  const char *fast;       /* "approx", or NULL: moe.fast of the module */
} moe_plugin_options;

/* Where weights come from: a folder, tensors by their stored names, or random
   values of a seed (runtime/core/RandomWeights.h). See core::openWeights. */
typedef struct moe_plugin_weights {
  const char *folder; /* NULL: one of the others */
  uint64_t seed;
  const moe_plugin_tensor *tensors; /* NULL: random */
  size_t num_tensors;
} moe_plugin_weights;

/* Phase times of a compilation in milliseconds, for --timing. */
typedef void (*moe_plugin_timing)(void *context, const char *phase, double ms);

typedef struct moe_plugin_api {
  uint32_t version;
  const char *build_id;
  const char *llvm_version;

  /* Compiles; out holds what `emit` names (a whole package file for
     "package"). Returns error->id. */
  uint32_t (*compile)(const moe_plugin_source *source,
                      const moe_plugin_options *options,
                      moe_plugin_timing timing, void *context,
                      moe_plugin_blob *out, moe_plugin_error *error);

  /* Runs the reference interpreter on a function of the input IR. Results come
     as one safetensors image, named as the function's results are. `exact`
     skips the rounding of each result to its element type; floats then come as
     F64. */
  uint32_t (*interpret)(const moe_plugin_source *source,
                        const moe_plugin_weights *weights,
                        const moe_plugin_tensor *inputs, size_t num_inputs,
                        uint32_t exact, moe_plugin_blob *out,
                        moe_plugin_error *error);

  /* Interprets the IR after each phase up to plan for `targets` and compares
     it with the input's; out is text, one line a phase. An error names the
     first pass that changed the values. */
  uint32_t (*check_phases)(const moe_plugin_source *source,
                           const moe_plugin_options *options,
                           const moe_plugin_weights *weights,
                           const moe_plugin_tensor *inputs, size_t num_inputs,
                           double rtol, moe_plugin_blob *out,
                           moe_plugin_error *error);

  /* The source as input IR (moe-import), and the signature of its function as
     JSON: {"function", "inputs": [{name, dtype, shape}], "outputs",
     "bounds"}; dynamic sizes are their dimension's name. */
  uint32_t (*import)(const moe_plugin_source *source, moe_plugin_blob *out,
                     moe_plugin_error *error);
  uint32_t (*signature)(const moe_plugin_source *source, moe_plugin_blob *out,
                        moe_plugin_error *error);

  /* The decisions behind a compilation: text, or JSON. */
  uint32_t (*explain)(const moe_plugin_source *source,
                      const moe_plugin_options *options, uint32_t json,
                      moe_plugin_blob *out, moe_plugin_error *error);

  void (*release_blob)(moe_plugin_blob *blob);
  void (*release_error)(moe_plugin_error *error);
} moe_plugin_api;

/* The plugin's one export for libmoe. */
#define MOE_PLUGIN_ENTRY "moe_compiler_plugin"
typedef const moe_plugin_api *(*moe_plugin_entry)(void);

#ifdef __cplusplus
}
#endif

#endif /* MOE_CODEGEN_ABI_PLUGIN_H */
