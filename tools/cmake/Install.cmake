# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What cmake --install leaves: headers as "moe/moe_c.h" and "moe/moe.hpp", the
# libraries, the tools, and how CMake and pkg-config find them. Component
# `runtime` is all that a program with packages needs; `compiler` is the rest.
include(CMakePackageConfigHelpers)
set(moec_config ${CMAKE_INSTALL_LIBDIR}/cmake/moec)

target_include_directories(moe INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
install(TARGETS moe EXPORT moecRuntime
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT runtime)
install(EXPORT moecRuntime NAMESPACE moec:: DESTINATION ${moec_config} COMPONENT runtime)
install(FILES runtime/api/moe_c.h runtime/api/moe.hpp
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/moe COMPONENT runtime)

# Loaded, never linked: it has no place among the exported targets.
if(TARGET moe_compiler)
  set_target_properties(moe_compiler PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
  install(TARGETS moe_compiler LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT compiler)
endif()
if(TARGET moe_cudasim)
  install(TARGETS moe_cudasim LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT compiler)
endif()
foreach(tool moe-run moe-bench)
  if(TARGET ${tool})
    install(TARGETS ${tool} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
  endif()
endforeach()
foreach(tool moe-opt moe-import moe-compile moe-lsp-server moe-reduce)
  if(TARGET ${tool})
    set_target_properties(${tool} PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
    install(TARGETS ${tool} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT compiler)
  endif()
endforeach()

configure_package_config_file(tools/cmake/moecConfig.cmake.in moecConfig.cmake
  INSTALL_DESTINATION ${moec_config} PATH_VARS CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(moecConfigVersion.cmake COMPATIBILITY SameMinorVersion)
# Where the prefix lies seen from the file: an installed tree can be moved.
file(RELATIVE_PATH moec_pc_prefix
  ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(tools/cmake/moec.pc.in moec.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/moecConfig.cmake ${PROJECT_BINARY_DIR}/moecConfigVersion.cmake
  DESTINATION ${moec_config} COMPONENT runtime)
install(FILES ${PROJECT_BINARY_DIR}/moec.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT runtime)
