#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""
Hold docs/reference/decode.py to the golden vectors: golden_decode_test.py FILE.gold...

golden_write.c describes the files. The sizes are checked here once more, by the formula of
docs/format.md, and each wire must be rejected when it is a byte shorter or longer.
"""
import pathlib
import sys

sys.dont_write_bytecode = True  # the source tree stays as it is
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "docs" / "reference"))
from decode import decode  # noqa: E402

ELEMENT_BYTES = {"fp32": 4, "fp16": 2, "bf16": 2}
PLANE_WIDTHS = {8: [8], 7: [4, 2, 1], 6: [4, 2], 5: [4, 1], 4: [4], 3: [2, 1], 2: [2], 1: [1]}


def a16(size):
    return -(-size // 16) * 16


def planes(count, width):
    return sum(a16(4 * -(-count * w // 32)) for w in PLANE_WIDTHS[width])


def block_bytes(text, n):
    name, *options = text.split(":")
    g = next((int(option[1:]) for option in options if option[0] == "g"), 128)
    compact, symmetric, spikes, rotated = (word in options
                                           for word in ("compact", "sym", "spike", "rot"))
    compact, scale_alone = compact or rotated, symmetric or rotated
    groups = -(-n // g)
    size = 16 if compact else 0
    size += a16(groups * (1 if compact else 2) * (1 if scale_alone else 2))
    if spikes:
        size += a16(4 * groups)
        size += planes(2 * groups, {16: 4, 32: 5, 64: 6, 128: 7, 256: 8}[g] if compact else 8)
    return size + planes(groups * g if rotated else n, int(name[3:]))


def formula_bytes(text, dtype, count):
    if text == "raw":
        return count * ELEMENT_BYTES[dtype]
    full, rest = divmod(count, 4096)
    return full * block_bytes(text, 4096) + (block_bytes(text, rest) if rest else 0)


def read_records(path):
    """The records of a file: (format, dtype, count, name) and a dictionary of the other lines."""
    for paragraph in pathlib.Path(path).read_text().split("\n\n"):
        (key, *head), *lines = [line.split(" ") for line in paragraph.splitlines()]
        if key != "case" or len(head) != 4:
            sys.exit(f"{path}: not the start of a record: {' '.join(head)}")
        fields = {key: "" if value == "-" else value for key, value in lines}
        yield (head[0], head[1], int(head[2]), head[3]), fields


def rejects(text, dtype, wire, count):
    try:
        decode(text, dtype, wire, count)
    except ValueError as error:
        return str(error).startswith("corrupt: ")
    return False


def check(text, dtype, count, fields):
    """Yields a sentence for each thing that is wrong."""
    wire = bytes.fromhex(fields["wire"])
    if "rejected" in fields:
        if not rejects(text, dtype, wire, count):
            yield "is not rejected"
        return
    if len(wire) != formula_bytes(text, dtype, count):
        yield f"{len(wire)} bytes, the formula gives {formula_bytes(text, dtype, count)}"
    expected = bytes.fromhex(fields["decoded"])
    actual = decode(text, dtype, wire, count)
    if actual != expected:
        at = next((i for i, (a, b) in enumerate(zip(actual, expected)) if a != b), "at the end")
        yield f"decoded bytes differ, the first at {at}"
    if wire and not rejects(text, dtype, wire[:-1], count):
        yield "is not rejected without its last byte"
    if not rejects(text, dtype, wire + b"\0", count):
        yield "is not rejected with one more byte"


def main():
    cases = failures = 0
    for path in sys.argv[1:]:
        for (text, dtype, count, name), fields in read_records(path):
            cases += 1
            try:
                wrong = list(check(text, dtype, count, fields))
            except ValueError as error:
                wrong = [str(error)]
            for sentence in wrong:
                failures += 1
                print(f"{path}: case {text} {dtype} {count} {name}: {sentence}")
    print(f"golden_decode_test: {cases} cases, {failures} failures")
    return 1 if failures or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
