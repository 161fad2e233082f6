# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""What the tests of the `flashcomm` command share: files written by hand, so that they need nothing
but Python's standard library, and a base class that calls the command.
"""

import ast
import json
import math
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

EXIT_FAILED = 1
EXIT_USAGE = 2

RUN_KEYS = ["collective", "ranks", "count", "dtype", "format", "transport", "algorithm",
            "wire_bytes", "wire_bits", "sqnr_db", "max_abs_error", "out_of_bound", "unchecked",
            "ranks_equal", "time_us"]
ERROR_KEYS = ["format", "wire_bits", "sqnr_db", "max_abs_error", "nonfinite_groups"]
RANKS = [1, 2, 3, 5]
DTYPES = ["fp32", "fp16", "bf16"]

# So many calls take minutes: a run that a test ends by a signal.
ENDLESS = ["--iters", "1000000"]

MAN_PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/man/flashcomm.1")


def npy_bytes(shape, values, descr="<f4"):
    text = "(" + "".join(f"{size}, " for size in shape) + ")"
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {text}, }}"
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    code = {"<f4": "f", "<f2": "e", "<f8": "d"}[descr]
    return (b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
            + struct.pack(f"<{len(values)}{code}", *values))


def read_npy(path):
    """(descr, shape, values)"""
    with open(path, "rb") as stream:
        data = stream.read()
    assert data[:8] == b"\x93NUMPY\x01\x00"
    start = 10 + struct.unpack("<H", data[8:10])[0]
    assert start % 64 == 0
    header = ast.literal_eval(data[10:start].decode().strip())
    count = math.prod(header["shape"])
    code = {"<f4": "f", "<f2": "e"}[header["descr"]]
    return header["descr"], header["shape"], list(struct.unpack(f"<{count}{code}", data[start:]))


def safetensors_bytes(tensors):
    """tensors: {name: (dtype, shape, bytes)}"""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def gaussian(count, seed=1):
    source = random.Random(seed)
    return [source.gauss(0, 1) for _ in range(count)]


def integers(count, seed=1):
    """Sums of a few of these are exact in every element type."""
    source = random.Random(seed)
    return [float(source.randint(-8, 8)) for _ in range(count)]


def children_of(pid):
    """In the order in which they were started: by rank."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as stream:
            return [int(child) for child in stream.read().split()]
    except FileNotFoundError:
        return []


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stream:
            return stream.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


class Case(unittest.TestCase):
    program = ""  # set by main()

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="flc_cli_test")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as stream:
            stream.write(data)
        return self.path(name)

    def npy(self, name, shape, values, descr="<f4"):
        return self.write(name, npy_bytes(shape, values, descr))

    def call(self, *arguments, status=0, **environment):
        result = subprocess.run([self.program, *arguments], capture_output=True, text=True, check=False,
                                timeout=100, env={**os.environ, **environment})
        self.assertEqual(result.returncode, status, f"{arguments}: {result.stderr}")
        if status != 0:
            self.assertNotEqual(result.stderr, "")
        return result

    def call_json(self, *arguments):
        result = self.call(*arguments, "--json")
        self.assertEqual(result.stderr, "")
        return json.loads(result.stdout)

    def assert_usage(self, part, *arguments):
        result = self.call(*arguments, status=EXIT_USAGE)
        self.assertEqual(result.stdout, "")
        self.assertIn(part, " ".join(result.stderr.split()))


def main():
    """Run the calling script's tests on the program of its first argument."""
    if len(sys.argv) < 2:
        sys.exit(f"usage: {os.path.basename(sys.argv[0])} PROGRAM [TEST...]")
    Case.program = os.path.abspath(sys.argv.pop(1))
    unittest.main()
