// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Reads the text of a candidate and counts its bits; see candidate.h.
 */
#include "candidate.h"

#include <stdlib.h>
#include <string.h>

#define OPTION_BYTES 32
#define MAX_NUMBER   1000
#define MAX_FACTOR   4.0f

/* What an option sets; each may be set once. */
enum part { WIDTH, GROUP, TURN, LEVELS, RULE, SPIKES, STEPS, PARTS };

static const char *const level_names[] = {"asym", "centred", "signed", "even", "gauss"};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Is `option` this name and a whole number up to MAX_NUMBER? */
static bool take_number(const char *option, const char *name, size_t *number)
{
    const size_t length = strlen(name);
    if (strncmp(option, name, length) != 0 || !is_digit(option[length]))
        return false;
    char *end;
    *number = strtoul(option + length, &end, 10);
    return *end == '\0' && *number <= MAX_NUMBER;
}

/* Read a factor in (0, MAX_FACTOR]; returns where it ends, or NULL. */
static const char *take_factor(const char *text, float *factor)
{
    char *end;
    if (!is_digit(text[0]))
        return NULL;
    *factor = strtof(text, &end);
    return *factor > 0.0f && *factor <= MAX_FACTOR ? end : NULL;
}

static bool take_rule(const char *option, struct candidate *candidate)
{
    float factor = 1.0f;
    const char *end = option + 3;
    candidate->is_searched = strcmp(option, "search") == 0;
    candidate->rms_factor = candidate->max_factor = 0.0f;
    if (candidate->is_searched)
        return true;
    const bool is_mix = strncmp(option, "mix", 3) == 0;
    const bool is_rms = strncmp(option, "rms", 3) == 0;
    if (!is_mix && !is_rms && strncmp(option, "max", 3) != 0)
        return false;
    if (is_mix || *end != '\0')
        end = take_factor(end, &factor);
    if (is_mix || is_rms)
        candidate->rms_factor = factor;
    if (is_mix && end != NULL)
        end = *end == '+' ? take_factor(end + 1, &factor) : NULL;
    if (!is_rms)
        candidate->max_factor = factor;
    return end != NULL && *end == '\0';
}

/* Take one option; returns what it sets, or PARTS if it is none. */
static enum part take_option(const char *option, struct candidate *candidate)
{
    size_t number;
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
        if (strcmp(option, level_names[i]) == 0) {
            candidate->levels = (enum candidate_levels)i;
            return LEVELS;
        }
    }
    if (take_number(option, "int", &number)) {
        candidate->bits = (int)number;
        return WIDTH;
    }
    if (take_number(option, "g", &candidate->group))
        return GROUP;
    if (take_number(option, "turn", &candidate->turn))
        return TURN;
    if (take_number(option, "spike", &candidate->spikes))
        return SPIKES;
    if (take_number(option, "step", &number)) {
        candidate->steps = (int)number;
        return STEPS;
    }
    return take_rule(option, candidate) ? RULE : PARTS;
}

/* What is wrong with a candidate whose options are well formed, or NULL. */
static const char *find_fault(const struct candidate *candidate, unsigned seen)
{
    const bool is_scaled =
        candidate->levels == CANDIDATE_EVEN || candidate->levels == CANDIDATE_GAUSS;
    const size_t group = candidate->group;
    if (candidate->bits < 1 || candidate->bits > 8)
        return "needs a width: int1 to int8";
    if (group < 16 || group > CANDIDATE_MAX_GROUP || (group & (group - 1)) != 0)
        return "has a group that is none of g16, g32, g64, g128, g256";
    if (candidate->turn < 1 || group % candidate->turn != 0)
        return "has a turn that does not divide the group";
    if (candidate->levels == CANDIDATE_GAUSS && candidate->bits > 4)
        return "has gauss levels; allowed: int1 to int4";
    if ((seen >> SPIKES & 1) != 0 && (candidate->spikes < 1 || candidate->spikes > 2))
        return "has spikes; allowed: spike1, spike2";
    if (candidate->steps != 8 && candidate->steps != 4 && candidate->steps != 2 &&
        candidate->steps != 0)
        return "has steps; allowed: step8, step4, step2, step0";
    if (candidate->levels == CANDIDATE_SIGNED && (seen >> RULE & 1) != 0)
        return "is signed, which has a scale of its own";
    if (!is_scaled && !candidate->is_searched &&
        (candidate->rms_factor > 0.0f || candidate->max_factor < 1.0f ||
         candidate->max_factor > 1.0f))
        return "has a scale for even and gauss; allowed here: max, search";
    return NULL;
}

const char *candidate_parse(const char *text, struct candidate *candidate)
{
    unsigned seen = 0;
    *candidate = (struct candidate){.group = 128, .turn = 1, .max_factor = 1.0f, .steps = 8};
    for (;;) {
        char option[OPTION_BYTES];
        const size_t length = strcspn(text, ":");
        if (length >= sizeof option)
            return "has an option that is too long";
        memcpy(option, text, length);
        option[length] = '\0';
        const enum part part = take_option(option, candidate);
        if (part == PARTS)
            return "has an option that candidates do not know";
        if ((seen >> part & 1) != 0)
            return "sets something twice";
        seen |= 1u << part;
        if (text[length] == '\0')
            return find_fault(candidate, seen);
        text += length + 1;
    }
}

double candidate_wire_bits(const struct candidate *candidate)
{
    const bool has_zero =
        candidate->levels == CANDIDATE_ASYM || candidate->levels == CANDIDATE_CENTRED;
    int position_bits = 0;
    while ((size_t)1 << position_bits < candidate->group)
        position_bits++;
    const int scale_bits = candidate->steps == 0   ? 16
                           : candidate->steps == 2 ? 5
                           : candidate->steps == 4 ? 6
                                                   : 8;
    const int zero_bits = !has_zero ? 0 : candidate->steps == 0 ? 16 : 8;
    const int metadata_bits =
        scale_bits + zero_bits + (int)candidate->spikes * (16 + position_bits);
    return candidate->bits + (double)metadata_bits / (double)candidate->group;
}
