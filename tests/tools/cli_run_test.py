# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""`flashcomm run` from outside: results, JSON, exit statuses, bad usage, ends by signal.

Usage: cli_run_test.py PROGRAM
"""

import math
import os
import signal
import subprocess
import time

from cli_case import (
    EXIT_FAILED, EXIT_USAGE, RUN_KEYS, RANKS, DTYPES, ENDLESS, read_npy, gaussian, integers,
    children_of, is_alive, wait_until, Case, main)


ALL_WAYS = [(ranks, extra) for ranks in RANKS for extra in ([], ["--threads"])]


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

    def test_the_largest_world(self):
        self.check_sum(64, "fp32")
        self.check_sum(64, "fp32", "--threads", "--algorithm", "twostep")

    def test_every_algorithm(self):
        for item in self.call_json("info")["algorithms"]:
            if item["value"] != "all_reduce":
                continue
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

    def test_one_rank_copies_what_is_not_finite(self):
        path = self.npy("x.npy", (24,), [math.nan, math.inf, -math.inf] + gaussian(21))
        for name in ("all_reduce", "reduce_scatter", "all_gather", "all_to_all", "broadcast"):
            result = self.call("run", name, "--ranks", "1", "--format", "int4", path)
            self.assertNotIn("outside", result.stderr)
            self.assertEqual(result.stdout.splitlines()[2].split()[1], "-")

    def test_raw_copies_are_compared_bit_for_bit(self):
        path = self.npy("x.npy", (24,), [math.nan, math.inf, -math.inf] + gaussian(21))
        for name in ("all_gather", "all_to_all", "broadcast"):
            files = [path] * (1 if name == "broadcast" else 2)
            result = self.call("run", name, "--ranks", "2", "--format", "raw", *files)
            self.assertEqual(result.stderr, "")

    def test_elements_that_are_counted(self):
        """Elements that must be NaN are among those of which others have no bound."""
        path = self.npy("x.npy", (2, 12), [math.nan, math.inf] + gaussian(22))
        result = self.call("run", "all_reduce", "--ranks", "2", "--format", "raw", path)
        self.assertIn("1 of 12 elements have no bound", result.stderr)

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
            result = subprocess.run([self.program, "run", "all_reduce", "--ranks", "2", path],
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
                ("--algorithm fast: allowed for all_reduce are", [*run, "--ranks", "2", "--algorithm", "fast",
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


class EveryCollective(Case):
    """Raw results of integers are exact: what each rank must hold, written down plainly."""

    COUNT = 30  # elements a rank gives: divides by all RANKS

    def run_raw(self, collective, ranks, *extra):
        """The result, the output's (shape, values) and the inputs."""
        one = collective == "broadcast"
        inputs = [integers(self.COUNT, seed) for seed in range(1 if one else ranks)]
        path = self.npy("x.npy", (self.COUNT,) if one else (ranks, 2, self.COUNT // 2),
                        sum(inputs, []))
        output = self.path("out.npy")
        result = self.call_json("run", collective, "--ranks", str(ranks), "--format", "raw",
                                "-o", output, *extra, path)
        self.assertEqual(list(result), RUN_KEYS)
        self.assertEqual((result["collective"], result["ranks"]), (collective, ranks))
        self.assertEqual((result["out_of_bound"], result["max_abs_error"]), (0, 0))
        self.assertIs(result["ranks_equal"], True)
        self.assertEqual(result["algorithm"], "copy" if ranks == 1 else "direct")
        return result, read_npy(output)[1:], inputs

    def test_reduce_scatter(self):
        for ranks, extra in ALL_WAYS:
            result, (shape, values), inputs = self.run_raw("reduce_scatter", ranks, *extra)
            count = self.COUNT // ranks
            self.assertEqual((result["count"], shape), (count, (ranks, count)))
            self.assertEqual(values, [sum(column) for column in zip(*inputs)])
            self.assertEqual(result["wire_bytes"], 4 * (self.COUNT - count))

    def test_average_of_a_reduce_scatter(self):
        _, (_, values), inputs = self.run_raw("reduce_scatter", 2, "--op", "avg")
        self.assertEqual(values, [sum(column) / 2 for column in zip(*inputs)])

    def test_all_gather(self):
        for ranks, extra in ALL_WAYS:
            result, (shape, values), inputs = self.run_raw("all_gather", ranks, *extra)
            self.assertEqual((result["count"], shape), (self.COUNT, (ranks, self.COUNT)))
            self.assertEqual(values, sum(inputs, []))

    def test_all_to_all(self):
        for ranks, extra in ALL_WAYS:
            result, (shape, values), inputs = self.run_raw("all_to_all", ranks, *extra)
            count = self.COUNT // ranks
            self.assertEqual((result["count"], shape), (count, (ranks, ranks, count)))
            self.assertEqual(values, [x for to in range(ranks) for sent in inputs
                                      for x in sent[to * count:(to + 1) * count]])

    def test_broadcast(self):
        for ranks, extra in ALL_WAYS:
            for root in {0, ranks - 1}:
                result, (shape, values), inputs = self.run_raw(
                    "broadcast", ranks, "--root", str(root), *extra)
                self.assertEqual((result["count"], shape), (self.COUNT, (self.COUNT,)))
                self.assertEqual(values, inputs[0])
                self.assertEqual(result["wire_bytes"], 4 * self.COUNT * (ranks - 1))

    def test_low_bits_stay_in_bound(self):
        for collective in ("reduce_scatter", "all_gather", "all_to_all", "broadcast"):
            one = collective == "broadcast"
            path = self.npy("x.npy", (6000,) if one else (3, 6000), gaussian(6000 if one else 18000))
            results = self.call_json("run", collective, "--ranks", "3", "--dtype", "bf16",
                                     "--format", "int8,int4/int8,int3:g32:rot", path)["results"]
            for result in results:
                self.assertEqual((result["out_of_bound"], result["ranks_equal"]), (0, True))
                self.assertGreater(result["sqnr_db"], 12)
            # A pair's first format is that of sums, its second that of copies.
            pair, int8 = results[1]["wire_bits"], results[0]["wire_bits"]
            (self.assertLess if collective == "reduce_scatter" else self.assertEqual)(pair, int8)

    def test_broadcast_writes_what_the_others_hold(self):
        path, output = self.npy("x.npy", (100,), gaussian(100)), self.path("out.npy")
        for root in ("0", "1"):
            self.call("run", "broadcast", "--ranks", "2", "--root", root, "--format", "int2",
                      "-o", output, path)
            self.assertLessEqual(len(set(read_npy(output)[2])), 4)

    def test_table(self):
        path = self.npy("x.npy", (2, 10), gaussian(20))
        table = self.call("run", "reduce_scatter", "--ranks", "2", path).stdout
        self.assertIn("reduce_scatter  op sum  ranks 2  count 5 ", table)
        table = self.call("run", "broadcast", "--ranks", "2", "--root", "1", path).stdout
        self.assertIn("broadcast  root 1  ranks 2  count 20 ", table)

    def test_bad_usage(self):
        two = self.npy("two.npy", (2, 7), integers(14))
        for part, arguments in (
                ("allowed are all_reduce, reduce_scatter, all_gather, all_to_all, broadcast",
                 ["gather", two]),
                ("--op does not go with all_gather", ["all_gather", "--op", "sum", two]),
                ("--root does not go with all_to_all", ["all_to_all", "--root", "0", two]),
                ("--root 2: allowed are 0 to 1", ["broadcast", "--root", "2", two]),
                ("--algorithm twostep: allowed for all_gather are auto, direct",
                 ["all_gather", "--algorithm", "twostep", two]),
                ("7 elements: reduce_scatter cuts them into a chunk for each of 2 ranks",
                 ["reduce_scatter", two]),
                ("2 files: broadcast takes one", ["broadcast", two, two])):
            with self.subTest(arguments=arguments):
                self.assert_usage(part, "run", *arguments[:1], "--ranks", "2", *arguments[1:])


class Ends(Case):
    """Runs that end early: nothing is left behind, and everybody hears why."""

    def start(self, ranks, *extra):
        path = self.npy("x.npy", (ranks, 20000), gaussian(ranks * 20000))
        process = subprocess.Popen(
            [self.program, "run", "all_reduce", "--ranks", str(ranks), *ENDLESS, *extra, path],
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
    main()
