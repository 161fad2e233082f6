// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What the headers of `flashcomm perf` say of the machine: see perf_report.h.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "perf_report.h"

static void read_processor(struct perf_setting *setting)
{
    char line[256];
    FILE *const file = fopen("/proc/cpuinfo", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *const colon = strchr(line, ':');
        if (colon != NULL && strncmp(line, "model name", strlen("model name")) == 0) {
            (void)snprintf(setting->processor, sizeof setting->processor, "%.*s",
                           (int)strcspn(colon + 2, "\n"), colon + 2);
            break;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

void perf_setting_find(struct perf_setting *setting, const struct perf_options *options,
                       const struct perf_cores *cores, const struct cuda_machine *machine)
{
    setting->options = options;
    setting->format_width = format_list_width(&options->formats);
    setting->cores = cores;
    setting->machine = machine;
    setting->processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
    (void)snprintf(setting->processor, sizeof setting->processor, "unknown processor");
    if (getloadavg(&setting->load, 1) != 1) {
        setting->load = -1.0;
    }
    if (gethostname(setting->host, sizeof setting->host - 1) != 0) {
        (void)snprintf(setting->host, sizeof setting->host, "unknown host");
    }
    read_processor(setting);
}

void perf_baseline_names(const struct perf_options *o, const char *names[BASELINES])
{
    names[BASELINE_RAW] = o->baseline_raw ? "raw" : NULL;
    names[BASELINE_MPI] = o->baseline_mpi ? "mpi" : NULL;
    names[BASELINE_NCCL] = o->baseline_nccl ? "nccl" : NULL;
}

const char *perf_nvls_setting(void)
{
    const char *const value = getenv("NCCL_NVLS_ENABLE");
    return value == NULL ? "not set, so NCCL decides" : value;
}
