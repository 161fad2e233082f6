#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""
scripts/accuracy_report.py on small measurements in a temporary folder: what it writes, that --check
sees every edit, what it refuses, and what --record keeps.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "accuracy_report.py"
FAMILIES = [["^[0-9]+,", "candidates"], [":spike", "spikes"]]
PAGE = "Before.\n\n<!-- begin table a -->\nold\n<!-- end table a -->\n\nAfter.\n"


def perplexities(ranks, **pairs):
    """Results by format; the wire bits are the first number of the format's text, raw has 32."""
    results = []
    for text, perplexity in pairs.items():
        bits = 32 if text == "raw" else int("".join(filter(str.isdigit, text))[:1])
        results.append({"format": text.replace("_", ":"), "ranks": ranks, "perplexity": perplexity,
                        "wire_bits": bits})
    return {"model": "m.bin", "text": "t.json", "tokens": 9, "results": results}


class AccuracyReport(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.docs = pathlib.Path(folder.name)
        (self.docs / "accuracy").mkdir()
        self.page = self.docs / "accuracy.md"
        self.page.write_text(PAGE)
        self.keep("one", perplexities(4, raw=4.0, int8=4.02, int4_spike=4.2, int2=20.0))

    def keep(self, name, output):
        about = {"command": f"tool --json {name}", "commit": "abc", "device": "CPU",
                 "date": "today", "output": output}
        (self.docs / "accuracy" / f"{name}.json").write_text(json.dumps(about))

    def spec(self, **report):
        report = {"name": "a", "kind": "perplexity", "title": "T & U", "files": ["one"], **report}
        path = self.docs / "accuracy" / "report.json"
        path.write_text(json.dumps({"families": FAMILIES, "reports": [report]}))

    def run_script(self, *options, environment=None):
        return subprocess.run([sys.executable, SCRIPT, "--docs", self.docs, *options], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)

    def write(self):
        run = self.run_script("--write")
        self.assertEqual(run.returncode, 0, run.stdout)
        self.assertEqual(self.run_script("--check").returncode, 0)
        return self.page.read_text()

    def assert_refused(self, option, *words):
        run = self.run_script(option)
        self.assertEqual(run.returncode, 1, run.stdout)
        self.assertNotIn("Traceback", run.stdout)
        for word in words:
            self.assertIn(word, run.stdout)

    def test_no_reports(self):
        text = json.dumps({"families": [], "reports": []})
        (self.docs / "accuracy" / "report.json").write_text(text)
        self.page.write_text("Only prose.\n")
        self.assertEqual(self.write(), "Only prose.\n")

    def test_table(self):
        self.spec()
        page = self.write()
        self.assertTrue(page.startswith("Before.\n\n<!-- begin table a -->\n\n    format"))
        self.assertTrue(page.endswith("<!-- end table a -->\n\nAfter.\n"))
        rows = [line.split() for line in page.split("\n") if line.startswith("    ")][1:]
        self.assertEqual(rows, [
            ["raw", "32.000", "4.000", "-"],
            ["int8", "8.000", "4.020", "+0.50"],
            ["int4:spike", "4.000", "4.200", "+5.00"],
            ["int2", "2.000", "20.000", "+400.00"],
        ])
        self.assertIn("`tool --json one`; commit abc, CPU, today.", page)

    def test_plot(self):
        self.spec(worst=10)
        self.write()
        plot = self.docs / "accuracy" / "a.svg"
        texts = [text.text for text in xml.etree.ElementTree.parse(plot).getroot().iter()
                 if text.tag.endswith("}text")]
        for text in ("T & U", "plain", "spikes", "raw 4.000", "int8", "int4:spike",
                     "wire bits per element (not shown: 1 worse than 10)"):
            self.assertIn(text, texts)
        self.assertNotIn("candidates", texts)
        self.assertNotIn("int2", texts)

    def test_check_sees_edits(self):
        self.spec()
        for path, old, new in ((self.page, "4.020", "4.010"),
                               (self.docs / "accuracy" / "a.svg", "T &amp; U", "V")):
            self.write()
            path.write_text(path.read_text().replace(old, new))
            self.assert_refused("--check", path.name, new)
        self.write()
        (self.docs / "accuracy" / "orphan.svg").write_text("<svg/>\n")
        self.assert_refused("--check", "orphan.svg")

    def test_several_files(self):
        self.keep("two", perplexities(4, raw=4.001, int3=5.0))
        self.keep("other", perplexities(2, raw=4.0, int3=4.8))
        self.spec(files=["one", "two", "other"], plot=False)
        page = self.write()
        self.assertRegex(page, r"int3 +3.000 +4 +5.000 +\+25.00\n")
        self.assertRegex(page, r"int3 +3.000 +2 +4.800 +\+20.00\n")
        self.assertEqual(page.count("* `tool --json"), 3)
        self.spec(files=["one", "two", "other"])
        self.assert_refused("--check", "several world sizes")
        self.spec(files=["one", "two", "other"], ranks=4, table="frontier")
        self.assertNotIn("4.800", self.write())

    def test_sqnr(self):
        results = [{"spec": f"{bits},64", "wire_bits": bits, "sqnr_site_mean_db": 6.0 * bits,
                    "sqnr_total_db": 6.5 * bits} for bits in (2, 3)]
        self.keep("screen", {"file": "x.npy", "results": results})
        self.keep("error", {"file": "x.npy", "results": [
            {"format": "raw", "wire_bits": 32, "sqnr_db": None},
            {"format": "int2", "wire_bits": 2.5, "sqnr_db": 9.0}]})
        self.spec(kind="sqnr", files=["screen", "error"])
        page = self.write()
        self.assertRegex(page, r"raw +32.000 +- +-\n +3,64 +3.000 +18.00 +19.50\n")
        self.assertRegex(page, r"int2 +2.500 +- +9.00\n")
        self.assertIn("candidates", (self.docs / "accuracy" / "a.svg").read_text())

    def test_refuses(self):
        self.keep("bad", perplexities(4, int8=5.0))
        self.spec(files=["one", "bad"])
        self.assert_refused("--check", "bad.json", "int8 has 5.000, but 4.020")
        self.keep("bad", dict(perplexities(4, int3=5.0), tokens=8))
        self.assert_refused("--check", "bad.json", "tokens is 8, but 9")
        self.spec(files=["absent"])
        self.assert_refused("--check", "absent.json")
        self.spec(kind="sqrn")
        self.assert_refused("--check", "sqrn")
        self.spec(name="b")
        self.assert_refused("--write", "table b")
        self.assertEqual(self.page.read_text(), PAGE)

    def test_record(self):
        git = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True)
        if git.returncode != 0:
            self.skipTest("no git checkout, whose commit a record names")
        code = ("import json, sys; print(json.dumps({'model': sys.argv[1], "
                "'results': [{'format': 'raw'}]}))")
        data = dict(os.environ, FLC_DATA_DIR="/data")
        run = self.run_script("--record", "new", "--", sys.executable, "-c", code,
                              "$FLC_DATA_DIR/m.bin", "/data/t.json", "--model=/else/n.gguf",
                              "int4/int8", environment=data)
        self.assertEqual(run.returncode, 0, run.stdout)
        about = json.loads((self.docs / "accuracy" / "new.json").read_text())
        end = " $FLC_DATA_DIR/m.bin $FLC_DATA_DIR/t.json --model=n.gguf int4/int8"
        self.assertTrue(about["command"].endswith(end), about["command"])
        self.assertEqual(about["output"], {"model": "m.bin", "results": [{"format": "raw"}]})
        for failing in ("sys.exit(3)", "print('no JSON')", "print('{}')"):
            run = self.run_script("--record", "bad", "--", sys.executable, "-c",
                                  "import sys; " + failing)
            self.assertEqual(run.returncode, 1)
            self.assertIn("nothing recorded", run.stdout)
            self.assertFalse((self.docs / "accuracy" / "bad.json").exists())


if __name__ == "__main__":
    unittest.main()
