# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""`flashcomm perf` from outside: lines, JSON, sizes, options, exit statuses. The
baseline mpi has a test of its own.

Usage: cli_perf_test.py PROGRAM
"""

import json
import os
import resource
import shutil
import signal
import subprocess
import time

from cli_case import (
    EXIT_FAILED, EXIT_USAGE, Case, children_of, is_alive, main, wait_until)

COLLECTIVES = ["all_reduce", "reduce_scatter", "all_gather", "all_to_all", "broadcast"]
REDUCING = COLLECTIVES[:2]
QUICK = ["-n", "3", "-w", "1"]
SMALL = ["-b", "1K", "-e", "1K", *QUICK]
COLUMNS = ["size", "count", "type", "redop", "root", "format", "bits", "%",
           "time", "algbw", "busbw", "#wrong", "time", "algbw", "busbw", "#wrong",
           "SQNR", "max", "error", "ranks"]
REPORT_KEYS = ["version", "start_time", "args", "env", "nccl_version", "flashcomm_version",
               "collective", "config", "results", "out_of_bounds", "average_bus_bandwidth",
               "ranks_differ", "ended_early", "end_time"]
ROW_KEYS = ["size", "count", "type", "redop", "root", "format", "wire_bits", "wire_percent",
            "transport", "algorithm", "wire_bytes", "out_of_place", "in_place", "sqnr_db",
            "max_abs_error", "unchecked", "ranks_equal", "not_available"]
PLACES = ["out_of_place", "in_place"]
BUS_FACTORS = {"all_reduce": lambda n: 2 * (n - 1) / n, "broadcast": lambda n: 1}


def rows(text):
    return [line.split() for line in text.splitlines() if not line.startswith("#")]


class Perf(Case):
    def perf(self, *arguments, status=0, **environment):
        return self.call("perf", *arguments, status=status, **environment)

    def perf_json(self, *arguments):
        report = self.call_json("perf", *arguments)
        self.assertEqual(list(report), REPORT_KEYS)
        return report

    def sizes(self, *arguments):
        result = self.perf("all_reduce", "--format", "raw", *QUICK, *arguments)
        return [int(row[0]) for row in rows(result.stdout)]

    def test_lines(self):
        """Columns of nccl-tests keep their place; comments begin with '#'."""
        text = self.perf("all_reduce", "--format", "raw,int4/int8", *SMALL).stdout
        header = next(line for line in text.splitlines() if "#wrong" in line)
        self.assertEqual(header.split()[1:], COLUMNS)
        raw, pair = rows(text)
        self.assertEqual(raw[:8], ["1024", "256", "float", "sum", "-1", "raw", "32.000", "100.0"])
        self.assertEqual(pair[:6], ["1024", "256", "float", "sum", "-1", "int4/int8"])
        for row in (raw, pair):
            self.assertEqual(len(row), 19)
            self.assertEqual((row[11], row[15], row[18]), ("0", "0", "yes"))
            self.assertGreater(float(row[8]), 0)
        self.assertRegex(text, r"(?m)^# Out of bounds values : 0 OK$")
        self.assertRegex(text, r"(?m)^# Avg bus bandwidth    : [0-9.e+-]+ $")
        self.assertRegex(text, r"(?m)^#   int4/int8          : [0-9.e+-]+$")

    def test_optional_columns(self):
        text = self.perf("all_reduce", "--format", "int8", "--baseline", "raw", "-S", "1", "-c",
                         "0", *SMALL).stdout
        raw, int8 = rows(text)
        self.assertEqual((raw[5], int8[5]), ("raw", "int8"))
        self.assertEqual((raw[11], raw[16], raw[17], raw[19]), ("N/A", "-", "-", "-"))
        self.assertEqual(raw[18], "1.00x")
        self.assertRegex(int8[18], r"^[0-9.]+x$")
        self.assertRegex(" ".join(int8[20:]), r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
        self.assertIn("-z has no effect",
                      self.perf("all_reduce", "-z", "1", "--format", "raw", *SMALL).stdout)

    def test_sizes(self):
        self.assertEqual(self.sizes("-b", "8", "-e", "1K", "-f", "4"), [8, 32, 128, 512])
        self.assertEqual(self.sizes("-b", "8", "-e", "1K", "-f", "2")[-1], 1024)
        self.assertEqual(self.sizes("-b", "1k", "-e", "2.5K", "-i", "512"),
                         [1024, 1536, 2048, 2560])
        self.assertEqual(self.sizes("-b", "1M", "-e", "3M", "-n", "1"),
                         [1 << 20, 2 << 20, 3 << 20])
        self.assertEqual(self.sizes("-b", "10", "-e", "10"), [8])
        self.assertEqual(self.sizes("-b", "1", "-e", "1"), [0])
        self.assertEqual(self.sizes("-b", "64", "-e", "64", "-N", "3"), [64] * 3)
        self.assertEqual(self.sizes("-b", "1000", "-e", "1010", "-i", "1"), [1000, 1004, 1008])
        self.assertEqual(self.sizes("-b", str(1 << 12), "-e", "4K", "-f", str(1 << 30)), [4096])

    def test_every_collective(self):
        for name in COLLECTIVES:
            for ranks in (1, 3):
                with self.subTest(collective=name, ranks=ranks):
                    report = self.perf_json(
                        name, "--ranks", str(ranks), "-b", "40000", "-e", "40000", *QUICK,
                        "-d", "all", "--format", "raw,int4,int8:spike")
                    self.check_report(report, name, ranks)

    def check_report(self, report, name, ranks):
        self.assertEqual([(row["type"], row["format"]) for row in report["results"]],
                         [(kind, text) for kind in ("half", "float", "bfloat16")
                          for text in ("raw", "int4", "int8:spike")])
        self.assertEqual(report["out_of_bounds"], {"count": 0, "okay": True})
        factor = BUS_FACTORS.get(name, lambda n: (n - 1) / n)(ranks)
        for row in report["results"]:
            self.assertEqual(list(row), ROW_KEYS)
            self.assertEqual(row["redop"], "sum" if name in REDUCING else "none")
            self.assertEqual(row["root"], 0 if name == "broadcast" else -1)
            self.assertEqual(row["unchecked"], 0)
            is_some = name in ("reduce_scatter", "all_to_all")
            self.assertIs(row["ranks_equal"], None if is_some else True)
            shares = 1 if name in ("all_reduce", "broadcast") else ranks
            width = 4 if row["type"] == "float" else 2
            self.assertEqual(row["size"], row["count"] * shares * width)
            self.assertTrue(40000 - 16 * ranks < row["size"] <= 40000)
            for place in PLACES:
                found = row[place]
                self.assertEqual(list(found), ["time", "alg_bw", "bus_bw", "nwrong", "speed_up"])
                self.assertEqual((found["nwrong"], found["speed_up"]), (0, {}))
                self.assertAlmostEqual(found["alg_bw"], row["size"] / found["time"] / 1000)
                self.assertAlmostEqual(found["bus_bw"], found["alg_bw"] * factor)
            if row["format"] == "int4" and ranks > 1:
                self.assertTrue(15 < row["sqnr_db"] < 27, row)
                self.assertTrue(4.2 < row["wire_bits"] < 4.4, row)

    def test_threads_operations_roots(self):
        report = self.perf_json("all_reduce", "--threads", "-o", "all", "-t", "3", "-g", "1",
                                "--format", "raw,int8", "-u", "3", "-m", "2", *SMALL)
        self.assertEqual([row["redop"] for row in report["results"]],
                         ["sum", "sum", "avg", "avg"])
        self.assertEqual((report["config"]["ranks"], report["config"]["threads"]), (3, True))
        self.assertEqual(report["out_of_bounds"]["count"], 0)
        report = self.perf_json("broadcast", "-r", "all", "--ranks", "3", "--format", "int8",
                                *SMALL)
        self.assertEqual([row["root"] for row in report["results"]], [0, 1, 2])
        self.assertEqual(report["out_of_bounds"]["count"], 0)

    def test_json_types(self):
        report = self.perf_json("all_reduce", "-f", "2", "--format", "int8", "--baseline", "raw",
                                *SMALL)
        self.assertEqual((report["version"], report["nccl_version"]), (1, None))
        self.assertRegex(report["flashcomm_version"], r"^\d+\.\d+\.\d+$")
        self.assertRegex(report["start_time"], r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
        self.assertEqual(report["args"][0], "flashcomm perf")
        config = report["config"]
        for key, value in (("nthreads", 1), ("ngpus", 2), ("minimum_bytes", 1024),
                           ("maximum_bytes", 1024), ("step_factor", 2), ("warmup_iters", 1),
                           ("iterations", 3), ("aggregated_iterations", 1), ("validation", 1)):
            self.assertEqual(config[key], value)
        self.assertEqual([device["rank"] for device in config["devices"]], [0, 1])
        raw, int8 = report["results"]
        self.assertEqual((raw["format"], int8["format"]), ("raw", "int8"))
        for place in PLACES:
            self.assertEqual(raw[place]["speed_up"], {"raw": 1})
            self.assertAlmostEqual(int8[place]["speed_up"]["raw"],
                                   raw[place]["time"] / int8[place]["time"])
        bandwidth = report["average_bus_bandwidth"]
        self.assertAlmostEqual(bandwidth["bandwidth"],
                               sum(int8[place]["bus_bw"] for place in PLACES) / 2)
        self.assertEqual(bandwidth["okay"], "unchecked")
        self.assertEqual([item["format"] for item in bandwidth["formats"]], ["int8"])

    def test_nothing_to_compare(self):
        """A speed-up without elements, bits of what is not sent."""
        row = rows(self.perf("all_reduce", "--format", "int8", "--baseline", "raw", "-b", "1",
                             "-e", "1", *QUICK).stdout)[1]
        self.assertEqual((row[0], row[18]), ("0", "n/a"))
        row = rows(self.perf("all_gather", "--ranks", "1", "--format", "int8", *SMALL).stdout)[0]
        self.assertEqual(row[6:8], ["-", "-"])

    def test_json_files(self):
        for option in ("-J", "--json="):
            path = self.path("out.json")
            arguments = [option, path] if option == "-J" else [option + path]
            text = self.perf("all_reduce", "--format", "raw", *SMALL, *arguments).stdout
            with open(path, encoding="utf-8") as stream:
                report = json.load(stream)
            self.assertEqual(list(report), REPORT_KEYS)
            self.assertEqual(rows(text)[0][0], str(report["results"][0]["size"]))
        self.perf("all_reduce", *SMALL, "-J", self.path("no/out.json"), status=EXIT_USAGE)
        self.assert_usage("/dev/full: exists and is not a regular file", "perf", "all_reduce",
                          *SMALL, "-J", "/dev/full")

    def test_json_file_stays_until_the_next_is_whole(self):
        path = self.write("keep.json", b"old")
        self.perf("all_reduce", *SMALL, "-J", path, status=EXIT_FAILED, FLC_ALGO="ring")
        process, _ = self.start(2, "-J", path)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        with open(path, "rb") as stream:
            self.assertEqual(stream.read(), b"old")
        self.assertEqual(os.listdir(self.folder), ["keep.json"])
        result = subprocess.run(
            [self.program, "perf", "all_reduce", "--ranks", "1", *SMALL, "-J", path], capture_output=True,
            text=True, check=False, timeout=100, restore_signals=False,  # keeps SIGXFSZ ignored
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512)))
        self.assertEqual(result.returncode, EXIT_FAILED)
        self.assertIn("keep.json: File too large", result.stderr)
        self.assertEqual(os.listdir(self.folder), ["keep.json"])

    def test_least_bandwidth(self):
        """NCCL_TESTS_MIN_BW makes a bandwidth that is too low a failure."""
        arguments = ["all_reduce", "--format", "raw", *SMALL]
        text = self.perf(*arguments, NCCL_TESTS_MIN_BW="0").stdout
        self.assertRegex(text, r"(?m)^# Avg bus bandwidth .* OK$")
        result = self.perf(*arguments, status=EXIT_FAILED, NCCL_TESTS_MIN_BW="1e9")
        self.assertRegex(result.stdout, r"(?m)^# Avg bus bandwidth .* FAILED$")
        self.assertIn("NCCL_TESTS_MIN_BW", result.stderr)
        for text in ("abc", "", "1x", "-1", "nan"):
            result = self.perf(*arguments, status=EXIT_USAGE, NCCL_TESTS_MIN_BW=text)
            self.assertIn(f"NCCL_TESTS_MIN_BW is '{text}': allowed are GB/s", result.stderr)

    def test_a_collective_that_fails(self):
        result = self.perf("all_reduce", *SMALL, status=EXIT_FAILED, FLC_ALGO="ring")
        self.assertIn("flashcomm perf: rank 0: FLC_ALGO is 'ring'", result.stderr)
        self.assertNotIn("Avg bus bandwidth", result.stdout)
        result = self.perf("all_reduce", *SMALL, "--json", status=EXIT_FAILED, FLC_ALGO="ring")
        report = json.loads(result.stdout)
        self.assertEqual(list(report), REPORT_KEYS)
        self.assertEqual((report["results"], report["ended_early"]), ([], True))

    def start(self, ranks, *arguments, collective="all_reduce"):
        """A run that takes minutes, and its ranks."""
        process = subprocess.Popen(
            [self.program, "perf", collective, "--ranks", str(ranks), "--format", "raw", "-b",
             "1K", "-e", "1K", "-n", "1000000", "-m", "100", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.assertTrue(wait_until(lambda: len(children_of(process.pid)) == ranks, 20))
        time.sleep(0.3)  # by then they have met, and call
        return process, children_of(process.pid)

    def test_killed_rank(self):
        process, children = self.start(3)
        os.kill(children[1], signal.SIGKILL)
        _, errors = process.communicate(timeout=20)
        self.assertEqual(process.returncode, EXIT_FAILED)
        self.assertIn("flashcomm perf: rank 1: killed by signal 9", errors)
        for rank in (0, 2):
            self.assertIn(f"flashcomm perf: rank {rank}: ", errors)
        self.assertFalse(any(is_alive(child) for child in children))

    def test_stopped_rank(self):
        """The others give up after what -T says, in a call or at perf's own barrier."""
        process, children = self.start(2, "-T", "1", "-m", "1", collective="broadcast")
        os.kill(children[1], signal.SIGSTOP)
        _, errors = process.communicate(timeout=20)
        self.assertEqual(process.returncode, EXIT_FAILED)
        self.assertIn("flashcomm perf: rank 0: ", errors)
        self.assertFalse(any(is_alive(child) for child in children))

    def test_interrupt(self):
        process, children = self.start(2)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        self.assertEqual(process.returncode, -signal.SIGINT)
        self.assertFalse(any(is_alive(child) for child in children))

    def test_bad_usage(self):
        for part, arguments in (
                ("a collective is missing", []),
                ("unknown collective 'gather': allowed are all_reduce, ", ["gather"]),
                ("'x' after the collective all_reduce", ["all_reduce", "x"]),
                ("--json=FILE", ["all_reduce", "--json", "x"]),
                ("-b 8Q: allowed are", ["all_reduce", "-b", "8Q"]),
                ("-b 0: allowed are", ["all_reduce", "-b", "0"]),
                ("-b -8", ["all_reduce", "-b", "-8"]),
                ("-b nan", ["all_reduce", "-b", "nan"]),
                ("-b 33554432 (the default) is above -e 1024", ["all_reduce", "-e", "1K"]),
                ("-b 2048 is above -e 1024", ["all_reduce", "-b", "2K", "-e", "1K"]),
                ("this machine has", ["all_reduce", "-e", "100000G"]),
                ("-i and -f do not go together", ["all_reduce", "-i", "8", "-f", "2"]),
                ("-f 0", ["all_reduce", "-f", "0"]),
                ("-n 0", ["all_reduce", "-n", "0"]),
                ("-a 4", ["all_reduce", "-a", "4"]),
                ("-d int8: allowed are float", ["all_reduce", "-d", "int8"]),
                ("-o max: allowed are sum, avg", ["all_reduce", "-o", "max"]),
                ("-o does not go with all_gather", ["all_gather", "-o", "sum"]),
                ("-r does not go with all_reduce", ["all_reduce", "-r", "0"]),
                ("-r 2: with 2 ranks", ["broadcast", "-r", "2"]),
                ("--ranks 65", ["all_reduce", "--ranks", "65"]),
                ("--ranks 3 does not go with -t and -g", ["all_reduce", "--ranks", "3", "-t", "2"]),
                ("-t and -g make 66 ranks", ["all_reduce", "-t", "33", "-g", "2"]),
                ("--baseline 'gloo': allowed are raw, mpi, nccl", ["all_reduce", "--baseline", "gloo"]),
                ("--baseline '': allowed are raw", ["all_reduce", "--baseline="]),
                ("--baseline '': allowed are raw", ["all_reduce", "--baseline", "raw,"]),
                ("--json does not go with a file", ["all_reduce", "--json", "-J", "x.json"]),
                ("--algorithm ring: allowed for all_reduce are auto, ", ["all_reduce", "--algorithm", "ring"]),
                ("int9", ["all_reduce", "--format", "int9"]),
                ("-N 0 never ends", ["all_reduce", "-N", "0", "--json"])):
            with self.subTest(part):
                self.assert_usage(part, "perf", *arguments)

    def test_options_of_nccl_tests_that_do_not_apply(self):
        for letter in "pyGCRxDVMIK":
            self.assert_usage(f"-{letter} of nccl-tests does not apply: ", "perf", "all_reduce",
                              f"-{letter}", "1")


class NoMpi(Case):
    def test_program_that_was_not_built(self):
        program = shutil.copy(self.program, self.path("flashcomm"))
        result = subprocess.run([program, "perf", "all_reduce", "--baseline", "mpi"],
                                capture_output=True, text=True, check=False, timeout=100)
        self.assertEqual(result.returncode, EXIT_FAILED)
        self.assertIn("flashcomm-mpi; it is built where CMake finds MPI", result.stderr)


if __name__ == "__main__":
    main()
