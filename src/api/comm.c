// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Making, ending and asking communicators.
 */
#define _GNU_SOURCE
#include "api/comm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "coll/call.h"
#include "transport/shm/shm.h"

#define JOB_NAME_MAX 64

/* ---- What all ways of making one share ---- */

static flc_status check_rank(int rank, int ranks)
{
    if (ranks < 1 || ranks > FLC_MAX_RANKS) {
        return flci_fail(FLC_ERR_INVALID_ARG, "ranks is %d: allowed are 1 to %d", ranks,
                         FLC_MAX_RANKS);
    }
    if (rank < 0 || rank >= ranks) {
        return flci_fail(FLC_ERR_INVALID_ARG, "rank is %d: allowed are 0 to %d", rank, ranks - 1);
    }
    return FLC_OK;
}

/* The workspace holds two slots for each of `ranks` lanes; a slot must hold any block. */
static flc_status slot_size(size_t workspace_bytes, int ranks, size_t *slot_bytes)
{
    const size_t slots = 2 * (size_t)ranks;
    const size_t least = FLCI_MESSAGE_HEADER_BYTES + FLCI_BLOCK_MAX_BYTES;
    const size_t bytes = workspace_bytes / slots / 64 * 64;
    if (bytes < least || workspace_bytes > (size_t)1 << 32) {
        return flci_fail(FLC_ERR_INVALID_ARG, "workspace_bytes is %zu: %d ranks need %zu to %llu",
                         workspace_bytes, ranks, least * slots, 1ULL << 32);
    }
    *slot_bytes = bytes;
    return FLC_OK;
}

static struct flci_join join_of(const struct flci_settings *settings, int rank, int ranks)
{
    struct flci_join join;
    memset(&join, 0, sizeof join);
    (void)snprintf(join.version, sizeof join.version, "%s", FLC_VERSION_STRING);
    join.wire_version = FLC_WIRE_VERSION;
    join.ranks = ranks;
    join.rank = rank;
    join.flags = settings->flags;
    join.timeout_ms = settings->timeout_ms;
    join.workspace_bytes = settings->workspace_bytes;
    join.reduce = settings->reduce;
    join.gather = settings->gather;
    (void)snprintf(join.algorithm, sizeof join.algorithm, "%s", settings->algorithm);
    return join;
}

/* A communicator without transport; NULL when out of memory. */
static flc_comm *new_comm(const struct flci_settings *settings, const struct flci_codec_row *row,
                          int rank, int ranks)
{
    flc_comm *comm = calloc(1, sizeof *comm);
    if (comm == NULL) {
        (void)flci_fail(FLC_ERR_NO_MEMORY, "no memory for a communicator (%zu bytes)",
                        sizeof *comm);
        return NULL;
    }
    comm->rank = rank;
    comm->ranks = ranks;
    comm->settings = *settings;
    comm->row = row;
    return comm;
}

static flc_status create_in_job(const char *name, int rank, int ranks, const pid_t *pids,
                                const struct flci_settings *settings, flc_comm **created)
{
    const struct flci_join join = join_of(settings, rank, ranks);
    const struct flci_codec_row *row;
    size_t slot_bytes = 0;
    flc_status status = FLC_OK;
    flc_comm *comm;
    FLCI_TRY(slot_size(settings->workspace_bytes, ranks, &slot_bytes));
    FLCI_TRY(flci_codec_row_choose(&row));
    comm = new_comm(settings, row, rank, ranks);
    if (comm == NULL) {
        return FLC_ERR_NO_MEMORY;
    }
    if (ranks > 1) {
        status = flci_shm_open(name, &join, pids, slot_bytes, &comm->transport);
    }
    if (status != FLC_OK) {
        free(comm);
        return status;
    }
    flci_log(FLCI_LOG_INFO, "rank %d of %d joined '%s': transport %s, codec %s, %zu-byte slots",
             rank, ranks, name, ranks > 1 ? comm->transport->ops->name : "self", row->name,
             slot_bytes);
    *created = comm;
    return FLC_OK;
}

/* ---- By job name ---- */

static flc_status check_job(const char *job)
{
    size_t length = 0;
    if (job == NULL) {
        return flci_fail(FLC_ERR_INVALID_ARG, "job is NULL");
    }
    length = strspn(job, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    if (length == 0 || job[length] != '\0' || length > JOB_NAME_MAX) {
        return flci_fail(FLC_ERR_INVALID_ARG,
                         "job is '%.80s': allowed are 1 to %d characters A-Z a-z 0-9 . _ -", job,
                         JOB_NAME_MAX);
    }
    return FLC_OK;
}

flc_status flc_comm_create_job(const char *job, int rank, int ranks, const flc_comm_config *config,
                               flc_comm **comm)
{
    struct flci_settings settings;
    FLCI_TRY(check_job(job));
    FLCI_TRY(check_rank(rank, ranks));
    if (comm == NULL) {
        return flci_fail(FLC_ERR_INVALID_ARG, "comm is NULL");
    }
    FLCI_TRY(flci_settings_resolve(config, &settings));
    return create_in_job(job, rank, ranks, NULL, &settings, comm);
}

/* ---- By the caller's allgather ---- */

/* What ranks must know of each other to meet: whether they can, under which name, and whom to
   watch until they have. */
struct introduction {
    char boot_id[64];
    uint64_t network_namespace, pid_namespace;
    uint64_t nonce; /* rank 0's makes the name */
    int64_t pid;
    int64_t status; /* of this rank so far: if it is not OK, all end here */
};

static uint64_t namespace_of_this(const char *path)
{
    struct stat namespace;
    return stat(path, &namespace) == 0 ? namespace.st_ino : 0;
}

static flc_status introduce(struct introduction *mine)
{
    FILE *boot = fopen("/proc/sys/kernel/random/boot_id", "re");
    /* Where no rank can read it, they may still be on one host; but not because of this. */
    if (boot == NULL && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
        return flci_fail_errno(errno, "opening /proc/sys/kernel/random/boot_id");
    }
    if (boot != NULL) {
        if (fgets(mine->boot_id, sizeof mine->boot_id, boot) == NULL) {
            mine->boot_id[0] = '\0';
        }
        (void)fclose(boot);
    }
    mine->network_namespace = namespace_of_this("/proc/self/ns/net");
    mine->pid_namespace = namespace_of_this("/proc/self/ns/pid");
    mine->pid = getpid();
    if (getrandom(&mine->nonce, sizeof mine->nonce, 0) != (ssize_t)sizeof mine->nonce) {
        return flci_fail_errno(errno, "getrandom");
    }
    return FLC_OK;
}

/* Check what all ranks said; pids[ranks] are valid here only if *has_pids. */
static flc_status compare(const struct introduction *all, int rank, int ranks, pid_t *pids,
                          int *has_pids)
{
    const struct introduction *mine = &all[rank];
    *has_pids = 1;
    for (int peer = 0; peer < ranks; peer++) {
        if (all[peer].status != FLC_OK) {
            return flci_fail((flc_status)all[peer].status, "rank %d could not start: %s", peer,
                             flc_strerror((flc_status)all[peer].status));
        }
        if (memcmp(mine->boot_id, all[peer].boot_id, sizeof mine->boot_id) != 0 ||
            mine->network_namespace != all[peer].network_namespace) {
            return flci_fail(FLC_ERR_UNSUPPORTED,
                             "ranks %d and %d are on different hosts or in different network "
                             "namespaces: no transport joins them yet",
                             rank, peer);
        }
        *has_pids &= mine->pid_namespace == all[peer].pid_namespace;
        pids[peer] = (pid_t)all[peer].pid;
    }
    return FLC_OK;
}

flc_status flc_comm_create(const flc_bootstrap *bootstrap, int rank, int ranks,
                           const flc_comm_config *config, flc_comm **comm)
{
    struct introduction mine = {.pid = 0}, all[FLC_MAX_RANKS];
    struct flci_settings settings;
    pid_t pids[FLC_MAX_RANKS];
    int has_pids = 0, code;
    char name[32];
    flc_status status;
    if (bootstrap == NULL || bootstrap->allgather == NULL) {
        return flci_fail(FLC_ERR_INVALID_ARG, "bootstrap%s is NULL",
                         bootstrap == NULL ? "" : "->allgather");
    }
    FLCI_TRY(check_rank(rank, ranks));
    status = comm == NULL ? flci_fail(FLC_ERR_INVALID_ARG, "comm is NULL")
                          : flci_settings_resolve(config, &settings);
    if (status == FLC_OK) {
        status = introduce(&mine);
    }
    /* A rank that cannot start takes part all the same: the others must not wait for it. */
    mine.status = status;
    code = bootstrap->allgather(bootstrap->context, &mine, all, sizeof mine);
    FLCI_TRY(status);
    if (code != 0) {
        return flci_fail(FLC_ERR_SYSTEM, "bootstrap->allgather returned %d on rank %d", code, rank);
    }
    FLCI_TRY(compare(all, rank, ranks, pids, &has_pids));
    /* No job's name: those have no slash. */
    (void)snprintf(name, sizeof name, "meet/%016llx", (unsigned long long)all[0].nonce);
    return create_in_job(name, rank, ranks, has_pids ? pids : NULL, &settings, comm);
}

/* ---- In one process ---- */

flc_status flc_comm_create_local(int ranks, const flc_comm_config *config, flc_comm **comms)
{
    struct flci_transport *transports[FLC_MAX_RANKS] = {NULL};
    struct flci_settings settings;
    const struct flci_codec_row *row;
    struct flci_join join;
    size_t slot_bytes = 0;
    flc_comm *made[FLC_MAX_RANKS];
    FLCI_TRY(check_rank(0, ranks));
    if (comms == NULL) {
        return flci_fail(FLC_ERR_INVALID_ARG, "comms is NULL");
    }
    FLCI_TRY(flci_settings_resolve(config, &settings));
    FLCI_TRY(slot_size(settings.workspace_bytes, ranks, &slot_bytes));
    FLCI_TRY(flci_codec_row_choose(&row));
    join = join_of(&settings, 0, ranks);
    if (ranks > 1) {
        FLCI_TRY(flci_shm_open_local(&join, slot_bytes, transports));
    }
    for (int rank = 0; rank < ranks; rank++) {
        made[rank] = new_comm(&settings, row, rank, ranks);
        if (made[rank] == NULL) {
            while (rank-- > 0) {
                free(made[rank]);
            }
            for (rank = 0; rank < ranks && transports[rank] != NULL; rank++) {
                transports[rank]->ops->close(transports[rank]);
            }
            return FLC_ERR_NO_MEMORY;
        }
        made[rank]->transport = transports[rank];
    }
    memcpy(comms, made, (size_t)ranks * sizeof *made);
    return FLC_OK;
}

/* ---- Ending and asking ---- */

void flc_comm_destroy(flc_comm *comm)
{
    struct flci_attached *attached;
    if (comm == NULL) {
        return;
    }
    attached = atomic_load(&comm->attached);
    if (attached != NULL) {
        attached->destroy(attached);
    }
    if (comm->transport != NULL) {
        comm->transport->ops->close(comm->transport);
    }
    free(comm);
}

void flc_comm_abort(flc_comm *comm)
{
    struct flci_attached *attached;
    if (comm == NULL) {
        return;
    }
    atomic_store(&comm->is_aborted, 1);
    attached = atomic_load(&comm->attached);
    if (attached != NULL) {
        attached->abort(attached);
    }
    if (comm->transport != NULL) {
        comm->transport->ops->fail(comm->transport, FLC_ERR_ABORTED, comm->rank);
    }
}

int flc_comm_rank(const flc_comm *comm)
{
    return comm == NULL ? -1 : comm->rank;
}

int flc_comm_ranks(const flc_comm *comm)
{
    return comm == NULL ? -1 : comm->ranks;
}

const char *flc_last_error(const flc_comm *comm)
{
    return comm == NULL ? flci_thread_error() : comm->error;
}

flc_status flc_comm_last_call(const flc_comm *comm, flc_call_info *info)
{
    if (comm == NULL || info == NULL) {
        return flci_fail(FLC_ERR_INVALID_ARG, "%s is NULL", comm == NULL ? "comm" : "info");
    }
    if (comm->last_call.call == 0) {
        return flci_fail(FLC_ERR_INVALID_ARG, "comm has completed no collective yet");
    }
    *info = comm->last_call;
    return FLC_OK;
}
