"""How long all rules take on snapshots of many pipelines: `python -m tests.benchmarks.judging [snapshots] [different]`.

So many different pipelines are read from the benchmark's server, one in ten of them mis-set, and judged again and again.
"""

import os
import sys
import time

from auditor.aws import Aws
from auditor.engine import evaluate
from auditor.pipeline import load
from auditor.predicates import PREDICATES
from auditor.rulebook import load as load_rules
from auditor.run import Settings, read
from tests.benchmarks.measure import world


def main(count, different):
    """Print the seconds of processor time, and what was found."""
    rules = tuple(load_rules(vet=False))
    with world(different, 0) as (folder, env, _):
        os.environ.update(env)
        with Aws() as aws:
            snapshots = list(read(tuple(load([folder / "pipelines.yaml"])), rules, Settings(), aws))
    begun, findings, failed = time.process_time(), 0, 0
    for number in range(count):
        found = evaluate(snapshots[number % different], rules, PREDICATES)
        findings += len(found)
        failed += sum(one.verdict.value == "fail" for one in found)
    print(f"{time.process_time() - begun:.2f} s, {findings} findings, {failed} failed")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, int(sys.argv[2]) if len(sys.argv) > 2 else 200)
