# CMake toolchain file: Emscripten's own, wherever Emscripten is. In this order: the folder that the environment variable
# RWKV_EMSCRIPTEN_ROOT names, what wasm/toolchain.mjs brought into this checkout, Emscripten on PATH, an emsdk.

cmake_path(SET _private_root NORMALIZE "${CMAKE_CURRENT_LIST_DIR}/../.toolchain/root/usr/share/emscripten")
find_program(_em_config em-config NO_CACHE NO_CMAKE_FIND_ROOT_PATH)

if(DEFINED ENV{RWKV_EMSCRIPTEN_ROOT})
  set(_root "$ENV{RWKV_EMSCRIPTEN_ROOT}")
elseif(EXISTS "${_private_root}/.emscripten")
  set(_root "${_private_root}")
elseif(_em_config)
  execute_process(COMMAND "${_em_config}" EMSCRIPTEN_ROOT OUTPUT_VARIABLE _root OUTPUT_STRIP_TRAILING_WHITESPACE
    COMMAND_ERROR_IS_FATAL ANY)
else()
  set(_root "$ENV{EMSDK}/upstream/emscripten")
endif()
if(NOT EXISTS "${_root}/cmake/Modules/Platform/Emscripten.cmake")
  message(FATAL_ERROR "No Emscripten in '${_root}'. Run `node wasm/toolchain.mjs`, or put Emscripten on PATH.")
endif()

# Not the configuration of another Emscripten. When building, with no variable set, emcc finds this one by itself.
if(_root STREQUAL _private_root)
  set(ENV{EM_CONFIG} "${_root}/.emscripten")
endif()

# Tests run in node: those with relaxed SIMD in one that has it, Node 22 or newer. (Node 20 hides it behind a flag, and its
# engine gets the fused dot product wrong where the processor has AVX-VNNI.)
if(NOT DEFINED CMAKE_CROSSCOMPILING_EMULATOR)
  find_program(RWKV_NODE NAMES node nodejs REQUIRED NO_CMAKE_FIND_ROOT_PATH)
  set(CMAKE_CROSSCOMPILING_EMULATOR "${RWKV_NODE}")
endif()

include("${_root}/cmake/Modules/Platform/Emscripten.cmake")

# Programs are CommonJS, which node must be told where a package.json around the build folder says otherwise.
# (The suffix without _CXX is Emscripten's: its file is read twice, and sets that again.)
set(CMAKE_EXECUTABLE_SUFFIX_CXX .cjs)
