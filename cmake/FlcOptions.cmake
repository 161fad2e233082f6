# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# What the options of the top-level CMakeLists.txt mean in compiler flags.
#
# flc_warnings is the house's warning list; every target of the tree links it PRIVATE, so that it
# never reaches a user of the installed library.

set(flc_warning_options
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
    -Wundef -Wvla -Wimplicit-fallthrough $<$<BOOL:${FLC_WERROR}>:-Werror>)
add_library(flc_warnings INTERFACE)
target_compile_options(flc_warnings INTERFACE "$<$<COMPILE_LANGUAGE:C>:${flc_warning_options}>")

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
    # One architecture unless told otherwise: every further one costs as much time and space.
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
        set(CMAKE_CUDA_ARCHITECTURES 90)
    endif()
    if(NOT DEFINED CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
        find_program(FLC_NVCC nvcc HINTS /usr/local/cuda/bin REQUIRED)
        set(CMAKE_CUDA_COMPILER ${FLC_NVCC})
    endif()
    enable_language(CUDA)
    find_package(CUDAToolkit REQUIRED)
    set(CMAKE_CUDA_STANDARD 17)
    set(CMAKE_CUDA_STANDARD_REQUIRED ON)
    set(CMAKE_CUDA_VISIBILITY_PRESET hidden)
    # The same bytes everywhere: no contraction of a * b + c.
    string(APPEND CMAKE_CUDA_FLAGS " --fmad=false -Xcompiler -ffp-contract=off,-Wall,-Wextra")
    # No C++ runtime to link: no exceptions, no guards. nvcc's launch stubs look up their kernel into a
    # static variable; threads that do so at once find and store the same.
    string(APPEND CMAKE_CUDA_FLAGS " -Xcompiler -fno-exceptions,-fno-threadsafe-statics")
    # Kernels are many and alike: compressed they take a quarter of the space.
    if(CMAKE_CUDA_COMPILER_VERSION VERSION_GREATER_EQUAL 12.8)
        string(APPEND CMAKE_CUDA_FLAGS " --compress-mode=size")
    endif()
    if(FLC_WERROR)
        string(APPEND CMAKE_CUDA_FLAGS " -Werror all-warnings")
    endif()
endif()
