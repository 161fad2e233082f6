// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Status values and the sentences that go with them.
 *
 * 0 is success, errors are negative. A function that fails leaves its outputs untouched (but for
 * the elements of a decode or a collective, which are then unspecified) and stores one sentence,
 * naming the argument, its value and what is allowed, or the rank, the stage and the call:
 * flc_last_error() reads it.
 */
#ifndef FLASHCOMM_STATUS_H
#define FLASHCOMM_STATUS_H

#if defined(__GNUC__)
#    define FLC_API __attribute__((visibility("default")))
#else
#    define FLC_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define FLC_STATUS_MAP(X)                                                                          \
    X(OK, 0, "success")                                                                            \
    X(ERR_INVALID_ARG, -1, "invalid argument")                                                     \
    X(ERR_UNSUPPORTED, -2, "no implementation for this case")                                      \
    X(ERR_NO_MEMORY, -3, "out of memory")                                                          \
    X(ERR_SYSTEM, -4, "system call failed")                                                        \
    X(ERR_CUDA, -5, "CUDA call failed")                                                            \
    X(ERR_PEER, -6, "a peer is gone")                                                              \
    X(ERR_TIMEOUT, -7, "a peer did not answer in time")                                            \
    X(ERR_MISMATCH, -8, "ranks made different calls")                                              \
    X(ERR_ABORTED, -9, "the communicator was aborted")                                             \
    X(ERR_CORRUPT, -10, "payload does not match its format")

typedef enum flc_status {
#define FLC_STATUS_ENUM(name, value, text) FLC_##name = (value),
    FLC_STATUS_MAP(FLC_STATUS_ENUM)
#undef FLC_STATUS_ENUM
} flc_status;

/*
 * The fixed text of a status, such as "a peer is gone"; "unknown status" for any other value.
 * Static storage. Since 0.1.
 */
FLC_API const char *flc_strerror(flc_status status);

#ifdef __cplusplus
}
#endif

#endif
