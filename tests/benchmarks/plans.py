"""How long a Terraform plan of 1,000 pipelines takes to be read and judged, how much memory, and what Checkov takes.

Run: python -m tests.benchmarks.plans [pipelines] [checkov's command]
"""

from __future__ import annotations

import json
import re
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

from auditor import sources
from auditor.engine import evaluate
from auditor.pipeline import parse
from auditor.predicates import PREDICATES
from auditor.rulebook import load, wanted_facets
from auditor.run import Settings
from tests.benchmarks.checkov import compared
from tests.plans.orders import PIPELINE, stack

_LABELS = "source|destination|production_logs|analytics_logs|orders|exporter|replication|consumer|failures"
_NAMES = ("my-table", "export-job", "on-export", "replication-source-role")


def numbered(text, number):
    """Return a plan's text with its names and addresses told apart by a number."""
    text = re.sub(
        r"orders-(export|analytics|production-logs|analytics-logs|replication-failures)", rf"orders-{number}-\1", text
    )
    for name in _NAMES:
        text = text.replace(name, f"{name}-{number}")
    text = text.replace('policy/replication"', f'policy/replication_{number}"')
    text = re.sub(rf"(aws_[a-z0-9_]+)\.({_LABELS})\b", rf"\1.\2_{number}", text)
    return re.sub(rf'"name": "({_LABELS})"', rf'"name": "\1_{number}"', text)


def plan(count):
    """Return a plan of many pipelines, as it stands after apply."""
    made = stack().plan()
    parts = (
        (made, "resource_changes"),
        (made["planned_values"]["root_module"], "resources"),
        (made["configuration"]["root_module"], "resources"),
    )
    for whole, name in parts:
        text = json.dumps(whole[name])
        whole[name] = [one for number in range(count) for one in json.loads(numbered(text, number))]
    return made


def pipelines(count):
    """Return the pipelines of such a plan."""
    head, body = PIPELINE.split("  orders:\n")
    return head + "".join(f"  orders-{number}:\n{numbered(body, number)}" for number in range(count))


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rules = load(vet=False)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plan.json"
        file.write_text(json.dumps(plan(count)))
        listed = parse(pipelines(count), "pipelines.yaml")
        needs = {one.name: wanted_facets(rules, one) for one in listed}
        began = time.process_time()
        snapshots = list(sources.read(listed, needs, [f"terraform:{file}"], aws=None, options=Settings()))
        read = time.process_time() - began
        began = time.process_time()
        failed = sum(
            one.verdict.value in {"fail", "unknown"} for each in snapshots for one in evaluate(each, rules, PREDICATES)
        )
        judged = time.process_time() - began
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        size = file.stat().st_size / 1e6
        print(
            f"{count} pipelines, {size:.0f} MB: read {read:.1f} s, judged {judged:.1f} s, {memory:.0f} MiB, {failed} findings"
        )
        checkov = sys.argv[2] if len(sys.argv) > 2 else shutil.which("checkov")
        if checkov:
            listed = Path(folder) / "pipelines.yaml"
            listed.write_text(pipelines(count))
            print(compared(checkov, listed, f"terraform:{file}", "terraform_plan"))


if __name__ == "__main__":
    main()
