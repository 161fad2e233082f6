// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Makes one call of a program fail: of memory, of file descriptors, of a thread or a process. The
 * linker sends the calls here (flc_fail_calls in CMake); those that libraries make inside are not
 * seen.
 *
 * A test arms a thread. A program that knows nothing of this is armed by FLC_TEST_FAILING_CALL=N:
 * call N (from 1) of the process and its children together fails, and stderr says which it was.
 */
#ifndef FAILING_CALLS_H
#define FAILING_CALLS_H

/* Let this thread's call number `nth` (from 0) of `name`, or with NULL of all that can, fail. */
void failing_calls_arm(const char *name, long nth);

/* No call fails any more; the name of the one that did, or NULL. */
const char *failing_calls_disarm(void);

/* How often this thread has asked for memory so far. */
long failing_calls_allocations(void);

#endif
