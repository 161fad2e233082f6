# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# What FLC_CUDA adds to the library.
target_compile_definitions(flashcomm PUBLIC FLC_CUDA=1)
target_link_libraries(flashcomm PUBLIC CUDA::cudart_static)
target_sources(flashcomm PRIVATE
    codec/cuda/codec_kernels.cu
)
