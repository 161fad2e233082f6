# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""`flashcomm perf` and `run` on GPUs: threads on those that are there, and, where there is one for each
rank, processes and NCCL. Skipped without a GPU.

Usage: cli_gpu_test.py PROGRAM
"""

import os
import subprocess
import sys

from cli_case import EXIT_FAILED, Case, gaussian, main

QUICK = ["--device", "cuda", "-b", "4K", "-e", "1M", "-f", "16", "-n", "4", "-w", "1"]
FORMATS = ["raw", "int4", "int8:g32"]


def gpus(program):
    text = subprocess.run([program, "info"], capture_output=True, text=True, check=True).stdout
    return sum(line.startswith("  ") and " multiprocessors, " in line for line in text.splitlines())


class Gpu(Case):
    count = 0  # of the machine

    def kinds(self, ranks):
        return ["--threads"] if ranks > self.count else ["--threads", None]

    def test_perf(self):
        for kind in self.kinds(2):
            for graph in (["-G", "3"], []):
                with self.subTest(kind=kind, graph=graph):
                    report = self.call_json("perf", "all_reduce", *QUICK, *graph, "-d", "bfloat16",
                                            "--format", ",".join(FORMATS), *([kind] if kind else []))
                    self.check(report)

    def check(self, report):
        rows = report["results"]
        self.assertEqual([row["format"] for row in rows], FORMATS * 3)
        for row in rows:
            self.assertIs(row["ranks_equal"], True)
            self.assertEqual((row["unchecked"], row["calls"]), (0, 4))
            for place in ("out_of_place", "in_place"):
                self.assertEqual(row[place]["nwrong"], 0)
                self.assertGreater(row[place]["time"], 0)

    def test_odd_sizes(self):
        for size in ("1", "2", "10", "30002"):
            self.call_json("perf", "all_reduce", "--device", "cuda", "--threads", "--graph", "-b", size,
                           "-e", size, "-d", "half", "-u", "3", "-n", "3", "-c", "2")

    def test_nccl(self):
        if self.count < 2:
            self.skipTest("NCCL needs a GPU for each rank")
        missing = self.call("perf", "all_reduce", *QUICK, "--baseline", "nccl", status=EXIT_FAILED,
                            FLC_NCCL_LIB="libnone.so")
        self.assertIn("--baseline nccl: NCCL: libnone.so", missing.stderr)

    def test_run_has_the_bits_of_the_cpu(self):
        path = self.npy("x.npy", (3, 5001), gaussian(3 * 5001))
        base = ["run", "all_reduce", "--ranks", "3", "--dtype", "bf16", path]
        for text in ("raw", "int4", "int2:g32:spike", "int4/int8"):
            cpu, gpu = self.path("cpu.npy"), self.path("gpu.npy")
            self.call(*base, "--format", text, "--algorithm", "twostep", "-o", cpu)
            for kind in self.kinds(3):
                self.call(*base, "--format", text, "--device", "cuda", "-o", gpu,
                          *([kind] if kind else []))
                with open(cpu, "rb") as one, open(gpu, "rb") as other:
                    self.assertEqual(one.read(), other.read(), f"{text} {kind}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Gpu.count = gpus(os.path.abspath(sys.argv[1]))
        if Gpu.count == 0:
            print("no GPU, or built without CUDA")
            sys.exit(77)
    main()
