#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""
Tables and plots of docs/accuracy.md from the measurements in docs/accuracy/*.json.

  accuracy_report.py --check                   say what is not as the JSON gives it, exit 1 then
  accuracy_report.py --write                   write the tables and the plots
  accuracy_report.py --record NAME -- COMMAND  run it, keep its JSON as docs/accuracy/NAME.json

Tables go between `<!-- begin table NAME -->` and `<!-- end table NAME -->`, plots to NAME.svg, as
docs/accuracy/report.json says: {"families": [[REGEX, FAMILY], ..], "reports": [{KEY: VALUE}, ..]}.
The first regular expression found in a format's text names its family; without one it is "plain".
Keys of a report: "name"; "kind", perplexity, sqnr, position or generate (tables alone, of tp_llama
--by-position and --generate); "title"; "files", measurements without .json, where the first that
has a format counts; "ranks", to take results of that world size only; "table",
all, frontier or none; "plot", true or false; "worst", beyond which the plot shows nothing.
"""
import argparse
import collections
import difflib
import json
import math
import os
import pathlib
import re
import shlex
import subprocess
import sys
import textwrap
import time

from accuracy_svg import (BOTTOM, DASHED, LEFT, RIGHT, SOLID, STYLES, SVG_HEAD, TOP, axes, between, legend,
                          make_axis, nice_ticks, place_labels, svg_line, svg_marker)

ROOT = pathlib.Path(__file__).resolve().parent.parent
NEEDED_KEYS, MORE_KEYS = {"name", "kind", "title", "files"}, {"ranks", "table", "plot", "worst"}
AGREE = 0.005  # results of one format in two files may differ by this share, not by more

Row = collections.namedtuple("Row", "format family ranks bits values")


def load_json(path, keys):
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path.name}: {error}") from None
    if set(keys.split()) - set(data):
        raise SystemExit(f"{path.name}: wants the keys {keys}")
    return data


def read_row(result, kind, families, where):
    text, bits = result.get("format", result.get("spec")), result.get("wire_bits")
    total = "sqnr_total_db" if "sqnr_total_db" in result else "sqnr_db"
    keys = ["perplexity"] if kind == "perplexity" else ["sqnr_site_mean_db", total]
    if not isinstance(text, str) or not isinstance(bits, (int, float)) or keys[-1] not in result:
        raise SystemExit(f"{where}: a result lacks its format, wire_bits or {keys[-1]}: {result}")
    family = next((name for regex, name in families if re.search(regex, text)), "plain")
    values = [result.get(key) for key in keys]  # null: infinite, or not measured
    values = tuple(v if v is not None and math.isfinite(v) else None for v in values)
    return Row(text, family, result.get("ranks"), bits, values)


def read_rows(report, measurements, families):
    """Rows by falling wire bits. The files of a report must have measured the same thing."""
    rows, subject = {}, {}
    keys = ["model", "text", "tokens", "site"] if report["kind"] == "perplexity" else ["file"]
    for file in report["files"]:
        output, where = measurements[file]["output"], f"{report['name']}: {file}.json"
        for key, value in [(key, output.get(key)) for key in keys]:
            if subject.setdefault(key, value) != value:
                raise SystemExit(f"{where}: {key} is {value!r}, but {subject[key]!r} before")
        for result in output["results"]:
            row = read_row(result, report["kind"], families, where)
            if row.ranks is not None and report.get("ranks", row.ranks) != row.ranks:
                continue
            first = rows.setdefault((row.format, row.ranks), row)
            for a, b in zip(row.values, first.values):
                if None not in (a, b) and abs(a - b) > AGREE * abs(b):
                    raise SystemExit(f"{where}: {row.format} has {a:.3f}, but {b:.3f} before")
    return sorted(rows.values(), key=lambda row: (-row.bits, row.format, row.ranks or 0))


def find_points(rows):
    """({row: value}, index): SQNR's mean over sites where every row has that, else the total."""
    rows = [row for row in rows if row.family != "raw" and row.values[-1] is not None]
    index = -1 if any(row.values[0] is None for row in rows) else 0
    return {row: row.values[index] for row in rows}, index


def frontier(rows, kind):
    """The rows that no other row beats at as many wire bits or fewer, by rising wire bits."""
    points, sign = find_points(rows)[0], 1 if kind == "perplexity" else -1
    best, found = math.inf, []
    for row in sorted(points, key=lambda row: (row.bits, sign * points[row], row.format)):
        if sign * points[row] < best:
            best = sign * points[row]
            found.append(row)
    return found


def change_text(row, rows):
    """Perplexity against raw's of the same world size."""
    raw = next((r.values[0] for r in rows if r.family == "raw" and r.ranks == row.ranks), None)
    if row.family == "raw" or not raw or row.values[0] is None:
        return "-"
    return f"{100 * (row.values[0] / raw - 1):+.2f}"


def source_text(about):
    """A long list of formats, then the end of the command, become `..`; the JSON has it all."""
    words = [word[:40].rpartition(",")[0] + ",.." if len(word) > 40 and "," in word else word
             for word in about["command"].split(" ")]
    command = textwrap.shorten(" ".join(words), 150, placeholder=" ..")
    text = f"`{command}`; commit {about['commit']}, {about['device']}, {about['date']}."
    return textwrap.fill(text, 116, break_long_words=False, break_on_hyphens=False)


def table_text(report, rows, measurements):
    is_perplexity, several = report["kind"] == "perplexity", len({row.ranks for row in rows}) > 1
    digits = 3 if is_perplexity else 2
    lines = [["format", "wire bits"] + ["ranks"] * several
             + (["perplexity", "change %"] if is_perplexity else ["SQNR dB", "total dB"])]
    kept = frontier(rows, report["kind"]) if report.get("table") == "frontier" else rows
    for row in rows:
        if row.family == "raw" or row in kept:
            values = ["-" if v is None else f"{v:.{digits}f}" for v in row.values]
            lines.append([row.format, f"{row.bits:.3f}"] + [str(row.ranks or "-")] * several
                         + values + [change_text(row, rows)] * is_perplexity)
    bullet = "* " if len(report["files"]) > 1 else ""
    return block_text(lines, [bullet + source_text(measurements[f]) for f in report["files"]])


def block_text(lines, source):
    """Cells as an indented code block, the same in a terminal as on a page, and the source."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    text = ["  ".join([f"    {line[0]:{widths[0]}}", *map(str.rjust, line[1:], widths[1:])])
            for line in lines]
    return "\n".join([""] + text + [""] + source + ["", ""])


def special_table(report, measurements):
    """What grows along a text, or how long generated texts stay equal, by format."""
    about = measurements[report["files"][0]]
    results = about["output"]["results"]
    if report["kind"] == "generate":
        lines = [["format", "wire bits", "equal tokens", "equal texts"]]
        lines += [[r["format"], f"{r['wire_bits']:.3f}", f"{r['equal_tokens']:.1f}",
                   f"{r['equal_texts']}"] for r in results]
        return block_text(lines, [source_text(about)])
    raw = results[0]["by_position"]
    lines = [["change % from position", "wire bits"] + [str(bucket["first"]) for bucket in raw]]
    for r in results[1:]:
        changes = [100 * (a["perplexity"] / b["perplexity"] - 1)
                   for a, b in zip(r["by_position"], raw)]
        lines.append([r["format"], f"{r['wire_bits']:.3f}"] + [f"{c:+.1f}" for c in changes])
    return block_text(lines, [source_text(about)])


def fill_tables(page, tables):
    for name, text in tables.items():
        region = rf"(<!-- begin table {name} -->\n)(?:(?!<!-- begin).)*(<!-- end table {name} -->)"
        page, count = re.subn(region, lambda match: match[1] + text + match[2], page, flags=re.S)
        if count != 1:
            raise SystemExit(f"accuracy.md: {count} places for table {name}; wants 1")
    unknown = set(re.findall(r"<!-- (?:begin|end) table (\S+) -->", page)) - set(tables)
    if unknown:
        raise SystemExit(f"accuracy.md: no report of report.json makes table {sorted(unknown)[0]}")
    return page


def plot_svg(report, rows, styles):
    (points, index), is_perplexity = find_points(rows), report["kind"] == "perplexity"
    worst = report.get("worst", math.inf if is_perplexity else -math.inf)
    drawn = [row for row, value in points.items() if (value < worst) == is_perplexity]
    if not drawn or len({row.ranks for row in rows}) > 1:
        raise SystemExit(f"report.json: {report['name']} has no format, or several world sizes, to "
                         'plot; give "ranks", or "plot": false')
    raws = [row.values[0] for row in rows if row.family == "raw" and is_perplexity]
    raw = [value for value in raws if value is not None]  # one or none: one world size
    bits, values = [row.bits for row in drawn], [points[row] for row in drawn] + raw
    left, right = math.floor(min(bits) - 0.1), math.ceil(max(bits) + 0.1)
    low, high = min(values), max(values)
    pad = max((high / low) ** 0.06, 1.01) if is_perplexity else max((high - low) * 0.06, 0.1)
    low, high = (low / pad, high * pad) if is_perplexity else (low - pad, high + pad)
    x_axis = make_axis(left, right, LEFT, RIGHT, float)
    y_axis = make_axis(low, high, BOTTOM, TOP, math.log if is_perplexity else float)
    at = {row: (x_axis(row.bits), y_axis(points[row])) for row in drawn}
    titles = [report["title"], "wire bits per element", "perplexity (log scale)"]
    if len(drawn) < len(points):
        titles[1] += f" (not shown: {len(points) - len(drawn)} worse than {worst:g})"
    if not is_perplexity:
        titles[2] = "SQNR, dB" if index else "SQNR, dB, mean over sites"
    y_ticks = nice_ticks(low, high, is_perplexity)
    lines = axes(x_axis, range(left, right + 1), y_axis, y_ticks, titles)
    families = {row.family for row in drawn}
    lines += legend({k: v for k, v in styles.items() if k in families}, raw)
    best = [row for row in frontier(rows, report["kind"]) if row in at]
    obstacles = list(at.values())
    for a, b in zip(best, best[1:]):
        obstacles += between(at[a], at[b], 12)
    for y in map(y_axis, raw):
        lines.append(svg_line([(LEFT, y), (RIGHT, y)], DASHED))
        obstacles += between((LEFT, y), (RIGHT, y), 70)
    lines.append(svg_line([at[row] for row in best], SOLID))
    for row in drawn:
        title = f"{row.format}: {row.bits:.3f} bits, {points[row]:.3f}"
        lines.append(svg_marker(at[row], styles[row.family], title))
    lines += place_labels([(at[row], row.format) for row in best], obstacles)
    return "\n".join([SVG_HEAD] + lines + ["</svg>", ""])


def make_outputs(docs):
    """{path: text} of everything that the JSON gives."""
    folder, page, tables, outputs = docs / "accuracy", docs / "accuracy.md", {}, {}
    spec = load_json(folder / "report.json", "families reports")
    families = [["^raw$", "raw"]] + spec["families"]
    names = dict.fromkeys(["plain"] + [name for _, name in spec["families"]])
    styles = {name: STYLES[i % len(STYLES)] for i, name in enumerate(names)}
    for report in spec["reports"]:
        if (not NEEDED_KEYS <= set(report) <= NEEDED_KEYS | MORE_KEYS
                or report["kind"] not in ("perplexity", "sqnr", "position", "generate")):
            raise SystemExit(f"report.json: {report}: a key or the kind is wrong; see --help")
        found = {file: load_json(folder / f"{file}.json", "command commit device date output")
                 for file in report["files"]}
        if report["kind"] in ("position", "generate"):
            tables[report["name"]] = special_table(report, found)
            continue
        rows = read_rows(report, found, families)
        if report.get("table") != "none":
            tables[report["name"]] = table_text(report, rows, found)
        if report.get("plot", True):
            outputs[folder / f"{report['name']}.svg"] = plot_svg(report, rows, styles)
    return {page: fill_tables(page.read_text(), tables), **outputs}


def check(docs):
    outputs, differing = make_outputs(docs), 0
    for path in sorted(set(outputs) | set((docs / "accuracy").glob("*.svg"))):
        old, new = path.read_text() if path.exists() else "", outputs.get(path, "")
        if old != new:
            differing += 1
            print(f"{path.name} is not as the measurements give it:")
            diff = difflib.unified_diff(old.split("\n"), new.split("\n"), "found", "wanted", n=0)
            print(*[line.rstrip()[:120] for line in diff][:14], sep="\n")
    print(f"{len(outputs)} files, {differing} differ; `accuracy_report.py --write` makes them")
    return 1 if differing else 0


def plain_word(word):
    """An argument without this machine's paths: $FLC_DATA_DIR by name, others by their end."""
    name, value = re.fullmatch(r"(-[\w-]+=)?(.*)", word, re.S).groups()
    data = os.environ.get("FLC_DATA_DIR")
    if data and (value == data or value.startswith(data + "/")):
        value = "$FLC_DATA_DIR" + value[len(data):]
    elif value.startswith(("/", "./", "../", "~")) or "/" in value and os.path.exists(value):
        value = os.path.basename(value)
    word = (name or "") + value
    return shlex.quote(word) if re.search(r"[^\w@%+=:,./$-]", word) else word


def record(docs, name, command):
    if not re.fullmatch(r"[\w.-]+", name) or name == "report" or not command:
        raise SystemExit(f"--record {name}: wants a file's NAME, not 'report', and -- COMMAND")
    git = ["git", "-C", ROOT]
    try:
        changes = subprocess.check_output(git + ["status", "--porcelain", "--", ".", ":!docs"])
        commit = subprocess.check_output(git + ["rev-parse", "--short", "HEAD"], text=True).strip()
        output = json.loads(subprocess.check_output([os.path.expandvars(w) for w in command]))
        results = output["results"]
    except (OSError, subprocess.CalledProcessError, ValueError, TypeError, KeyError) as error:
        raise SystemExit(f"nothing recorded, wanted JSON with results: {error!r}") from None
    output = {k: os.path.basename(v) if isinstance(v, str) else v for k, v in output.items()}
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    about = {
        "command": " ".join([os.path.basename(command[0])] + [plain_word(w) for w in command[1:]]),
        "commit": commit + ("+changes" if changes else ""),
        "device": f"{cpu.group(1) if cpu else os.uname().machine}, {os.cpu_count()} cores",
        "date": time.strftime("%Y-%m-%d"),
        "output": dict(output, results=[]),
    }
    lines = ",\n   ".join(map(json.dumps, results))  # a result a line, for people and for diffs
    text = json.dumps(about, indent=1).replace('"results": []', f'"results": [\n   {lines}\n  ]')
    (docs / "accuracy" / f"{name}.json").write_text(text + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--check", action="store_true")
    mode.add_argument("--write", action="store_true")
    mode.add_argument("--record", metavar="NAME")
    parser.add_argument("--docs", type=pathlib.Path, default=ROOT / "docs", metavar="FOLDER")
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    options = parser.parse_args(sys.argv[1:split])
    if options.check:
        return check(options.docs)
    if options.record:
        return record(options.docs, options.record, sys.argv[split + 1:])
    for path, text in make_outputs(options.docs).items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
