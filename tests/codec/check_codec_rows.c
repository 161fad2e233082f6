// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The list of rows. Declared weak, so that a row that the library's table lacks, because it is for
 * another processor or its folder is missing, is NULL here.
 */
#include "check_codec_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec_cuda.h"

extern const struct flci_codec_row flci_codec_avx2 __attribute__((weak));
extern const struct flci_codec_row flci_codec_avx512 __attribute__((weak));
extern const struct flci_codec_row flci_codec_neon __attribute__((weak));

static const struct known_row {
    const char *name;
    const struct flci_codec_row *row; /* NULL: not built */
    const char *lacking;              /* where it is not supported */
} known[] = {
    {"ref", &flci_codec_ref, ""},
    {"avx2", &flci_codec_avx2, "not supported by this processor"},
    {"avx512", &flci_codec_avx512, "not supported by this processor"},
    {"neon", &flci_codec_neon, "not supported by this processor"},
    {"cuda", &codec_cuda_row, "no GPU"},
};

#define KNOWN (sizeof known / sizeof known[0])

static const struct known_row *find(const char *name)
{
    for (size_t i = 0; i < KNOWN; i++) {
        if (strcmp(known[i].name, name) == 0) {
            return &known[i];
        }
    }
    return NULL;
}

int known_row_is_name(const char *name)
{
    return find(name) != NULL;
}

const struct flci_codec_row *known_row_find(const char *name)
{
    const struct known_row *it = find(name);
    return it != NULL && it->row != NULL && it->row->is_supported() ? it->row : NULL;
}

const char *known_row_why_not(const char *name)
{
    const struct known_row *it = find(name);
    if (it == NULL || it->row == NULL) {
        return "not built";
    }
    return it->row->is_supported() ? "" : it->lacking;
}

const struct flci_codec_row *known_row_at(size_t index)
{
    for (size_t i = 0; i < KNOWN; i++) {
        const struct flci_codec_row *row = known_row_find(known[i].name);
        if (row != NULL && index-- == 0) {
            return row;
        }
    }
    return NULL;
}

struct row_calls known_row_use(const struct flci_codec_row *row)
{
    if (row == &codec_cuda_row) {
        return (struct row_calls){codec_cuda_encode, codec_cuda_decode, 0};
    }
    if (setenv("FLC_CPU", row->name, 1) != 0) {
        perror("setenv");
        exit(EXIT_FAILURE);
    }
    return (struct row_calls){flc_encode, flc_decode, 1};
}

void known_rows_print(void)
{
    for (size_t i = 0; i < KNOWN; i++) {
        const struct flci_codec_row *row = known_row_find(known[i].name);
        (void)printf("row %s: %s\n", known[i].name,
                     row != NULL ? row->summary : known_row_why_not(known[i].name));
    }
}

void known_rows_print_untested(const char *only)
{
    for (size_t i = 0; i < KNOWN; i++) {
        const char *why = known_row_why_not(known[i].name);
        if (why[0] != '\0') {
            (void)printf("row %s: %s, NOT TESTED\n", known[i].name, why);
        } else if (only != NULL && strcmp(known[i].name, only) != 0) {
            (void)printf("row %s: left out by --row, NOT TESTED\n", known[i].name);
        }
    }
}

unsigned known_rows_check(void)
{
    const struct flci_codec_row *row;
    unsigned complaints = 0;
    for (size_t i = 0; (row = flci_codec_row_at(i)) != NULL; i++) {
        const struct known_row *it = find(row->name);
        if (it == NULL || it->row != row) {
            (void)fprintf(stderr, "row %s: missing from the list in check_codec_rows.c\n",
                          row->name);
            complaints++;
        }
    }
    return complaints;
}
