# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""`flashcomm error --budget` from outside. Usage: cli_budget_test.py PROGRAM"""

import math

from cli_case import EXIT_FAILED, ERROR_KEYS, gaussian, Case, main

BUDGET_KEYS = ["file", "count", "dtype", "sampled", "budget", "best", "results"]
SAMPLE = 1 << 18
BLOCK = 4096


def every_format():
    """The text of each format, written down here a second time."""
    texts = ["raw"]
    for bits in range(1, 9):
        for group in (16, 32, 64, 128, 256):
            start = f"int{bits}" + (f":g{group}" if group != 128 else "")
            texts += [start + scheme + spike + metadata for scheme in ("", ":sym")
                      for spike in ("", ":spike") for metadata in ("", ":compact")]
            texts += [start + ":rot"] + ([start + ":rot:search"] if bits <= 4 else [])
    return texts


def outliers(count):
    return [x * (20 if i % 97 == 0 else 1) for i, x in enumerate(gaussian(count))]


def sqnr(result):
    return math.inf if result["sqnr_db"] is None else result["sqnr_db"]


class Budget(Case):
    def test_answers_are_the_best_of_every_format(self):
        path = self.npy("x.npy", (5000,), outliers(5000), "<f2")
        results = self.call_json("error", path, "--format", ",".join(every_format()))["results"]
        by_format = {result["format"]: result for result in results}
        for limit in (3, 12, 18.5, 25, 44, 1000):
            report = self.call_json("error", path, "--budget", f"sqnr={limit}dB")
            self.assertEqual(report["budget"], {"sqnr_db": limit})
            best = by_format[report["best"]]
            fitting = [result for result in results if sqnr(result) >= limit]
            fewest = min(result["wire_bits"] for result in fitting)
            self.assertEqual(best["wire_bits"], fewest)
            self.assertEqual(sqnr(best), max(sqnr(result) for result in fitting
                                             if result["wire_bits"] == fewest))
        for limit in (1.5, 2.3, 3.2, 4.25, 8, 40):
            report = self.call_json("error", path, "--budget", f"bits={limit}")
            self.assertEqual(report["budget"], {"wire_bits": limit})
            best = by_format[report["best"]]
            self.assertLessEqual(best["wire_bits"], limit)
            self.assertEqual(sqnr(best), max(sqnr(result) for result in results
                                             if result["wire_bits"] <= limit))

    def test_results_are_neighbours_on_the_frontier(self):
        path = self.npy("x.npy", (64, 128), outliers(8192))
        report = self.call_json("error", path, "--budget", "bits=4", "--dtype", "bf16")
        self.assertEqual(list(report), BUDGET_KEYS)
        self.assertEqual((report["count"], report["sampled"], report["dtype"]), (8192, 8192, "bf16"))
        results = report["results"]
        self.assertEqual([result["format"] for result in results].index(report["best"]), 2)
        self.assertEqual(len(results), 5)
        for i, result in enumerate(results):
            self.assertEqual(list(result), ERROR_KEYS)
            if i > 0:
                self.assertGreater(result["wire_bits"], results[i - 1]["wire_bits"])
                self.assertGreater(result["sqnr_db"], results[i - 1]["sqnr_db"])

    def test_text_ends_with_the_answer(self):
        path = self.npy("x.npy", (8192,), outliers(8192))
        best = self.call_json("error", path, "--budget", "sqnr=20")["best"]
        lines = self.call("error", path, "--budget", "sqnr=20").stdout.splitlines()
        self.assertRegex(lines[-1], rf"^best: {best} \(\d\.\d{{3}} bits, \d\d\.\d\d dB\)$")
        self.assertEqual(len(lines), 2 + 5 + 1)
        self.assertNotIn("sampled", lines[0])

    def test_choice_among_given_formats(self):
        path = self.npy("x.npy", (8192,), gaussian(8192))
        formats = ["--format", "int8,int2,int4:g128,safe,int4"]
        for budget, best in (("sqnr=18dB", "int4:g128"), ("sqnr=.5", "int2"), ("bits=4.25", "int4:g128"),
                             ("bits=99", "int8")):
            self.assertEqual(self.call_json("error", path, *formats, "--budget", budget)["best"], best)

    def test_nothing_meets_the_budget(self):
        path = self.npy("x.npy", (8192,), gaussian(8192))
        formats = ["--format", "int8,int4"]
        for budget, closest in (("sqnr=80", "int8"), ("bits=3", "int4")):
            result = self.call("error", path, *formats, "--budget", budget, status=EXIT_FAILED)
            self.assertRegex(result.stderr, rf"^flashcomm error: none of 2 formats .*"
                                            rf"the closest is {closest} \(.* bits, .* dB\)\n$")
            self.assertNotIn("best:", result.stdout)
            result = self.call("error", path, *formats, "--budget", budget, "--json",
                               status=EXIT_FAILED)
            self.assertIn('"best": null', result.stdout)
            self.assertIn(f'"{closest}"', result.stdout)

    def test_nothing_to_compare(self):
        for name, values in (("none.npy", []), ("nan.npy", [math.nan] * 300)):
            path = self.npy(name, (len(values),), values)
            for budget in ("sqnr=0", "bits=8"):
                result = self.call("error", path, "--budget", budget, status=EXIT_FAILED)
                self.assertIn("no element of the tensor is finite", result.stderr)

    def test_large_tensors_are_sampled_evenly(self):
        """Each block is larger than the one before: the sample must reach to the end."""
        block = gaussian(BLOCK)
        count = 2 * SAMPLE + 5
        values = [block[i % BLOCK] * (1 + i // BLOCK) for i in range(count)]
        path = self.npy("x.npy", (count,), values)
        whole = self.call_json("error", path, "--format", "int4")["results"][0]
        report = self.call_json("error", path, "--format", "int4", "--budget", "bits=5")
        self.assertEqual((report["count"], report["sampled"]), (count, SAMPLE))
        sampled = report["results"][0]
        self.assertEqual(sampled["wire_bits"], whole["wire_bits"])
        self.assertAlmostEqual(sampled["sqnr_db"], whole["sqnr_db"], delta=0.01)
        self.assertGreater(sampled["max_abs_error"], 0.97 * whole["max_abs_error"])
        self.assertLess(sampled["max_abs_error"], whole["max_abs_error"])
        text = self.call("error", path, "--format", "int4", "--budget", "bits=5").stdout
        self.assertIn(f"sampled {SAMPLE} elements", text.splitlines()[0])

    def test_bad_usage(self):
        path = self.npy("x.npy", (4,), [1, 2, 3, 4])
        for text in ("", "25", "sqnr", "sqnr=", "sqnr=dB", "sqnr=-1", "sqnr=25db", "sqnr= 25", "sqnr=1.2.3",
                     "sqnr=inf", "sqnr=nan", "sqnr=0x9", "sqnr=1e2", "bits=3dB", "bits=3.2,sqnr=9",
                     "BITS=3", "bits=" + "9" * 400):
            self.assert_usage(f"--budget {text}: allowed are sqnr=NUMBER", "error", path, "--budget", text)
        self.assert_usage("one --budget is allowed: 'bits=4' is too many",
                          "error", path, "--budget", "sqnr=9", "--budget", "bits=4")
        self.assert_usage("int9", "error", path, "--budget", "sqnr=9", "--format", "int9")


if __name__ == "__main__":
    main()
