# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# cmake -DSOURCE=... -DVERSION=... -DOUT=... -P BuildId.cmake
# Hashes the sources of the product. The file changes only when they do, so a
# build without changes stays one without work.
file(GLOB_RECURSE files RELATIVE ${SOURCE}
  ${SOURCE}/dialect/* ${SOURCE}/passes/* ${SOURCE}/codegen/* ${SOURCE}/runtime/*)
list(SORT files)
set(all "")
foreach(name ${files})
  file(SHA256 ${SOURCE}/${name} hash)
  string(APPEND all "${name} ${hash}\n")
endforeach()
string(SHA256 id "${all}")
string(SUBSTRING "${id}" 0 16 id)
set(text "#define MOEC_VERSION \"${VERSION}\"\n#define MOEC_BUILD_ID \"${id}\"\n")
if(EXISTS ${OUT})
  file(READ ${OUT} before)
endif()
if(NOT "${before}" STREQUAL "${text}")
  file(WRITE ${OUT} "${text}")
endif()
