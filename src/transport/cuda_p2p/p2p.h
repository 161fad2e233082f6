// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Peer-mapped device memory of a communicator's ranks: allocation, mapping, proof by use, and the
 * errors that kernels report. It moves no bytes itself: fused kernels do.
 *
 * Windows are mapped, in this order: within a process by their address, with peer access between
 * devices; between processes by CUDA IPC; where a driver or container refuses that to any rank, by
 * file descriptors of memory made for it, on all ranks. Nothing here needs libcuda at link time.
 *
 * Attaching is collective (p2p_attach.c), for one rank over its transport or for all ranks by one
 * thread: prepare, exchange, map, prove. A rank that fails goes on to the next exchange, so that
 * no other waits for it; there all ranks end with its status.
 */
#ifndef FLCI_TRANSPORT_CUDA_P2P_P2P_H
#define FLCI_TRANSPORT_CUDA_P2P_P2P_H

#include <stddef.h>

#include "flashcomm/status.h"
#include "transport/cuda_p2p/p2p_facts.h"
#include "transport/cuda_p2p/p2p_window.h"
#include "transport/transport.h"

#ifdef __cplusplus
extern "C" {
#endif

enum flci_p2p_kind {
    FLCI_P2P_NONE = 0,
    FLCI_P2P_OWN,     /* one's own, of cudaMalloc */
    FLCI_P2P_ADDRESS, /* of a rank in this process */
    FLCI_P2P_IPC,
    FLCI_P2P_DESCRIPTOR, /* made or imported with a file descriptor, one's own too */
};

/* How window.bases[rank] came to be, for its undoing. */
struct flci_p2p_mapping {
    enum flci_p2p_kind kind;
    uint64_t bytes;
    unsigned long long memory; /* the driver's handle, of FLCI_P2P_DESCRIPTOR */
};

/* Pinned host memory of a rank. */
struct flci_p2p_pinned {
    struct flci_p2p_report report;
    uint32_t failure;                      /* source of copies to a peer's state.told */
    uint32_t sent[FLCI_P2P_MAX_RANKS];     /* source of the words that prove the mapping */
    uint32_t seen[FLCI_P2P_MAX_RANKS * 4]; /* what arrived: [source][stage 2][first, last] */
};

struct flci_p2p {
    struct flci_p2p_window window; /* complete once the rank is attached */
    int device;                    /* ordinal in this process */
    int sms; /* multiprocessors of this rank's share of its device: the least of all ranks, so
                that all launch the same grid; a device that n ranks share counts 1/n */
    int capability; /* compute capability, 10 major + minor: the same on all ranks */
    int max_blocks; /* limit on thread blocks of a kernel, 0: none; the same on all ranks */
    /* The rest is the transport's own. */
    struct flci_p2p_report *report; /* the host's address */
    struct flci_p2p_pinned *pinned;
    struct flci_p2p_mapping mappings[FLCI_P2P_MAX_RANKS];
    struct CUstream_st *stream; /* for the transport's own copies: never waits for others */
    int is_stuck; /* the device did not finish in time: freeing its memory would wait for ever */
};

/* ---- Attaching (p2p_attach.c) ---- */

/* An attachment under way; start with flci_p2p_begin. Ranks [first, first + count) are this
   thread's: one, which has a transport, or all. */
struct flci_p2p_attach {
    int ranks, first, count;
    struct flci_transport *transport;                /* NULL where all ranks are this thread's */
    struct flci_p2p *p2p[FLCI_P2P_MAX_RANKS];        /* by rank; of this thread's ranks */
    struct flci_p2p_facts facts[FLCI_P2P_MAX_RANKS]; /* by rank */
    int is_cut_off;                                  /* the transport failed: there is no meeting */
};

void flci_p2p_begin(struct flci_p2p_attach *a, int ranks, int first, int count,
                    struct flci_transport *transport);

/* Rank `rank` of this thread cannot go on: `status`, and the thread's last sentence. */
void flci_p2p_refuse(struct flci_p2p_attach *a, int rank, flc_status status);

/* Exchange the facts. Not OK on all ranks alike if one has refused, or if the transport failed. */
flc_status flci_p2p_agree(struct flci_p2p_attach *a);

/*
 * From bare p2p[rank] to proven windows. Of this thread's ranks that have not refused, p2p[rank]
 * are zero but for device and max_blocks, and facts[rank].staging_bytes is set.
 */
flc_status flci_p2p_connect(struct flci_p2p_attach *a);

/* After any failure: undo what there is, in an order that is safe for the peers. */
void flci_p2p_undo(struct flci_p2p_attach *a);

/* ---- Afterwards (p2p_memory.c) ---- */

/* Unmap the peers and free the rest. No kernel of any rank may use it any more. */
void flci_p2p_close(struct flci_p2p *p2p);

/* End the kernels of all ranks with `status`, those to come too; from any thread. */
void flci_p2p_fail(struct flci_p2p *p2p, flc_status status);

/* What kernels of this rank have reported by now: an flc_status, negated. */
uint32_t flci_p2p_reported(const struct flci_p2p *p2p);

/* ---- Between the transport's files ---- */

/* Allocate and clear the rank's own window and the rest of its memory; complete its facts. */
flc_status flci_p2p_prepare(struct flci_p2p *p2p, int rank, int ranks,
                            struct flci_p2p_facts *facts);

/* Map `peer` by address or IPC. IPC that is refused is no error but facts[rank].is_refused. */
flc_status flci_p2p_map(struct flci_p2p *p2p, int peer, struct flci_p2p_facts *facts);

/* Undo one mapping, one's own window's too. */
void flci_p2p_unmap(struct flci_p2p *p2p, int rank);

/* Zero one's own window. */
flc_status flci_p2p_clear(struct flci_p2p *p2p);

/* Wait for the stream, with a time-out. */
flc_status flci_p2p_wait(struct flci_p2p *p2p, const char *what);

/* Another window for this rank, whose descriptor *fd peers can import; and a peer's window
   (p2p_descriptor.c). The caller closes descriptors. */
flc_status flci_p2p_make_shared(struct flci_p2p *p2p, struct flci_p2p_facts *facts, int *fd);
flc_status flci_p2p_import(struct flci_p2p *p2p, int peer, const struct flci_p2p_facts *facts,
                           int fd);
void flci_p2p_unmap_shared(struct flci_p2p *p2p, int rank);

/* Pass descriptors between processes (p2p_socket.c): a socket that has a name in `facts`; this
   rank's descriptor to all; theirs into fds [ranks], -1 for one's own, the caller's to close. */
flc_status flci_p2p_socket_open(struct flci_p2p_facts *facts, int *socket_fd);
flc_status flci_p2p_socket_swap(int socket_fd, const struct flci_p2p_facts *all, int rank,
                                int ranks, int fd, int *fds);

/* Write to every peer; look at what they wrote (p2p_prove.c). */
flc_status flci_p2p_prove_send(struct flci_p2p *p2p);
flc_status flci_p2p_prove_seen(struct flci_p2p *p2p);

/* The word `from` writes to `to`. */
FLCI_HD uint32_t flci_p2p_proof(int from, int to)
{
    return 0x464c0000u + (uint32_t)from * 256 + (uint32_t)to + 1;
}

/* A kernel that writes that word to the start of the rank's inboxes at all peers; returns CUDA's
   error code (p2p_prove.cu). */
int flci_p2p_prove_launch(const struct flci_p2p_window *window, struct CUstream_st *stream);

#ifdef __cplusplus
}
#endif

#endif
