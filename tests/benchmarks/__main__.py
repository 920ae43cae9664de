"""Measure what a run costs and print it as a table: `python -m tests.benchmarks [--quick] [--write] [PART…]`.

`--write` puts the table into README.md beside this file, whose further sections stay; `--quick` goes through the same
motions with few pipelines, and its figures mean nothing; parts are `fleet`, `floor`, `judging`, `start`, `templates`.
"""

import argparse
import json
import os
import platform
import re
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from statistics import median

from tabulate import tabulate

from tests.benchmarks.calls import calls_of_all, calls_of_one
from tests.benchmarks.iam_decisions import decisions_a_second
from tests.benchmarks.measure import AUDITOR, FEW, run, usage, world

DELAY_MS = 40
"""What every call takes at the least, as between two Regions' distance from AWS."""

FULL = {"fleet": (10, 100, 1000, 3000), "floor": 500, "judging": (10_000, 200), "start": 7, "templates": 1000}
QUICK = {"fleet": (1, 2), "floor": 2, "judging": (4, 2), "start": 1, "templates": 2}


def audited(folder, env, url, *select):
    """Audit a fleet and return its cost, with the requests that the server counted."""
    words = [*AUDITOR, "audit", str(folder / "pipelines.yaml"), "--quiet", "--no-history"]
    words += ["--format", "json", "--output", str(folder / "report.json")]
    before = usage(url)["requests"]
    cost = run(words + [word for one in select for word in ("--select", one)], env)
    report = json.loads((folder / "report.json").read_text("utf-8")) if cost.code in {0, 1} else {}
    unknown = report.get("summary", {}).get("facets", {})
    if not report or unknown.get("read") != unknown.get("declared"):
        raise SystemExit(f"The fleet was not read: {cost.code} {cost.err[-2000:]}")
    return cost, usage(url)["requests"] - before


def fleet(counts):
    """Return rows about whole fleets, judged by all rules."""
    rows, peaks = [], {}
    for count in counts:
        with world(count, DELAY_MS) as (folder, env, url):
            cost, requests = audited(folder, env, url)
        peaks[count] = cost.peak
        print(f"{count}: {requests} calls, {cost}"[:200], file=sys.stderr, flush=True)
        rows.append(
            [
                f"All rules, {count} pipelines",
                f"{requests / count:.1f} calls a pipeline, {cost.wall:.1f} s, {cost.cpu:.1f} s CPU, {cost.peak:.0f} MiB",
                "under 200 MiB" if count == 1000 else "",
                cost.peak < 200 if count == 1000 else None,
            ]
        )
    few, many = counts[-2:]
    ratio = peaks[many] / peaks[few]
    rows.append([f"Memory at {many} pipelines to that at {few}", f"{ratio:.2f}", "under 1.2", ratio < 1.2])
    return rows


def floor(count):
    """Return rows that compare a run of the rules that need a few reads with the same reads by bare boto3."""
    with world(count, DELAY_MS) as (folder, env, url), tempfile.TemporaryDirectory() as other:
        kept = dict(os.environ)
        try:
            os.environ.update(env)
            one = calls_of_one(Path(other), {**env, "AWS_CONFIG_FILE": str(Path(other) / "aws")}, url, FEW)
        finally:
            os.environ.clear()
            os.environ.update(kept)
        (folder / "calls.json").write_text(json.dumps(calls_of_all(one, count)), "utf-8")
        before = usage(url)["requests"]
        bare = run([sys.executable, "-m", "tests.benchmarks.floor", str(folder / "calls.json")], env)
        if bare.code:
            raise SystemExit(bare.err[-2000:])
        bare_calls = usage(url)["requests"] - before
        ours, calls = audited(folder, env, url, *FEW)
    wall, cpu = ours.wall / bare.wall, ours.cpu / bare.cpu
    return [
        [
            f"Bare boto3, 32 threads, {count} pipelines, {len(one)} reads each",
            f"{bare_calls} calls, {bare.wall:.1f} s, {bare.cpu:.1f} s CPU, {bare.peak:.0f} MiB",
            "",
            None,
        ],
        [
            "auditor: the same reads, judged and reported",
            f"{calls} calls, {ours.wall:.1f} s, {ours.cpu:.1f} s CPU, {ours.peak:.0f} MiB",
            "",
            None,
        ],
        ["Wall time, auditor to boto3", f"{wall:.2f}", "at most 1.0", wall <= 1],
        ["CPU, auditor to boto3", f"{cpu:.2f}", "at most 0.8", cpu <= 0.8],
    ]


def judging(counts):
    """Return rows about judging alone."""
    words = [sys.executable, "-m", "tests.benchmarks.judging", *map(str, counts)]
    cost = run(words)
    if cost.code:
        raise SystemExit(cost.err[-2000:])
    seconds = float(cost.out.split()[0])
    return [
        [f"Snapshots of {counts[0]} pipelines, all rules, one core", cost.out.strip(), "under 30 s", seconds < 30],
        ["IAM decisions", f"{decisions_a_second(0.2 if counts[0] < 100 else 3.0):,.0f} a second", "", None],
    ]


def start(times):
    """Return rows about starting."""
    helped = median(run([*AUDITOR, "--help"]).wall for _ in range(times))
    with world(1, 0) as (folder, env, _):
        words = [*AUDITOR, "audit", str(folder / "pipelines.yaml"), "--quiet", "--no-history"]
        costs = [run(words, env) for _ in range(times)]
    first, spent = median(one.wall for one in costs), median(one.cpu for one in costs)
    return [
        ["auditor --help", f"{helped:.2f} s", "under 0.25 s", helped < 0.25],
        [
            "One pipeline to its findings, calls without delay",
            f"{first:.2f} s, {spent:.2f} s CPU",
            "under 1 s",
            first < 1,
        ],
    ]


def templates(count):
    """Return rows about a Terraform plan and CloudFormation templates that hold many pipelines."""
    rows = []
    for name, words in (
        ("A Terraform plan", ["plans", str(count), ""]),
        ("A CloudFormation template in JSON", ["cloudformation", str(count), "json"]),
        ("A CloudFormation template in YAML", ["cloudformation", str(count), "yaml"]),
    ):
        cost = run([sys.executable, "-m", f"tests.benchmarks.{words[0]}", *words[1:]])
        if cost.code:
            raise SystemExit(cost.err[-2000:])
        line = cost.out.splitlines()[0]
        seconds = sum(map(float, re.findall(r"(?:read|judged) ([\d.]+) s", line)))
        told = line.partition(": ")[2]
        rows.append([f"{name} of {count} pipelines", told, "under 10 s in all", seconds < 10])
    return rows


PARTS = {"fleet": fleet, "floor": floor, "judging": judging, "start": start, "templates": templates}


def table(rows):
    """Return the rows as a table in Markdown."""
    words = {True: "yes", False: "no", None: ""}
    shown = [[what, measured, target, words[met]] for what, measured, target, met in rows]
    return tabulate(shown, ["What", "Measured", "Target", "Met"], tablefmt="github")


def head():
    """Return the heading of the file: when and on what it was measured."""
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return (
        "# What a run costs\n\n"
        f"`make bench`, {datetime.now(timezone.utc):%Y-%m-%d}: Python {platform.python_version()} on {platform.machine()}, "
        f"{os.cpu_count()} cores, load average at the end {load}. Every call is answered {DELAY_MS} ms late by a server that "
        "repeats the stand-in's\nanswers (`answers.json`, recorded by `python -m tests.benchmarks.record`). Seconds depend on "
        "the machine and on what else it does: the\nratios do not. Times include starting Python.\n\n"
    )


def by_hand(text):
    """Return the sections of the file that are written by hand: they stay."""
    start = text.find("\n## ")
    return text[start:] if start >= 0 else ""


def main():
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("part", nargs="*", choices=[[], *PARTS], default=[])
    given = parser.parse_args()
    sizes = QUICK if given.quick else FULL
    rows = []
    for name in given.part or PARTS:
        print(f"{name} …", file=sys.stderr, flush=True)
        rows += PARTS[name](sizes[name])
        print(table(rows[-4:]), file=sys.stderr, flush=True)
    print(table(rows))
    if given.write:
        file = Path(__file__).parent / "README.md"
        file.write_text(head() + table(rows) + "\n" + by_hand(file.read_text("utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
