# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# What the options of the top-level CMakeLists.txt mean in compiler flags.
#
# flc_warnings is the house's warning list; every target of the tree links it PRIVATE, so that it
# never reaches a user of the installed library.

add_library(flc_warnings INTERFACE)
target_compile_options(flc_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
    -Wundef -Wvla -Wimplicit-fallthrough $<$<BOOL:${FLC_WERROR}>:-Werror>)

if(FLC_FUZZ AND NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "FLC_FUZZ needs clang, the compiler is ${CMAKE_C_COMPILER_ID}")
endif()
if(FLC_FUZZ AND NOT FLC_SANITIZE)
    set(FLC_SANITIZE "address,undefined")
endif()
if(FLC_SANITIZE)
    add_compile_options(-fsanitize=${FLC_SANITIZE} -fno-sanitize-recover=all
                        -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${FLC_SANITIZE})
endif()
if(FLC_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()

if(FLC_CUDA)
    message(FATAL_ERROR "FLC_CUDA=ON: there are no CUDA kernels yet; build with FLC_CUDA=OFF")
endif()
find_program(FLC_NVCC nvcc HINTS /usr/local/cuda/bin)
if(FLC_NVCC)
    message(STATUS "nvcc found, but there are no CUDA kernels yet: the library is CPU only")
else()
    message(STATUS "nvcc not found: CPU only")
endif()
