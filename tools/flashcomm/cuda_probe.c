// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Looks at the machine's GPUs in a child process, since one that has used CUDA cannot be forked
 * into ranks.
 */
#include "cuda_probe.h"

#include <cuda_runtime_api.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cuda_nccl.h"
#include "timing.h"

/* Machines with many GPUs need some seconds for the first call. */
#define PROBE_MS 60000

static void version_text(int version, char *text, size_t text_bytes)
{
    (void)snprintf(text, text_bytes, "%d.%d", version / 1000, version % 1000 / 10);
}

/* "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06 ..." and CUDA's own. */
static void read_driver(struct cuda_machine *machine)
{
    char line[256] = "", kernel[32] = "unknown", cuda[16];
    int version = 0;
    FILE *const file = fopen("/proc/driver/nvidia/version", "re");
    if (file != NULL) {
        if (fgets(line, sizeof line, file) != NULL) {
            for (const char *at = line; (at = strpbrk(at, " ")) != NULL;) {
                at += strspn(at, " ");
                if (strspn(at, "0123456789") > 0 && at[strspn(at, "0123456789")] == '.') {
                    (void)snprintf(kernel, sizeof kernel, "%.31s", at);
                    kernel[strcspn(kernel, " \n")] = '\0';
                    break;
                }
            }
        }
        (void)fclose(file);
    }
    (void)cudaDriverGetVersion(&version);
    version_text(version, cuda, sizeof cuda);
    (void)snprintf(machine->driver, sizeof machine->driver, "%s, CUDA %s", kernel, cuda);
}

static cudaError_t read_gpu(struct cuda_machine *machine, int device)
{
    struct cuda_gpu *const gpu = &machine->gpus[device];
    struct cudaDeviceProp prop;
    const cudaError_t error = cudaGetDeviceProperties(&prop, device);
    if (error != cudaSuccess) {
        return error;
    }
    (void)snprintf(gpu->name, sizeof gpu->name, "%.63s", prop.name);
    gpu->memory_bytes = prop.totalGlobalMem;
    gpu->multiprocessors = prop.multiProcessorCount;
    gpu->capability = 10 * prop.major + prop.minor;
    for (int peer = 0; peer < machine->count; peer++) {
        int reaches = 0;
        if (peer != device) {
            (void)cudaDeviceCanAccessPeer(&reaches, device, peer);
        }
        gpu->reaches[peer] = reaches != 0;
    }
    return cudaSuccess;
}

static void look(bool with_nccl, struct cuda_machine *machine)
{
    int version = 0, count = 0;
    cudaError_t error = cudaGetDeviceCount(&count);
    (void)cudaRuntimeGetVersion(&version);
    version_text(version, machine->runtime, sizeof machine->runtime);
    if (error == cudaSuccess && count == 0) {
        error = cudaErrorNoDevice;
    }
    if (error == cudaSuccess) {
        read_driver(machine);
        machine->count = count < CUDA_MAX_GPUS ? count : CUDA_MAX_GPUS;
    }
    for (int device = 0; device < machine->count && error == cudaSuccess; device++) {
        error = read_gpu(machine, device);
    }
    if (error != cudaSuccess) {
        machine->count = 0;
        (void)snprintf(machine->why_none, sizeof machine->why_none, "%s",
                       cudaGetErrorString(error));
    }
    if (with_nccl) {
        struct cuda_nccl nccl;
        struct failure failure;
        if (cuda_nccl_open(&nccl, &failure) == 0) {
            cuda_nccl_version(&nccl, machine->nccl, sizeof machine->nccl);
        } else {
            (void)snprintf(machine->nccl_why, sizeof machine->nccl_why, "%.255s", failure.text);
        }
    }
}

/* -1, and a sentence, when the child did not do its work. */
static int wait_for(pid_t child, struct failure *failure)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    const int64_t end_ms = timing_now_ms() + PROBE_MS;
    int status = 0;
    pid_t ended = 0;
    while ((ended = waitpid(child, &status, WNOHANG)) == 0 && timing_now_ms() < end_ms) {
        (void)nanosleep(&pause, NULL);
    }
    if (ended == child && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return 0;
    }
    if (ended == child) {
        return failure_set(failure, "looking for GPUs failed with wait status %d", status);
    }
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    return failure_set(failure, "CUDA did not say within %d s which GPUs there are",
                       PROBE_MS / 1000);
}

int cuda_probe(bool with_nccl, struct cuda_machine *machine, struct failure *failure)
{
    struct cuda_machine *const shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        return failure_set(failure, "memory for what is known of GPUs: %s", strerror(errno));
    }
    (void)signal(SIGCHLD,
                 SIG_DFL); /* ignored, as some parents leave it, no child could be reaped */
    int result = -1;
    const pid_t child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        look(with_nccl, shared);
        _exit(0);
    }
    if (child < 0) {
        (void)failure_set(failure, "a process to look for GPUs: %s", strerror(errno));
    } else {
        result = wait_for(child, failure);
    }
    if (result == 0) {
        *machine = *shared;
    }
    (void)munmap(shared, sizeof *shared);
    return result;
}
