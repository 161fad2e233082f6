#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""
Every call that a program makes to the system fails once: tool_failing_calls_test.py COMMAND
[EXAMPLE], the command and tp_llama linked with tests/support/failing_calls.c.

Either that does no harm, and the output is as always, or the program says what failed and ends with
a status that is not 0; soon, and with no process, no output and no temporary file left behind.
"""
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/tp_llama"))
import tiny_gguf  # noqa: E402

RANKS, COUNT = 2, 5000
LONGEST_SECONDS = 20  # under a sanitizer, beside other tests
MANY_CALLS = 1000
MARK = "failing call: "

command = ""
example = ""


def npy_bytes():
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({RANKS}, {COUNT}), }}"
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    return (b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data_bytes())


def safetensors_bytes():
    header = json.dumps({"x": {"dtype": "F32", "shape": [RANKS, COUNT],
                               "data_offsets": [0, 4 * RANKS * COUNT]}}).encode()
    return struct.pack("<Q", len(header)) + header + data_bytes()


def data_bytes():
    return struct.pack(f"<{RANKS * COUNT}f", *((i * 37 % 101) - 50 for i in range(RANKS * COUNT)))


class Attempt:
    """One run of the command in a folder that holds the inputs."""

    def __init__(self, program, folder, arguments, call):
        before = set(os.listdir(folder))
        start = time.monotonic()
        child = subprocess.Popen(
            [program, *arguments], cwd=folder, text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "FLC_TEST_FAILING_CALL": str(call)})
        try:
            self.stdout, stderr = child.communicate(timeout=LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            self.stdout, stderr = child.communicate()
        self.seconds = time.monotonic() - start
        self.status = child.returncode
        self.has_left_processes = is_group_alive(child.pid)
        lines = stderr.splitlines()
        self.failed = [line[len(MARK):] for line in lines if line.startswith(MARK)]
        self.sentences = [line for line in lines if not line.startswith(MARK)]
        self.files = {name: pathlib.Path(folder, name).read_bytes()
                      for name in set(os.listdir(folder)) - before}
        for name in self.files:
            os.unlink(os.path.join(folder, name))


def is_group_alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


class FailingCalls(unittest.TestCase):
    def setUp(self):
        self.program, self.name = command, "flashcomm"
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        pathlib.Path(self.folder, "in.npy").write_bytes(npy_bytes())
        pathlib.Path(self.folder, "in.safetensors").write_bytes(safetensors_bytes())

    def judge(self, attempt, usual):
        self.assertLess(attempt.seconds, LONGEST_SECONDS)
        self.assertFalse(attempt.has_left_processes)
        if attempt.status == 0:
            self.assertEqual(attempt.files, usual.files)
            self.assertEqual(len(attempt.stdout.splitlines()), len(usual.stdout.splitlines()))
        else:
            self.assertIn(attempt.status, (1, 2), attempt.sentences)
            self.assertEqual(attempt.files, {})
            self.assertTrue(attempt.sentences)
            self.assertTrue(attempt.sentences[0].startswith(self.name), attempt.sentences)

    def every_call_may_fail(self, *arguments):
        usual = Attempt(self.program, self.folder, arguments, 0)
        self.assertEqual(usual.status, 0, usual.sentences)
        refused = 0
        for call in range(1, MANY_CALLS):
            attempt = Attempt(self.program, self.folder, arguments, call)
            with self.subTest(arguments=arguments, call=call, failed=attempt.failed):
                self.judge(attempt, usual)
            if not attempt.failed:
                self.assertEqual(attempt.status, 0)
                break
            refused += attempt.status != 0
        print(f"{self.name} {' '.join(arguments)}: {call - 1} calls failed, {refused} ended the command")
        return refused

    def test_processes(self):
        self.assertGreater(self.every_call_may_fail(
            "run", "all_reduce", "--ranks", str(RANKS), "--iters", "1", "--timeout-ms", "300",
            "--dtype", "bf16", "in.npy", "-o", "out.npy"), 10)

    def test_threads(self):
        self.assertGreater(self.every_call_may_fail(
            "run", "all_reduce", "--ranks", str(RANKS), "--iters", "1", "--timeout-ms", "300",
            "--threads", "--format", "int4,int8", "--json", "in.npy"), 10)

    def test_perf(self):
        size = ("-b", "8K", "-e", "8K", "-n", "2", "-w", "1", "-T", "1")
        self.assertGreater(self.every_call_may_fail("perf", "all_to_all", *size), 5)
        self.assertGreater(self.every_call_may_fail(
            "perf", "broadcast", *size, "--threads", "--baseline", "raw"), 5)

    def test_error(self):
        self.assertGreater(self.every_call_may_fail(
            "error", "in.npy", "--format", "int4,int2:g32"), 5)
        self.assertGreater(self.every_call_may_fail(
            "error", "in.npy", "--budget", "sqnr=20dB", "--json"), 5)

    def test_safetensors(self):
        if subprocess.run([command, "error", "in.safetensors"], cwd=self.folder,
                          capture_output=True, check=False).returncode != 0:
            self.skipTest("the command was built without jansson")
        self.assertGreater(self.every_call_may_fail("error", "in.safetensors"), 5)

    def test_info(self):
        self.every_call_may_fail("info")

    def test_example(self):
        if example == "":
            self.skipTest("the example was not built")
        self.program, self.name = example, "tp_llama"
        model, _ = tiny_gguf.make(tiny_gguf.Q8_0, tiny_gguf.F32)
        pathlib.Path(self.folder, "model.gguf").write_bytes(model)
        pathlib.Path(self.folder, "text").write_text(" the cat's 42 aaa", encoding="utf-8")
        self.assertGreater(self.every_call_may_fail(
            "--model", "model.gguf", "--text", "text", "--ranks", "2", "--context", "8",
            "--format", "int4", "--json"), 10)


if __name__ == "__main__":
    if len(sys.argv) > 2 and os.path.exists(sys.argv[2]):
        example = os.path.abspath(sys.argv.pop(2))
    command = os.path.abspath(sys.argv.pop(1))
    unittest.main()
