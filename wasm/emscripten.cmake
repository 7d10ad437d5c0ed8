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

# Tests run in node, those with relaxed SIMD too: before Node 21 that hides behind a flag, which later versions refuse.
if(NOT DEFINED CMAKE_CROSSCOMPILING_EMULATOR)
  find_program(RWKV_NODE NAMES node nodejs REQUIRED NO_CMAKE_FIND_ROOT_PATH)
  execute_process(COMMAND "${RWKV_NODE}" --version OUTPUT_VARIABLE _node_version COMMAND_ERROR_IS_FATAL ANY)
  set(CMAKE_CROSSCOMPILING_EMULATOR "${RWKV_NODE}")
  if(_node_version MATCHES "^v([0-9]+)" AND CMAKE_MATCH_1 LESS 21)
    list(APPEND CMAKE_CROSSCOMPILING_EMULATOR --experimental-wasm-relaxed-simd)
  endif()
endif()

include("${_root}/cmake/Modules/Platform/Emscripten.cmake")

# Programs are CommonJS, which node must be told where a package.json around the build folder says otherwise.
# (The suffix without _CXX is Emscripten's: its file is read twice, and sets that again.)
set(CMAKE_EXECUTABLE_SUFFIX_CXX .cjs)
