# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# cmake -DLIBRARY=... -DNM=... -DREADELF=... -DSTRIP=... -P libmoe.cmake
# What libmoe.so promises about itself: it exports the functions of moe_c.h and
# nothing else, needs only the C and C++ run-time libraries, and is small.
execute_process(COMMAND ${NM} -D --defined-only ${LIBRARY}
  OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^ \n]+\n" symbols "${symbols}")
list(TRANSFORM symbols STRIP)
file(READ ${CMAKE_CURRENT_LIST_DIR}/../../runtime/api/moe_c.h header)
string(REGEX MATCHALL "MOE_API[^(]*[ *\n](moe_[a-z_]+)\\(" functions "${header}")
list(TRANSFORM functions REPLACE ".*[ *\n](moe_[a-z_]+)\\($" "\\1")
list(SORT symbols)
list(SORT functions)
if(NOT symbols STREQUAL functions)
  message(FATAL_ERROR "libmoe.so exports\n  ${symbols}\nmoe_c.h declares\n  ${functions}")
endif()

execute_process(COMMAND ${READELF} -d ${LIBRARY} OUTPUT_VARIABLE dynamic COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "NEEDED[^\n]*" needed "${dynamic}")
foreach(line ${needed})
  if(NOT line MATCHES "\\[?(libc|libm|libdl|libpthread|libstdc\\+\\+|libgcc_s|ld-linux[-a-z0-9_]*)\\.so")
    message(FATAL_ERROR "libmoe.so needs ${line}")
  endif()
endforeach()

execute_process(COMMAND ${NM} -C ${LIBRARY} OUTPUT_VARIABLE all COMMAND_ERROR_IS_FATAL ANY)
if(all MATCHES " (mlir|llvm)::")
  message(FATAL_ERROR "libmoe.so holds code of MLIR or LLVM")
endif()
execute_process(COMMAND ${STRIP} -o ${LIBRARY}.stripped ${LIBRARY} COMMAND_ERROR_IS_FATAL ANY)
file(SIZE ${LIBRARY}.stripped size)
file(REMOVE ${LIBRARY}.stripped)
if(size GREATER_EQUAL 3000000)
  message(FATAL_ERROR "libmoe.so has ${size} bytes")
endif()
message("libmoe.so: ${size} bytes stripped")
