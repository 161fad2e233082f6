# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""The `flashcomm` command from outside: info, error, and the files it reads. Usage: cli_test.py PROGRAM"""

import math
import os
import struct
import subprocess

from cli_case import (
    EXIT_USAGE, ERROR_KEYS, DTYPES, MAN_PAGE, npy_bytes, read_npy, safetensors_bytes, gaussian,
    integers, Case, main)


class Info(Case):
    def test_json(self):
        info = self.call_json("info")
        self.assertEqual(info["dtypes"], DTYPES)
        for gpu in info["gpus"]:
            self.assertEqual(list(gpu), ["name", "memory_bytes", "multiprocessors", "capability", "peers"])
            self.assertEqual(len(gpu["peers"]), len(info["gpus"]))
        self.assertGreaterEqual(info["cpu"]["count"], 1)
        self.assertRegex(info["version"], r"^\d+\.\d+\.\d+$")
        self.assertEqual(info["wire_version"], 1)
        for kind in ("presets", "codecs", "transports", "algorithms", "parameters"):
            self.assertGreaterEqual(len(info[kind]), 1)
            for item in info[kind]:
                self.assertEqual(list(item), ["name", "value", "summary"])
                self.assertNotEqual(item["name"], "")
                self.assertNotEqual(item["summary"], "")

    def test_text(self):
        text = self.call("info").stdout
        self.assertRegex(text, r"(?m)^GPUs?: ")
        for item in self.call_json("info")["parameters"]:
            self.assertIn(item["name"], text)

    def test_man_page_has_every_parameter_and_preset(self):
        with open(MAN_PAGE, encoding="utf-8") as stream:
            page = stream.read()
        info = self.call_json("info")
        for item in info["parameters"] + info["presets"]:
            self.assertRegex(page, rf"(?m)^\.B {item['name']}$")

    def test_presets_are_formats(self):
        path = self.npy("x.npy", (512,), gaussian(512))
        for item in self.call_json("info")["presets"]:
            by_name, by_text = self.call_json(
                "error", path, "--format", f"{item['name']},{item['value']}")["results"]
            self.assertEqual({**by_name, "format": item["value"]}, by_text)

    def test_the_row_in_use(self):
        os.environ.pop("FLC_CPU", None)
        rows = self.call_json("info")["codecs"]
        used = ["" for _ in rows[:-1]] + ["in use: the fastest here"]
        self.assertEqual([row["value"] for row in rows], used)
        for name, value in (("ref", "in use: FLC_CPU"), ("none", "")):
            os.environ["FLC_CPU"] = name
            self.addCleanup(os.environ.pop, "FLC_CPU", None)
            self.assertEqual(self.call_json("info")["codecs"][0]["value"], value)

    def test_help_and_version(self):
        for command in ([], ["run"], ["perf"], ["error"], ["info"]):
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
        presets = [item["name"] for item in self.call_json("info")["presets"]]
        self.assertEqual([line.split()[0] for line in lines[2:]],
                         ["int8", "int6", "int5", "int4", "int4:spike", "int3:spike",
                          "int2:g32:spike:compact", *presets])
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
        result = subprocess.run([self.program, "error", path, "--tensor", "half"], capture_output=True,
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


if __name__ == "__main__":
    main()
