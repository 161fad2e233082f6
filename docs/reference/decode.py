#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""
The second decoder of the wire format, written from docs/format.md alone.

It is slow and plain on purpose: read it beside that page, whose words and order it keeps. The
golden vectors (tests/golden) hold it and the library together.

    decode.py FORMAT DTYPE COUNT < wire > elements
"""
import math
import struct
import sys
from collections import namedtuple

BLOCK = 4096
ELEMENT_BYTES = {"fp32": 4, "fp16": 2, "bf16": 2}
CANONICAL_NAN = {"fp32": b"\0\0\xc0\x7f", "fp16": b"\0\x7e", "bf16": b"\xc0\x7f"}
NAN_MARK_WIDE, NAN_MARK_COMPACT = 0x7FC0, 255
FRACTIONS = (0x00, 0x0C, 0x18, 0x26, 0x35, 0x45, 0x57, 0x6B)
PLANES = {8: (8,), 7: (4, 2, 1), 6: (4, 2), 5: (4, 1), 4: (4,), 3: (2, 1), 2: (2,), 1: (1,)}
OPTIONS = {f"g{group}": ("group", group) for group in (16, 32, 64, 128, 256)} | {
    "asym": ("scheme", "asym"), "sym": ("scheme", "sym"), "rot": ("scheme", "rot"),
    "spike": ("spikes", True), "wide": ("compact", False), "compact": ("compact", True),
    "search": ("search", True)}
PRESETS = {"lowest": "int2:g32:rot:search", "low": "int3:g32:rot:search", "fast": "int4:g64:rot",
           "balanced": "int5:g64:rot", "safe": "int6:g64:rot"}
LEVELS = {1: (64,), 2: (36, 124), 3: (13, 41, 73, 121), 4: (5, 15, 25, 37, 49, 63, 79, 101)}
Format = namedtuple("Format", "bits group scheme spikes compact search",
                    defaults=(128, "asym", False, False, False))


def parse_format(text):
    """The Format that `text` names, None for raw."""
    if text == "raw":
        return None
    name, *options = PRESETS.get(text, text).split(":")
    if name not in [f"int{bits}" for bits in PLANES]:
        raise ValueError(f"format '{text}': '{name}' is neither raw nor int1 to int8")
    fields = {}
    for option in options:
        field, value = OPTIONS.get(option, (None, None))
        if field is None or field in fields:
            raise ValueError(f"format '{text}': option '{option}' is unknown or says it twice")
        fields[field] = value
    if fields.get("scheme") == "rot":
        fields.setdefault("compact", True)
    form = Format(int(name[3:]), **fields)
    if form.scheme == "rot" and (form.spikes or not form.compact) or form.search and (
            form.scheme != "rot" or form.bits > 4):
        raise ValueError(f"format '{text}': its options exclude each other")
    return form


def reject_if(condition, what):
    if condition:
        raise ValueError(f"corrupt: {what}")


def a16(size):
    return (size + 15) // 16 * 16


def plane_bytes(count, width):
    return a16(4 * math.ceil(count * width / 32))


def entry_bytes(form):
    return (1 if form.compact else 2) * (2 if form.scheme == "asym" else 1)


def section_bytes(form, n):
    """Sizes of the header, scales, spikes, positions and codes of a block of n elements."""
    groups = math.ceil(n / form.group)
    codes = groups * form.group if form.scheme == "rot" else n
    return (16 if form.compact else 0,
            a16(groups * entry_bytes(form)),
            a16(groups * 4) if form.spikes else 0,
            sum(plane_bytes(2 * groups, w) for w in PLANES[position_bits(form)])
            if form.spikes else 0,
            sum(plane_bytes(codes, w) for w in PLANES[form.bits]))


def position_bits(form):
    return form.group.bit_length() - 1 if form.compact else 8


def wire_bytes(format_text, dtype, count):
    """The exact size of `count` encoded elements."""
    form = parse_format(format_text)
    if form is None:
        return count * ELEMENT_BYTES[dtype]
    return sum(sum(section_bytes(form, min(BLOCK, count - first)))
               for first in range(0, count, BLOCK))


def read_planes(wire, at, count, width):
    """The `count` codes of `width` bits whose planes start at byte `at`."""
    codes, shift = [0] * count, 0
    for w in PLANES[width]:
        for i in range(count):
            if w == 8:
                part = wire[at + i]
            else:
                word, j = divmod(i, 32 // w)
                bits, = struct.unpack_from("<I", wire, at + 4 * word)
                part = bits >> (w * (j // 2) + 16 * (j % 2)) & ((1 << w) - 1)
            codes[i] |= part << shift
        shift += w
        at += plane_bytes(count, w)
    return codes


def read_base_exponent(wire, at):
    base, = struct.unpack_from("<h", wire, at)
    reject_if(not -126 <= base <= 97, f"base exponent {base}, outside -126 to 97")
    reject_if(any(wire[at + 2:at + 16]), "a header byte that is not zero")
    return base


def read_scale_and_zero(form, wire, at, base):
    """The scale, None for the NaN mark, and the zero of the entry at byte `at`."""
    if form.compact:
        u = wire[at]
        pattern = ((base + u // 8 + 127) << 7) | FRACTIONS[u % 8]
        is_nan = u == NAN_MARK_COMPACT
        reject_if(not is_nan and (u > 248 or base + u // 8 > 127),
                  f"compact scale {u} with base exponent {base}")
    else:
        pattern, = struct.unpack_from("<H", wire, at)
        is_nan = pattern == NAN_MARK_WIDE
        reject_if(not is_nan and not 0x0080 <= pattern <= 0x7F7F, f"scale {pattern:#06x}")
    if form.scheme == "sym":
        zero = 0 if form.bits == 1 else -(1 << form.bits - 1)
    elif not form.compact:
        zero, = struct.unpack_from("<h", wire, at + 2)
    else:
        zero = struct.unpack_from("<b", wire, at + 1)[0] if form.bits <= 4 else -wire[at + 1]
    return None if is_nan else struct.unpack("<f", struct.pack("<I", pattern << 16))[0], zero


def pack_float(layout, y):
    try:
        return struct.pack(layout, y)  # rounds to nearest, ties to even
    except OverflowError:
        return struct.pack(layout, math.copysign(math.inf, y))


def element(y, dtype):
    """The bytes of y, which is exact in float32 (or too large for it), as an element."""
    if dtype == "fp16":
        return pack_float("<e", y)
    single = pack_float("<f", y)
    if dtype == "fp32":
        return single
    bits, = struct.unpack("<I", single)
    return struct.pack("<H", (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)


def spike(stored, dtype):
    """The bytes of the element that two stored bytes give; any NaN gives the canonical one."""
    infinity = 0x7C00 if dtype == "fp16" else 0x7F80
    if int.from_bytes(stored, "little") & 0x7FFF > infinity:
        return CANONICAL_NAN[dtype]
    return b"\0\0" + stored if dtype == "fp32" else stored


def single(x):
    """x rounded to float32: a sum of two of them, rounded twice, is as if rounded once."""
    return struct.unpack("<f", struct.pack("<f", x))[0]


def rotated_group(form, dtype, u, base, codes):
    """The elements of a whole rotated group whose stored scale is u."""
    if u in (0, NAN_MARK_COMPACT):
        return [CANONICAL_NAN[dtype] if u else bytes(ELEMENT_BYTES[dtype])] * form.group
    largest = 118 - (form.group.bit_length() - 1)
    reject_if(u > 248 or base + u // 8 > largest, f"scale {u} with base exponent {base}")
    scale = math.ldexp(1 + FRACTIONS[u % 8] / 128, base + u // 8)
    half = 1 << form.bits - 1
    levels = LEVELS.get(form.bits, range(1, 2 * half, 2))
    v = [(levels[q - half] if q >= half else -levels[half - 1 - q]) * scale for q in codes]
    step = 1
    while step < form.group:
        for i in range(form.group):
            if not i & step:
                v[i], v[i + step] = single(v[i] + v[i + step]), single(v[i] - v[i + step])
        step *= 2
    limit = 65504.0 if dtype == "fp16" else math.ldexp(255, 120)
    signs = [-1 if bin(i & i >> 1 & 0x55).count("1") % 2 else 1 for i in range(form.group)]
    return [element(min(max(sign * x, -limit), limit), dtype) for sign, x in zip(signs, v)]


def rotated_block(form, dtype, wire, start, n):
    """The n elements of a block of a rotated format."""
    header, scales, *_ = section_bytes(form, n)
    groups = math.ceil(n / form.group)
    base = read_base_exponent(wire, start)
    codes = read_planes(wire, start + header + scales, groups * form.group, form.bits)
    elements = []
    for k in range(groups):
        elements += rotated_group(form, dtype, wire[start + header + k], base,
                                  codes[k * form.group:(k + 1) * form.group])
    return elements[:n]


def decode_block(form, dtype, wire, start, n):
    """The n elements of the block whose first byte is wire[start], as a list of bytes."""
    header, scales, spikes, positions, _ = section_bytes(form, n)
    scales_at = start + header
    spikes_at = scales_at + scales
    positions_at = spikes_at + spikes
    groups = math.ceil(n / form.group)
    base = read_base_exponent(wire, start) if form.compact else None
    codes = read_planes(wire, positions_at + positions, n, form.bits)
    if form.spikes:
        places = read_planes(wire, positions_at, 2 * groups, position_bits(form))
    elements = []
    for k in range(groups):
        scale, zero = read_scale_and_zero(form, wire, scales_at + k * entry_bytes(form), base)
        values = [2 * q - 1 if form.bits == 1 else q
                  for q in codes[k * form.group:(k + 1) * form.group]]
        if scale is None:
            group = [CANONICAL_NAN[dtype]] * len(values)
        else:
            group = [element((value + zero) * scale, dtype) for value in values]
        for m in range(2 if form.spikes else 0):  # the minimum, then the maximum
            place = places[2 * k + m]
            reject_if(place >= len(group), f"position {place} in a group of {len(group)}")
            if scale is not None:
                group[place] = spike(wire[spikes_at + 4 * k + 2 * m:][:2], dtype)
        elements += group
    return elements


def decode(format_text, dtype, wire, count):
    """The bytes of `count` elements; ValueError("corrupt: ...") where no encoder wrote `wire`."""
    form = parse_format(format_text)
    expected = wire_bytes(format_text, dtype, count)
    reject_if(len(wire) != expected, f"{len(wire)} bytes, not {expected}")
    if form is None:
        return bytes(wire)
    elements, start = [], 0
    for first in range(0, count, BLOCK):
        n = min(BLOCK, count - first)
        block = rotated_block if form.scheme == "rot" else decode_block
        elements += block(form, dtype, wire, start, n)
        start += sum(section_bytes(form, n))
    return b"".join(elements)


def main():
    if len(sys.argv) != 4 or sys.argv[2] not in ELEMENT_BYTES or not sys.argv[3].isdecimal():
        sys.exit("usage: decode.py FORMAT fp32|fp16|bf16 COUNT < wire > elements")
    try:
        elements = decode(sys.argv[1], sys.argv[2], sys.stdin.buffer.read(), int(sys.argv[3]))
    except ValueError as error:
        sys.exit(f"decode.py: {error}")
    sys.stdout.buffer.write(elements)


if __name__ == "__main__":
    main()
