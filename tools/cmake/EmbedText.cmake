# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Run as a script: writes OUTPUT, a C++ file that defines the function NAME of
# HEADER over the text FILES, each under its file name.
set(cases "")
foreach(file ${FILES})
  get_filename_component(name ${file} NAME)
  file(READ ${file} text)
  # A literal may be as short as 64 KiB to a compiler; texts are below.
  string(APPEND cases "  if (name == \"${name}\")\n    return R\"moe(${text})moe\";\n")
endforeach()
file(WRITE ${OUTPUT} "#include \"${HEADER}\"\n\nstd::string_view moe::${NAME}(std::string_view name) {\n${cases}  return {};\n}\n")
