// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * .safetensors files: choosing a tensor, and headers that lie. Skipped where the readers were
 * built without jansson.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "safetensors.h"

#define SKIPPED 77

struct file {
    uint8_t *bytes;
    size_t size;
};

static struct file make_file(const char *header, size_t data_bytes)
{
    const size_t length = strlen(header);
    struct file file = {NULL, 8 + length + data_bytes};
    file.bytes = calloc(1, file.size);
    assert_non_null(file.bytes);
    file.bytes[0] = (uint8_t)(length & 0xff);
    file.bytes[1] = (uint8_t)(length >> 8 & 0xff);
    file.bytes[2] = (uint8_t)(length >> 16);
    memcpy(file.bytes + 8, header, length);
    return file;
}

static void assert_refused(const char *header, size_t data_bytes, const char *name,
                           const char *part)
{
    const struct file file = make_file(header, data_bytes);
    struct tensor tensor = {.dims = -1};
    struct failure failure;
    assert_int_equal(safetensors_parse(file.bytes, file.size, name, &tensor, &failure), -1);
    assert_int_equal(tensor.dims, -1);
    if (strstr(failure.text, part) == NULL) {
        fail_msg("'%s' does not say '%s'", failure.text, part);
    }
    free(file.bytes);
}

static const char two_tensors[] =
    "{\"__metadata__\":{\"format\":\"pt\"},"
    "\"a\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[0,6]},"
    "\"b.weight\":{\"dtype\":\"BF16\",\"shape\":[2,4],\"data_offsets\":[6,22]}}   ";

static void tensors_are_found_by_name(void **state)
{
    (void)state;
    const struct file file = make_file(two_tensors, 22);
    struct tensor tensor;
    struct failure failure = {""};
    assert_int_equal(safetensors_parse(file.bytes, file.size, "a", &tensor, &failure), 0);
    assert_int_equal(tensor.type, FLC_FLOAT16);
    assert_int_equal(tensor.count, 3);
    assert_ptr_equal(tensor.data, file.bytes + file.size - 22);
    assert_int_equal(safetensors_parse(file.bytes, file.size, "b.weight", &tensor, &failure), 0);
    assert_int_equal(tensor.type, FLC_BFLOAT16);
    assert_int_equal(tensor.dims, 2);
    assert_int_equal(tensor.shape[1], 4);
    assert_ptr_equal(tensor.data, file.bytes + file.size - 16);
    free(file.bytes);

    assert_refused(two_tensors, 22, NULL, "holds 2 tensors");
    assert_refused(two_tensors, 22, "c", "no tensor 'c'; it holds a, b.weight");
    assert_refused(two_tensors, 22, "__metadata__", "no tensor '__metadata__'");
    assert_refused("{}", 0, NULL, "holds no tensor");
}

static void single_tensors_need_no_name(void **state)
{
    (void)state;
    const struct file file = make_file(
        "{\"__metadata__\":{},\"x\":{\"dtype\":\"F32\",\"shape\":[0,9],\"data_offsets\":[0,0]}}",
        0);
    struct tensor tensor;
    struct failure failure = {""};
    assert_int_equal(safetensors_parse(file.bytes, file.size, NULL, &tensor, &failure), 0);
    assert_int_equal(tensor.type, FLC_FLOAT32);
    assert_int_equal(tensor.count, 0);
    free(file.bytes);
}

/* The entry of tensor "x", refused for the reason `part`. */
static void assert_entry_refused(const char *entry, const char *part)
{
    char header[256];
    (void)snprintf(header, sizeof header, "{\"x\":%s}", entry);
    assert_refused(header, 8, NULL, part);
}

static void lying_entries_are_refused(void **state)
{
    (void)state;
    assert_entry_refused("3", "no string \"dtype\"");
    assert_entry_refused("{\"dtype\":\"I64\"}", "type I64 is not read");
    assert_entry_refused("{\"dtype\":\"F32\"}", "no array \"shape\"");
    assert_entry_refused("{\"dtype\":\"F32\",\"shape\":[]}", "has 0 dimensions");
    assert_entry_refused("{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1]}", "has 9 dimensions");
    assert_entry_refused("{\"dtype\":\"F32\",\"shape\":[-1]}", "other than a size");
    assert_entry_refused("{\"dtype\":\"F32\",\"shape\":[2.0]}", "other than a size");
    assert_entry_refused("{\"dtype\":\"F32\",\"shape\":[2]}", "data_offsets");
    assert_entry_refused("{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}", "data_offsets");
    assert_entry_refused("{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}",
                         "8 to 0 do not lie");
    assert_entry_refused("{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}",
                         "4 to 12 do not lie in the 8 bytes");
    assert_entry_refused("{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}",
                         "needs 4 bytes");
    assert_entry_refused(
        "{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}",
        "larger than memory");
}

static void bad_headers_are_refused(void **state)
{
    (void)state;
    assert_refused("", 0, NULL, "safetensors header");
    assert_refused("[]", 0, NULL, "holds no JSON object");
    assert_refused("{\"x\":", 0, NULL, "safetensors header");
    assert_refused("{\"x\":1,\"x\":2}", 0, NULL, "duplicate");
    char *const deep = malloc(200001);
    assert_non_null(deep);
    memset(deep, '[', 200000);
    deep[200000] = '\0';
    assert_refused(deep, 0, NULL, "depth");
    free(deep);
}

static void lying_lengths_are_refused(void **state)
{
    (void)state;
    struct file file = make_file("{}", 0);
    struct tensor tensor;
    struct failure failure;
    for (size_t size = 0; size < file.size; size++) {
        uint8_t *const copy = malloc(size == 0 ? 1 : size);
        assert_non_null(copy);
        memcpy(copy, file.bytes, size);
        assert_int_equal(safetensors_parse(copy, size, NULL, &tensor, &failure), -1);
        free(copy);
    }
    memset(file.bytes, 0xff, 8);
    assert_int_equal(safetensors_parse(file.bytes, file.size, NULL, &tensor, &failure), -1);
    assert_non_null(strstr(failure.text, "does not fit"));
    free(file.bytes);
}

int main(void)
{
    struct tensor tensor;
    struct failure failure = {""};
    if (safetensors_parse((const uint8_t *)"", 0, NULL, &tensor, &failure) != 0 &&
        strstr(failure.text, "without jansson") != NULL) {
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_are_found_by_name), cmocka_unit_test(single_tensors_need_no_name),
        cmocka_unit_test(lying_entries_are_refused), cmocka_unit_test(bad_headers_are_refused),
        cmocka_unit_test(lying_lengths_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
