// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Fuzzes the values of the command's options: any text is refused with a sentence, or gives a value
 * that is allowed.
 *
 * Input: a byte that chooses the option, then the text.
 */
#include <argp.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "budget.h"
#include "collective.h"
#include "fuzz.h"
#include "perf_values.h"

static jmp_buf refused;

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

/* In place of the C library's, which prints the sentence and ends the program. */
void argp_error(const struct argp_state *state, const char *format, ...)
{
    char sentence[512];
    va_list more;
    (void)state;
    va_start(more, format);
    require(vsnprintf(sentence, sizeof sentence, format, more) > 0);
    va_end(more);
    longjmp(refused, 1);
}

static void try_formats(const char *text, enum format_pairs pairs)
{
    struct format_list list;
    struct failure failure;
    if (format_list_parse(text, pairs, &list, &failure) != 0) {
        require(failure.text[0] != '\0');
        return;
    }
    require(list.count > 0);
    for (size_t i = 0; i < list.count; i++) {
        require(flc_format_check(list.items[i].reduce) == FLC_OK);
        require(flc_format_check(list.items[i].gather) == FLC_OK);
    }
    require(format_list_width(&list) > 0);
    format_list_free(&list);
}

static void try_budget(const char *text)
{
    struct budget budget;
    struct failure failure;
    if (budget_parse(text, &budget, &failure) != 0) {
        require(failure.text[0] != '\0');
        return;
    }
    require(budget.kind == BUDGET_SQNR || budget.kind == BUDGET_BITS);
    require(isfinite(budget.limit) && budget.limit >= 0.0);
}

static void try_perf(unsigned option, const char *text)
{
    struct perf_options o = {.collective = NULL};
    if (option == 0) {
        const size_t bytes = perf_value_size(NULL, "-b", text);
        require(bytes >= 1 && bytes <= (size_t)1 << 50);
    } else if (option == 1) {
        perf_value_collective(NULL, text, &o);
        require(o.collective != NULL);
    } else if (option == 2) {
        perf_value_ops(NULL, text, &o);
        require(o.op_count >= 1 && o.op_count <= PERF_MAX_OPS);
    } else if (option == 3) {
        perf_value_types(NULL, text, &o);
        require(o.type_count >= 1 && o.type_count <= PERF_MAX_TYPES);
    } else if (option == 4) {
        perf_value_baselines(NULL, text, &o);
    } else {
        argument_algorithm(NULL, text, collective_at(0));
    }
}

static void try_option(unsigned option, const char *text)
{
    if (setjmp(refused) != 0) {
        return;
    }
    if (option == 0) {
        const int64_t number = argument_number(NULL, "--ranks", text, -3, 64);
        require(number >= -3 && number <= 64);
    } else if (option == 1) {
        require(flc_type_bytes(argument_type(NULL, text)) > 0);
    } else if (option < 4) {
        try_formats(text, option == 2 ? PAIRS_ALLOWED : PAIRS_REFUSED);
    } else if (option == 4) {
        try_budget(text);
    } else {
        try_perf(option - 5, text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;
    if (size == 0) {
        return 0;
    }
    text = malloc(size);
    require(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    try_option(data[0] % 11u, text);
    free(text);
    return 0;
}
