// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Communicators and collectives: the one page to read.
 *
 * A communicator joins `ranks` ranks. Every rank calls the same collectives in the same order;
 * each call blocks until its result is written. What several ranks receive is bit-identical on
 * all of them (a broadcast's root keeps its own elements). No wait is unbounded: a dead peer, a
 * peer that makes another call, a time-out or an abort ends every rank's call with an error, after
 * which the communicator can only be destroyed.
 */
#ifndef FLASHCOMM_FLASHCOMM_H
#define FLASHCOMM_FLASHCOMM_H

#include <stddef.h>
#include <stdint.h>

#include "flashcomm/codec.h"
#include "flashcomm/status.h"
#include "flashcomm/version.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FLC_MAX_RANKS 64

typedef struct flc_comm flc_comm;

/* ---- How a collective runs ---- */

typedef enum flc_op {
    FLC_SUM = 0,
    FLC_AVG = 1, /* the sum divided by the number of ranks */
} flc_op;

/*
 * Pass a rank's own part through the codec too, so that an element's result does not depend on
 * where in the buffer it lies. Costs accuracy and time; without it the rank that sums an element
 * adds its own contribution exactly.
 */
#define FLC_INVARIANT (1u << 0)

/*
 * Start from FLC_COLL_CONFIG_INIT. Must be the same on every rank. all_reduce uses both formats
 * (its algorithm oneshot `reduce` alone), reduce_scatter `reduce`, all others `gather`.
 */
typedef struct flc_coll_config {
    size_t struct_bytes; /* sizeof(flc_coll_config) */
    flc_format reduce;   /* of the contributions, on their way to the sum */
    flc_format gather;   /* of the sums, or of what is not reduced, on their way to the receivers */
    const char *algorithm; /* a name that `flashcomm info` lists for the collective; "auto" chooses
                              by size; NULL: the communicator's, whose NULL is FLC_ALGO: of these,
                              collectives that lack the name choose by size */
    uint32_t flags;        /* FLC_INVARIANT or 0 */
} flc_coll_config;

#define FLC_COLL_CONFIG_INIT                                                                       \
    {                                                                                              \
        sizeof(flc_coll_config), {0, 0, 0, 0, 0, 0, {0}}, {0, 0, 0, 0, 0, 0, {0}}, NULL, 0         \
    }

/* ---- Communicators ---- */

/* Start from FLC_COMM_CONFIG_INIT. Must be the same on every rank. */
typedef struct flc_comm_config {
    size_t struct_bytes;         /* sizeof(flc_comm_config) */
    int64_t timeout_ms;          /* how long a live but silent peer is waited for, up to 86400000 (a
                                    day); 0: FLC_TIMEOUT_MS */
    size_t workspace_bytes;      /* staging memory a rank, 33024 for each rank to 2^32; 0:
                                    FLC_WORKSPACE_BYTES */
    const flc_coll_config *coll; /* for collectives that are given none; copied; NULL: raw, auto */
} flc_comm_config;

#define FLC_COMM_CONFIG_INIT                                                                       \
    {                                                                                              \
        sizeof(flc_comm_config), 0, 0, NULL                                                        \
    }

/*
 * How the ranks find each other, when the caller has a way to talk between them (MPI, a store).
 *
 *   allgather  send[bytes] of every rank to recv[ranks][bytes] of every rank; called by all ranks
 *              the same number of times with the same sizes; returns 0 on success
 *   context    passed through
 */
typedef struct flc_bootstrap {
    int (*allgather)(void *context, const void *send, void *recv, size_t bytes);
    void *context;
} flc_bootstrap;

/*
 * Join ranks that are processes (or threads) of one host and can run an allgather.
 * Collective: blocks until all ranks called it.
 *
 *   bootstrap  used during this call only
 *   rank       0 to ranks - 1
 *   ranks      1 to FLC_MAX_RANKS
 *   config     NULL: the defaults
 *   comm       written on success; destroy with flc_comm_destroy
 *
 * Errors: INVALID_ARG, UNSUPPORTED (ranks on several hosts), NO_MEMORY, SYSTEM, PEER, TIMEOUT,
 *         MISMATCH (versions or configurations differ). flc_last_error(NULL) tells more.
 * Since 0.1.
 */
FLC_API flc_status flc_comm_create(const flc_bootstrap *bootstrap, int rank, int ranks,
                                   const flc_comm_config *config, flc_comm **comm);

/*
 * Join processes of one host, and of one user, that know a common name.
 *
 *   job  1 to 64 characters A-Z a-z 0-9 . _ -; one name serves one set of ranks at a time
 *
 * Otherwise as flc_comm_create; INVALID_ARG also where a rank is taken twice. A rank that never
 * comes ends the call of the others with TIMEOUT. Since 0.1.
 */
FLC_API flc_status flc_comm_create_job(const char *job, int rank, int ranks,
                                       const flc_comm_config *config, flc_comm **comm);

/*
 * Make the communicators of all ranks in this process, one for each thread that will be a rank.
 *
 *   comms  [ranks], written on success: comms[r] is rank r's
 *
 * Errors: INVALID_ARG, NO_MEMORY, SYSTEM. Since 0.1.
 */
FLC_API flc_status flc_comm_create_local(int ranks, const flc_comm_config *config,
                                         flc_comm **comms);

/*
 * Destroy a communicator; NULL does nothing. Never blocks on peers: one that still waits for this
 * rank gets PEER. Since 0.1.
 */
FLC_API void flc_comm_destroy(flc_comm *comm);

/*
 * End every rank's present and future calls on this communicator with ABORTED. May be called from
 * any thread, also while a collective runs. Since 0.1.
 */
FLC_API void flc_comm_abort(flc_comm *comm);

FLC_API int flc_comm_rank(const flc_comm *comm);
FLC_API int flc_comm_ranks(const flc_comm *comm);

/*
 * The sentence of the last error on `comm`, or with NULL of the calling thread's last failed
 * call; "" when there was none. Valid until the next failing call on the communicator, or of the
 * thread. Since 0.1.
 */
FLC_API const char *flc_last_error(const flc_comm *comm);

/* ---- Collectives ---- */

/*
 * Reduce `send` over all ranks; every rank receives identical bits in `recv`.
 *
 *   send    [count] elements of `type`
 *   recv    [count] elements; may equal `send` (in place), otherwise must not overlap it
 *   count   elements, the same on every rank; 0 writes nothing, and the buffers may be NULL
 *   op      FLC_SUM or FLC_AVG
 *   config  the same on every rank; NULL = the communicator's
 *
 * Sums are float32 in rank order. Lossy where a format is not raw: docs/numerics.md bounds
 * |recv - exact|. A NaN in the result is the canonical quiet NaN. With one rank: an exact copy.
 * Blocks until recv is written. Not thread-safe per communicator; all ranks must issue their
 * collectives in one order.
 * Errors: INVALID_ARG (pointer, overlap, count, type, op, root, config), MISMATCH (ranks called
 * different things), PEER (a rank died), TIMEOUT, ABORTED, CORRUPT (a message is not what its
 *         sender's call makes); after the last five the communicator can only be destroyed, and
 *         recv is unspecified.
 * Since 0.1.
 */
FLC_API flc_status flc_all_reduce(flc_comm *comm, const void *send, void *recv, size_t count,
                                  flc_type type, flc_op op, const flc_coll_config *config);

/*
 * The following share the contract of flc_all_reduce where they say nothing else: blocking,
 * ordering, accuracy (docs/numerics.md), NaN, errors, the exact copy with one rank. All since 0.1.
 */

/*
 * Reduce over all ranks; rank r receives chunk r of the result.
 *
 *   send        [ranks][recv_count] elements
 *   recv        [recv_count]; may be send + rank * recv_count (in place), otherwise must not
 *               overlap send
 *   recv_count  elements each rank receives, the same on every rank; 0 writes nothing
 *
 * Sums are float32 in rank order, the rank's own contribution exact (FLC_INVARIANT: through the
 * codec), rounded once to `type`.
 */
FLC_API flc_status flc_reduce_scatter(flc_comm *comm, const void *send, void *recv,
                                      size_t recv_count, flc_type type, flc_op op,
                                      const flc_coll_config *config);

/*
 * Every rank receives the elements of all ranks.
 *
 *   send        [send_count] elements; may be recv + rank * send_count (in place), otherwise must
 *               not overlap recv
 *   recv        [ranks][send_count], identical bits on every rank: chunk r is what rank r's
 *               encoded elements decode to, one's own chunk too
 *   send_count  the same on every rank; 0 writes nothing
 *
 * A raw format copies every bit, NaN too; so it does in the collectives below.
 */
FLC_API flc_status flc_all_gather(flc_comm *comm, const void *send, void *recv, size_t send_count,
                                  flc_type type, const flc_coll_config *config);

/*
 * Every rank sends each rank a chunk.
 *
 *   send   [ranks][count] elements: chunk d goes to rank d
 *   recv   [ranks][count]: chunk s comes from rank s; may equal `send` (in place), otherwise must
 *          not overlap it
 *   count  elements of a chunk, the same on every rank; 0 writes nothing
 *
 * One's own chunk is copied exactly.
 */
FLC_API flc_status flc_all_to_all(flc_comm *comm, const void *send, void *recv, size_t count,
                                  flc_type type, const flc_coll_config *config);

/*
 * Every rank sends each rank a chunk of any size.
 *
 *   send_counts, send_offsets  [ranks] elements: chunk d of send lies at send_offsets[d]
 *   recv_counts, recv_offsets  [ranks] elements, likewise; recv_counts[s] must be what rank s has
 *                              in its send_counts for this rank (else MISMATCH on all ranks)
 *   send, recv                 may be NULL where all their counts are 0. Chunks of recv must
 *                              overlap neither each other nor chunks of send: not in place
 *
 * One's own chunk is copied exactly. Counts and offsets may differ between ranks.
 */
FLC_API flc_status flc_all_to_all_v(flc_comm *comm, const void *send, const size_t *send_counts,
                                    const size_t *send_offsets, void *recv,
                                    const size_t *recv_counts, const size_t *recv_offsets,
                                    flc_type type, const flc_coll_config *config);

/*
 * Every rank receives the root's elements.
 *
 *   send   [count] elements on the root; ignored elsewhere, where it may be NULL
 *   recv   [count]; on the root it receives an exact copy, or may equal `send`, otherwise must
 *          not overlap it
 *   count  the same on every rank; 0 writes nothing
 *   root   0 to ranks - 1, the same on every rank
 *
 * Ranks other than the root receive identical bits: what the root's encoded elements decode to.
 */
FLC_API flc_status flc_broadcast(flc_comm *comm, const void *send, void *recv, size_t count,
                                 flc_type type, int root, const flc_coll_config *config);

/* ---- What happened, and what there is ---- */

/* How the last collective of a communicator ran. Texts have static storage. */
typedef struct flc_call_info {
    const char *transport;
    const char *algorithm;
    const char *reason;  /* why this algorithm */
    uint64_t call;       /* number of the call on this communicator, from 1 */
    uint64_t sent_bytes; /* encoded bytes this rank sent, a copy for each receiver counted */
    flc_stats stats;     /* groups this rank encoded in this call */
} flc_call_info;

/* Errors: INVALID_ARG (comm, info, no collective yet). Since 0.1. */
FLC_API flc_status flc_comm_last_call(const flc_comm *comm, flc_call_info *info);

typedef enum flc_kind {
    FLC_KIND_PARAMETER = 0, /* environment variables */
    FLC_KIND_CODEC = 1,     /* codec rows */
    FLC_KIND_TRANSPORT = 2,
    FLC_KIND_ALGORITHM = 3,
} flc_kind;

typedef struct flc_item {
    char name[32];
    char value[64];    /* of a parameter, and where it comes from; an algorithm's collective; of the
                          codec row in use, why; else "" */
    char summary[128]; /* one line */
} flc_item;

/*
 * Describe item `index` (from 0) of a kind, as `flashcomm info` prints it.
 *
 * Errors: INVALID_ARG when there is no such item: how a caller's loop ends; it leaves
 * flc_last_error alone. Since 0.1.
 */
FLC_API flc_status flc_describe(flc_kind kind, size_t index, flc_item *item);

#ifdef __cplusplus
}
#endif

#endif
