//===- Device.h - A GPU and its memory --------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is made on a device is owned by values that free it, and that keep the
// device and its driver alive. The device's primary context is used, which
// frameworks and cudart use too: their pointers and streams are ours.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CUDA_DEVICE_H
#define MOE_RUNTIME_CUDA_DEVICE_H

#include "moe/runtime/cuda/Driver.h"

#include <utility>

namespace moe::cuda {

class Device {
public:
  /// Retains the primary context. Errors: CudaNoDevice for an ordinal that
  /// there is not, CudaFailed, OutOfMemory.
  static core::Result<std::shared_ptr<const Device>>
  open(std::shared_ptr<const Driver> driver, int ordinal);
  ~Device();
  Device(const Device &) = delete;

  const Driver &driver() const { return *owner; }
  int ordinal() const { return number; }
  /// Whether memory and modules of one are the other's.
  bool is(const Device &other) const { return context == other.context; }
  const std::string &name() const { return deviceName; }
  /// 90 for compute capability 9.0. A simulator's changes with what it loads.
  core::Result<int> capability() const;
  /// CudaFailed.
  core::Result<int> attribute(CuDeviceAttribute attribute) const;

private:
  friend class Current;
  Device() = default;
  std::shared_ptr<const Driver> owner;
  int number = 0;
  CuDevice handle = 0;
  CuContext context = nullptr;
  std::string deviceName;
};

/// The device's context is the thread's as long as this lives; then the former
/// one is again.
class Current {
public:
  explicit Current(const Device &device);
  ~Current();
  Current(const Current &) = delete;
  /// CudaFailed.
  const core::Status &status() const { return state; }

private:
  const Device &device;
  core::Status state;
};

/// Device memory, aligned to 256 bytes. The context must be current to make it.
class DeviceMemory {
public:
  DeviceMemory() = default;
  /// OutOfMemory: "`what` needs N bytes on the GPU ...".
  static core::Result<DeviceMemory>
  allocate(std::shared_ptr<const Device> device, size_t bytes,
           const std::string &what);
  DeviceMemory(DeviceMemory &&other) noexcept { *this = std::move(other); }
  DeviceMemory &operator=(DeviceMemory &&other) noexcept {
    std::swap(device, other.device);
    std::swap(start, other.start);
    std::swap(length, other.length);
    return *this;
  }
  ~DeviceMemory();

  CuDevicePtr data() const { return start; }
  size_t size() const { return length; }

private:
  std::shared_ptr<const Device> device;
  CuDevicePtr start = 0;
  size_t length = 0;
};

/// Host memory that the device copies from and to without a stop between.
class PinnedMemory {
public:
  PinnedMemory() = default;
  static core::Result<PinnedMemory>
  allocate(std::shared_ptr<const Device> device, size_t bytes,
           const std::string &what);
  PinnedMemory(PinnedMemory &&other) noexcept { *this = std::move(other); }
  PinnedMemory &operator=(PinnedMemory &&other) noexcept {
    std::swap(device, other.device);
    std::swap(start, other.start);
    std::swap(length, other.length);
    return *this;
  }
  ~PinnedMemory();

  std::byte *data() const { return start; }
  size_t size() const { return length; }

private:
  std::shared_ptr<const Device> device;
  std::byte *start = nullptr;
  size_t length = 0;
};

/// An own stream, which does not wait for the legacy one.
class Stream {
public:
  Stream() = default;
  static core::Result<Stream> create(std::shared_ptr<const Device> device);
  Stream(Stream &&other) noexcept { *this = std::move(other); }
  Stream &operator=(Stream &&other) noexcept {
    std::swap(device, other.device);
    std::swap(handle, other.handle);
    return *this;
  }
  /// Waits for what was put into it.
  ~Stream();
  CuStream get() const { return handle; }

private:
  std::shared_ptr<const Device> device;
  CuStream handle = nullptr;
};

class Event {
public:
  Event() = default;
  static core::Result<Event> create(std::shared_ptr<const Device> device);
  Event(Event &&other) noexcept { *this = std::move(other); }
  Event &operator=(Event &&other) noexcept {
    std::swap(device, other.device);
    std::swap(handle, other.handle);
    return *this;
  }
  ~Event();
  CuEvent get() const { return handle; }

private:
  std::shared_ptr<const Device> device;
  CuEvent handle = nullptr;
};

} // namespace moe::cuda

#endif // MOE_RUNTIME_CUDA_DEVICE_H
