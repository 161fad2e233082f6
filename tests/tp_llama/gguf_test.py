# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""tp_llama on GGUF models: a tiny one is written here, so that nothing needs to be there.

Usage: gguf_test.py PROGRAM
"""

import json
import math
import os
import struct
import subprocess
import sys
import tempfile
import unittest

import tiny_gguf

EXIT_FAILURE = 1
EXIT_USAGE = 2

# The program computes in float32, the reference here in float64.
TOLERANCE = 1e-4

TEXT = " the cat's 42 aaa\n\n the  théâtre—the 日本 caat "

# The text, cut into words and merged by hand; "|" stands between tokens.
TOKENS = (" the| cat|'|s| |4|2| |aa|a|\n|\n| the| | th|é|â|t|r|e|—|th|e| |日|本| |c|aa|t| ")

program = ""


def tokens_of_text():
    ids = []
    for piece in TOKENS.split("|"):
        spelled = "".join(tiny_gguf.CHARACTERS[byte] for byte in piece.encode())
        if spelled in tiny_gguf.VOCABULARY:
            ids.append(tiny_gguf.VOCABULARY.index(spelled))
        else:
            ids += [tiny_gguf.VOCABULARY.index(character) for character in spelled]
    return ids


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.text = self.write("text.txt", TEXT.encode())

    def write(self, name, data):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as stream:
            stream.write(data)
        return path

    def run_model(self, data, *arguments):
        model = self.write("model.gguf", data)
        return subprocess.run([program, "--model", model, "--text", self.text, *arguments],
                              capture_output=True, text=True, check=False)

    def report(self, data, *arguments):
        result = self.run_model(data, "--json", *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)


class Model(Folder):
    def check_encodings(self, matrix, embedding):
        data, tensors = tiny_gguf.make(matrix, embedding)
        tokens = tokens_of_text()
        found = tiny_gguf.negative_log_likelihoods(tensors, tokens)
        expected = math.exp(sum(found) / len(found))
        for ranks in (1, 2, 3):
            report = self.report(data, "--ranks", str(ranks), "--context", "64")
            self.assertEqual((report["windows"], report["tokens"]), (1, len(tokens) - 1))
            perplexity = report["results"][0]["perplexity"]
            self.assertAlmostEqual(perplexity / expected, 1, delta=TOLERANCE)

    def test_f32(self):
        self.check_encodings(tiny_gguf.F32, tiny_gguf.F32)

    def test_quantized(self):
        self.check_encodings(tiny_gguf.Q4_1, tiny_gguf.Q8_0)

    def test_windows(self):
        data, tensors = tiny_gguf.make(tiny_gguf.Q8_0, tiny_gguf.Q4_1)
        tokens = tokens_of_text()[:25] # the third window of 12 would have one token only
        report = self.report(data, "--ranks", "3", "--context", "12", "--tokens", "25")
        self.assertEqual((report["windows"], report["context"], report["tokens"]), (2, 12, 22))
        total = sum(sum(tiny_gguf.negative_log_likelihoods(tensors, tokens[i:i + 12]))
                    for i in (0, 12))
        perplexity = report["results"][0]["perplexity"]
        self.assertAlmostEqual(perplexity / math.exp(total / 22), 1, delta=TOLERANCE)

    def test_by_position(self):
        data, tensors = tiny_gguf.make(tiny_gguf.Q8_0, tiny_gguf.Q4_1)
        tokens = tokens_of_text()[:19]
        arguments = ("--ranks", "3", "--context", "12", "--tokens", "19")
        report = self.report(data, *arguments, "--by-position", "4")
        windows = [tiny_gguf.negative_log_likelihoods(tensors, tokens[i:i + 12]) for i in (0, 12)]
        buckets = report["results"][0].pop("by_position")
        self.assertEqual([(bucket["first"], bucket["tokens"]) for bucket in buckets],
                         [(1, 8), (5, 6), (9, 3)])
        for bucket in buckets:
            first = bucket["first"] - 1
            found = [nll for window in windows for nll in window[first:first + 4]]
            self.assertAlmostEqual(bucket["nll"], sum(found) / len(found), delta=TOLERANCE)
            self.assertAlmostEqual(bucket["perplexity"] / math.exp(bucket["nll"]), 1,
                                   delta=TOLERANCE)
        self.assertEqual(report, self.report(data, *arguments))
        wide = self.report(data, *arguments, "--by-position", "64")["results"][0]["by_position"]
        self.assertEqual([(bucket["first"], bucket["tokens"]) for bucket in wide], [(1, 17)])

    def test_sites(self):
        data, _ = tiny_gguf.make(tiny_gguf.Q4_1, tiny_gguf.Q8_0)
        arguments = ("--ranks", "3", "--context", "64", "--format", "raw,int2")
        reports = {site: self.report(data, *arguments, "--site", site)
                   for site in ("attention", "ffn", "both")}
        self.assertEqual(reports["both"], self.report(data, *arguments))
        self.assertNotIn("site", reports["both"])
        self.assertEqual([reports[site]["site"] for site in ("attention", "ffn")],
                         ["attention", "ffn"])
        raw, int2 = ({report["results"][i]["perplexity"] for report in reports.values()}
                     for i in (0, 1))
        self.assertEqual((len(raw), len(int2), len(raw & int2)), (1, 3, 0))

    def test_generate(self):
        data, _ = tiny_gguf.make(tiny_gguf.Q4_1, tiny_gguf.Q8_0)
        report = self.report(data, "--ranks", "2", "--context", "16", "--prompt", "6",
                             "--generate", "10", "--format", "raw,int1")
        length = len(tokens_of_text())
        texts = length // 16 + (length % 16 >= 6)
        self.assertEqual((report["texts"], report["prompt"], report["generated"]), (texts, 6, 10))
        raw, int1 = report["results"]
        self.assertEqual((raw["equal_tokens"], raw["equal_texts"]), (10, texts))
        self.assertLess(int1["equal_tokens"], 10)
        self.assertLess(int1["equal_texts"], texts)

    def test_tables(self):
        data, _ = tiny_gguf.make(tiny_gguf.Q4_1, tiny_gguf.Q8_0)
        arguments = ("--ranks", "2", "--context", "12", "--site", "ffn", "--format", "int4")
        result = self.run_model(data, *arguments, "--by-position", "8")
        self.assertIn("formats at ffn only", result.stdout)
        self.assertEqual(result.stdout.count("int4"), 3)
        result = self.run_model(data, *arguments, "--generate", "2", "--prompt", "10")
        self.assertIn("formats at ffn only", result.stdout)
        self.assertIn("equal tokens", result.stdout)

    def test_dump(self):
        data, _ = tiny_gguf.make(tiny_gguf.Q4_1, tiny_gguf.Q8_0)
        path = os.path.join(self.folder, "sums.npy")
        result = self.run_model(data, "--ranks", "3", "--context", "12", "--dump", path,
                                "--dump-tokens", "4")
        self.assertEqual(result.returncode, 0, result.stderr)
        rows = tiny_gguf.LAYERS * 2 * 4
        self.assertEqual(os.path.getsize(path), 128 + 4 * 3 * rows * tiny_gguf.DIM)


class Refused(Folder):
    def refuse(self, data, *words):
        result = self.run_model(data, "--context", "12", "--ranks", "1")
        self.assertEqual(result.returncode, EXIT_FAILURE, result.stderr)
        for word in ("model.gguf", *words):
            self.assertIn(word, result.stderr)

    def test_truncated(self):
        data, _ = tiny_gguf.make(tiny_gguf.Q4_1, tiny_gguf.Q8_0)
        tables = data.index(b"blk.1.ffn_down.weight") + 100
        cuts = [4, 7, 8, 16, 23, *range(24, tables, 211), tables, len(data) // 2, len(data) - 1]
        for cut in cuts:
            self.refuse(data[:cut])

    def test_bad_fields(self):
        data, _ = tiny_gguf.make(tiny_gguf.Q4_1, tiny_gguf.Q8_0)
        huge = struct.pack("<Q", 2**63)
        self.refuse(data[:4] + struct.pack("<I", 2) + data[8:], "version 2")
        self.refuse(data[:8] + huge + data[16:], "tensors")
        self.refuse(data[:16] + huge + data[24:], "values")
        self.refuse(data[:24] + huge + data[32:], "left")
        name = b"blk.0.attn_q.weight" + struct.pack("<I", 2)
        at = data.index(name) + len(name)
        for number in (0, 2**63, 2**62 + 96):
            self.refuse(data[:at] + struct.pack("<Q", number) + data[at + 8:], "dimension")
        self.refuse(data[:at] + struct.pack("<Q", 32) + data[at + 8:], "attn_q", "32")
        at += 16
        self.refuse(data[:at] + struct.pack("<I", 12) + data[at + 4:], "type 12")
        at += 4
        for number in (2**64 - 32, len(data), 1):
            self.refuse(data[:at] + struct.pack("<Q", number) + data[at + 8:], "tensor")

    def test_other_models(self):
        data, _ = tiny_gguf.make(tiny_gguf.Q4_1, tiny_gguf.Q8_0)
        for old, new in ((b"llama.block_count", b"llama.block_counk"), (b"smollm", b"gemma4"),
                         (b"output_norm.weight", b"output_nork.weight"),
                         (b"head_count_kv\x04\0\0\0\x01", b"head_count_kv\x04\0\0\0\x02"),
                         ("Ġth e".encode(), "Ġth E".encode()), (b"c a", b"cxa"),
                         (b"a a", b"t h"), (b"<|end|>", b"<|END|>" + b"!" * 9)):
            self.assertEqual(data.count(old), 1, old)
            self.refuse(data.replace(old, new))


class Resume(Folder):
    def setUp(self):
        super().setUp()
        self.data, _ = tiny_gguf.make(tiny_gguf.Q4_1, tiny_gguf.Q8_0)
        self.results = os.path.join(self.folder, "results.jsonl")
        self.arguments = ("--ranks", "2", "--context", "12", "--format", "raw,int4:g32",
                          "--resume", self.results)

    def lines(self):
        with open(self.results, "rb") as stream:
            return stream.read().splitlines(keepends=True)

    def write_lines(self, lines):
        self.write("results.jsonl", b"".join(lines))

    def test_goes_on(self):
        whole = self.report(self.data, *self.arguments)
        lines = self.lines()
        self.assertEqual(len(lines), 2 * whole["windows"])
        for line in lines:
            json.loads(line)
        self.assertEqual(self.report(self.data, *self.arguments), whole)
        self.assertEqual(self.lines(), lines)
        self.write_lines(lines[:3])
        self.assertEqual(self.report(self.data, *self.arguments), whole)
        self.assertEqual(self.lines(), lines)

    def test_stored_result_is_taken(self):
        whole = self.report(self.data, *self.arguments)
        line = json.loads(self.lines()[0])
        line["nll"] = 123.5
        self.write_lines([json.dumps(line).encode() + b"\n", *self.lines()[1:]])
        self.assertNotEqual(self.report(self.data, *self.arguments)["results"][0],
                            whole["results"][0])

    def test_others_may_share_the_file(self):
        self.report(self.data, *self.arguments)
        count = len(self.lines())
        self.report(self.data, *self.arguments, "--invariant")
        self.report(self.data, *self.arguments, "--algorithm", "oneshot")
        self.report(self.data[:-1] + b"\x01", *self.arguments)
        self.assertEqual(len(self.lines()), 4 * count)

    def test_sites_do_not_mix(self):
        both = self.report(self.data, *self.arguments)
        count = len(self.lines())
        for added, site in enumerate(("attention", "ffn"), start=1):
            arguments = (*self.arguments, "--site", site)
            whole = self.report(self.data, *arguments)
            self.assertNotEqual(whole["results"][1], both["results"][1])
            # What is raw at both sites is there already.
            self.assertEqual(len(self.lines()), count + added * count // 2)
            self.assertEqual(self.report(self.data, *arguments), whole)
            self.assertEqual(len(self.lines()), count + added * count // 2)
        self.assertEqual(self.report(self.data, *self.arguments), both)

    def test_buckets_go_on(self):
        self.report(self.data, *self.arguments)
        count = len(self.lines())
        arguments = (*self.arguments, "--by-position", "5")
        whole = self.report(self.data, *arguments)
        lines = self.lines()
        self.assertGreater(len(lines), 2 * count)
        self.assertEqual(self.report(self.data, *arguments), whole)
        self.assertEqual(self.lines(), lines)
        self.write_lines(lines[:count + 4])
        self.assertEqual(self.report(self.data, *arguments), whole)
        self.report(self.data, *self.arguments, "--by-position", "4")
        self.assertEqual(self.report(self.data, *arguments), whole)

    def test_bad_lines(self):
        self.report(self.data, *self.arguments)
        lines = self.lines()
        for bad in (b"\n", b"{}\n", lines[1][:-1], lines[1][:-3] + b"\n", b" " + lines[1],
                    lines[1][:-2] + b"}}\n", lines[1].replace(b'"nll": ', b'"nll": 0'),
                    lines[1].replace(b'"ranks": 2', b'"ranks": 22222222222'), b"x" * 5000 + b"\n",
                    lines[1][:-1] + b"\0\n"):
            self.write_lines([lines[0], bad])
            result = self.run_model(self.data, *self.arguments)
            self.assertEqual(result.returncode, EXIT_FAILURE, bad)
            self.assertIn("results.jsonl: line 2", result.stderr)
            self.assertEqual(self.lines(), (lines[0] + bad).splitlines(keepends=True))


class Usage(Folder):
    def test_bad_usage(self):
        data, _ = tiny_gguf.make(tiny_gguf.Q4_1, tiny_gguf.Q8_0)
        for arguments in (["--tokenizer", self.text], ["--stories", "1"], ["--tokens", "1"],
                          ["--context", "1"], ["--context", "2x"], ["--ranks", "4", "--context",
                                                                    "12"],
                          ["--context", "12", "--ranks", "1", "--generate", "1", "--prompt", "12"],
                          ["--context", "12", "--ranks", "1", "--generate", "2", "--prompt", "11"],
                          ["--context", "64", "--ranks", "1", "--generate", "1", "--prompt", "60"],
                          ["--by-position", "0"], ["--site", "mlp"], ["--prompt", "2"],
                          ["--generate", "2", "--by-position", "2"],
                          ["--generate", "2", "--resume", "never.jsonl"],
                          ["--dump", "never.npy", "--site", "ffn"],
                          ["--dump", "never.npy", "--by-position", "2"],
                          ["--dump", "never.npy", "--generate", "2"]):
            result = self.run_model(data, *arguments)
            self.assertEqual(result.returncode, EXIT_USAGE, arguments)
            self.assertIn("tp_llama: ", result.stderr)
        result = self.run_model(data, "--context", "65")
        self.assertEqual(result.returncode, EXIT_FAILURE)
        self.assertIn("2 to 64", result.stderr)
        result = self.run_model(b"other", "--tokenizer", self.text, "--tokens", "9")
        self.assertEqual(result.returncode, EXIT_USAGE)

    def test_short_text(self):
        data, _ = tiny_gguf.make(tiny_gguf.Q4_1, tiny_gguf.Q8_0)
        for text in (b"", b"a"):
            self.text = self.write("text.txt", text)
            result = self.run_model(data, "--context", "12", "--ranks", "1")
            self.assertEqual(result.returncode, EXIT_FAILURE)
            self.assertIn("text.txt", result.stderr)


def main():
    global program
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} PROGRAM")
    program = sys.argv[1]
    unittest.main(argv=sys.argv[:1], verbosity=2)


if __name__ == "__main__":
    main()
