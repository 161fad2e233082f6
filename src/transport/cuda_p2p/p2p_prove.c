// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Proof by use that windows are mapped: that a driver says so is none.
 *
 * Every rank writes a word into the first bytes of its inboxes at each peer by a kernel, and into
 * the last bytes by a copy from the host, as flci_p2p_fail does; the ranks meet; each looks at
 * what arrived.
 */
#include "base/error.h"
#include "cuda/cuda_error.h"
#include "transport/cuda_p2p/p2p.h"

static uint64_t last_word_at(const struct flci_p2p_window *w, int stage, int to, int from)
{
    return flci_p2p_inbox_at(w->ranks, w->inbox_bytes, stage, to, from) + w->inbox_bytes -
           sizeof(uint32_t);
}

static flc_status copy_words(struct flci_p2p *p2p, int peer)
{
    const struct flci_p2p_window *w = &p2p->window;
    p2p->pinned->sent[peer] = flci_p2p_proof(w->rank, peer);
    for (int stage = 0; stage < 2; stage++) {
        FLCI_TRY(flci_cuda_check(
            cudaMemcpyAsync(w->bases[peer] + last_word_at(w, stage, peer, w->rank),
                            &p2p->pinned->sent[peer], sizeof p2p->pinned->sent[peer],
                            cudaMemcpyDefault, p2p->stream),
            "copying from rank %d to the window of rank %d", w->rank, peer));
    }
    return FLC_OK;
}

static flc_status send_on_device(struct flci_p2p *p2p)
{
    const struct flci_p2p_window *w = &p2p->window;
    FLCI_TRY(flci_cuda_check((cudaError_t)flci_p2p_prove_launch(w, p2p->stream),
                             "launching a kernel on device %d", p2p->device));
    for (int peer = 0; peer < w->ranks; peer++) {
        if (peer != w->rank) {
            FLCI_TRY(copy_words(p2p, peer));
        }
    }
    return flci_p2p_wait(p2p, "writing to the windows of the peers");
}

static flc_status fetch_on_device(struct flci_p2p *p2p)
{
    const struct flci_p2p_window *w = &p2p->window;
    for (int from = 0; from < w->ranks; from++) {
        for (int stage = 0; from != w->rank && stage < 2; stage++) {
            const uint64_t places[2] = {
                flci_p2p_inbox_at(w->ranks, w->inbox_bytes, stage, w->rank, from),
                last_word_at(w, stage, w->rank, from)};
            for (int k = 0; k < 2; k++) {
                uint32_t *seen = &p2p->pinned->seen[from * 4 + stage * 2 + k];
                FLCI_TRY(
                    flci_cuda_check(cudaMemcpyAsync(seen, w->bases[w->rank] + places[k],
                                                    sizeof *seen, cudaMemcpyDefault, p2p->stream),
                                    "reading the window of rank %d", w->rank));
            }
        }
    }
    return flci_p2p_wait(p2p, "reading the window");
}

flc_status flci_p2p_prove_send(struct flci_p2p *p2p)
{
    int previous = 0;
    flc_status status;
    FLCI_TRY(flci_cuda_enter(p2p->device, &previous));
    status = send_on_device(p2p);
    flci_cuda_leave(previous);
    return status;
}

flc_status flci_p2p_prove_seen(struct flci_p2p *p2p)
{
    const int rank = p2p->window.rank;
    int previous = 0;
    flc_status status;
    FLCI_TRY(flci_cuda_enter(p2p->device, &previous));
    status = fetch_on_device(p2p);
    flci_cuda_leave(previous);
    FLCI_TRY(status);
    for (int from = 0; from < p2p->window.ranks; from++) {
        for (int k = 0; from != rank && k < 4; k++) {
            if (p2p->pinned->seen[from * 4 + k] != flci_p2p_proof(from, rank)) {
                return flci_fail(FLC_ERR_UNSUPPORTED,
                                 "peer access does not work: what rank %d wrote to rank %d by a "
                                 "%s did not arrive",
                                 from, rank, k % 2 == 0 ? "kernel" : "copy");
            }
        }
    }
    return FLC_OK;
}
