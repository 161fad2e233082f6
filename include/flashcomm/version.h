// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The only place with a version. FLC_VERSION_* is the library; FLC_WIRE_VERSION the encoded
 * bytes (docs/format.md). Peers compare both when a communicator is created.
 */
#ifndef FLASHCOMM_VERSION_H
#define FLASHCOMM_VERSION_H

#include "flashcomm/status.h"

#define FLC_VERSION_MAJOR  0
#define FLC_VERSION_MINOR  1
#define FLC_VERSION_PATCH  0
#define FLC_VERSION_STRING "0.1.0"

/* docs/format.md; bytes of one version mean the same in every library that has it. */
#define FLC_WIRE_VERSION 1

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library in use, as FLC_VERSION_STRING. Static storage. Since 0.1. */
FLC_API const char *flc_version(void);

#ifdef __cplusplus
}
#endif

#endif
