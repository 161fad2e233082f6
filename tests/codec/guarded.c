// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Guard pages by mmap and mprotect.
 */
#include "guarded.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

struct guarded guarded_create(size_t bytes)
{
    const size_t page = page_bytes();
    const size_t room = (bytes / page + 1) * page;
    uint8_t *base =
        mmap(NULL, room + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED || mprotect(base, page, PROT_NONE) != 0 ||
        mprotect(base + page + room, page, PROT_NONE) != 0) {
        perror("guard pages");
        exit(EXIT_FAILURE);
    }
    return (struct guarded){base + page, room};
}

void guarded_destroy(struct guarded memory)
{
    (void)munmap(memory.low - page_bytes(), memory.room + 2 * page_bytes());
}
