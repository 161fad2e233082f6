# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""A tiny random llama as a GGUF file, and what it computes, in plain Python.

Written from the format's description and the model's definition alone, so that agreement with
tp_llama says something. Quantized tensors keep the values that a reader must get out of them.
"""

import math
import random
import struct

DIM = 96
HIDDEN = 64
LAYERS = 2
HEADS = 3
KV_HEADS = 1
HEAD_SIZE = DIM // HEADS
CONTEXT = 64
ROPE_BASE = 100.0
NORM_EPSILON = 1e-5
BLOCK = 32

UINT32, FLOAT32, STRING, ARRAY = 4, 6, 8, 9
F32, Q4_1, Q8_0 = 0, 3, 8


def byte_characters():
    """The character that stands for each byte in a byte-level vocabulary."""
    printed = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printed]
    return {byte: chr(byte) for byte in printed} | {
        byte: chr(256 + i) for i, byte in enumerate(others)}


CHARACTERS = byte_characters()
SPACE = CHARACTERS[0x20]
MERGES = [("t", "h"), ("h", "e"), (SPACE, "th"), (SPACE + "th", "e"), ("a", "a"), ("c", "a"),
          ("ca", "t"), (SPACE, "cat")]
VOCABULARY = ["<|end|>", *CHARACTERS.values(), *(a + b for a, b in MERGES)]


def encode_q8_0(values):
    data, kept = b"", []
    for i in range(0, len(values), BLOCK):
        block = values[i:i + BLOCK]
        packed = struct.pack("<e", max(map(abs, block)) / 127)
        scale = struct.unpack("<e", packed)[0]
        codes = [max(-128, min(127, round(x / scale))) for x in block]
        data += packed + struct.pack(f"<{BLOCK}b", *codes)
        kept += [code * scale for code in codes]
    return data, kept


def encode_q4_1(values):
    data, kept = b"", []
    for i in range(0, len(values), BLOCK):
        block = values[i:i + BLOCK]
        packed = struct.pack("<ee", (max(block) - min(block)) / 15, min(block))
        scale, low = struct.unpack("<ee", packed)
        codes = [max(0, min(15, round((x - low) / scale))) for x in block]
        halves = zip(codes[:BLOCK // 2], codes[BLOCK // 2:])
        data += packed + bytes(a | b << 4 for a, b in halves)
        kept += [code * scale + low for code in codes]
    return data, kept


def encode_f32(values):
    data = struct.pack(f"<{len(values)}f", *values)
    return data, list(struct.unpack(f"<{len(values)}f", data))


ENCODERS = {F32: encode_f32, Q4_1: encode_q4_1, Q8_0: encode_q8_0}


def text(string):
    data = string.encode()
    return struct.pack("<Q", len(data)) + data


def value(key, kind, content):
    if kind == STRING:
        return text(key) + struct.pack("<I", kind) + text(content)
    if kind == ARRAY:
        items = b"".join(map(text, content))
        return text(key) + struct.pack("<IIQ", kind, STRING, len(content)) + items
    return text(key) + struct.pack("<If" if kind == FLOAT32 else "<II", kind, content)


VALUES = [
    ("general.architecture", STRING, "llama"),
    ("nobody.asks.for.this", ARRAY, ["one", "two"]),
    ("llama.block_count", UINT32, LAYERS),
    ("llama.context_length", UINT32, CONTEXT),
    ("llama.embedding_length", UINT32, DIM),
    ("llama.feed_forward_length", UINT32, HIDDEN),
    ("llama.attention.head_count", UINT32, HEADS),
    ("llama.attention.head_count_kv", UINT32, KV_HEADS),
    ("llama.rope.freq_base", FLOAT32, ROPE_BASE),
    ("llama.attention.layer_norm_rms_epsilon", FLOAT32, NORM_EPSILON),
    ("tokenizer.ggml.model", STRING, "gpt2"),
    ("tokenizer.ggml.pre", STRING, "smollm"),
    ("tokenizer.ggml.tokens", ARRAY, VOCABULARY),
    ("tokenizer.ggml.merges", ARRAY, [f"{a} {b}" for a, b in MERGES]),
]


def shapes(matrix, embedding):
    """Name, inputs, outputs and encoding of every tensor."""
    yield "token_embd", DIM, len(VOCABULARY), embedding
    yield "output_norm", DIM, 1, F32
    for layer in range(LAYERS):
        name = f"blk.{layer}."
        yield name + "attn_norm", DIM, 1, F32
        yield name + "ffn_norm", DIM, 1, F32
        yield name + "attn_q", DIM, DIM, matrix
        yield name + "attn_k", DIM, KV_HEADS * HEAD_SIZE, matrix
        yield name + "attn_v", DIM, KV_HEADS * HEAD_SIZE, matrix
        yield name + "attn_output", DIM, DIM, matrix
        yield name + "ffn_gate", DIM, HIDDEN, matrix
        yield name + "ffn_up", DIM, HIDDEN, matrix
        yield name + "ffn_down", HIDDEN, DIM, matrix


def make(matrix, embedding):
    """The bytes of a file, and its tensors as {name: rows of floats}."""
    generator = random.Random(1)
    infos, data, tensors = b"", b"", {}
    count = 0
    for name, inputs, outputs, encoding in shapes(matrix, embedding):
        values = [generator.gauss(0, 0.3) for _ in range(inputs * outputs)]
        packed, kept = ENCODERS[encoding](values)
        dims = struct.pack("<IQ", 1, inputs) if outputs == 1 else struct.pack(
            "<IQQ", 2, inputs, outputs)
        infos += text(name + ".weight") + dims + struct.pack("<IQ", encoding, len(data))
        data += packed + b"\0" * (-len(packed) % 32)
        tensors[name] = [kept[i:i + inputs] for i in range(0, len(kept), inputs)]
        count += 1
    head = b"GGUF" + struct.pack("<IQQ", 3, count, len(VALUES))
    head += b"".join(value(*entry) for entry in VALUES) + infos
    return head + b"\0" * (-len(head) % 32) + data, tensors


def multiply(matrix, x):
    return [sum(w * v for w, v in zip(row, x)) for row in matrix]


def normalize(x, gain):
    scale = 1 / math.sqrt(sum(v * v for v in x) / len(x) + NORM_EPSILON)
    return [v * scale * g for v, g in zip(x, gain)]


def rotate(head, position):
    turned = list(head)
    for i in range(0, len(head), 2):
        angle = position * ROPE_BASE ** (-i / len(head))
        turned[i] = head[i] * math.cos(angle) - head[i + 1] * math.sin(angle)
        turned[i + 1] = head[i] * math.sin(angle) + head[i + 1] * math.cos(angle)
    return turned


def soften(scores):
    highest = max(scores)
    weights = [math.exp(score - highest) for score in scores]
    return [weight / sum(weights) for weight in weights]


def attend(query, keys, values):
    weights = soften([sum(a * b for a, b in zip(query, key)) / math.sqrt(HEAD_SIZE)
                      for key in keys])
    return [sum(weight * row[i] for weight, row in zip(weights, values))
            for i in range(HEAD_SIZE)]


def negative_log_likelihoods(tensors, tokens):
    """That of each token of a window after its first."""
    keys = [[] for _ in range(LAYERS)]
    values = [[] for _ in range(LAYERS)]
    found = []
    for position, (token, target) in enumerate(zip(tokens, tokens[1:])):
        x = tensors["token_embd"][token]
        for layer in range(LAYERS):
            name = f"blk.{layer}."
            normed = normalize(x, tensors[name + "attn_norm"][0])
            q = multiply(tensors[name + "attn_q"], normed)
            keys[layer].append(rotate(multiply(tensors[name + "attn_k"], normed), position))
            values[layer].append(multiply(tensors[name + "attn_v"], normed))
            attended = []
            for head in range(HEADS):
                query = rotate(q[head * HEAD_SIZE:(head + 1) * HEAD_SIZE], position)
                attended += attend(query, keys[layer], values[layer])
            x = [a + b for a, b in zip(x, multiply(tensors[name + "attn_output"], attended))]
            normed = normalize(x, tensors[name + "ffn_norm"][0])
            gates = multiply(tensors[name + "ffn_gate"], normed)
            ups = multiply(tensors[name + "ffn_up"], normed)
            gated = [gate / (1 + math.exp(-gate)) * up for gate, up in zip(gates, ups)]
            x = [a + b for a, b in zip(x, multiply(tensors[name + "ffn_down"], gated))]
        logits = multiply(tensors["token_embd"], normalize(x, tensors["output_norm"][0]))
        found.append(-math.log(soften(logits)[target]))
    return found
