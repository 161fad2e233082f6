// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * flashcomm-mpi: times and checks MPI's own collective, as `flashcomm perf` does ours: the same
 * iterations, from a barrier outside the timed span, the same buffers and the same statistics.
 *
 * Rank 0 prints "flashcomm-mpi 1 TIME WRONG TIME WRONG", out of place and in place, times in
 * microseconds. An average is MPI's sum divided by the ranks, in the timed span.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mpi_arguments.h"
#include "mpi_data.h"

#define BUFFER_ALIGN ((size_t)2 << 20)

struct run {
    struct mpi_arguments a;
    int rank;
    int ranks;
    MPI_Datatype type;
    char *send;
    char *buffer;       /* of the larger of what is sent and what is received */
    double *times_us;   /* [iters] */
    double *scratch_us; /* [iters] */
    bool in_place;
};

/* Where the result lies, and what is to send in place. */
static char *recv_of(const struct run *run)
{
    return run->buffer;
}

static char *send_in_place(const struct run *run)
{
    const bool is_part = run->a.collective == ALL_GATHER;
    return run->buffer + (is_part ? (size_t)run->rank * run->a.count * run->a.elem_bytes : 0);
}

static void divide(const struct run *run)
{
    float *const sums = (float *)(void *)recv_of(run);
    const float factor = (float)run->ranks;
    for (size_t i = 0; i < run->a.count; i++) {
        sums[i] /= factor;
    }
}

/* MPI ends the program when a call fails. */
static void call(const struct run *run)
{
    const int count = (int)run->a.count;
    const void *const send = run->in_place ? MPI_IN_PLACE : run->send;
    char *const recv = recv_of(run);
    switch (run->a.collective) {
    case ALL_REDUCE:
        (void)MPI_Allreduce(send, recv, count, run->type, MPI_SUM, MPI_COMM_WORLD);
        break;
    case REDUCE_SCATTER:
        (void)MPI_Reduce_scatter_block(send, recv, count, run->type, MPI_SUM, MPI_COMM_WORLD);
        break;
    case ALL_GATHER:
        (void)MPI_Allgather(send, count, run->type, recv, count, run->type, MPI_COMM_WORLD);
        break;
    case ALL_TO_ALL:
        (void)MPI_Alltoall(send, count, run->type, recv, count, run->type, MPI_COMM_WORLD);
        break;
    default:
        (void)MPI_Bcast(!run->in_place && run->rank == run->a.root ? run->send : recv, count,
                        run->type, run->a.root, MPI_COMM_WORLD);
    }
    if (run->a.is_average) {
        divide(run);
    }
}

static void restore_data(const struct run *run)
{
    if (run->in_place) {
        memcpy(send_in_place(run), run->send,
               mpi_send_elems(&run->a, run->ranks) * run->a.elem_bytes);
    }
}

static int compare_doubles(const void *left, const void *right)
{
    const double x = *(const double *)left;
    const double y = *(const double *)right;
    return (x > y) - (x < y);
}

/* The median of what -a makes of the ranks' times; right on rank 0. */
static double reduce_times(const struct run *run)
{
    static const int by_average[] = {-1, 1, 2, 3};
    const int iters = run->a.iters;
    const int how = by_average[run->a.average & 3];
    const MPI_Op op = how == 1 ? MPI_SUM : how == 2 ? MPI_MIN : MPI_MAX;
    double *const times_us = run->scratch_us;
    (void)MPI_Reduce(run->times_us, times_us, iters, MPI_DOUBLE, op, 0, MPI_COMM_WORLD);
    if (how < 0) {
        memcpy(times_us, run->times_us, (size_t)iters * sizeof *times_us);
    }
    if (run->rank != 0) {
        return 0.0;
    }
    qsort(times_us, (size_t)iters, sizeof *times_us, compare_doubles);
    return 0.5 * (times_us[(iters - 1) / 2] + times_us[iters / 2]) / (how == 1 ? run->ranks : 1);
}

static double time_calls(const struct run *run)
{
    mpi_data_fill(&run->a, run->rank, 0, 0, mpi_send_elems(&run->a, run->ranks), run->send);
    for (int i = -run->a.warmup_iters; i < run->a.iters; i++) {
        restore_data(run);
        (void)MPI_Barrier(MPI_COMM_WORLD);
        const double start = MPI_Wtime();
        for (int k = 0; k < run->a.agg_iters; k++) {
            call(run);
        }
        if (i >= 0) {
            run->times_us[i] = 1e6 * (MPI_Wtime() - start) / run->a.agg_iters;
        }
    }
    return reduce_times(run);
}

/* Calls on other data, into a buffer of NaNs; wrong elements of all ranks, right on rank 0. */
static long long check_calls(const struct run *run)
{
    const size_t send_elems = mpi_send_elems(&run->a, run->ranks);
    const size_t recv_elems = mpi_recv_elems(&run->a, run->ranks);
    long long sum = 0;
    for (int i = 0; i < run->a.checks; i++) {
        mpi_data_fill(&run->a, run->rank, 1 + i, 0, send_elems, run->send);
        memset(run->buffer, 0xff,
               (send_elems > recv_elems ? send_elems : recv_elems) * run->a.elem_bytes);
        restore_data(run);
        call(run);
        /* Out of place, MPI's broadcast has no receive buffer on the root. */
        const bool is_root =
            run->a.collective == BROADCAST && run->rank == run->a.root && !run->in_place;
        const long long wrong = mpi_data_wrong(&run->a, run->ranks, run->rank, 1 + i,
                                               is_root ? run->send : recv_of(run));
        if (wrong < 0) {
            (void)fprintf(stderr, "flashcomm-mpi: rank %d: out of memory\n", run->rank);
            (void)MPI_Abort(MPI_COMM_WORLD, 1);
        }
        sum += wrong;
    }
    long long total = 0;
    (void)MPI_Reduce(&sum, &total, 1, MPI_LONG_LONG, MPI_SUM, 0, MPI_COMM_WORLD);
    return total;
}

static char *allocate(const struct run *run, size_t elems)
{
    const size_t offset = (size_t)run->a.unalign * run->a.elem_bytes;
    const size_t bytes = (elems * run->a.elem_bytes + offset + BUFFER_ALIGN) / BUFFER_ALIGN;
    char *const memory = aligned_alloc(BUFFER_ALIGN, bytes * BUFFER_ALIGN);
    if (memory == NULL) {
        (void)fprintf(stderr, "flashcomm-mpi: rank %d: out of memory\n", run->rank);
        (void)MPI_Abort(MPI_COMM_WORLD, 1);
        exit(1);
    }
    memset(memory, 0, bytes * BUFFER_ALIGN);
    return memory + offset;
}

static void measure(struct run *run)
{
    const size_t send_elems = mpi_send_elems(&run->a, run->ranks);
    const size_t recv_elems = mpi_recv_elems(&run->a, run->ranks);
    const size_t offset = (size_t)run->a.unalign * run->a.elem_bytes;
    double times_us[2];
    long long wrong[2];
    run->type = run->a.elem_bytes == sizeof(float) ? MPI_FLOAT : MPI_UINT16_T;
    run->send = allocate(run, send_elems);
    run->buffer = allocate(run, send_elems > recv_elems ? send_elems : recv_elems);
    mpi_data_init();
    for (int place = 0; place < 2; place++) {
        run->in_place = place == 1;
        times_us[place] = time_calls(run);
        wrong[place] = check_calls(run);
    }
    if (run->rank == 0) {
        (void)printf("flashcomm-mpi 1 %.4f %lld %.4f %lld\n", times_us[0], wrong[0], times_us[1],
                     wrong[1]);
    }
    free(run->send - offset);
    free(run->buffer - offset);
}

int main(int argc, char **argv)
{
    struct run run = {.rank = 0};
    (void)MPI_Init(&argc, &argv);
    (void)MPI_Comm_rank(MPI_COMM_WORLD, &run.rank);
    (void)MPI_Comm_size(MPI_COMM_WORLD, &run.ranks);
    int status = 0;
    if (mpi_arguments_parse(argc, argv, &run.a) != 0) {
        status = 2;
    } else {
        run.times_us = calloc((size_t)run.a.iters, sizeof *run.times_us);
        run.scratch_us = calloc((size_t)run.a.iters, sizeof *run.scratch_us);
        if (run.times_us == NULL || run.scratch_us == NULL) {
            (void)fprintf(stderr, "flashcomm-mpi: rank %d: out of memory\n", run.rank);
            (void)MPI_Abort(MPI_COMM_WORLD, 1);
        }
        measure(&run);
        free(run.times_us);
        free(run.scratch_us);
    }
    (void)MPI_Finalize();
    return status;
}
