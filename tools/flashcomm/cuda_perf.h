// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The ranks of `flashcomm perf --device cuda`: see perf_rank.h. A timed span is a number of calls
 * one after the other on a stream, enqueued one by one or as a CUDA graph.
 *
 * Each span begins with a call that is not timed, from a barrier of the hosts: it takes up what
 * the ranks start apart, which is longer than a small call. Events on the stream stand around the
 * others, in the graph, too.
 *
 * What is sent differs from call to call and from span to span, so that a call which reads what an
 * earlier one has left is seen: each rank has a pool of random elements, longer than the message;
 * a span starts from a copy of another part of it, and a call sends from another element on. In
 * place, where a call in a span works on the result of the one before, only single calls are
 * checked.
 */
#ifndef CUDA_PERF_H
#define CUDA_PERF_H

#include "flashcomm/flashcomm.h"

/* context: struct perf_context */
void cuda_perf_rank(const void *context, flc_comm *comm);

#endif
