//===- Device.cpp - A GPU and its memory ------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Results of calls that free are of no use to anybody and are not looked at.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/cuda/Device.h"

using namespace moe;
using namespace moe::cuda;
using core::Error;
using core::ErrorId;
using core::Result;
using core::Status;

Result<std::shared_ptr<const Device>>
Device::open(std::shared_ptr<const Driver> driver, int ordinal) {
  if (ordinal < 0 || ordinal >= driver->devices())
    return Error(ErrorId::CudaNoDevice,
                 "there is no GPU " + std::to_string(ordinal) +
                     "; the driver has " + std::to_string(driver->devices()) +
                     ", counted from 0");
  std::shared_ptr<Device> device(new Device);
  Status status = driver->check(driver->cuDeviceGet(&device->handle, ordinal),
                                "cuDeviceGet");
  char name[256] = {};
  if (status)
    status = driver->check(
        driver->cuDeviceGetName(name, sizeof(name) - 1, device->handle),
        "cuDeviceGetName");
  CuContext context = nullptr;
  if (status)
    status = driver->check(
        driver->cuDevicePrimaryCtxRetain(&context, device->handle),
        "opening GPU " + std::to_string(ordinal));
  if (!status)
    return status.takeError();
  device->owner = std::move(driver);
  device->number = ordinal;
  device->context = context;
  device->deviceName = name;
  return std::shared_ptr<const Device>(std::move(device));
}

Device::~Device() {
  if (context)
    owner->cuDevicePrimaryCtxRelease(handle);
}

Result<int> Device::attribute(CuDeviceAttribute attribute) const {
  int value = 0;
  Status status =
      owner->check(owner->cuDeviceGetAttribute(&value, attribute, handle),
                   "cuDeviceGetAttribute");
  if (!status)
    return status.takeError();
  return value;
}

Result<int> Device::capability() const {
  Result<int> major = attribute(CuDeviceAttribute::ComputeCapabilityMajor);
  if (!major)
    return major;
  Result<int> minor = attribute(CuDeviceAttribute::ComputeCapabilityMinor);
  if (!minor)
    return minor;
  return *major * 10 + *minor;
}

Current::Current(const Device &device)
    : device(device), state(device.driver().checked(
                          device.driver().cuCtxPushCurrent(device.context),
                          [] { return std::string("cuCtxPushCurrent"); })) {}

Current::~Current() {
  CuContext former = nullptr;
  if (state)
    device.driver().cuCtxPopCurrent(&former);
}

Result<DeviceMemory>
DeviceMemory::allocate(std::shared_ptr<const Device> device, size_t bytes,
                       const std::string &what) {
  DeviceMemory memory;
  if (bytes == 0)
    return memory;
  Status status = device->driver().check(
      device->driver().cuMemAlloc(&memory.start, bytes),
      what + " needs " + std::to_string(bytes) + " bytes on the GPU");
  if (!status)
    return status.takeError();
  memory.device = std::move(device);
  memory.length = bytes;
  return memory;
}

DeviceMemory::~DeviceMemory() {
  if (!device)
    return;
  Current current(*device);
  device->driver().cuMemFree(start);
}

Result<PinnedMemory>
PinnedMemory::allocate(std::shared_ptr<const Device> device, size_t bytes,
                       const std::string &what) {
  PinnedMemory memory;
  if (bytes == 0)
    return memory;
  void *start = nullptr;
  Status status = device->driver().check(
      device->driver().cuMemAllocHost(&start, bytes),
      what + " needs " + std::to_string(bytes) + " bytes of pinned memory");
  if (!status)
    return status.takeError();
  memory.device = std::move(device);
  memory.start = static_cast<std::byte *>(start);
  memory.length = bytes;
  return memory;
}

PinnedMemory::~PinnedMemory() {
  if (!device)
    return;
  Current current(*device);
  device->driver().cuMemFreeHost(start);
}

Result<Stream> Stream::create(std::shared_ptr<const Device> device) {
  Stream stream;
  Status status = device->driver().check(
      device->driver().cuStreamCreate(&stream.handle, streamNonBlocking),
      "cuStreamCreate");
  if (!status)
    return status.takeError();
  stream.device = std::move(device);
  return stream;
}

Stream::~Stream() {
  if (!device)
    return;
  Current current(*device);
  device->driver().cuStreamSynchronize(handle);
  device->driver().cuStreamDestroy(handle);
}

Result<Event> Event::create(std::shared_ptr<const Device> device) {
  Event event;
  Status status = device->driver().check(
      device->driver().cuEventCreate(&event.handle, 0), "cuEventCreate");
  if (!status)
    return status.takeError();
  event.device = std::move(device);
  return event;
}

Event::~Event() {
  if (!device)
    return;
  Current current(*device);
  device->driver().cuEventDestroy(handle);
}
