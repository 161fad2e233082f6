# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# What FLC_CUDA adds to the library. The C files listed here need CUDA's headers, so that the
# one-line compile test leaves them out.
target_sources(flashcomm PRIVATE
    api/cuda_attach.c
    api/cuda_collectives.c
    codec/cuda/codec_kernels.cu
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
