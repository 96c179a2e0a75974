/*===- moe_c.h - The C interface of moec --------------------------*- C -*-===*\
|*                                                                            *|
|* Part of moec, under the Apache License v2.0 with LLVM Exceptions.          *|
|* See LICENSE for license information.                                       *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|*===----------------------------------------------------------------------===*|
|*                                                                            *|
|* Everything that libmoe.so exports. A layer is compiled, bound to weights   *|
|* and run:                                                                   *|
|*                                                                            *|
|*   moe_compile -> moe_program, moe_bind -> moe_bound,                       *|
|*   moe_workspace_create -> moe_workspace, moe_run                           *|
|*                                                                            *|
|* Rules that hold for every function:                                        *|
|*  - Failure is a moe_error that the caller releases; NULL is success. What  *|
|*    a function makes is NULL after a failure. Nothing throws, aborts or     *|
|*    prints (warnings go to stderr as far as MOE_LOG lets them).             *|
|*  - Structs begin with their size, so that callers built with an older      *|
|*    header keep working: set it to sizeof and the rest to zero, which is    *|
|*    the default of every field. Optional structs may be NULL.               *|
|*  - Strings are UTF-8 and end with 0. A call copies what it needs later,    *|
|*    apart from the tensors of moe_weights, which bind reads and leaves.     *|
|*  - Programs and bound programs never change: any number of threads may use *|
|*    them at once. A workspace serves one call at a time. Handles may be     *|
|*    released in any order; releasing NULL does nothing.                     *|
|*  - There is no global state.                                               *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef MOE_RUNTIME_API_MOE_C_H
#define MOE_RUNTIME_API_MOE_C_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define MOE_API __attribute__((visibility("default")))
#else
#define MOE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0", and the hash of the sources that this libmoe was built from. */
MOE_API const char *moe_version(void);
MOE_API const char *moe_build_id(void);

/*===----------------------------------------------------------------------===*\
|* Errors and texts                                                           *|
\*===----------------------------------------------------------------------===*/

typedef struct moe_error moe_error;

/* The number of docs/errors.md: 301 for E0301. */
MOE_API uint32_t moe_error_id(const moe_error *error);
/* One line, without the id. */
MOE_API const char *moe_error_message(const moe_error *error);
/* Every diagnostic of a failed compilation, the failing pass and the path of a
   reproducer; empty for most errors. */
MOE_API const char *moe_error_details(const moe_error *error);
MOE_API void moe_error_release(moe_error *error);

/* Bytes that the library made. A 0 follows them. */
typedef struct moe_text moe_text;
MOE_API const char *moe_text_data(const moe_text *text);
MOE_API size_t moe_text_size(const moe_text *text);
MOE_API void moe_text_release(moe_text *text);

/*===----------------------------------------------------------------------===*\
|* Tensors                                                                    *|
\*===----------------------------------------------------------------------===*/

/* The layout of DLPack's DLTensor, field by field: `(const moe_tensor *)&dl`.
   Data is in host memory (device type 1, or 3 for pinned memory) or, for runs
   of a program on a GPU, on that GPU (2, or 13 for managed memory); in
   row-major order without gaps (strides NULL, or those), of any alignment.
   Element types: */
enum {
  MOE_DL_INT = 0,    /* 8, 16, 32, 64 bits */
  MOE_DL_UINT = 1,   /* 8 bits */
  MOE_DL_FLOAT = 2,  /* 16, 32, 64 bits */
  MOE_DL_BFLOAT = 4, /* 16 bits */
  MOE_DL_BOOL = 6,   /* 8 bits */
  MOE_DL_FLOAT8_E4M3FN = 10,
  MOE_DL_FLOAT8_E5M2 = 12,
  MOE_DL_FLOAT8_E8M0FNU = 14
};
typedef struct moe_device {
  int32_t device_type;
  int32_t device_id;
} moe_device;
typedef struct moe_dtype {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes; /* 1 */
} moe_dtype;
typedef struct moe_tensor {
  void *data;
  moe_device device;
  int32_t ndim;
  moe_dtype dtype;
  int64_t *shape;
  int64_t *strides;
  uint64_t byte_offset;
} moe_tensor;

typedef struct moe_named_tensor {
  const char *name;
  moe_tensor tensor;
} moe_named_tensor;

/*===----------------------------------------------------------------------===*\
|* Compiling                                                                  *|
\*===----------------------------------------------------------------------===*/

enum {
  MOE_FROM_PATH = 0,       /* data: a path; a folder is a checkpoint, a file a
                              package or IR, as its first bytes say */
  MOE_FROM_TEXT = 1,       /* data: textual IR */
  MOE_FROM_CHECKPOINT = 2, /* data: a folder with config.json */
  MOE_FROM_SPEC = 3,       /* data: a layer as JSON, see below */
  MOE_FROM_PACKAGE = 4     /* data: the bytes of a .moe file */
};

/* A layer. MOE_FROM_SPEC describes one without a model around it:

   {
     "num_experts": 8, "top_k": 2, "hidden_size": 64, "intermediate_size": 96,
     "dtype": "bf16",                   activations: f32, bf16, f16
     "weight_dtype": "bf16",            weights as stored; "dtype" if absent
     "max_tokens": 131072,              the bound of T; 2^20 if absent
     "router": {                        all optional; absent is the identity
       "score": "softmax",              softmax sigmoid sqrtsoftplus relu
       "score_dtype": "bf16",           scores are rounded to it
       "logits_bias": true,             the projection has a bias
       "selection_bias": true,          added for the selection only
       "groups": {"count": 8, "keep": 4, "top_sum": 2, "fill": "-inf"},
       "normalize": [{"kind": "l1", "eps": 1e-20, "eps_mode": "add"}],
       "scale": 2.5 },
     "capacity": {"per_expert": 64, "order": "token_major"},
     "activation": {"name": "swiglu", "alpha": 1.0, "beta": 0.0},
     "expert_bias": false,              every linear of an expert has one
     "shared_experts": {"intermediate_size": 128, "gate": false}
   }

   "fill" is "-inf" or "0", "kind" softmax, sigmoid or l1, "eps_mode" add or
   max. Activations and their parameters are those of moe.activate; one of two
   operands makes the expert gated. Sizes, "top_k" and "activation" are
   required; an unknown key is an error that names the nearest.
   Input hidden_states [T, H]; outputs hidden_states [T, H], topk_ids [T, K]
   i32, topk_weights [T, K] f32 and router_logits [T, E] f32. Weights bear
   these names, with E, H, I as above and S the shared intermediate size:

     router.weight [E, H]   router.bias [E]   router.selection_bias [E] f32
     experts.gate.weight [E, I, H]   experts.up.weight [E, I, H]
     experts.down.weight [E, H, I]   with .bias [E, I], [E, I], [E, H]
     shared.gate.weight [S, H]   shared.up.weight [S, H]
     shared.down.weight [H, S]   shared.router.weight [1, H]

   gate only where the expert is gated. */
typedef struct moe_source {
  size_t size;
  uint32_t kind;
  const char *data;
  size_t data_size;   /* for MOE_FROM_PACKAGE; others end with 0 */
  const char *name;   /* what messages call it; NULL: the path */
  uint32_t has_layer; /* of a checkpoint; 0: its only MoE layer */
  int64_t layer;
  const char *dtype;    /* activations: f32, bf16, f16; NULL: the source's */
  const char *function; /* NULL: the only one */
  /* 1: an input override_ids [T, K] i32 replaces what the router picks; not for
     packages, which have their inputs already. */
  uint32_t override_ids;
} moe_source;

/* What runs a program. */
enum {
  MOE_EXECUTOR_CPU = 0,
  MOE_EXECUTOR_CUDA = 1 /* a GPU, through the CUDA driver */
};

typedef struct moe_compile_options {
  size_t size;
  const char *targets;    /* NULL: "host", which is the GPU for CUDA; a
                             comma-separated list. A single GPU's name also
                             picks that variant of a package */
  const char *isa;        /* NULL: MOE_ISA */
  uint32_t free_order;    /* 1: sums in any order, determinism "none" */
  uint32_t strip_ir;      /* 1: no IR in the package */
  uint32_t no_cache;      /* 1: the disk cache is not used */
  const char *from_phase; /* NULL: input */
  const char *to_phase;   /* NULL: object */
  const char *dump_dir;   /* NULL: MOE_DUMP_DIR; the IR after each phase */
  /* Told the milliseconds of each phase, on the thread that calls. */
  void (*timing)(void *context, const char *phase, double milliseconds);
  void *context;
  uint32_t perf_map; /* 1: tells perf the kernels' names (/tmp/perf-PID.map) */
  uint32_t executor; /* MOE_EXECUTOR_... */
  uint32_t device;   /* of CUDA, as the driver counts */
  const char *cuda_driver; /* NULL: MOE_CUDA_DRIVER, else libcuda.so.1 */
  const char *fast; /* "approx": rewrites may change ids where scores tie; NULL:
                       what the IR says (moe.fast) */
} moe_compile_options;

/* A function for this host, or a GPU of it: code and signature, no weights. */
typedef struct moe_program moe_program;

/* Compiles, or finds the result in the disk cache; a package is only opened.
   The compiler, libmoe_compiler.so, is loaded when it is first needed. */
MOE_API moe_error *moe_compile(const moe_source *source,
                               const moe_compile_options *options,
                               moe_program **program);
MOE_API void moe_program_release(moe_program *program);

/* JSON: {"function", "package", "build_id", "target", "emulated", "has_ir",
   "executor": "cpu" or "cuda",
   "dims": [{"name", "bound"}],
   "inputs": [{"name", "dtype", "shape": ["T", 64]}], "outputs": the same,
   "kernels": [{"name", "scratch_bytes", "code_bytes"}],
   "params": [{"name", "bytes", "units",
               "sources": [{"name", "dtype", "shape"}]}],
   "weight_bytes", "code_bytes",
   "variants": [{"target", "features", "emulated", "functions"}]}. */
MOE_API moe_error *moe_program_info(const moe_program *program,
                                    moe_text **json);
/* The package's bytes, to be written to a .moe file; they live as long as the
   program. */
MOE_API void moe_program_package(const moe_program *program, const char **data,
                                 size_t *size);

/* The input IR of a source (what moe-import writes). */
MOE_API moe_error *moe_import(const moe_source *source, moe_text **ir);
/* The signature of its function: {"function", "inputs", "outputs", "bounds"} */
MOE_API moe_error *moe_signature(const moe_source *source, moe_text **json);
/* What the compiler decided and why, as text or JSON. */
MOE_API moe_error *moe_explain(const moe_source *source,
                               const moe_compile_options *options,
                               uint32_t as_json, moe_text **text);

/*===----------------------------------------------------------------------===*\
|* Weights                                                                    *|
\*===----------------------------------------------------------------------===*/

enum {
  MOE_WEIGHTS_FOLDER = 0, /* a checkpoint's folder */
  MOE_WEIGHTS_RANDOM = 1, /* values of a seed, which give outputs of about the
                             size of the inputs; the same on every machine */
  MOE_WEIGHTS_TENSORS = 2 /* tensors under the names that a checkpoint uses */
};
typedef struct moe_weights {
  size_t size;
  uint32_t kind;
  const char *folder;
  uint64_t seed;
  const moe_named_tensor *tensors;
  size_t num_tensors;
} moe_weights;

typedef struct moe_bind_options {
  size_t size;
  uint32_t threads; /* 0: MOE_NUM_THREADS, else all physical cores */
  /* Bytes of packed weights that are done; by any thread, one at a time. */
  void (*progress)(void *context, uint64_t done, uint64_t total);
  void *context;
  /* A folder where the packed weights of a checkpoint are kept: binding the
     same program to the same files again maps them, in milliseconds. Never
     emptied by us. For the CPU. NULL: none */
  const char *packed_cache;
} moe_bind_options;

/* A program with its packed weights. */
typedef struct moe_bound moe_bound;

/* Packs the weights, one expert a thread at a time: no more memory is needed
   than that of the packed weights. `weights` may be NULL for a function without
   any. For a GPU they travel as they are stored and are packed there. */
MOE_API moe_error *moe_bind(const moe_program *program,
                            const moe_weights *weights,
                            const moe_bind_options *options, moe_bound **bound);
MOE_API void moe_bound_release(moe_bound *bound);
/* JSON: {"weight_bytes", "used": [names], "unused": [names]}: stored tensors
   that were read, and those of the same layer that were not. */
MOE_API moe_error *moe_bound_info(const moe_bound *bound, moe_text **json);

/*===----------------------------------------------------------------------===*\
|* Running                                                                    *|
\*===----------------------------------------------------------------------===*/

/* The largest value of a named dimension. */
typedef struct moe_dim {
  const char *name;
  int64_t value;
} moe_dim;

/* Does the tasks [begin, end) of a loop; calls at the same time have different
   workers. */
typedef void (*moe_task)(void *argument, uint64_t begin, uint64_t end,
                         uint32_t worker);

typedef struct moe_workspace_options {
  size_t size;
  /* Dimensions that are not named may reach their bound. */
  const moe_dim *dims;
  size_t num_dims;
  uint32_t threads; /* 0: MOE_NUM_THREADS, else all physical cores; nothing on
                       a GPU, as are the next two */
  /* Runs a loop on the caller's threads instead of on own ones: `task` for
     ranges that cover [0, n) once, with workers below `threads`; returns when
     all are done. */
  void (*parallel_for)(void *context, uint64_t n, uint32_t threads,
                       moe_task task, void *argument);
  void *context;
  uint32_t poison; /* 1: filled with NaN before each run, for tests */
} moe_workspace_options;

/* What runs need, in bytes. */
typedef struct moe_memory_plan {
  size_t size;
  uint64_t buffers;       /* between kernels */
  uint64_t spare_outputs; /* for outputs that a run does not ask for */
  uint64_t scratch;       /* of all threads */
  uint64_t workspace;     /* the sum of these and of input_copies */
  uint64_t weights;       /* packed, once a bound program */
  uint64_t code;          /* once a program */
  uint64_t input_copies;  /* on a GPU: for inputs in host memory */
} moe_memory_plan;
/* For the dims and threads of `options`, without making anything. */
MOE_API moe_error *moe_program_memory(const moe_program *program,
                                      const moe_workspace_options *options,
                                      moe_memory_plan *plan);

/* All memory that runs need besides inputs, outputs and weights, and the
   threads. Other bound programs may use it too if they need no more. */
typedef struct moe_workspace moe_workspace;
MOE_API moe_error *moe_workspace_create(const moe_bound *bound,
                                        const moe_workspace_options *options,
                                        moe_workspace **workspace);
MOE_API void moe_workspace_release(moe_workspace *workspace);

/* What the last run did with kernel `index`; 0 if there is no such kernel. */
typedef struct moe_kernel_use {
  size_t size;
  const char *name; /* lives as long as the workspace is not used again */
  uint32_t launches;
  uint64_t tasks;
  uint64_t nanoseconds; /* of a timed run */
} moe_kernel_use;
MOE_API uint32_t moe_workspace_kernel(const moe_workspace *workspace,
                                      size_t index, moe_kernel_use *use);

typedef struct moe_run_options {
  size_t size;
  uint32_t threads; /* 0: all of the workspace's */
  uint32_t timing;  /* 1: kernels are timed; on a GPU each is waited for */
  void *stream;     /* a cudaStream_t or CUstream; NULL: the default stream */
} moe_run_options;

/* Runs once. Inputs and outputs are found by name; every input must be given,
   an output that is not is computed and dropped. Outputs may overlap nothing.
   Any number of tokens up to the bound, 0 included. Allocates nothing.

   On a GPU the run is put into the stream. If all tensors are on the GPU the
   call does not wait for it, and a stream that is being captured captures it;
   what happens later is told by moe_workspace_wait. Tensors there are used in
   place if they begin at a multiple of 16 bytes. If any is in host memory the
   run is complete on return. */
MOE_API moe_error *moe_run(const moe_bound *bound,
                           const moe_named_tensor *inputs, size_t num_inputs,
                           const moe_named_tensor *outputs, size_t num_outputs,
                           moe_workspace *workspace,
                           const moe_run_options *options);

/* Waits for what is in the stream of the workspace's last run and returns what
   went wrong in it: a kernel, or an id that is out of range (of a replay of a
   captured run too). Returns at once on a CPU. */
MOE_API moe_error *moe_workspace_wait(moe_workspace *workspace);

/*===----------------------------------------------------------------------===*\
|* The reference                                                              *|
\*===----------------------------------------------------------------------===*/

/* Named tensors that the library made. */
typedef struct moe_results moe_results;
MOE_API size_t moe_results_size(const moe_results *results);
/* Result `index`; its memory belongs to `results`. */
MOE_API void moe_results_get(const moe_results *results, size_t index,
                             moe_named_tensor *tensor);
MOE_API void moe_results_release(moe_results *results);

/* Interprets the input IR in double precision; `exact` leaves out the rounding
   of each result to its element type (floats then come as f64). Needs the
   compiler. */
MOE_API moe_error *moe_reference(const moe_source *source,
                                 const moe_weights *weights,
                                 const moe_named_tensor *inputs,
                                 size_t num_inputs, uint32_t exact,
                                 moe_results **results);
/* Interprets the IR after each phase up to plan and compares; the report has a
   line a phase, the error names the first pass that changed the values. */
MOE_API moe_error *
moe_check_phases(const moe_source *source, const moe_compile_options *options,
                 const moe_weights *weights, const moe_named_tensor *inputs,
                 size_t num_inputs, double tolerance, moe_text **report);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* MOE_RUNTIME_API_MOE_C_H */
