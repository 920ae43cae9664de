"""What Checkov and auditor take for the checks that both have, as commands, on the same template or plan."""

import json
from pathlib import Path

from tests.benchmarks.measure import AUDITOR, run

SAME = {
    "key-rotation": ("CKV_AWS_7",),
    "access-logging": ("CKV_AWS_18",),
    "default-encryption": ("CKV_AWS_19",),
    "versioning-enabled": ("CKV_AWS_21",),
    "pitr-enabled": ("CKV_AWS_28",),
    "public-access-blocked": ("CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56"),
}
"""Rules, and the checks that ask the same of a resource."""


def compared(command: str, pipelines: Path, source: str, framework: str) -> str:
    """Return a sentence with the seconds of processor time that both programs take from start to end, and their ratio.

    Both write their report as JSON. `source` is `cloudformation:FILE` or `terraform:FILE`.
    """
    report = pipelines.parent / "report.json"
    words = [*AUDITOR, "audit", str(pipelines), "--source", source, "--quiet", "--no-history"]
    words += [word for rule in SAME for word in ("--select", rule)]
    ours = run([*words, "--format", "json", "--output", str(report)])
    totals = json.loads(report.read_text("utf-8"))["totals"] if ours.code in {0, 1} else {}
    if not totals.get("passed"):
        raise SystemExit(ours.err[-2000:])
    checks = ",".join(check for several in SAME.values() for check in several)
    file = source.partition(":")[2]
    words = [command, "-f", file, "--framework", framework, "-c", checks, "--skip-download", "--compact"]
    theirs = run([*words, "-o", "json"])
    if theirs.code not in {0, 1} or not json.loads(theirs.out).get("summary", {}).get("passed"):
        raise SystemExit(theirs.err[-2000:] or theirs.out[-2000:])
    return (
        f"the {len(SAME)} rules that Checkov has too, as commands: auditor {ours.cpu:.1f} s, {ours.peak:.0f} MiB; "
        f"checkov {theirs.cpu:.1f} s, {theirs.peak:.0f} MiB; {theirs.cpu / ours.cpu:.1f} times as long"
    )
