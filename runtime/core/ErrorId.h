//===- ErrorId.h - The stable ids of user-facing errors ---------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One id a kind of mistake; docs/errors.md has a section for each and a test
// holds the two together. Ids are never reused. 01xx: files and safetensors.
// 02xx: config.json and import. 03xx: IR. 04xx: targets and compilation.
// 05xx: packages and the cache. 06xx: binding weights. 07xx: running.
// 08xx: the environment. 09xx: command lines.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_ERRORID_H
#define MOE_RUNTIME_CORE_ERRORID_H

#include <cstdint>

namespace moe::core {

enum class ErrorId : uint16_t {
  Internal = 1, ///< a defect of moec; the message asks for a report

  // Files and safetensors.
  FileNotFound = 101,
  FileUnreadable = 102,
  FileUnwritable = 103,
  SafetensorsTruncated = 104,
  SafetensorsHeader = 105,
  SafetensorsTensor = 106,
  IndexInvalid = 107,
  TensorNotFound = 108,
  CheckpointEmpty = 109,
  JsonInvalid = 110,
  GgufInvalid = 111,

  // config.json and import.
  ConfigMissing = 201,
  ConfigKeyMissing = 202,
  ConfigKeyType = 203,
  ModelTypeUnknown = 204,
  RouterInvalid = 205,
  LayerNotFound = 206,
  LayerAmbiguous = 207,
  TensorShape = 208,
  TensorDType = 209,
  QuantizationUnsupported = 210,
  ActivationUnknown = 211,
  FeatureUnsupported = 212,

  // IR.
  IrInvalid = 301,
  IrTooDeep = 302,
  IrTooLarge = 303,
  FunctionNotFound = 304,
  InterpreterUnsupported = 305,
  ProgramFault = 306, ///< division by zero, an index outside a tensor, ...

  // Targets and compilation.
  TargetUnknown = 401,
  TargetUnsupported = 402,
  LoweringUnsupported = 403,
  PhaseUnknown = 404,
  CompileFailed = 405,
  CodeImageRefused = 406,
  PlanInvalid = 407,

  // Packages and the cache.
  PackageTruncated = 501,
  PackageCorrupt = 502,
  PackageVersion = 503,
  PackageNoVariant = 504,
  CacheUnwritable = 505,
  PackageNoIr = 506,

  // Binding weights.
  WeightMissing = 601,
  WeightMismatch = 602,
  WeightValue = 603,
  WeightsNeeded = 604,

  // Running.
  InputMissing = 701,
  InputShape = 702,
  InputDType = 703,
  BoundExceeded = 704,
  OutputUnknown = 705,
  BuffersAlias = 706,
  WorkspaceTooSmall = 707,
  IdOutOfRange = 708,
  ResultMismatch = 709,
  OutOfMemory = 710,
  InputUnknown = 711,
  WorkspaceBusy = 712,
  AssertionFailed = 713, ///< a cf.assert of the graph

  // The environment.
  CompilerAbsent = 801,
  CompilerVersion = 802,
  IsaUnavailable = 803,
  EnvironmentValue = 804,
  CodeNotExecutable = 805,
  CudaDriverAbsent = 806,
  CudaDriverTooOld = 807,
  CudaNoDevice = 808,
  CudaFailed = 809, ///< what the driver refused, or what a kernel did wrong
  NvrtcAbsent = 810,

  // Command lines.
  UsageInvalid = 901,
};

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_ERRORID_H
