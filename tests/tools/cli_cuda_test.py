# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""Options of `flashcomm perf` and `run` that are about GPUs, in builds with and without CUDA; none of it
needs a GPU.

Usage: cli_cuda_test.py PROGRAM
"""

from cli_case import EXIT_FAILED, Case, main

SMALL = ["-b", "1K", "-e", "1K"]
WITHOUT = "this flashcomm was built without CUDA, which the CMake option FLC_CUDA adds"


class Cuda(Case):
    def setUp(self):
        super().setUp()
        text = self.call("info").stdout
        self.has_cuda = "(built without CUDA)" not in text
        self.has_gpu = "\nGPUs: " in text
        self.two = self.npy("two.npy", (2, 8), [1.0] * 16)

    def test_device(self):
        for command in (["perf", "all_reduce"], ["run", "all_reduce", "--ranks", "2", self.two]):
            self.assert_usage("--device tpu: allowed are cpu and cuda", *command, "--device", "tpu")
            if not self.has_cuda:
                self.assert_usage(f"--device cuda: {WITHOUT}", *command, "--device", "cuda")
        self.call("perf", "all_reduce", "--device", "cpu", "--format", "raw", *SMALL)
        self.call("run", "all_reduce", "--ranks", "2", "--device", "cpu", self.two)

    def test_what_needs_a_gpu(self):
        self.assert_usage("-G of nccl-tests does not apply", "perf", "all_reduce", "--graph")
        self.assert_usage("--max-blocks 8 needs --device cuda", "perf", "all_reduce", "--max-blocks", "8")
        self.assert_usage("--baseline nccl needs --device cuda", "perf", "all_reduce", "--baseline",
                          "raw,nccl")

    def test_what_gpus_do_not_have(self):
        if not self.has_cuda:
            self.skipTest("built without CUDA")
        cuda = ["perf", "--device", "cuda"]
        self.assert_usage("all_gather is not on cuda yet", *cuda, "all_gather")
        self.assert_usage("all_to_all is not on cuda yet", "run", "all_to_all", "--device", "cuda",
                          "--ranks", "2", self.two)
        self.assert_usage("--baseline mpi does not go with --device cuda", *cuda, "all_reduce",
                          "--baseline", "mpi")
        self.assert_usage("-m 2 does not go with --device cuda", *cuda, "all_reduce", "-m", "2")
        self.assert_usage("-G -1: allowed are", *cuda, "all_reduce", "-G", "-1")
        self.assert_usage("--max-blocks 0: allowed are", *cuda, "all_reduce", "--max-blocks", "0")

    def test_no_gpu(self):
        if not self.has_cuda or self.has_gpu:
            self.skipTest("built without CUDA, or there is a GPU")
        result = self.call("perf", "all_reduce", "--device", "cuda", *SMALL, status=EXIT_FAILED)
        self.assertEqual(result.stdout, "")
        self.assertIn("flashcomm perf: --device cuda: no GPU: ", result.stderr)
        result = self.call("run", "all_reduce", "--device", "cuda", "--ranks", "2", self.two,
                           status=EXIT_FAILED)
        self.assertIn("flashcomm run: rank 0: counting GPUs: ", result.stderr)


if __name__ == "__main__":
    main()
