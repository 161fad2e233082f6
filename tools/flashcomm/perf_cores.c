// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * One core a rank: see perf_cores.h.
 */
#include "perf_cores.h"

#include <sched.h>
#include <stdio.h>

/* Whether a processor is the first of its core's hardware threads; also where nothing says. */
static bool is_first_of_core(int processor)
{
    char path[96];
    int first = processor;
    (void)snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
                   processor);
    FILE *const file = fopen(path, "r");
    if (file != NULL) {
        if (fscanf(file, "%d", &first) != 1) {
            first = processor;
        }
        (void)fclose(file);
    }
    return first == processor;
}

void perf_cores_choose(int ranks, struct perf_cores *cores)
{
    cpu_set_t allowed;
    int found = 0;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
        for (int p = 0; p < CPU_SETSIZE && found < ranks; p++) {
            if (CPU_ISSET((size_t)p, &allowed) && is_first_of_core(p)) {
                cores->processors[found++] = p;
            }
        }
    }
    cores->is_bound = found == ranks;
}

void perf_cores_bind(const struct perf_cores *cores, int rank)
{
    cpu_set_t set;
    if (cores->is_bound) {
        CPU_ZERO(&set);
        CPU_SET((size_t)cores->processors[rank], &set);
        (void)sched_setaffinity(0, sizeof set, &set);
    }
}
