# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The few build functions of moec. A library is a room of the house: its name,
# its sources and the rooms it looks at.

# moe_add_library(NAME [MLIR] SOURCES ... [LINK ...] [DEPENDS ...])
# A static library. With MLIR its sources see MLIR's headers and share one
# precompiled header: parsing those headers is most of the cost of a file.
# MLIR itself is linked once, as libMLIR.so and libLLVM.so, by what is loaded in
# the end: naming a static MLIR library anywhere would put a second copy of its
# type identifiers into the process.
function(moe_add_library name)
  cmake_parse_arguments(arg "MLIR" "" "SOURCES;LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC ${arg_LINK})
  if(arg_DEPENDS)
    add_dependencies(${name} ${arg_DEPENDS})
  endif()
  if(arg_MLIR)
    moe_use_mlir(${name})
    target_precompile_headers(${name} REUSE_FROM MoePch)
  endif()
endfunction()

# Headers and definitions of MLIR for one target; no library.
function(moe_use_mlir name)
  target_include_directories(${name} SYSTEM PRIVATE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  target_compile_options(${name} PRIVATE ${moec_llvm_definitions})
  # MLIR identifies a trait by the name that the compiler gives a local class,
  # and g++ gives another than clang, which built libMLIR: hidden, our copy of
  # an identifier differs from the library's and hasTrait() is always false.
  # Visible, the dynamic linker makes the two one. CodegenCpuTests checks it.
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    set_target_properties(${name} PROPERTIES CXX_VISIBILITY_PRESET default
                          VISIBILITY_INLINES_HIDDEN OFF)
  endif()
endfunction()

# The shared libraries of MLIR and LLVM, and nothing else of theirs.
function(moe_link_mlir name)
  target_link_libraries(${name} PRIVATE MLIR LLVM)
endfunction()

# moe_tablegen(TARGET TD_FILE OUT1 "ACTION1" [OUT2 "ACTION2" ...])
function(moe_tablegen target td)
  set(LLVM_TARGET_DEFINITIONS ${td})
  set(pairs ${ARGN})
  set(TABLEGEN_OUTPUT "")
  while(pairs)
    list(POP_FRONT pairs out action)
    separate_arguments(action NATIVE_COMMAND "${action}")
    mlir_tablegen(${out} ${action} EXTRA_INCLUDES ${MLIR_INCLUDE_DIRS})
  endwhile()
  add_public_tablegen_target(${target})
endfunction()

# moe_add_unittest(NAME SOURCES ... [LINK ...] [MLIR]): a GoogleTest program,
# one ctest entry a test case, label "unit".
function(moe_add_unittest name)
  cmake_parse_arguments(arg "MLIR" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINK} GTest::gtest GTest::gmock GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/test)
  target_compile_definitions(${name} PRIVATE MOEC_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                             MOEC_TEST_DATA="${PROJECT_SOURCE_DIR}/test/data")
  if(arg_MLIR)
    moe_use_mlir(${name})
    moe_link_mlir(${name})
    # The header was precompiled for a library; an executable is -fPIE by default.
    target_compile_options(${name} PRIVATE -fPIC)
    target_precompile_headers(${name} REUSE_FROM MoePch)
  endif()
  include(GoogleTest)
  gtest_discover_tests(${name} TEST_PREFIX "${name}." DISCOVERY_MODE PRE_TEST
                       PROPERTIES LABELS unit TIMEOUT 300)
endfunction()

# moe_embed_text(LIBRARY FUNCTION HEADER FILES ...): a library of one function,
# which the header declares as `std::string_view moe::FUNCTION(std::string_view)`:
# the text of a file by its name.
function(moe_embed_text library function header)
  list(TRANSFORM ARGN PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/ OUTPUT_VARIABLE files)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${library}.cpp)
  set(script ${PROJECT_SOURCE_DIR}/tools/cmake/EmbedText.cmake)
  add_custom_command(OUTPUT ${out} DEPENDS ${files} ${script}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${out} -DHEADER=${header} -DNAME=${function} "-DFILES=${files}" -P ${script} VERBATIM)
  moe_add_library(${library} SOURCES ${out})
endfunction()
