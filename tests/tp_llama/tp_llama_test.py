# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""tp_llama on a real model: perplexity per format, site and position, rank counts, generated text,
the dump, bad usage.

Usage: tp_llama_test.py PROGRAM [--quick]

With --quick the perplexity of 100 stories is not measured, only that of a few, raw.

Needs the model, the tokenizer and the stories in the folder that FLC_DATA_DIR names; without them,
or where the program was built without jansson, it exits 77: skipped.
"""

import itertools
import json
import math
import os
import struct
import subprocess
import sys
import tempfile
import unittest

SKIPPED = 77
EXIT_FAILURE = 1
EXIT_USAGE = 2
DATA_FILES = ("stories260K.bin", "tok512.bin", "tinystories_1000.json")

# The first 100 ASCII stories, BOS and at most 511 tokens each: an independent implementation
# counted these tokens and found this perplexity. Other rank counts may differ by the same limit.
STORIES = 100
TOKENS = 37374
RAW_PERPLEXITY = 4.057
RAW_TOLERANCE = 0.003

# Upper limits with 4 ranks and the two-step algorithm. That of int4 with spikes is tight: rounding
# noise in the model's own arithmetic moves its perplexity by 0.001, which is why tp_llama is built
# without contraction. int8 to int5 are 0.7 and 1.0 % above raw.
MAX_PERPLEXITY = {
    "int8:g32": 4.085, "int6:g32": 4.085, "int5:g32": 4.097, "int4:g32": 4.20, "int3:g32": 4.80,
    "int4:g32:spike": 4.12, "int3:g32:spike": 4.40, "int2:g32:spike": 7.8,
    "int2:g64:rot:search": 9.5, "int3:g64:rot:search": 4.68, "int4:g64:rot:search": 4.19,
    "lowest": 8.6, "low": 4.56, "fast": 4.20, "balanced": 4.11, "safe": 4.085,
}
# Wire bits at most, of the frontier without spikes.
MAX_WIRE_BITS = {"int2:g64:rot:search": 2.2, "int3:g64:rot:search": 3.2,
                 "int4:g64:rot:search": 4.2}
# From best to worst. Plain int2 is far above all.
ORDERS = (("raw", "safe", "balanced", "fast", "low", "lowest", "int2:g32"),
          ("int8:g32", "int6:g32", "int5:g32", "int4:g32", "int3:g32", "int2:g32"),
          ("int4:g32:spike", "int4:g32"), ("int3:g32:spike", "int3:g32"),
          ("int2:g32:spike", "int2:g64:rot:search", "int2:g32"))
MIN_PLAIN_INT2 = 15.0

# A few stories show a wrong split as well as many do.
FEW_STORIES = 5

DIM = 64
LAYERS = 5
SITES = 2
MAX_DUMP_BYTES = 500000
NPY_HEADER_BYTES = 128

program = ""
is_quick = False


def data_file(name):
    return os.path.join(os.environ["FLC_DATA_DIR"], name)


def run(*arguments, environment=None):
    return subprocess.run([program, *arguments], env=environment, capture_output=True, text=True,
                          check=False)


def run_json(*arguments):
    result = run("--json", *arguments)
    if result.returncode != 0:
        raise AssertionError(f"{arguments}: exit {result.returncode}: {result.stderr}")
    return json.loads(result.stdout)


def read_dump(path):
    """The header's text and the values of a float32 .npy."""
    with open(path, "rb") as stream:
        data = stream.read()
    count = (len(data) - NPY_HEADER_BYTES) // 4
    values = struct.unpack(f"<{count}f", data[NPY_HEADER_BYTES:])
    return data[:NPY_HEADER_BYTES].decode("latin-1"), values


class Perplexity(unittest.TestCase):
    def test_formats(self):
        if is_quick:
            self.skipTest("--quick")
        formats = ["raw", *MAX_PERPLEXITY, "int2:g32"]
        report = run_json("--ranks", "4", "--stories", str(STORIES), "--algorithm", "twostep",
                          "--format", ",".join(formats))
        self.assertEqual(report["stories"], STORIES)
        self.assertEqual(report["tokens"], TOKENS)
        self.assertEqual([result["format"] for result in report["results"]], formats)
        results = {result["format"]: result for result in report["results"]}
        for result in results.values():
            print(f"{result['format']:16} {result['wire_bits']:7.3f} bits  "
                  f"perplexity {result['perplexity']:.3f}")
            self.assertEqual(result["ranks"], 4)
        self.assertEqual(results["raw"]["wire_bits"], 32)
        self.assertAlmostEqual(results["raw"]["perplexity"], RAW_PERPLEXITY, delta=RAW_TOLERANCE)
        for text, limit in MAX_PERPLEXITY.items():
            self.assertLessEqual(results[text]["perplexity"], limit, text)
        for text, limit in MAX_WIRE_BITS.items():
            self.assertLessEqual(results[text]["wire_bits"], limit, text)
        for order in ORDERS:
            for better, worse in itertools.pairwise(order):
                self.assertLess(results[better]["perplexity"], results[worse]["perplexity"],
                                f"{better}, {worse}")
        self.assertGreater(results["int2:g32"]["perplexity"], MIN_PLAIN_INT2)

    def test_rank_counts(self):
        perplexities = {}
        for ranks in (1, 2, 3, 4, 8):
            report = run_json("--ranks", str(ranks), "--stories", str(FEW_STORIES))
            perplexities[ranks] = report["results"][0]["perplexity"]
        for ranks, perplexity in perplexities.items():
            self.assertAlmostEqual(perplexity, perplexities[4], delta=RAW_TOLERANCE,
                                   msg=f"{ranks} ranks")

    def test_pair_and_invariant(self):
        report = run_json("--stories", "1", "--invariant", "--format", "int4/int8")
        result = report["results"][0]
        self.assertEqual(result["format"], "int4/int8")
        self.assertGreater(result["wire_bits"], 6)
        self.assertLess(result["wire_bits"], 7)

    def test_sites_and_positions(self):
        arguments = ("--stories", str(FEW_STORIES), "--format", "raw,int2:g32:spike")
        whole = run_json(*arguments, "--by-position", "128")
        parts = {site: run_json(*arguments, "--site", site) for site in ("attention", "ffn")}
        raw, coded = (result["perplexity"] for result in whole["results"])
        for part in parts.values():
            self.assertEqual(part["results"][0]["perplexity"], raw)
            self.assertLess(raw, part["results"][1]["perplexity"])
            self.assertLess(part["results"][1]["perplexity"], coded)
        for result in whole["results"]:
            buckets = result["by_position"]
            self.assertEqual(sum(bucket["tokens"] for bucket in buckets), whole["tokens"])
            self.assertEqual([bucket["first"] for bucket in buckets],
                             [1 + 128 * i for i in range(len(buckets))])
            total = sum(bucket["tokens"] * bucket["nll"] for bucket in buckets)
            perplexity = math.exp(total / whole["tokens"])
            self.assertAlmostEqual(perplexity, result["perplexity"], delta=1e-4)

    def test_generate(self):
        report = run_json("--stories", "3", "--generate", "40", "--format",
                          "raw,int8:g32,int2:g32:spike")
        self.assertEqual((report["texts"], report["prompt"]), (3, 16))
        raw, wide, narrow = (result["equal_tokens"] for result in report["results"])
        self.assertEqual(raw, 40)
        self.assertGreater(wide, narrow)


class Text(unittest.TestCase):
    def run_text(self, name, text):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text)
            return run("--json", "--text", path)

    def test_plain_text_is_a_story(self):
        with open(data_file("tinystories_1000.json"), encoding="utf-8") as stream:
            story = json.load(stream)[0]
        plain = json.loads(self.run_text("story.txt", story).stdout)
        listed = run_json("--stories", "1")
        self.assertEqual(plain["stories"], 1)
        self.assertEqual(plain["tokens"], listed["tokens"])
        self.assertEqual(plain["results"], listed["results"])

    def test_other_than_ascii_is_left_out(self):
        report = json.loads(self.run_text("two.json", '["caf\\u00e9", "A cat sat."]').stdout)
        self.assertEqual(report["stories"], 1)
        self.assertEqual(self.run_text("none.txt", "café").returncode, EXIT_FAILURE)

    def test_bad_json(self):
        for text in ("", "{}", '["open', '["a", 3]', "[]"):
            result = self.run_text("bad.json", text)
            self.assertEqual(result.returncode, EXIT_FAILURE, text)
            self.assertIn("bad.json", result.stderr)


class Dump(unittest.TestCase):
    def dump(self, folder, *arguments):
        path = os.path.join(folder, "partials.npy")
        result = run("--dump", path, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        header, values = read_dump(path)
        return header, values, os.path.getsize(path)

    def test_default_is_small_and_repeats(self):
        with tempfile.TemporaryDirectory() as folder:
            header, values, size = self.dump(folder, "--ranks", "4")
            self.assertEqual(self.dump(folder, "--ranks", "4")[1], values)
        self.assertTrue(header.startswith("\x93NUMPY\x01\x00\x76\x00{"))
        self.assertTrue(header.endswith(" \n"))
        self.assertIn(f"'shape': (4, {len(values) // 4 // DIM}, {DIM})", header)
        self.assertLessEqual(size, MAX_DUMP_BYTES)

    def test_partial_sums_add_up(self):
        tokens = 3
        rows = LAYERS * SITES * tokens
        with tempfile.TemporaryDirectory() as folder:
            whole = self.dump(folder, "--ranks", "1", "--dump-tokens", str(tokens))[1]
            parts = self.dump(folder, "--ranks", "3", "--dump-tokens", str(tokens))[1]
        count = rows * DIM
        self.assertEqual((len(whole), len(parts)), (count, 3 * count))
        for i in range(count):
            total = parts[i] + parts[count + i] + parts[2 * count + i]
            self.assertAlmostEqual(total, whole[i], delta=1e-4)


class Usage(unittest.TestCase):
    def test_bad_usage(self):
        for arguments in (
                ["--ranks", "0"], ["--ranks", "9"], ["--ranks", "65"], ["--ranks", "2x"],
                ["--format", "int9"], ["--format", "raw,"], ["--format", "int4/int8/int8"],
                ["--algorithm", "nope"], ["--stories", "-1"], ["--nope"], ["extra"],
                ["--model", ""], ["--dump-tokens", "3"],
                ["--dump", "never.npy", "--dump-tokens", "5000"],
                ["--dump", "never.npy", "--json"]):
            result = run(*arguments)
            self.assertEqual(result.returncode, EXIT_USAGE, arguments)
            self.assertEqual(result.stdout, "", arguments)
            self.assertIn("tp_llama: ", result.stderr, arguments)

    def test_no_data_folder(self):
        environment = {k: v for k, v in os.environ.items() if k != "FLC_DATA_DIR"}
        result = run(environment=environment)
        self.assertEqual(result.returncode, EXIT_USAGE)
        self.assertIn("FLC_DATA_DIR", result.stderr)

    def test_bad_files(self):
        with open(data_file("stories260K.bin"), "rb") as stream:
            model = stream.read()
        negative_dim = struct.pack("<i", -64) + model[4:]
        two_kv_heads = model[:16] + struct.pack("<i", 2) + model[20:]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "bad.bin")
            for content in (b"", model[:20], model[:-1], model + b"\0", negative_dim,
                            two_kv_heads):
                with open(path, "wb") as stream:
                    stream.write(content)
                result = run("--model", path)
                self.assertEqual(result.returncode, EXIT_FAILURE, result.stderr)
                self.assertIn("bad.bin", result.stderr)
        for option in ("--model", "--tokenizer", "--text"):
            self.assertEqual(run(option, "/nonexistent").returncode, EXIT_FAILURE, option)
        self.assertEqual(run("--tokenizer", data_file("stories260K.bin")).returncode, EXIT_FAILURE)


def skip(reason):
    print(f"SKIPPED: {reason}")
    sys.exit(SKIPPED)


def main():
    global program, is_quick
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--quick"]):
        sys.exit(f"usage: {sys.argv[0]} PROGRAM [--quick]")
    program = sys.argv[1]
    is_quick = len(sys.argv) == 3
    if not os.environ.get("FLC_DATA_DIR"):
        skip("FLC_DATA_DIR does not name the folder with " + ", ".join(DATA_FILES))
    for name in DATA_FILES:
        if not os.path.exists(data_file(name)):
            skip(f"no {name} in FLC_DATA_DIR")
    if "rebuild with jansson" in run("--stories", "1").stderr:
        skip("tp_llama was built without jansson and cannot read the stories")
    unittest.main(argv=sys.argv[:1], verbosity=2)


if __name__ == "__main__":
    main()
