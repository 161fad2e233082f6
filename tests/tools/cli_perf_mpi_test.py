# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""The baseline mpi of `flashcomm perf`, with a mpirun of our own where its failures are played.

Usage: cli_perf_mpi_test.py PROGRAM; ends with 77 where flashcomm-mpi was not built or mpirun is
missing
"""

import json
import os
import shutil
import signal
import subprocess
import sys

from cli_case import EXIT_FAILED, EXIT_USAGE, Case, is_alive, main, wait_until
from cli_perf_test import COLLECTIVES, QUICK, ROW_KEYS, SMALL, rows

EXIT_SKIPPED = 77
WORKER = "flashcomm-mpi"


def workers():
    """Processes that run flashcomm-mpi."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii") as stream:
                if stream.read().strip() == WORKER and is_alive(int(pid)):
                    found.append(int(pid))
        except OSError:  # it ended meanwhile
            pass
    return found


class Mpi(Case):
    def setUp(self):
        super().setUp()
        self.worker = os.path.join(os.path.dirname(self.program), WORKER)

    def perf(self, *arguments, status=0, **environment):
        return self.call("perf", *arguments, "--baseline", "mpi", "--format", "raw",
                         status=status, **environment)

    def played(self, script, *arguments, status=EXIT_FAILED):
        path = self.write("mpirun", f"#!/bin/sh\n{script}\n".encode())
        os.chmod(path, 0o755)
        return self.perf("all_reduce", *SMALL, *arguments, status=status,
                         PATH=self.folder + ":" + os.environ["PATH"])

    def test_every_collective(self):
        for name in COLLECTIVES:
            for ranks in ("1", "3"):
                with self.subTest(collective=name, ranks=ranks):
                    text = self.perf(name, "--ranks", ranks, "-b", "40000", "-e", "40000",
                                     *QUICK).stdout
                    mpi, raw = rows(text)
                    self.assertEqual(mpi[5:8], ["mpi", "-", "-"])
                    self.assertEqual((mpi[11], mpi[15], mpi[-2]), ("0", "0", "1.00x"))
                    self.assertRegex(raw[-2], r"^[0-9.e+]+x$")

    def test_types_operations_averages(self):
        text = self.perf("all_reduce", "-d", "all", "-o", "all", "-a", "1", "-m", "2", "-u", "1",
                         *SMALL).stdout
        for row in rows(text):
            if row[5] == "mpi":
                self.assertEqual(row[8] == "n/a", row[2] != "float", row)
        for row in rows(self.perf("all_to_all", "-d", "all", "-a", "0", *SMALL).stdout):
            self.assertNotIn("n/a", row)

    def test_wrong_results_of_mpi_are_a_failure(self):
        result = self.played("echo flashcomm-mpi 1 2.5 3 2.5 0")
        self.assertEqual(rows(result.stdout)[0][8:16],
                         ["2.50", "0.41", "0.41", "3", "2.50", "0.41", "0.41", "0"])
        self.assertRegex(result.stdout, r"(?m)^# Out of bounds values : 3 FAILED$")
        self.assertIn("3 elements are outside the documented error bound", result.stderr)

    def test_failures_of_mpirun(self):
        self.assertIn("exit status 3: no slots", self.played("echo no slots >&2; exit 3").stderr)
        self.assertIn("printed no result: hello", self.played("echo hello").stderr)
        self.assertIn("signal 9", self.played("kill -9 $$").stderr)
        result = self.played("exec sleep 60", "-T", "1", "-e", "2K", "-f", "2")
        self.assertIn("did not end within 1000 ms", result.stderr)
        self.assertIn("# mpi: mpirun did not end within 1000 ms: stopped", result.stdout)
        self.assertIn("Avg bus bandwidth", result.stdout)
        self.assertEqual([(row[0], row[5], row[8] == "n/a") for row in rows(result.stdout)],
                         [("1024", "mpi", True), ("1024", "raw", False),
                          ("2048", "mpi", True), ("2048", "raw", False)])
        empty = self.path("empty")
        os.mkdir(empty)
        result = self.perf("all_reduce", *SMALL, status=EXIT_FAILED, PATH=empty)
        self.assertIn("there is no mpirun in PATH", result.stderr)
        self.assertEqual(result.stdout, "")

    def test_json(self):
        result = self.perf("all_reduce", "--json", "-d", "all", *SMALL)
        report = json.loads(result.stdout)
        for row in report["results"]:
            self.assertEqual(list(row), ROW_KEYS)
            if row["format"] == "mpi" and row["type"] != "float":
                self.assertEqual((row["out_of_place"], row["in_place"]), (None, None))
                self.assertIn("16-bit", row["not_available"])
            elif row["type"] == "float":
                self.assertGreater(row["out_of_place"]["speed_up"]["mpi"], 0)
            else:
                self.assertIsNone(row["out_of_place"]["speed_up"]["mpi"])

    def test_worker_by_hand(self):
        result = subprocess.run([self.worker, "all_reduce"], capture_output=True, text=True,
                                check=False, timeout=100)
        self.assertEqual(result.returncode, EXIT_USAGE)
        self.assertIn("not by hand", result.stderr)

    def test_nothing_is_left_behind(self):
        process = subprocess.Popen(
            [self.program, "perf", "all_reduce", "--baseline", "mpi", "--format", "raw", "-n",
             "1", "-w", "0", "-m", "300000", "-b", "1K", "-e", "1K"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        before = set(workers())
        self.assertTrue(wait_until(lambda: set(workers()) - before, 60))
        mine = set(workers()) - before
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)
        self.assertTrue(wait_until(lambda: not mine & set(workers()), 20))


if __name__ == "__main__":
    folder = os.path.dirname(os.path.abspath(sys.argv[1]))
    if not os.access(os.path.join(folder, WORKER), os.X_OK) or shutil.which("mpirun") is None:
        print("flashcomm-mpi was not built, or there is no mpirun: the baseline mpi was not tested")
        sys.exit(EXIT_SKIPPED)
    main()
