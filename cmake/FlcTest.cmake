# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# flc_add_test: one test program, registered with ctest.
#
#   flc_add_test(NAME name SOURCES file... [LIBS target...] [LABELS label...] [ARGS argument...]
#                [TIMEOUT seconds] [SERIAL] [PLAIN])
#
# A test program sees the library's internal functions, which are hidden: it links the static
# library and includes from src/ and tests/support/. Exit status 77 is "skipped". SERIAL keeps other
# tests from running beside one that measures time. PLAIN is one without cmocka. Cross-built tests run
# in the toolchain file's emulator.

if(BUILD_SHARED_LIBS)
    message(FATAL_ERROR "FLC_TESTS=ON with BUILD_SHARED_LIBS=ON: the tests call internal functions, "
                        "which a shared library hides; turn one of the two off")
endif()

if(PkgConfig_FOUND)
    pkg_check_modules(CMOCKA QUIET IMPORTED_TARGET cmocka)
endif()
if(CMOCKA_FOUND)
    set(FLC_HAVE_CMOCKA ON)
elseif(CMAKE_CROSSCOMPILING) # no package has it for another processor
    set(FLC_HAVE_CMOCKA ON)
    add_library(flc_cmocka INTERFACE)
    target_include_directories(flc_cmocka INTERFACE "${PROJECT_SOURCE_DIR}/tests/support/cmocka")
    add_library(PkgConfig::CMOCKA ALIAS flc_cmocka)
else()
    set(FLC_HAVE_CMOCKA OFF)
    message(STATUS "cmocka not found: the C tests are skipped (scripts/setup.sh check)")
    add_test(NAME cmocka_missing COMMAND sh -c "echo cmocka not found: no C test was built; exit 77")
    set_tests_properties(cmocka_missing PROPERTIES SKIP_RETURN_CODE 77)
endif()

function(flc_add_test)
    cmake_parse_arguments(PARSE_ARGV 0 arg "SERIAL;PLAIN" "NAME;TIMEOUT" "SOURCES;LIBS;LABELS;ARGS")
    if(arg_UNPARSED_ARGUMENTS OR NOT arg_NAME OR NOT arg_SOURCES)
        message(FATAL_ERROR "flc_add_test: NAME and SOURCES are needed; "
                            "not understood: '${arg_UNPARSED_ARGUMENTS}'")
    endif()
    if(NOT FLC_HAVE_CMOCKA AND NOT arg_PLAIN)
        return()
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    add_executable(${arg_NAME} ${arg_SOURCES})
    target_include_directories(${arg_NAME} PRIVATE
        "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/tests/support")
    target_link_libraries(${arg_NAME} PRIVATE
        ${arg_LIBS} flashcomm::flashcomm flc_warnings)
    if(NOT arg_PLAIN)
        target_link_libraries(${arg_NAME} PRIVATE PkgConfig::CMOCKA)
    endif()
    add_test(NAME ${arg_NAME} COMMAND ${arg_NAME} ${arg_ARGS})
    set_tests_properties(${arg_NAME} PROPERTIES
        SKIP_RETURN_CODE 77 TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}"
        RUN_SERIAL ${arg_SERIAL})
endfunction()

# flc_fail_calls: let calls of a program that ask the system for something fail, one at a time, as
# tests/support/failing_calls.h says.
function(flc_fail_calls target)
    target_sources(${target} PRIVATE "${PROJECT_SOURCE_DIR}/tests/support/failing_calls.c")
    target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/tests/support")
    foreach(name malloc calloc realloc aligned_alloc strdup asprintf mmap memfd_create ftruncate fstat stat
            fopen fdopen pipe2 getrandom socket bind listen accept4 connect getsockopt send sendmsg
            recv recvmsg rename fork pthread_create open fcntl syscall)
        target_link_options(${target} PRIVATE -Wl,--wrap=${name})
    endforeach()
endfunction()
