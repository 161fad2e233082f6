// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Files that appear whole or not at all: see output_file.h.
 */
#include "output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int output_file_check(const char *path, struct failure *failure)
{
    const char *const slash = strrchr(path, '/');
    const size_t folder_bytes = slash == NULL ? 1 : (size_t)(slash - path) + 1;
    char folder[4096];
    struct stat info;
    if (folder_bytes >= sizeof folder) {
        return failure_set(failure, "the output's name has %zu characters: too many", strlen(path));
    }
    memcpy(folder, slash == NULL ? "." : path, folder_bytes);
    folder[folder_bytes] = '\0';
    if (access(folder, W_OK | X_OK) != 0) {
        return failure_set(failure, "%s: cannot write there: %s", folder, strerror(errno));
    }
    if (lstat(path, &info) != 0) {
        return errno == ENOENT ? 0 : failure_set(failure, "%s: %s", path, strerror(errno));
    }
    if (!S_ISREG(info.st_mode)) {
        return failure_set(failure, "%s: exists and is not a regular file", path);
    }
    return 0;
}

int output_file_open(const char *path, struct output_file *output, struct failure *failure)
{
    if (output_file_check(path, failure) != 0) {
        return -1;
    }
    *output = (struct output_file){.path = path};
    if (asprintf(&output->temporary, "%s.tmp%ld", path, (long)getpid()) < 0) {
        return failure_set(failure, "%s: out of memory", path);
    }
    const int fd = open(output->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    output->stream = fd < 0 ? NULL : fdopen(fd, "wb");
    if (output->stream == NULL) {
        (void)failure_set(failure, "%s: %s", output->temporary, strerror(errno));
        if (fd >= 0) {
            (void)close(fd);
            (void)unlink(output->temporary);
        }
        free(output->temporary);
        return -1;
    }
    return 0;
}

int output_file_finish(struct output_file *output, struct failure *failure)
{
    int result = 0;
    const bool has_failed = ferror(output->stream) != 0;
    const int write_error = errno;
    const bool is_closed = fclose(output->stream) == 0;
    if (has_failed) {
        errno = write_error;
    }
    if (has_failed || !is_closed || rename(output->temporary, output->path) != 0) {
        result = failure_set(failure, "%s: %s", output->path, strerror(errno));
        (void)unlink(output->temporary);
    }
    free(output->temporary);
    return result;
}
