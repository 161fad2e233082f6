// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What the files of the reference row share.
 */
#ifndef FLCI_CODEC_CODEC_REF_H
#define FLCI_CODEC_CODEC_REF_H

#include "codec/codec_rows.h"

/* As the members of flci_codec_row. */
void flci_ref_encode_rotated(flc_format format, flc_type type, flc_type src_type, const void *src,
                             uint32_t n, uint8_t *wire, flc_stats *stats);
flc_status flci_ref_decode_rotated(flc_format format, flc_type type, const uint8_t *wire,
                                   flc_type dst_type, uint32_t n, void *dst);

#endif
