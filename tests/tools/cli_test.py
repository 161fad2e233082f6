# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""The `flashcomm` command from outside: results, JSON, exit statuses, bad usage, ends by signal.

Usage: cli_test.py PROGRAM

Files are written here, by hand, so that the test needs nothing but Python's standard library.
"""

import ast
import json
import math
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

EXIT_FAILED = 1
EXIT_USAGE = 2

RUN_KEYS = ["collective", "ranks", "count", "dtype", "format", "transport", "algorithm",
            "wire_bytes", "wire_bits", "sqnr_db", "max_abs_error", "out_of_bound", "unchecked",
            "ranks_equal", "time_us"]
ERROR_KEYS = ["format", "wire_bits", "sqnr_db", "max_abs_error", "nonfinite_groups"]
RANKS = [1, 2, 3, 5]
DTYPES = ["fp32", "fp16", "bf16"]

# So many calls take minutes: a run that a test ends by a signal.
ENDLESS = ["--iters", "1000000"]

MAN_PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/man/flashcomm.1")

program = ""


def npy_bytes(shape, values, descr="<f4"):
    text = "(" + "".join(f"{size}, " for size in shape) + ")"
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {text}, }}"
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    code = {"<f4": "f", "<f2": "e", "<f8": "d"}[descr]
    return (b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
            + struct.pack(f"<{len(values)}{code}", *values))


def read_npy(path):
    """(descr, shape, values)"""
    with open(path, "rb") as stream:
        data = stream.read()
    assert data[:8] == b"\x93NUMPY\x01\x00"
    start = 10 + struct.unpack("<H", data[8:10])[0]
    assert start % 64 == 0
    header = ast.literal_eval(data[10:start].decode().strip())
    count = math.prod(header["shape"])
    code = {"<f4": "f", "<f2": "e"}[header["descr"]]
    return header["descr"], header["shape"], list(struct.unpack(f"<{count}{code}", data[start:]))


def safetensors_bytes(tensors):
    """tensors: {name: (dtype, shape, bytes)}"""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def gaussian(count, seed=1):
    source = random.Random(seed)
    return [source.gauss(0, 1) for _ in range(count)]


def integers(count, seed=1):
    """Sums of a few of these are exact in every element type."""
    source = random.Random(seed)
    return [float(source.randint(-8, 8)) for _ in range(count)]


def children_of(pid):
    """In the order in which they were started: by rank."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as stream:
            return [int(child) for child in stream.read().split()]
    except FileNotFoundError:
        return []


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stream:
            return stream.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="flc_cli_test")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as stream:
            stream.write(data)
        return self.path(name)

    def npy(self, name, shape, values, descr="<f4"):
        return self.write(name, npy_bytes(shape, values, descr))

    def call(self, *arguments, status=0, **environment):
        result = subprocess.run([program, *arguments], capture_output=True, text=True, check=False,
                                timeout=100, env={**os.environ, **environment})
        self.assertEqual(result.returncode, status, f"{arguments}: {result.stderr}")
        if status != 0:
            self.assertNotEqual(result.stderr, "")
        return result

    def call_json(self, *arguments):
        result = self.call(*arguments, "--json")
        self.assertEqual(result.stderr, "")
        return json.loads(result.stdout)

    def assert_usage(self, part, *arguments):
        result = self.call(*arguments, status=EXIT_USAGE)
        self.assertEqual(result.stdout, "")
        self.assertIn(part, " ".join(result.stderr.split()))


class Info(Case):
    def test_json(self):
        info = self.call_json("info")
        self.assertEqual(info["dtypes"], DTYPES)
        self.assertEqual(info["gpus"], [])
        self.assertGreaterEqual(info["cpu"]["count"], 1)
        self.assertRegex(info["version"], r"^\d+\.\d+\.\d+$")
        self.assertEqual(info["wire_version"], 0)
        for kind in ("codecs", "transports", "algorithms", "parameters"):
            self.assertGreaterEqual(len(info[kind]), 1)
            for item in info[kind]:
                self.assertEqual(list(item), ["name", "value", "summary"])
                self.assertNotEqual(item["name"], "")
                self.assertNotEqual(item["summary"], "")

    def test_text(self):
        text = self.call("info").stdout
        self.assertIn("GPU: none (built without CUDA)", text)
        for item in self.call_json("info")["parameters"]:
            self.assertIn(item["name"], text)

    def test_man_page_has_every_parameter(self):
        with open(MAN_PAGE, encoding="utf-8") as stream:
            page = stream.read()
        for item in self.call_json("info")["parameters"]:
            self.assertIn(item["name"], page)

    def test_help_and_version(self):
        for command in ([], ["run"], ["error"], ["info"]):
            self.assertIn("Usage: flashcomm", self.call(*command, "--help").stdout)
            self.assertRegex(self.call(*command, "--version").stdout, r"^flashcomm \d+\.\d+\.\d+$")


class Error(Case):
    def test_formats(self):
        path = self.npy("x.npy", (64, 128), gaussian(8192))
        formats = ["int8", "int4", "int4:spike", "int2:g32:spike:compact", "raw"]
        report = self.call_json("error", path, "--format", ",".join(formats), "--dtype", "bf16")
        self.assertEqual(list(report), ["file", "count", "dtype", "results"])
        self.assertEqual((report["file"], report["count"], report["dtype"]), (path, 8192, "bf16"))
        self.assertEqual([result["format"] for result in report["results"]], formats)
        for result in report["results"]:
            self.assertEqual(list(result), ERROR_KEYS)
            self.assertEqual(result["nonfinite_groups"], 0)
        int8, int4, spike, int2, raw = report["results"]
        self.assertGreater(int8["sqnr_db"], 43)
        self.assertGreater(int4["sqnr_db"], 19)
        self.assertGreater(spike["sqnr_db"], int4["sqnr_db"])
        self.assertGreater(int2["sqnr_db"], 9.5)
        self.assertLess(int2["wire_bits"], 3.95)
        self.assertEqual((raw["sqnr_db"], raw["max_abs_error"]), (None, 0))

    def test_table_and_default_formats(self):
        path = self.npy("x.npy", (500,), gaussian(500), "<f2")
        lines = self.call("error", path).stdout.splitlines()
        self.assertIn("dtype fp16", lines[0])
        self.assertEqual([line.split()[0] for line in lines[2:]],
                         ["int8", "int6", "int5", "int4", "int4:spike", "int3:spike",
                          "int2:g32:spike:compact"])
        self.assertIn(" inf ", self.call("error", path, "--format", "raw").stdout)

    def test_nonfinite_groups_are_counted_and_left_out(self):
        values = gaussian(512)
        values[3], values[200] = math.inf, math.nan
        path = self.npy("x.npy", (512,), values)
        result = self.call_json("error", path, "--format", "int8")["results"][0]
        self.assertEqual(result["nonfinite_groups"], 2)
        self.assertGreater(result["sqnr_db"], 40)
        self.assertLess(result["max_abs_error"], 0.1)

    def test_no_elements(self):
        path = self.npy("x.npy", (0, 7), [])
        result = self.call_json("error", path, "--format", "int4")["results"][0]
        self.assertEqual((result["wire_bits"], result["sqnr_db"]), (None, None))

    def test_bad_usage(self):
        path = self.npy("x.npy", (4,), [1, 2, 3, 4])
        self.assert_usage("a file is missing", "error")
        self.assert_usage("too many", "error", path, path)
        self.assert_usage("No such file", "error", self.path("none.npy"))
        self.assert_usage("int9", "error", path, "--format", "int9")
        self.assert_usage("''", "error", path, "--format", "int4,,int8")
        self.assert_usage("a pair is not allowed", "error", path, "--format", "int4/int8")
        self.assert_usage("--dtype int8: allowed are fp32, fp16 and bf16",
                          "error", path, "--dtype", "int8")
        self.assert_usage("unrecognized option", "error", path, "--nonsense")


class Files(Case):
    def test_bad_npy_files(self):
        good = npy_bytes((2, 2), [1, 2, 3, 4])
        for name, data, part in (
                ("empty.npy", b"", "is empty"),
                ("short.npy", good[:-1], "needs 16 bytes of data, the file has 15"),
                ("long.npy", good + b"x", "the file has 17"),
                ("header.npy", good[:40], "does not fit"),
                ("double.npy", npy_bytes((1,), [1], "<f8"), "'<f8' is not read"),
                ("text.npy", b"hello", "neither a .npy file"),
                ("fortran.npy", good.replace(b"False", b"True "), "Fortran order"),
                ("huge.npy", good.replace(b"(2, 2, ), }" + b" " * 20, b"(" + b"9" * 19 + b", 9), }"
                                          + b" " * 6), "larger than memory")):
            self.assert_usage(part, "error", self.write(name, data))
        self.assert_usage("not a regular file", "error", self.folder)
        os.mkfifo(self.path("fifo.npy"))
        self.assert_usage("not a regular file", "error", self.path("fifo.npy"))

    def test_safetensors(self):
        values = integers(60)
        path = self.write("m.safetensors", safetensors_bytes({
            "odd": ("F16", [1], b"ab"),
            "a.weight": ("F32", [3, 20], struct.pack("<60f", *values)),
            "half": ("F16", [60], struct.pack("<60e", *values)),
            "brain": ("BF16", [60], b"".join(struct.pack("<f", x)[2:] for x in values)),
            "ids": ("I64", [1], bytes(8)),
        }))
        result = subprocess.run([program, "error", path, "--tensor", "half"], capture_output=True,
                                text=True, check=False)
        if "built without jansson" in result.stderr:
            self.assertEqual(result.returncode, EXIT_USAGE)
            self.skipTest("built without jansson")
        for name, dtype in (("a.weight", "fp32"), ("half", "fp16"), ("brain", "bf16")):
            report = self.call_json("error", path, "--tensor", name, "--format", "int8")
            self.assertEqual((report["dtype"], report["count"]), (dtype, 60))
        output = self.path("out.npy")
        self.call("run", "all_reduce", "--ranks", "3", "--format", "raw", "--tensor", "a.weight",
                  "-o", output, path)
        sums = [values[i] + values[20 + i] + values[40 + i] for i in range(20)]
        self.assertEqual(read_npy(output), ("<f4", (20,), sums))

        self.assert_usage("name one with --tensor: odd, a.weight", "error", path)
        self.assert_usage("no tensor 'b'", "error", path, "--tensor", "b")
        self.assert_usage("type I64 is not read", "error", path, "--tensor", "ids")
        self.assert_usage("does not fit", "error", self.write("short.safetensors", bytes([99] * 9)))

    def test_npy_has_no_tensor_names(self):
        path = self.npy("x.npy", (4,), [1, 2, 3, 4])
        self.assert_usage("--tensor x", "error", path, "--tensor", "x")


class Run(Case):
    def run_json(self, *arguments):
        return self.call_json("run", "all_reduce", *arguments)

    def assert_good(self, result):
        self.assertEqual(list(result), RUN_KEYS)
        self.assertIs(result["ranks_equal"], True)
        self.assertEqual(result["out_of_bound"], 0)
        self.assertGreater(result["time_us"], 0)

    def check_sum(self, ranks, dtype, *extra):
        """Raw sums of integers are exact: one file with a slice for each rank."""
        values = integers(ranks * 2 * 333, ranks)
        descr = "<f2" if dtype == "fp16" else "<f4"
        path = self.npy("x.npy", (ranks, 2, 333), values, descr)
        output = self.path("out.npy")
        result = self.run_json("--ranks", str(ranks), "--dtype", dtype, "--format", "raw",
                               "-o", output, *extra, path)
        self.assert_good(result)
        self.assertEqual((result["collective"], result["ranks"], result["count"], result["dtype"]),
                         ("all_reduce", ranks, 666, dtype))
        self.assertEqual((result["max_abs_error"], result["sqnr_db"]), (0, None))
        sums = [sum(values[r * 666 + i] for r in range(ranks)) for i in range(666)]
        self.assertEqual(read_npy(output), (descr, (2, 333), sums))
        return result

    def test_sums_with_processes(self):
        for ranks in RANKS:
            for dtype in DTYPES:
                with self.subTest(ranks=ranks, dtype=dtype):
                    self.check_sum(ranks, dtype)

    def test_sums_with_threads(self):
        for ranks in RANKS:
            for dtype in DTYPES:
                with self.subTest(ranks=ranks, dtype=dtype):
                    self.check_sum(ranks, dtype, "--threads")

    def test_every_algorithm(self):
        for item in self.call_json("info")["algorithms"]:
            with self.subTest(algorithm=item["name"]):
                result = self.check_sum(3, "fp32", "--algorithm", item["name"], "--invariant")
                self.assertEqual(result["algorithm"], item["name"])

    def test_auto_algorithm_and_oneshot_bits(self):
        path = self.npy("x.npy", (2, 1000), gaussian(2000))
        pair, single = (self.run_json("--ranks", "2", "--algorithm", "auto", "--format", text, path)
                        for text in ("int4/int8", "int4"))
        self.assertEqual(pair["algorithm"], "oneshot")
        self.assertEqual(pair["wire_bits"], single["wire_bits"])

    def test_settings_are_refused_by_their_name(self):
        path = self.npy("x.npy", (2, 3), [1, 2, 3, 4, 5, 6])
        result = self.call("run", "all_reduce", "--ranks", "2", path, status=EXIT_FAILED,
                           FLC_ALGO="ring")
        self.assertEqual(result.stderr.count("FLC_ALGO is 'ring'"), 2, result.stderr)

    def test_not_a_number(self):
        """Where an input is NaN the result must be; nothing else is compared, and that is said."""
        path = self.npy("x.npy", (2, 3), [math.nan] * 3 + [1, 2, 3])
        for text in ("raw", "int4"):
            result = self.run_json("--ranks", "2", "--format", text, path)
            self.assertEqual((result["out_of_bound"], result["unchecked"]), (0, 0))
            self.assertIsNone(result["sqnr_db"])
        path = self.npy("y.npy", (2, 3), [math.inf, 1, 1, 1, 2, 3])
        result = self.call("run", "all_reduce", "--ranks", "2", "--format", "int4/raw",
                           "--algorithm", "twostep", path)
        self.assertIn("3 of 3 elements have no bound", result.stderr)

    def test_one_file_a_rank(self):
        parts = [integers(77, seed) for seed in range(3)]
        paths = [self.npy(f"{r}.npy", (7, 11), part) for r, part in enumerate(parts)]
        output = self.path("out.npy")
        self.assert_good(self.run_json("--ranks", "3", "--format", "raw", "-o", output, *paths))
        self.assertEqual(read_npy(output), ("<f4", (7, 11), [sum(x) for x in zip(*parts)]))

    def test_one_rank_copies_any_shape(self):
        values = gaussian(6)
        path = self.npy("x.npy", (2, 3), values)
        output = self.path("out.npy")
        result = self.run_json("--ranks", "1", "--format", "int4", "-o", output, path)
        self.assertEqual((result["max_abs_error"], result["wire_bytes"]), (0, 0))
        self.assertEqual(read_npy(output), read_npy(path))

    def test_average(self):
        path = self.npy("x.npy", (2, 4), [1, 2, 3, 4, 3, 6, 1, -4])
        output = self.path("out.npy")
        self.run_json("--ranks", "2", "--op", "avg", "--format", "raw", "-o", output, path)
        self.assertEqual(read_npy(output), ("<f4", (4,), [2, 4, 2, 0]))

    def test_smallest_counts(self):
        path = self.npy("x.npy", (3,), [1, 2, 4])
        output = self.path("out.npy")
        self.assertEqual(self.run_json("--ranks", "3", "-o", output, path)["count"], 1)
        self.assertEqual(read_npy(output)[1], (1,))
        path = self.npy("y.npy", (3, 0), [])
        result = self.run_json("--ranks", "3", "-o", output, path)
        self.assertEqual((result["count"], result["wire_bits"]), (0, None))
        self.assertEqual(read_npy(output), ("<f4", (0,), []))

    def test_formats_and_threads_agree(self):
        """A list gives results of the same objects; threads hold the bits that processes do."""
        path = self.npy("x.npy", (4, 5000), gaussian(20000))
        formats = ["raw", "int8", "int4", "int4/int8", "int2:g32:spike:compact"]
        results = self.run_json("--ranks", "4", "--format", ",".join(formats), path)["results"]
        self.assertEqual([result["format"] for result in results], formats)
        by_format = {result["format"]: result for result in results}
        for result in results:
            self.assert_good(result)
        self.assertAlmostEqual(by_format["int4/int8"]["wire_bits"],
                               (by_format["int4"]["wire_bits"] + by_format["int8"]["wire_bits"])
                               / 2)
        self.assertGreater(by_format["int8"]["sqnr_db"], 40)
        self.assertGreater(by_format["int4"]["sqnr_db"], 15)
        self.assertGreater(by_format["raw"]["wire_bytes"], 5 * by_format["int4"]["wire_bytes"])

        outputs = []
        for extra in ([], ["--threads"]):
            outputs.append(self.path(f"out{len(outputs)}.npy"))
            self.run_json("--ranks", "4", "--format", "int4", "-o", outputs[-1], *extra, path)
        self.assertEqual(read_npy(outputs[0]), read_npy(outputs[1]))

    def test_default_format_and_table(self):
        path = self.npy("x.npy", (2, 1000), gaussian(2000))
        lines = self.call("run", "all_reduce", "--ranks", "2", path).stdout.splitlines()
        self.assertEqual(len(lines), 3)
        for part in ("all_reduce", "ranks 2", "count 1000", "dtype fp32", "transport ",
                     "algorithm "):
            self.assertIn(part, lines[0])
        self.assertIn("ranks equal", lines[1])
        self.assertEqual(len({len(line) for line in lines[1:]}), 1)
        self.assertEqual((lines[2].split()[0], lines[2].split()[-1]), ("int4", "yes"))

    def test_output_replaces_and_leaves_nothing_else(self):
        path = self.npy("x.npy", (2, 3), [1, 2, 3, 4, 5, 6])
        output = self.write("out.npy", b"old")
        for _ in range(2):
            self.run_json("--ranks", "2", "--format", "raw", "-o", output, path)
            self.assertEqual(read_npy(output)[2], [5, 7, 9])
        self.assertEqual(sorted(os.listdir(self.folder)), ["out.npy", "x.npy"])
        self.call("run", "all_reduce", "--ranks", "2", "-o", self.path("no/out.npy"), path,
                  status=EXIT_USAGE)

    def test_full_standard_output(self):
        path = self.npy("x.npy", (2, 3), [1, 2, 3, 4, 5, 6])
        with open("/dev/full", "w", encoding="ascii") as full:
            result = subprocess.run([program, "run", "all_reduce", "--ranks", "2", path],
                                    stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(result.returncode, EXIT_FAILED)
        self.assertIn("standard output", result.stderr)

    def test_bad_usage(self):
        two = self.npy("two.npy", (2, 6), integers(12))
        six = self.npy("six.npy", (6,), integers(6))
        half = self.npy("half.npy", (6,), integers(6), "<f2")
        run = ["run", "all_reduce"]
        for part, arguments in (
                ("a subcommand is missing", []),
                ("unknown subcommand 'walk'", ["walk"]),
                ("a collective is missing", ["run"]),
                ("unknown collective 'gather'", ["run", "gather", "--ranks", "2", two]),
                ("--ranks is missing", [*run, two]),
                ("a file is missing", [*run, "--ranks", "2"]),
                ("--ranks 0: allowed are whole numbers from 1 to 64", [*run, "--ranks", "0", two]),
                ("--ranks 65", [*run, "--ranks", "65", two]),
                ("--ranks 2x", [*run, "--ranks", "2x", two]),
                ("--iters 0", [*run, "--ranks", "2", "--iters", "0", two]),
                ("--timeout-ms -1", [*run, "--ranks", "2", "--timeout-ms=-1", two]),
                ("--op max: allowed are sum and avg", [*run, "--ranks", "2", "--op", "max", two]),
                ("--algorithm fast: allowed are", [*run, "--ranks", "2", "--algorithm", "fast",
                                                   two]),
                ("int4/", [*run, "--ranks", "2", "--format", "int4/", two]),
                ("a list of 2 formats", [*run, "--ranks", "2", "--format", "int4,int8", "-o",
                                         self.path("out.npy"), two]),
                ("not a regular file", [*run, "--ranks", "2", "-o", "/dev/null", two]),
                ("must be the ranks, 3", [*run, "--ranks", "3", two]),
                ("2 files for 3 ranks", [*run, "--ranks", "3", six, six]),
                ("all must agree", [*run, "--ranks", "2", six, two]),
                ("all must agree", [*run, "--ranks", "2", six, half]),
                ("No such file", [*run, "--ranks", "2", self.path("none.npy")])):
            with self.subTest(arguments=arguments):
                self.assert_usage(part, *arguments)
        self.assertFalse(os.path.exists(self.path("out.npy")))


class Ends(Case):
    """Runs that end early: nothing is left behind, and everybody hears why."""

    def start(self, ranks, *extra):
        path = self.npy("x.npy", (ranks, 20000), gaussian(ranks * 20000))
        process = subprocess.Popen(
            [program, "run", "all_reduce", "--ranks", str(ranks), *ENDLESS, *extra, path],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.assertTrue(wait_until(lambda: len(children_of(process.pid)) == ranks, 10))
        time.sleep(0.3)
        children = children_of(process.pid)
        self.assertEqual(len(children), ranks)
        return process, children

    def assert_gone(self, children):
        self.assertTrue(wait_until(lambda: not any(map(is_alive, children)), 2))

    def test_killed_rank(self):
        process, children = self.start(4)
        os.kill(children[2], signal.SIGKILL)
        start = time.monotonic()
        _, errors = process.communicate(timeout=20)
        self.assertLess(time.monotonic() - start, 4)
        self.assertEqual(process.returncode, EXIT_FAILED)
        self.assertIn("rank 2: killed by signal 9", errors)
        self.assertEqual(len(errors.splitlines()), 4, errors)
        for rank in (0, 1, 3):
            self.assertIn(f"rank {rank}: ", errors)
        self.assertNotIn("still ran", errors)
        self.assert_gone(children)

    def test_stopped_rank(self):
        """A rank that is silent: the others time out, then it is killed."""
        process, children = self.start(3, "--timeout-ms", "500")
        os.kill(children[0], signal.SIGSTOP)
        _, errors = process.communicate(timeout=20)
        self.assertEqual(process.returncode, EXIT_FAILED)
        self.assertIn("rank 0: still ran 1 s after rank ", errors)
        self.assert_gone(children)

    def test_signals_to_the_command(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with self.subTest(signal=number):
                process, children = self.start(3)
                process.send_signal(number)
                process.communicate(timeout=20)
                self.assertEqual(process.returncode, -number)
                self.assert_gone(children)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: cli_test.py PROGRAM [TEST...]")
    program = os.path.abspath(sys.argv.pop(1))
    unittest.main()
