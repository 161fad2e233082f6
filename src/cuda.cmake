# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# What FLC_CUDA adds to the library. The C files listed here need CUDA's headers, so that the
# one-line compile test leaves them out.
target_sources(flashcomm PRIVATE
    api/cuda_attach.c
    api/cuda_collectives.c
    coll/all_reduce/all_reduce_twostep_p2p.c
    coll/all_reduce/all_reduce_twostep_p2p_any.cu
    cuda/cuda_error.c
    transport/cuda_p2p/p2p_attach.c
    transport/cuda_p2p/p2p_descriptor.c
    transport/cuda_p2p/p2p_facts.c
    transport/cuda_p2p/p2p_memory.c
    transport/cuda_p2p/p2p_prove.c
    transport/cuda_p2p/p2p_prove.cu
    transport/cuda_p2p/p2p_socket.c
)
target_compile_definitions(flashcomm PUBLIC FLC_CUDA=1)
target_link_libraries(flashcomm PUBLIC CUDA::cudart_static)
# A shared library keeps the runtime it holds to itself.
target_link_options(flashcomm PRIVATE "LINKER:--exclude-libs,ALL")

# The codec alone, as kernels: what check_codec compares with the other rows. The library itself
# codes inside its collectives.
add_library(flc_cuda_codec STATIC EXCLUDE_FROM_ALL codec/cuda/codec_kernels.cu)
target_include_directories(flc_cuda_codec PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(flc_cuda_codec PUBLIC flashcomm)

# The fast kernels, one object of each source for each width, and of the all-reduce's for 0, raw;
# FLC_ONLY_BITS spares a developer most.
function(flc_add_width bits owner name source)
    add_library(${name}_${bits} OBJECT EXCLUDE_FROM_ALL ${source})
    target_include_directories(${name}_${bits} PRIVATE ${PROJECT_SOURCE_DIR}/include
                               ${CMAKE_CURRENT_SOURCE_DIR})
    target_compile_definitions(${name}_${bits} PRIVATE FLCI_BITS=${bits})
    target_sources(${owner} PRIVATE $<TARGET_OBJECTS:${name}_${bits}>)
endfunction()
flc_add_width(0 flashcomm flc_all_reduce_p2p coll/all_reduce/all_reduce_twostep_p2p_bits.cu)
foreach(bits ${FLC_ONLY_BITS})
    flc_add_width(${bits} flashcomm flc_all_reduce_p2p coll/all_reduce/all_reduce_twostep_p2p_bits.cu)
    flc_add_width(${bits} flc_cuda_codec flc_codec_kernels codec/cuda/codec_kernels_bits.cu)
    set_property(SOURCE codec/cuda/codec_kernels.cu coll/all_reduce/all_reduce_twostep_p2p.c
                 APPEND PROPERTY COMPILE_DEFINITIONS FLC_HAS_BITS_${bits}=1)
endforeach()
