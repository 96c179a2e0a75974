# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Finds what moec builds on. Whatever is missing is reported in one message that
# ends with the apt line, instead of one CMake failure after another.

set(MOEC_APT_RUNTIME nlohmann-json3-dev libflatbuffers-dev flatbuffers-compiler libxxhash-dev)
set(MOEC_APT_COMPILER libmlir-22-dev mlir-22-tools llvm-22-dev llvm-22-tools)
set(MOEC_APT_TESTS libgtest-dev libgmock-dev)
set(moec_missing "")

find_package(Threads REQUIRED)
find_program(MOEC_FLATC flatc)
find_path(MOEC_FLATBUFFERS_INCLUDE flatbuffers/flatbuffers.h)
# Code in packages begins at 64 bytes, twice what FlatBuffers expects at most.
add_compile_definitions(FLATBUFFERS_MAX_ALIGNMENT=64)
find_path(MOEC_JSON_INCLUDE nlohmann/json.hpp)
find_path(MOEC_XXHASH_INCLUDE xxhash.h)
if(NOT MOEC_FLATC)
  list(APPEND moec_missing flatbuffers-compiler)
endif()
if(NOT MOEC_FLATBUFFERS_INCLUDE)
  list(APPEND moec_missing libflatbuffers-dev)
endif()
if(NOT MOEC_JSON_INCLUDE)
  list(APPEND moec_missing nlohmann-json3-dev)
endif()
if(NOT MOEC_XXHASH_INCLUDE)
  list(APPEND moec_missing libxxhash-dev)
endif()

if(NOT MOEC_RUNTIME_ONLY)
  # Debian keeps the config under the LLVM prefix, outside CMake's search path,
  # and its version file wants major.minor: "22" alone is refused.
  find_package(MLIR 22.1 QUIET CONFIG HINTS "$ENV{LLVM_PREFIX}" /usr/lib/llvm-22)
  if(MLIR_FOUND)
    list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
    include(TableGen)
    include(AddLLVM)
    include(AddMLIR)
    # LLVM_DEFINITIONS is one string; as an option it must be a list. Debian's
    # LLVM has RTTI and no assertions; HandleLLVMOptions is left out, since it
    # would also turn exceptions off, which the readers of runtime/core use.
    separate_arguments(moec_llvm_definitions NATIVE_COMMAND ${LLVM_DEFINITIONS})
    foreach(tool lit FileCheck not mlir-opt mlir-tblgen)
      find_program(MOEC_TOOL_${tool} ${tool} PATHS ${LLVM_TOOLS_BINARY_DIR} NO_DEFAULT_PATH)
      if(NOT MOEC_TOOL_${tool})
        list(APPEND moec_missing llvm-22-tools mlir-22-tools)
      endif()
    endforeach()
  else()
    list(APPEND moec_missing ${MOEC_APT_COMPILER})
  endif()
endif()
if(MOEC_BUILD_TESTS)
  find_package(GTest QUIET)
  if(NOT GTest_FOUND)
    list(APPEND moec_missing ${MOEC_APT_TESTS})
  endif()
endif()

if(moec_missing)
  list(REMOVE_DUPLICATES moec_missing)
  list(JOIN moec_missing " " moec_missing)
  message(FATAL_ERROR "moec: these packages are missing. Install them with\n  apt-get install ${moec_missing}\n"
    "(LLVM 22 is in Debian 12's security archive; set LLVM_PREFIX if it lies elsewhere than /usr/lib/llvm-22), "
    "or run tools/quickstart.sh, which installs what is missing.")
endif()
