//===- moe.hpp - moec for C++ -----------------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The C interface as C++17 values: handles that release themselves, results
// that hold a value or an error, tensors that are views. Header-only, so that
// nothing of the standard library crosses into libmoe.so: link libmoe and use
// any compiler. Throws nothing of its own; std::bad_alloc where the standard
// library runs out of memory.
//
//   auto program = moe::Compiler().compile(moe::Source::file("layer.mlir"));
//   if (!program)
//     return fail(program.error().str());
//   auto bound = program->bind(moe::Weights::safetensors("checkpoint/"));
//   auto workspace = bound->workspace({/*max_tokens=*/4096});
//   moe::Status ran = bound->run({{"hidden_states", x}},
//                                {{"hidden_states", y}}, *workspace);
//
// moe_c.h documents what things mean; here is only how they are spelled.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_API_MOE_HPP
#define MOE_RUNTIME_API_MOE_HPP

#include "moe_c.h"

#include <array>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <limits>
#include <locale>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace moe {

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

class Error {
public:
  /// Takes `error`, which is not null.
  explicit Error(moe_error *error)
      : number(moe_error_id(error)), text(moe_error_message(error)),
        more(moe_error_details(error)) {
    moe_error_release(error);
  }
  /// 301 for E0301; docs/errors.md has a section for each.
  unsigned id() const { return number; }
  const std::string &message() const { return text; }
  /// All diagnostics of a failed compilation.
  const std::string &details() const { return more; }
  /// "E0301: message".
  std::string str() const {
    std::string digits = std::to_string(number);
    return "E" + std::string(digits.size() < 4 ? 4 - digits.size() : 0, '0') +
           digits + ": " + text;
  }

private:
  unsigned number;
  std::string text, more;
};

/// A value or an Error. Reading the value of an error is a programming error.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : state(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state(std::in_place_index<1>, std::move(error)) {}
  explicit operator bool() const { return state.index() == 0; }
  T &operator*() & { return *std::get_if<0>(&state); }
  const T &operator*() const & { return *std::get_if<0>(&state); }
  T &&operator*() && { return std::move(*std::get_if<0>(&state)); }
  T *operator->() { return std::get_if<0>(&state); }
  const T *operator->() const { return std::get_if<0>(&state); }
  const Error &error() const { return *std::get_if<1>(&state); }

private:
  std::variant<T, Error> state;
};

/// Success or an Error.
class [[nodiscard]] Status {
public:
  Status() = default;
  /// Takes `error`; null is success.
  explicit Status(moe_error *error) {
    if (error)
      failure.emplace(error);
  }
  explicit operator bool() const { return !failure; }
  const Error &error() const { return *failure; }

private:
  std::optional<Error> failure;
};

inline std::string version() { return moe_version(); }

namespace detail {
template <typename T> T sized() {
  T value{};
  value.size = sizeof(T);
  return value;
}
inline const char *orNull(const std::string &text) {
  return text.empty() ? nullptr : text.c_str();
}
inline Result<std::string> takeText(moe_error *error, moe_text *text) {
  if (error)
    return Error(error);
  std::string bytes(moe_text_data(text), moe_text_size(text));
  moe_text_release(text);
  return bytes;
}
} // namespace detail

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

enum class DType {
  F64,
  F32,
  BF16,
  F16,
  F8E4M3,
  F8E5M2,
  F8E8M0,
  I64,
  I32,
  I16,
  I8,
  U8,
  Bool
};

/// A view of memory, row-major without gaps. At most 8 dimensions.
class Tensor {
public:
  static constexpr size_t maxRank = 8;

  Tensor(DType dtype, const void *data, std::initializer_list<int64_t> shape)
      : Tensor(dtype, data, shape.begin(), shape.size()) {}
  Tensor(DType dtype, const void *data, const std::vector<int64_t> &shape)
      : Tensor(dtype, data, shape.data(), shape.size()) {}
  Tensor(const float *data, std::initializer_list<int64_t> shape)
      : Tensor(DType::F32, data, shape) {}
  Tensor(const int32_t *data, std::initializer_list<int64_t> shape)
      : Tensor(DType::I32, data, shape) {}
  Tensor(const int64_t *data, std::initializer_list<int64_t> shape)
      : Tensor(DType::I64, data, shape) {}
  /// The same of memory on a GPU.
  static Tensor onGpu(DType dtype, const void *data,
                      const std::vector<int64_t> &shape, int32_t gpu = 0) {
    Tensor tensor(dtype, data, shape);
    tensor.view.device = {2, gpu};
    return tensor;
  }
  /// Any type with the layout of DLPack's DLTensor. Its shape is copied, its
  /// strides must outlive the view.
  template <typename DlTensor> static Tensor fromDlpack(const DlTensor &dl) {
    static_assert(sizeof(DlTensor) == sizeof(moe_tensor), "no DLTensor");
    moe_tensor tensor;
    std::memcpy(&tensor, &dl, sizeof(tensor));
    return Tensor(tensor);
  }
  explicit Tensor(const moe_tensor &tensor) : view(tensor) {
    rank = tensor.ndim > 0 ? static_cast<size_t>(tensor.ndim) : 0;
    for (size_t i = 0; i < rank && i < maxRank; ++i)
      sizes[i] = tensor.shape[i];
  }

  void *data() const {
    return static_cast<char *>(view.data) + view.byte_offset;
  }
  std::vector<int64_t> shape() const {
    return {sizes.begin(), sizes.begin() + static_cast<ptrdiff_t>(rank)};
  }
  int64_t numElements() const {
    int64_t count = 1;
    for (size_t i = 0; i < rank; ++i)
      count *= sizes[i];
    return count;
  }
  moe_dtype dlpackType() const { return view.dtype; }

  /// Borrows from this object.
  moe_tensor c() const {
    moe_tensor tensor = view;
    // A rank that does not fit has no shape: an error of whoever is given it.
    tensor.ndim = static_cast<int32_t>(rank);
    tensor.shape =
        rank <= maxRank ? const_cast<int64_t *>(sizes.data()) : nullptr;
    return tensor;
  }

private:
  Tensor(DType dtype, const void *data, const int64_t *shape, size_t count)
      : rank(count) {
    constexpr moe_dtype codes[] = {{MOE_DL_FLOAT, 64, 1},
                                   {MOE_DL_FLOAT, 32, 1},
                                   {MOE_DL_BFLOAT, 16, 1},
                                   {MOE_DL_FLOAT, 16, 1},
                                   {MOE_DL_FLOAT8_E4M3FN, 8, 1},
                                   {MOE_DL_FLOAT8_E5M2, 8, 1},
                                   {MOE_DL_FLOAT8_E8M0FNU, 8, 1},
                                   {MOE_DL_INT, 64, 1},
                                   {MOE_DL_INT, 32, 1},
                                   {MOE_DL_INT, 16, 1},
                                   {MOE_DL_INT, 8, 1},
                                   {MOE_DL_UINT, 8, 1},
                                   {MOE_DL_BOOL, 8, 1}};
    view.data = const_cast<void *>(data);
    view.device = {1, 0};
    view.dtype = codes[static_cast<size_t>(dtype)];
    for (size_t i = 0; i < rank && i < maxRank; ++i)
      sizes[i] = shape[i];
  }

  moe_tensor view{};
  size_t rank = 0;
  std::array<int64_t, maxRank> sizes{};
};

struct NamedTensor {
  const char *name;
  Tensor tensor;
};

namespace detail {
/// The C form of a list of tensors, without an allocation for few of them.
class TensorList {
public:
  TensorList(const NamedTensor *tensors, size_t count) : count(count) {
    if (count > few.size())
      many.resize(count);
    moe_named_tensor *list = count > few.size() ? many.data() : few.data();
    for (size_t i = 0; i < count; ++i)
      list[i] = {tensors[i].name, tensors[i].tensor.c()};
    start = list;
  }
  TensorList(const TensorList &) = delete;
  const moe_named_tensor *data() const { return start; }
  size_t size() const { return count; }

private:
  std::array<moe_named_tensor, 16> few{};
  std::vector<moe_named_tensor> many;
  const moe_named_tensor *start;
  size_t count;
};
} // namespace detail

//===----------------------------------------------------------------------===//
// Sources
//===----------------------------------------------------------------------===//

/// A layer without a model around it. The comment on moe_source in moe_c.h says
/// what each field means and how the weights are called.
struct LayerSpec {
  int64_t num_experts = 0, top_k = 0, hidden_size = 0, intermediate_size = 0;
  std::string dtype = "f32";
  std::string weight_dtype = {}; ///< empty: dtype
  int64_t max_tokens = 0;        ///< 0: 2^20

  struct Groups {
    int64_t count = 0, keep = 0, top_sum = 1;
    std::string fill = {}; ///< "-inf" or "0"
  };
  struct Norm {
    std::string kind = {}; ///< "softmax", "sigmoid", "l1"
    double eps = 0;
    std::string eps_mode = {}; ///< "add", "max"; empty without an eps
  };
  struct Router {
    std::string score = {}; ///< empty: the logits
    std::string score_dtype = {};
    bool logits_bias = false;
    bool selection_bias = false;
    std::optional<Groups> groups = {};
    std::vector<Norm> normalize = {};
    double scale = 1;
  } router;

  struct Capacity {
    int64_t per_expert = 0;
    std::string order = {}; ///< "token_major", "rank_major"
  };
  std::optional<Capacity> capacity = {};

  struct Activation {
    std::string name = "swiglu";
    std::vector<std::pair<std::string, double>> params = {};
  } activation;
  bool expert_bias = false;

  struct SharedExperts {
    int64_t intermediate_size = 0;
    bool gate = false;
  };
  std::optional<SharedExperts> shared_experts = {};

  std::string json() const;
};

class Source {
public:
  /// A folder is a checkpoint, a file is a package or textual IR.
  static Source file(std::string path) { return {MOE_FROM_PATH, path}; }
  static Source text(std::string ir) { return {MOE_FROM_TEXT, ir}; }
  static Source checkpoint(std::string folder) {
    return {MOE_FROM_CHECKPOINT, folder};
  }
  static Source layer(const LayerSpec &spec) {
    return {MOE_FROM_SPEC, spec.json()};
  }
  static Source package(std::string bytes) { return {MOE_FROM_PACKAGE, bytes}; }

  /// Of a checkpoint with several MoE layers.
  Source &layer(int64_t index) {
    layerIndex = index;
    return *this;
  }
  /// Activations: "f32", "bf16", "f16".
  Source &dtype(std::string name) {
    dtypeName = std::move(name);
    return *this;
  }
  Source &function(std::string name) {
    functionName = std::move(name);
    return *this;
  }
  /// What messages call it.
  Source &name(std::string text) {
    label = std::move(text);
    return *this;
  }
  /// An input override_ids replaces what the router picks.
  Source &overrideIds() {
    withIds = true;
    return *this;
  }

  /// Borrows from this object.
  moe_source c() const {
    auto source = detail::sized<moe_source>();
    source.kind = kind;
    source.data = content.c_str();
    source.data_size = content.size();
    source.name = detail::orNull(label);
    source.has_layer = layerIndex.has_value();
    source.layer = layerIndex.value_or(0);
    source.dtype = detail::orNull(dtypeName);
    source.function = detail::orNull(functionName);
    source.override_ids = withIds;
    return source;
  }

private:
  Source(uint32_t kind, std::string content)
      : kind(kind), content(std::move(content)) {}
  uint32_t kind;
  std::string content, label, dtypeName, functionName;
  std::optional<int64_t> layerIndex;
  bool withIds = false;
};

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

class Weights {
public:
  static Weights none() { return Weights(); }
  /// A checkpoint's folder.
  static Weights safetensors(std::string folder) {
    Weights weights;
    weights.spec = detail::sized<moe_weights>();
    weights.spec.kind = MOE_WEIGHTS_FOLDER;
    weights.folder = std::move(folder);
    return weights;
  }
  static Weights random(uint64_t seed) {
    Weights weights;
    weights.spec = detail::sized<moe_weights>();
    weights.spec.kind = MOE_WEIGHTS_RANDOM;
    weights.spec.seed = seed;
    return weights;
  }
  /// Under the names that a checkpoint would use. Names and data outlive the
  /// call that they are given to.
  static Weights tensors(std::vector<NamedTensor> list) {
    Weights weights;
    weights.spec = detail::sized<moe_weights>();
    weights.spec.kind = MOE_WEIGHTS_TENSORS;
    weights.list = std::move(list);
    return weights;
  }

  /// Calls `body(const moe_weights *)`, null for none.
  template <typename Body> auto with(Body body) const {
    detail::TensorList lent(list.data(), list.size());
    moe_weights copy = spec;
    copy.folder = folder.c_str();
    copy.tensors = lent.data();
    copy.num_tensors = lent.size();
    return body(spec.size ? &copy : nullptr);
  }

private:
  Weights() = default;
  moe_weights spec{};
  std::string folder;
  std::vector<NamedTensor> list;
};

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

struct WorkspaceOptions {
  /// The largest T; 0: its bound.
  int64_t max_tokens = 0;
  /// 0: MOE_NUM_THREADS, else all physical cores.
  uint32_t max_threads = 0;
  /// Other dimensions.
  std::vector<std::pair<std::string, int64_t>> max_dims = {};
  /// See moe_workspace_options.
  void (*parallel_for)(void *context, uint64_t n, uint32_t threads,
                       moe_task task, void *argument) = nullptr;
  void *context = nullptr;
  bool poison = false;

  /// Calls `body(const moe_workspace_options *)`.
  template <typename Body> auto with(Body body) const {
    std::vector<moe_dim> dims;
    if (max_tokens)
      dims.push_back({"T", max_tokens});
    for (const auto &[name, value] : max_dims)
      dims.push_back({name.c_str(), value});
    auto options = detail::sized<moe_workspace_options>();
    options.dims = dims.data();
    options.num_dims = dims.size();
    options.threads = max_threads;
    options.parallel_for = parallel_for;
    options.context = context;
    options.poison = poison;
    return body(&options);
  }
};

struct RunOptions {
  uint32_t threads = 0; ///< 0: all of the workspace's
  bool timing = false;
  void *stream = nullptr; ///< of a GPU; null: the default stream
};

struct KernelUse {
  std::string name;
  uint32_t launches;
  uint64_t tasks;
  uint64_t nanoseconds;
};

/// The memory and threads of one caller at a time.
class Workspace {
public:
  /// The kernels that the last run launched.
  std::vector<KernelUse> kernels() const {
    std::vector<KernelUse> list;
    auto use = detail::sized<moe_kernel_use>();
    for (size_t i = 0; moe_workspace_kernel(handle.get(), i, &use); ++i)
      if (use.launches)
        list.push_back({use.name, use.launches, use.tasks, use.nanoseconds});
    return list;
  }
  /// Waits for the last run on a GPU; see moe_workspace_wait.
  Status wait() { return Status(moe_workspace_wait(handle.get())); }
  moe_workspace *c() const { return handle.get(); }

private:
  friend class Bound;
  struct Release {
    void operator()(moe_workspace *it) const { moe_workspace_release(it); }
  };
  explicit Workspace(moe_workspace *made) : handle(made) {}
  std::unique_ptr<moe_workspace, Release> handle;
};

/// A program with its weights. Copies share them.
class Bound {
public:
  Result<Workspace> workspace(const WorkspaceOptions &options = {}) const {
    moe_workspace *made = nullptr;
    moe_error *error = options.with([&](const moe_workspace_options *c) {
      return moe_workspace_create(handle.get(), c, &made);
    });
    if (error)
      return Error(error);
    return Workspace(made);
  }

  /// Allocates nothing for up to 16 inputs and 16 outputs.
  Status run(std::initializer_list<NamedTensor> inputs,
             std::initializer_list<NamedTensor> outputs, Workspace &workspace,
             const RunOptions &options = {}) const {
    return run(inputs.begin(), inputs.size(), outputs.begin(), outputs.size(),
               workspace, options);
  }
  Status run(const std::vector<NamedTensor> &inputs,
             const std::vector<NamedTensor> &outputs, Workspace &workspace,
             const RunOptions &options = {}) const {
    return run(inputs.data(), inputs.size(), outputs.data(), outputs.size(),
               workspace, options);
  }

  /// JSON; see moe_bound_info.
  Result<std::string> info() const {
    moe_text *text = nullptr;
    moe_error *error = moe_bound_info(handle.get(), &text);
    return detail::takeText(error, text);
  }
  const moe_bound *c() const { return handle.get(); }

private:
  friend class Program;
  explicit Bound(moe_bound *made) : handle(made, moe_bound_release) {}
  Status run(const NamedTensor *inputs, size_t numInputs,
             const NamedTensor *outputs, size_t numOutputs,
             Workspace &workspace, const RunOptions &options) const {
    const detail::TensorList in(inputs, numInputs), out(outputs, numOutputs);
    auto given = detail::sized<moe_run_options>();
    given.threads = options.threads;
    given.timing = options.timing;
    given.stream = options.stream;
    return Status(moe_run(handle.get(), in.data(), in.size(), out.data(),
                          out.size(), workspace.c(), &given));
  }
  std::shared_ptr<const moe_bound> handle;
};

/// Sugar for the common case: one caller, hidden states in and out.
class Layer {
public:
  static Result<Layer> create(Bound bound,
                              const WorkspaceOptions &options = {}) {
    Result<Workspace> workspace = bound.workspace(options);
    if (!workspace)
      return workspace.error();
    return Layer(std::move(bound), *std::move(workspace));
  }
  Status run(const Tensor &input, const Tensor &output) {
    return bound.run({{"hidden_states", input}}, {{"hidden_states", output}},
                     workspace);
  }

private:
  Layer(Bound bound, Workspace workspace)
      : bound(std::move(bound)), workspace(std::move(workspace)) {}
  Bound bound;
  Workspace workspace;
};

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

struct BindOptions {
  uint32_t threads = 0;
  /// Bytes of packed weights that are done; by any thread, one at a time. May
  /// not throw.
  std::function<void(uint64_t done, uint64_t total)> progress = {};
  /// See moe_bind_options. Empty: none.
  std::string packedCache = {};
};

/// A compiled function. Copies share it.
class Program {
public:
  Result<Bound> bind(const Weights &weights = Weights::none(),
                     const BindOptions &options = {}) const {
    auto given = detail::sized<moe_bind_options>();
    given.threads = options.threads;
    if (!options.packedCache.empty())
      given.packed_cache = options.packedCache.c_str();
    if (options.progress) {
      given.context = const_cast<BindOptions *>(&options);
      given.progress = [](void *context, uint64_t done, uint64_t total) {
        static_cast<const BindOptions *>(context)->progress(done, total);
      };
    }
    moe_bound *made = nullptr;
    moe_error *error = weights.with([&](const moe_weights *c) {
      return moe_bind(handle.get(), c, &given, &made);
    });
    if (error)
      return Error(error);
    return Bound(made);
  }

  /// JSON; see moe_program_info.
  Result<std::string> info() const {
    moe_text *text = nullptr;
    moe_error *error = moe_program_info(handle.get(), &text);
    return detail::takeText(error, text);
  }
  /// The bytes of a .moe file.
  std::string package() const {
    const char *data = nullptr;
    size_t size = 0;
    moe_program_package(handle.get(), &data, &size);
    return std::string(data, size);
  }
  Result<moe_memory_plan> memory(const WorkspaceOptions &options = {}) const {
    auto plan = detail::sized<moe_memory_plan>();
    moe_error *error = options.with([&](const moe_workspace_options *c) {
      return moe_program_memory(handle.get(), c, &plan);
    });
    if (error)
      return Error(error);
    return plan;
  }
  const moe_program *c() const { return handle.get(); }

private:
  friend class Compiler;
  explicit Program(moe_program *made) : handle(made, moe_program_release) {}
  std::shared_ptr<const moe_program> handle;
};

/// Named tensors of the reference.
class Results {
public:
  size_t size() const { return moe_results_size(handle.get()); }
  /// Borrows from this object.
  NamedTensor operator[](size_t index) const {
    moe_named_tensor named;
    moe_results_get(handle.get(), index, &named);
    return {named.name, Tensor(named.tensor)};
  }
  std::optional<Tensor> find(const std::string &name) const {
    for (size_t i = 0; i < size(); ++i)
      if (name == (*this)[i].name)
        return (*this)[i].tensor;
    return std::nullopt;
  }

private:
  friend class Compiler;
  explicit Results(moe_results *made) : handle(made, moe_results_release) {}
  std::shared_ptr<const moe_results> handle;
};

struct Target {
  /// The CPU, or the GPU where that is the executor.
  static std::string host() { return "host"; }
};

enum class Executor { Cpu, Cuda };

struct CompilerOptions {
  /// One target, or a comma-separated list.
  std::string target = Target::host();
  /// Empty: MOE_ISA.
  std::string isa = {};
  /// A row's bits depend on nothing but the row.
  bool deterministic = true;
  bool strip_ir = false;
  bool cache = true;
  /// Names of phases; empty: from input to object.
  std::string from_phase = {}, to_phase = {};
  /// Empty: MOE_DUMP_DIR.
  std::string dump_dir = {};
  /// Told the milliseconds of each phase. May not throw.
  std::function<void(const char *phase, double milliseconds)> timing = {};
  /// Tells perf the names of kernels.
  bool perf_map = false;
  Executor executor = Executor::Cpu;
  uint32_t device = 0; ///< the GPU, as the driver counts
  /// Path of the CUDA driver; empty: MOE_CUDA_DRIVER, else libcuda.so.1.
  std::string cuda_driver = {};
  /// "approx": rewrites may change ids where scores tie. Empty: what the IR
  /// says.
  std::string fast = {};
};

class Compiler {
public:
  explicit Compiler(CompilerOptions options = {})
      : options(std::move(options)) {}

  Result<Program> compile(const Source &source) const {
    const moe_source from = source.c();
    const moe_compile_options given = c();
    moe_program *made = nullptr;
    if (moe_error *error = moe_compile(&from, &given, &made))
      return Error(error);
    return Program(made);
  }
  /// What was decided and why, as text or JSON.
  Result<std::string> explain(const Source &source, bool json = false) const {
    const moe_source from = source.c();
    const moe_compile_options given = c();
    moe_text *text = nullptr;
    moe_error *error = moe_explain(&from, &given, json, &text);
    return detail::takeText(error, text);
  }
  /// The input IR.
  Result<std::string> import(const Source &source) const {
    const moe_source from = source.c();
    moe_text *text = nullptr;
    moe_error *error = moe_import(&from, &text);
    return detail::takeText(error, text);
  }
  /// The interpreter's results; `exact` leaves out all rounding.
  Result<Results> reference(const Source &source, const Weights &weights,
                            const std::vector<NamedTensor> &inputs,
                            bool exact = false) const {
    const moe_source from = source.c();
    const detail::TensorList in(inputs.data(), inputs.size());
    moe_results *made = nullptr;
    moe_error *error = weights.with([&](const moe_weights *w) {
      return moe_reference(&from, w, in.data(), in.size(), exact, &made);
    });
    if (error)
      return Error(error);
    return Results(made);
  }
  /// A line for each phase whose values agree with the input's.
  Result<std::string> checkPhases(const Source &source, const Weights &weights,
                                  const std::vector<NamedTensor> &inputs,
                                  double tolerance) const {
    const moe_source from = source.c();
    const moe_compile_options given = c();
    const detail::TensorList in(inputs.data(), inputs.size());
    moe_text *text = nullptr;
    moe_error *error = weights.with([&](const moe_weights *w) {
      return moe_check_phases(&from, &given, w, in.data(), in.size(), tolerance,
                              &text);
    });
    return detail::takeText(error, text);
  }

private:
  moe_compile_options c() const {
    auto given = detail::sized<moe_compile_options>();
    given.targets = options.target.c_str();
    given.isa = detail::orNull(options.isa);
    given.free_order = !options.deterministic;
    given.strip_ir = options.strip_ir;
    given.no_cache = !options.cache;
    given.from_phase = detail::orNull(options.from_phase);
    given.to_phase = detail::orNull(options.to_phase);
    given.dump_dir = detail::orNull(options.dump_dir);
    given.perf_map = options.perf_map;
    given.executor = options.executor == Executor::Cuda ? MOE_EXECUTOR_CUDA
                                                        : MOE_EXECUTOR_CPU;
    given.device = options.device;
    given.cuda_driver = detail::orNull(options.cuda_driver);
    given.fast = detail::orNull(options.fast);
    if (options.timing) {
      given.context = const_cast<CompilerOptions *>(&options);
      given.timing = [](void *context, const char *phase, double ms) {
        static_cast<const CompilerOptions *>(context)->timing(phase, ms);
      };
    }
    return given;
  }
  CompilerOptions options;
};

//===----------------------------------------------------------------------===//
// LayerSpec as JSON
//===----------------------------------------------------------------------===//

namespace detail {
/// Members of one object; what is absent is not written.
class JsonObject {
public:
  void add(const char *key, int64_t value) { raw(key, std::to_string(value)); }
  void add(const char *key, bool value) { raw(key, value ? "true" : "false"); }
  void add(const char *key, double value) { raw(key, number(value)); }
  void add(const char *key, const std::string &value) {
    if (!value.empty())
      raw(key, quoted(value));
  }
  void raw(const std::string &key, const std::string &json) {
    members += (members.empty() ? "" : ", ") + quoted(key) + ": " + json;
  }
  std::string str() const { return "{" + members + "}"; }

private:
  static std::string number(double value) {
    // JSON has no infinities: as text they are an error that names the key.
    if (!(value >= std::numeric_limits<double>::lowest() &&
          value <= std::numeric_limits<double>::max()))
      return value > 0 ? "\"inf\"" : value < 0 ? "\"-inf\"" : "\"nan\"";
    std::ostringstream stream;
    stream.imbue(std::locale::classic());
    stream.precision(std::numeric_limits<double>::max_digits10);
    stream << value;
    return stream.str();
  }
  static std::string quoted(const std::string &text) {
    std::string json = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\')
        json += '\\';
      if (static_cast<unsigned char>(c) < 0x20) {
        static constexpr char digits[] = "0123456789abcdef";
        json += "\\u00";
        json += digits[c >> 4];
        json += digits[c & 15];
      } else {
        json += c;
      }
    }
    return json + "\"";
  }
  std::string members;
};
} // namespace detail

inline std::string LayerSpec::json() const {
  detail::JsonObject spec;
  spec.add("num_experts", num_experts);
  spec.add("top_k", top_k);
  spec.add("hidden_size", hidden_size);
  spec.add("intermediate_size", intermediate_size);
  spec.add("dtype", dtype);
  spec.add("weight_dtype", weight_dtype);
  if (max_tokens)
    spec.add("max_tokens", max_tokens);

  detail::JsonObject route;
  route.add("score", router.score);
  route.add("score_dtype", router.score_dtype);
  route.add("logits_bias", router.logits_bias);
  route.add("selection_bias", router.selection_bias);
  if (router.groups) {
    detail::JsonObject groups;
    groups.add("count", router.groups->count);
    groups.add("keep", router.groups->keep);
    groups.add("top_sum", router.groups->top_sum);
    groups.add("fill", router.groups->fill);
    route.raw("groups", groups.str());
  }
  std::string steps;
  for (const Norm &norm : router.normalize) {
    detail::JsonObject step;
    step.add("kind", norm.kind);
    if (!norm.eps_mode.empty()) {
      step.add("eps", norm.eps);
      step.add("eps_mode", norm.eps_mode);
    }
    steps += (steps.empty() ? "" : ", ") + step.str();
  }
  if (!steps.empty())
    route.raw("normalize", "[" + steps + "]");
  if (router.scale != 1)
    route.add("scale", router.scale);
  spec.raw("router", route.str());

  if (capacity) {
    detail::JsonObject limit;
    limit.add("per_expert", capacity->per_expert);
    limit.add("order", capacity->order);
    spec.raw("capacity", limit.str());
  }
  detail::JsonObject act;
  act.add("name", activation.name);
  for (const auto &[name, value] : activation.params)
    act.add(name.c_str(), value);
  spec.raw("activation", act.str());
  spec.add("expert_bias", expert_bias);
  if (shared_experts) {
    detail::JsonObject shared;
    shared.add("intermediate_size", shared_experts->intermediate_size);
    shared.add("gate", shared_experts->gate);
    spec.raw("shared_experts", shared.str());
  }
  return spec.str();
}

} // namespace moe

#endif // MOE_RUNTIME_API_MOE_HPP
