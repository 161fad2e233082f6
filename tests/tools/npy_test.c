// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * .npy files: headers as NumPy writes them, headers that lie, and files written here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "npy.h"
#include "output_file.h"

/* A file in memory, sized exactly, so that the sanitizer sees any byte read beyond it. */
struct file {
    uint8_t *bytes;
    size_t size;
};

static struct file make_file(unsigned major, const char *header, size_t data_bytes)
{
    const size_t length = strlen(header);
    const size_t start = major == 1 ? 10 : 12;
    struct file file = {NULL, start + length + data_bytes};
    file.bytes = calloc(1, file.size);
    assert_non_null(file.bytes);
    memcpy(file.bytes, "\x93NUMPY", 6);
    file.bytes[6] = (uint8_t)major;
    file.bytes[8] = (uint8_t)(length & 0xff);
    file.bytes[9] = (uint8_t)(length >> 8);
    memcpy(file.bytes + start, header, length);
    return file;
}

/* The sentence contains `part`, and the tensor was left alone. */
static void assert_refused(const uint8_t *bytes, size_t size, const char *part)
{
    struct tensor tensor = {.dims = -1};
    struct failure failure;
    assert_int_equal(npy_parse(bytes, size, &tensor, &failure), -1);
    assert_int_equal(tensor.dims, -1);
    if (strstr(failure.text, part) == NULL) {
        fail_msg("'%s' does not say '%s'", failure.text, part);
    }
}

static void assert_header_refused(const char *header, size_t data_bytes, const char *part)
{
    const struct file file = make_file(1, header, data_bytes);
    assert_refused(file.bytes, file.size, part);
    free(file.bytes);
}

static void headers_are_read(void **state)
{
    (void)state;
    static const struct {
        unsigned major;
        const char *header;
        int dims;
        size_t shape[TENSOR_MAX_DIMS];
        flc_type type;
        size_t count;
    } cases[] = {
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }    \n", 2, {2, 3}, 0, 6},
        {2, "{'descr': '<f2', 'fortran_order': False, 'shape': (7,), }\n", 1, {7}, 1, 7},
        {3,
         "{\"shape\":(1,2,1,2,1,2,1,2),\"descr\":\"<f4\",\"fortran_order\":False}",
         8,
         {1, 2, 1, 2, 1, 2, 1, 2},
         0,
         16},
        {1, "{'descr': '<f4', 'fortran_order': True, 'shape': (5,), }", 1, {5}, 0, 5},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 0, 3), }", 3, {4, 0, 3}, 0, 0},
        {1,
         "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 18446744073709551615, 9)}",
         3,
         {0, SIZE_MAX, 9},
         0,
         0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t elem_bytes = flc_type_bytes(cases[i].type);
        const struct file file =
            make_file(cases[i].major, cases[i].header, cases[i].count * elem_bytes);
        struct tensor tensor;
        struct failure failure = {""};
        if (npy_parse(file.bytes, file.size, &tensor, &failure) != 0) {
            fail_msg("%s: %s", cases[i].header, failure.text);
        }
        assert_int_equal(tensor.dims, cases[i].dims);
        assert_memory_equal(tensor.shape, cases[i].shape,
                            (size_t)tensor.dims * sizeof tensor.shape[0]);
        assert_int_equal(tensor.type, cases[i].type);
        assert_int_equal(tensor.count, cases[i].count);
        assert_ptr_equal(tensor.data, file.bytes + file.size - cases[i].count * elem_bytes);
        free(file.bytes);
    }
}

static void unread_kinds_are_refused(void **state)
{
    (void)state;
    assert_header_refused("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", 8, "'<f8'");
    assert_header_refused("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", 4, "'>f4'");
    assert_header_refused("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", 4,
                          "structures");
    assert_header_refused("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }", 16,
                          "Fortran order");
    assert_header_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", 4,
                          "no dimensions");
    assert_header_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}",
                          4, "more than 8");
}

static void bad_headers_are_refused(void **state)
{
    (void)state;
    assert_header_refused("", 0, "expected '{' at character 1");
    assert_header_refused("{", 0, "expected a quoted key");
    assert_header_refused("{'descr", 0, "expected a quoted key");
    assert_header_refused("{'descr'", 0, "expected ':'");
    assert_header_refused("{'descr': ", 0, "expected an element type");
    assert_header_refused("{'descr': '<f4' 'shape'", 0, "expected ',' or '}'");
    assert_header_refused("{'a_key_that_is_too_long': 1}", 0, "expected a quoted key");
    assert_header_refused("{'other': 1}", 0, "unknown key 'other'");
    assert_header_refused("{'descr': '<f4', 'descr': '<f4'}", 0, "comes twice");
    assert_header_refused("{'descr': '<f4', 'shape': (1,)}", 4, "'fortran_order' is missing");
    assert_header_refused("{'fortran_order': 0}", 0, "True or False");
    assert_header_refused("{'shape': 3}", 0, "expected '('");
    assert_header_refused("{'shape': (3 4)}", 0, "expected ',' or ')'");
    assert_header_refused("{'shape': (-1,)}", 0, "expected a dimension");
    assert_header_refused("{'shape': (3,", 0, "expected a dimension");
    assert_header_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", 4,
                          "header's end");
}

static void sizes_are_not_believed(void **state)
{
    (void)state;
    assert_header_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", 11,
                          "needs 12 bytes of data, the file has 11");
    assert_header_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", 16,
                          "the file has 16");
    assert_header_refused("{'descr': '<f4', 'fortran_order': False, 'shape': "
                          "(4294967296, 4294967296)}",
                          0, "larger than memory");
    assert_header_refused("{'descr': '<f4', 'fortran_order': False, 'shape': "
                          "(4611686018427387904,)}",
                          0, "larger than memory");
    assert_header_refused("{'descr': '<f4', 'fortran_order': False, 'shape': "
                          "(18446744073709551616,)}",
                          0, "fits in memory");
}

/* Every prefix of a good file is refused, and none is read beyond its end. */
static void short_files_are_refused(void **state)
{
    (void)state;
    for (unsigned major = 1; major <= 3; major++) {
        const struct file file =
            make_file(major, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", 8);
        for (size_t size = 0; size < file.size; size++) {
            uint8_t *const copy = malloc(size == 0 ? 1 : size);
            assert_non_null(copy);
            memcpy(copy, file.bytes, size);
            assert_refused(copy, size, "");
            free(copy);
        }
        free(file.bytes);
    }
    assert_refused((const uint8_t *)"\x93NUMPY\x01\x00\xff\xff{}", 12, "does not fit");
    assert_refused((const uint8_t *)"\x93NUMPY\x02\x00\xff\xff\xff\xff{}", 14, "does not fit");
    assert_refused((const uint8_t *)"\x93NUMPY\x04\x00\x00\x00", 10, "version 4.0");
    assert_refused((const uint8_t *)"NUMPY", 5, "no .npy file");
}

static void assert_saved(flc_type type, int dims, const size_t *shape, const void *data,
                         flc_type saved_type, const void *saved_data)
{
    char directory[] = "/tmp/flc_npy_testXXXXXX";
    char path[64];
    struct failure failure = {""};
    struct tensor tensor;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/a.npy", directory);
    for (int time = 0; time < 2; time++) { /* the second replaces the first */
        assert_int_equal(npy_save(path, dims, shape, type, data, &failure), 0);
    }
    assert_int_equal(tensor_load(path, NULL, &tensor, &failure), 0);
    assert_int_equal(tensor.type, saved_type);
    assert_int_equal(tensor.dims, dims);
    assert_memory_equal(tensor.shape, shape, (size_t)dims * sizeof shape[0]);
    assert_memory_equal(tensor.data, saved_data, tensor.count * flc_type_bytes(saved_type));
    tensor_free(&tensor);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(directory), 0); /* fails where a temporary file was left */
}

static void saved_files_are_read_back(void **state)
{
    (void)state;
    const float fp32[] = {1.0f, -2.0f, 0.5f, 3.0f, 1e30f, -0.0f};
    const uint16_t fp16[] = {0x3c00, 0x0001, 0x7bff};
    const uint16_t bf16[] = {0x3f80, 0xc000, 0x0001};
    const uint32_t widened[] = {0x3f800000, 0xc0000000, 0x00010000};
    const size_t many[] = {SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, 0};
    assert_saved(FLC_FLOAT32, 2, (const size_t[]){2, 3}, fp32, FLC_FLOAT32, fp32);
    assert_saved(FLC_FLOAT16, 1, (const size_t[]){3}, fp16, FLC_FLOAT16, fp16);
    assert_saved(FLC_BFLOAT16, 1, (const size_t[]){3}, bf16, FLC_FLOAT32, widened);
    assert_saved(FLC_FLOAT32, 1, (const size_t[]){0}, fp32, FLC_FLOAT32, fp32);
    assert_saved(FLC_FLOAT32, 8, many, fp32, FLC_FLOAT32, fp32);
}

static void only_files_are_replaced(void **state)
{
    (void)state;
    struct failure failure;
    assert_int_equal(output_file_check("/dev/null", &failure), -1);
    assert_non_null(strstr(failure.text, "not a regular file"));
    assert_int_equal(output_file_check("/nowhere/at/all.npy", &failure), -1);
    assert_non_null(strstr(failure.text, "/nowhere/at/"));
    assert_int_equal(output_file_check("all.npy", &failure), 0);
    assert_int_equal(
        npy_save("/nowhere/at/all.npy", 1, (const size_t[]){0}, FLC_FLOAT32, "", &failure), -1);
    assert_non_null(strstr(failure.text, "No such file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read),        cmocka_unit_test(unread_kinds_are_refused),
        cmocka_unit_test(bad_headers_are_refused), cmocka_unit_test(sizes_are_not_believed),
        cmocka_unit_test(short_files_are_refused), cmocka_unit_test(saved_files_are_read_back),
        cmocka_unit_test(only_files_are_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
