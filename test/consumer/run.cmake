# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# cmake -DBUILD=... -DWORK=... -DCOPY_PACKAGE=... -DCC= -DCXX= [-DPKG_CONFIG= -DPYTHON=] -P run.cmake
# Installs the build folder, moves the tree elsewhere, builds the consumers
# against it in each way there is, and runs them.
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY OUTPUT_VARIABLE output)
  set(output "${output}" PARENT_SCOPE)
endfunction()
set(source ${CMAKE_CURRENT_LIST_DIR})
file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/first)
file(RENAME ${WORK}/first ${WORK}/prefix)
file(GLOB libdir ${WORK}/prefix/lib*/libmoe.so ${WORK}/prefix/lib*/*/libmoe.so)
cmake_path(GET libdir PARENT_PATH libdir)
run(${COPY_PACKAGE} ${WORK}/copy.moe)
set(expected "1 2 3 4 5 6 7 8\n")
# No compiler, no cache and no home: a package needs none of them.
set(ENV{MOE_COMPILER} ${WORK}/none.so)
unset(ENV{HOME})

function(expect_copy)
  run(${ARGN} ${WORK}/copy.moe)
  if(NOT output STREQUAL expected)
    message(FATAL_ERROR "${ARGN} printed '${output}'")
  endif()
  execute_process(COMMAND ${ARGN} ${WORK}/none.moe RESULT_VARIABLE code ERROR_VARIABLE error)
  if(NOT code EQUAL 1 OR NOT error STREQUAL "error: E0101: '${WORK}/none.moe' does not exist\n")
    message(FATAL_ERROR "${ARGN} ended with ${code} and '${error}' on a file that does not exist")
  endif()
endfunction()

# find_package
run(${CMAKE_COMMAND} -S ${source} -B ${WORK}/build -DCMAKE_PREFIX_PATH=${WORK}/prefix
    -DCMAKE_C_COMPILER=${CC} -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_C_FLAGS=-Wall\ -Wextra\ -Werror\ -pedantic
    -DCMAKE_CXX_FLAGS=-Wall\ -Wextra\ -Werror\ -pedantic)
run(${CMAKE_COMMAND} --build ${WORK}/build)
expect_copy(${WORK}/build/consumer_c)
expect_copy(${WORK}/build/consumer_cpp)

# pkg-config
if(PKG_CONFIG)
  set(ENV{PKG_CONFIG_PATH} ${libdir}/pkgconfig)
  run(${PKG_CONFIG} --cflags --libs moec)
  separate_arguments(flags UNIX_COMMAND "${output}")
  run(${CC} ${source}/consumer.c -o ${WORK}/by_pkg_config ${flags} -Wl,-rpath,${libdir})
  expect_copy(${WORK}/by_pkg_config)
endif()

# ctypes
if(PYTHON)
  expect_copy(${PYTHON} ${source}/consumer.py ${libdir}/libmoe.so)
endif()

# With the compiler installed beside the runtime, the C++ program describes a
# layer and compiles it.
if(EXISTS ${libdir}/libmoe_compiler.so)
  unset(ENV{MOE_COMPILER})
  set(ENV{MOE_CACHE_DIR} ${WORK}/cache)
  run(${WORK}/build/consumer_cpp)
  set(number "-?[0-9][-+.e0-9]*")
  if(NOT output MATCHES "^${number}( ${number})+\n$")
    message(FATAL_ERROR "the layer gave '${output}'")
  endif()
  # The second time from the cache, without the compiler.
  set(first "${output}")
  set(ENV{MOE_COMPILER} ${WORK}/none.so)
  run(${WORK}/build/consumer_cpp)
  if(NOT output STREQUAL first)
    message(FATAL_ERROR "the layer gave '${first}', and from the cache '${output}'")
  endif()
endif()
