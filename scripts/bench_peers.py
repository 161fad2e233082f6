#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""
Times of the all-reduces that flashcomm is compared with: NCCL, and PyTorch's symmetric memory with
its one-shot and two-shot kernels, each in CUDA graphs.

  bench_peers.py [--gpus N] [--begin BYTES] [--end BYTES] [--factor F] [--replays N] [--json FILE]

One process a GPU, bf16 elements. A graph holds several calls (20 up to 4 MiB, else 5); before each
replay the ranks meet in one call that is not timed. The time is that of the slowest rank, its
median over the replays, divided by the calls. Before and after, a graph of one call is replayed
with other inputs each time and every element compared. Multicast stays off: it is a matter of the
machine's switch, and flashcomm does not use it. Exit status 77 without PyTorch or two GPUs.
"""
import argparse
import json
import os
import statistics
import sys
import tempfile

LIMIT_S = 900
CHECKS = 3
CALLS_SMALL, CALLS_LARGE, SMALL_BYTES = 20, 5, 4 << 20
PEERS = ("nccl", "one_shot", "two_shot")

os.environ.setdefault("TORCH_SYMM_MEM_DISABLE_MULTICAST", "1")
os.environ.setdefault("NCCL_NVLS_ENABLE", "0")

try:
    import torch
    import torch.distributed as dist
except ImportError:
    torch = None


class Bench:
    """One rank."""

    def __init__(self, rank, ranks, largest):
        import torch.distributed._symmetric_memory as symm_mem

        self.rank, self.ranks = rank, ranks
        self.stream = torch.cuda.Stream()
        self.group = dist.group.WORLD.group_name
        self.missing = {}
        self.plain = torch.zeros(largest // 2, dtype=torch.bfloat16, device="cuda")
        self.out = torch.zeros_like(self.plain)
        self.source = torch.randn_like(self.plain)
        try:
            if hasattr(symm_mem, "enable_symm_mem_for_group"):
                symm_mem.enable_symm_mem_for_group(self.group)
            self.shared = symm_mem.empty(largest // 2, dtype=torch.bfloat16, device="cuda")
            symm_mem.rendezvous(self.shared, self.group)
        except Exception as error:  # whatever PyTorch finds missing on this machine
            self.shared = None
            for peer in PEERS[1:]:
                self.missing[peer] = f"no symmetric memory: {error}"

    def buffer(self, peer, count):
        return (self.plain if peer == "nccl" else self.shared)[:count]

    def result(self, peer, count):
        return self.out[:count] if peer == "one_shot" else self.buffer(peer, count)

    def call(self, peer, count):
        x = self.buffer(peer, count)
        if peer == "nccl":
            dist.all_reduce(x)
        elif peer == "two_shot":
            torch.ops.symm_mem.two_shot_all_reduce_(x, "sum", self.group)
        elif hasattr(torch.ops.symm_mem, "one_shot_all_reduce_out"):
            torch.ops.symm_mem.one_shot_all_reduce_out(x, "sum", self.group, self.out[:count])
        else:
            self.out[:count] = torch.ops.symm_mem.one_shot_all_reduce(x, "sum", self.group)

    def capture(self, peer, count, calls):
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        with torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"):
            for _ in range(calls):
                self.call(peer, count)
        return graph

    def wrong(self, peer, graph, count):
        """Elements that are wrong over some replays; sums of small integers are exact in bf16."""
        wrong = 0
        index = torch.arange(count, device="cuda", dtype=torch.int32)
        for turn in range(CHECKS):
            # Values from -8 to 8: the sum of eight ranks stays below 128.
            values = [(index * (rank + 3) + turn * 5 + rank) % 17 - 8 for rank in range(self.ranks)]
            with torch.cuda.stream(self.stream):
                self.stream.wait_stream(torch.cuda.default_stream())
                self.out.fill_(float("nan"))
                self.buffer(peer, count).copy_(values[self.rank])
            self.stream.synchronize()
            dist.barrier()
            with torch.cuda.stream(self.stream):
                graph.replay()
            self.stream.synchronize()
            wrong += int((self.result(peer, count) != sum(values)).sum())
            dist.barrier()
        return wrong

    def time(self, peer, count, replays):
        calls = CALLS_SMALL if 2 * count <= SMALL_BYTES else CALLS_LARGE
        with torch.cuda.stream(self.stream):
            for _ in range(3):
                self.call(peer, count)
        meet, graph = self.capture(peer, count, 1), self.capture(peer, count, calls)
        wrong = self.wrong(peer, meet, count)
        times = []
        for _ in range(replays):
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            # Calls in place multiply what is there by the ranks: begin anew.
            self.buffer(peer, count).copy_(self.source[:count])
            dist.barrier()
            torch.cuda.synchronize()
            with torch.cuda.stream(self.stream):
                meet.replay()
                begin.record()
                graph.replay()
                end.record()
            self.stream.synchronize()
            times.append(begin.elapsed_time(end) * 1000 / calls)
        wrong += self.wrong(peer, meet, count)
        slowest = torch.tensor(times, dtype=torch.float64, device="cuda")
        total = torch.tensor([wrong], dtype=torch.int64, device="cuda")
        dist.all_reduce(slowest, op=dist.ReduceOp.MAX)
        dist.all_reduce(total)
        return statistics.median(slowest.tolist()), int(total)


def sizes(options):
    size = options.begin
    while size <= options.end:
        yield size
        size *= options.factor


def run_rank(rank, options, folder):
    torch.cuda.set_device(rank)
    dist.init_process_group("nccl", init_method=f"file://{folder}/store", rank=rank,
                            world_size=options.gpus, device_id=torch.device("cuda", rank))
    bench = Bench(rank, options.gpus, options.end)
    results = []
    for size in sizes(options):
        row = {"bytes": size}
        for peer in PEERS:
            if peer in bench.missing:
                continue
            try:
                row[peer], row[peer + "_wrong"] = bench.time(peer, size // 2, options.replays)
            except RuntimeError as error:  # a size that the kernel refuses, on every rank alike
                if rank == 0:
                    print(f"# {peer}, {size} bytes: {str(error).splitlines()[0]}")
        results.append(row)
        if rank == 0:
            print_row(row)
    if rank == 0:
        for peer, reason in bench.missing.items():
            print(f"# {peer}: {reason}")
        with open(os.path.join(folder, "results"), "w", encoding="utf-8") as file:
            json.dump(results, file)
    dist.barrier()
    dist.destroy_process_group()


def print_row(row):
    cells = [f"{row['bytes']:>12}"]
    for peer in PEERS:
        cells.append(f"{row[peer]:>12.1f}" if peer in row else f"{'n/a':>12}")
    wrong = sum(row.get(peer + "_wrong", 0) for peer in PEERS)
    print(" ".join(cells) + f" {wrong:>8}", flush=True)


def describe(options):
    return {"device": torch.cuda.get_device_name(0), "gpus": options.gpus,
            "torch": torch.__version__, "nccl": ".".join(map(str, torch.cuda.nccl.version())),
            "dtype": "bf16", "unit": "us", "multicast": False}


def run(options):
    about = describe(options)
    print("# " + ", ".join(f"{key} {value}" for key, value in about.items()))
    print(f"# {'bytes':>10} " + " ".join(f"{peer + ' us':>12}" for peer in PEERS) + f" {'wrong':>8}",
          flush=True)
    with tempfile.TemporaryDirectory() as folder:
        context = torch.multiprocessing.get_context("spawn")
        ranks = [context.Process(target=run_rank, args=(rank, options, folder), daemon=True)
                 for rank in range(options.gpus)]
        for process in ranks:
            process.start()
        for process in ranks:
            process.join(LIMIT_S)
            if process.exitcode != 0:
                print(f"a rank failed or took more than {LIMIT_S} s", file=sys.stderr)
                for other in ranks:
                    other.kill()
                return 1
        with open(os.path.join(folder, "results"), encoding="utf-8") as file:
            about["results"] = json.load(file)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(about, file, indent=1)
            file.write("\n")
    return int(any(row.get(peer + "_wrong") for row in about["results"] for peer in PEERS))


def main():
    def number(text):
        units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
        return int(text[:-1]) * units[text[-1]] if text[-1:] in units else int(text)

    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--gpus", type=int, help="ranks (default: all GPUs)")
    parser.add_argument("--begin", type=number, default=1 << 10, metavar="BYTES", help="such as 1K")
    parser.add_argument("--end", type=number, default=1 << 30, metavar="BYTES")
    parser.add_argument("--factor", type=int, default=4)
    parser.add_argument("--replays", type=int, default=20)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    if options.begin < 256 or options.end < options.begin or options.factor < 2 or options.replays < 1:
        parser.error("--begin at least 256, --end at least --begin, --factor at least 2, --replays 1")
    if torch is None:
        print("SKIPPED: PyTorch is not installed")
        return 77
    count = torch.cuda.device_count()
    options.gpus = options.gpus or count
    if count < 2 or not 2 <= options.gpus <= count:
        print(f"SKIPPED: {count} GPU(s), two or more are needed, {options.gpus} asked for")
        return 77
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
