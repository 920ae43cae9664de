"""What Cloud Custodian and Prowler take for the same questions about the same fleet, and whether they answer the same.

Run: python -m tests.benchmarks.peers [pipelines] [--custodian COMMAND] [--prowler COMMAND]; a command that is not given is
left out. The peers look at one account that holds everything, which spares them a run for each account.
"""

import argparse
import json
import shutil
import sys

from tests.benchmarks.fleet import REGION
from tests.benchmarks.measure import AUDITOR, FEW, run, usage, world

DELAY_MS = 40
PROFILE = "production-00000000"

SOURCE = {"type": "value", "key": "Name", "op": "glob", "value": "*-export"}
CREATED = "contains(Events,'s3:ObjectCreated:*') || contains(Events,'s3:ObjectCreated:CompleteMultipartUpload')"


def _value(key, op, value, kind="value"):
    return {"type": kind, "key": key, "op": op, "value": value}


def _rules_not(test):
    return f"length(Replication.ReplicationConfiguration.Rules[?{test}] || `[]`)"


POLICIES = {
    "pitr-enabled": (
        "dynamodb-table",
        [_value("PointInTimeRecoveryDescription.PointInTimeRecoveryStatus", "ne", "ENABLED", "continuous-backup")],
    ),
    "table-deletion-protection": ("dynamodb-table", [_value("DeletionProtectionEnabled", "ne", True)]),
    "versioning-enabled": ("s3", [_value("Versioning.Status", "ne", "Enabled")]),
    "replication-configured": ("s3", [SOURCE, _value(_rules_not("Status=='Enabled'"), "eq", 0)]),
    "replication-delete-markers": (
        "s3",
        [SOURCE, _value(_rules_not("DeleteMarkerReplication.Status!='Enabled'"), "gt", 0)],
    ),
    "replication-time-control": (
        "s3",
        [SOURCE, _value(_rules_not("Destination.ReplicationTime.Status!='Enabled'"), "gt", 0)],
    ),
    "replication-metrics": ("s3", [SOURCE, _value(_rules_not("Destination.Metrics.Status!='Enabled'"), "gt", 0)]),
    "notification-hears-exports": (
        "s3",
        [SOURCE, _value(f"length(Notification.LambdaFunctionConfigurations[?{CREATED}] || `[]`)", "eq", 0)],
    ),
    "replication-role-trust": (
        "iam-role",
        [
            _value("RoleName", "glob", "*-replication"),
            _value(
                "length(AssumeRolePolicyDocument.Statement[?Principal.Service=='s3.amazonaws.com'] || `[]`)", "eq", 0
            ),
        ],
    ),
}
"""For each rule the kind of resource that Custodian looks at, and the filters that what is wrong passes."""

CHECKS = {
    "dynamodb_tables_pitr_enabled": "pitr-enabled",
    "dynamodb_table_deletion_protection_enabled": "table-deletion-protection",
    "s3_bucket_object_versioning": "versioning-enabled",
}
"""Prowler's checks that ask what a rule asks; its checks of replication and notification ask other things."""

_QUICK = {"query": [{"augment-keys": ["Versioning", "Replication", "Notification"]}]}
"""What tells Custodian to read of a bucket only what these policies look at (by default it reads ten things)."""


def auditor(folder, env):
    """Return the cost of auditor's run, and what it says has failed: names of resources by rule."""
    words = [*AUDITOR, "audit", str(folder / "pipelines.yaml"), "--quiet", "--no-history"]
    words += ["--format", "json", "--output", str(folder / "report.json")]
    cost = run(words + [word for rule in FEW for word in ("--select", rule)], env)
    if cost.code not in {0, 1}:
        raise SystemExit(cost.err[-2000:])
    report = json.loads((folder / "report.json").read_text("utf-8"))
    return cost, _by_rule(
        (one["rule"], one["resource"]["id"]) for one in report["findings"] if one["verdict"] == "fail"
    )


def custodian(folder, env, command, quick=False):
    """Return the same of Cloud Custodian, with nothing in its cache; `quick` makes it read less than by default."""
    out = folder / f"custodian-{quick}"
    policies = [
        {"name": rule, "resource": f"aws.{kind}", "filters": filters, **(_QUICK if quick and kind == "s3" else {})}
        for rule, (kind, filters) in POLICIES.items()
    ]
    file = folder / f"policies-{quick}.json"
    file.write_text(json.dumps({"policies": policies}), "utf-8")
    words = [command, "run", "-s", str(out), "--region", REGION, "-f", str(out) + ".cache", str(file)]
    cost = run(words, env)
    if cost.code:
        raise SystemExit(cost.err[-2000:])
    found = {rule: json.loads((out / rule / "resources.json").read_text("utf-8")) for rule in POLICIES}
    named = (
        (rule, one.get("Name") or one.get("TableName") or one["RoleName"]) for rule in found for one in found[rule]
    )
    return cost, _by_rule(named)


def prowler(folder, env, command):
    """Return the same of Prowler."""
    words = [command, "aws", "-p", PROFILE, "-f", REGION, "-c", *CHECKS, "--no-banner", "--log-level", "CRITICAL"]
    cost = run([*words, "-M", "json-ocsf", "-o", str(folder / "prowler"), "-F", "out"], env)
    if cost.code not in {0, 3}:
        raise SystemExit(cost.out[-2000:] + cost.err[-2000:])
    told = json.loads((folder / "prowler" / "out.ocsf.json").read_text("utf-8"))
    failed = [one for one in told if one["status_code"] == "FAIL"]
    return cost, _by_rule((CHECKS[one["metadata"]["event_code"]], one["resources"][0]["name"]) for one in failed)


def _by_rule(pairs):
    found = {}
    for rule, name in pairs:
        found.setdefault(rule, set()).add(name)
    return found


def compared(pipelines, programs):
    """Yield for each program its name, cost, calls and the rules about which it says something else than auditor does."""
    ours = None
    for name, (whole, rules, program) in programs.items():
        with world(pipelines, DELAY_MS, whole=whole) as (folder, env, url):
            env |= {"HOME": str(folder)}
            if whole:
                env |= {"AWS_PROFILE": PROFILE, "AWS_DEFAULT_REGION": REGION}
            cost, failed = program(folder, env)
            calls = usage(url)["requests"]
        ours = failed if ours is None else ours
        yield name, cost, calls, sorted(rule for rule in rules if failed.get(rule) != ours.get(rule))


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.peers", description=__doc__)
    parser.add_argument("pipelines", nargs="?", type=int, default=500)
    parser.add_argument("--custodian", default=shutil.which("custodian"))
    parser.add_argument("--prowler", default=shutil.which("prowler"))
    given = parser.parse_args()
    programs = {"auditor": (False, FEW, auditor)}
    if given.custodian:
        programs["Cloud Custodian, as it comes"] = (True, POLICIES, lambda *at: custodian(*at, given.custodian))
        programs["Cloud Custodian, reading less"] = (True, POLICIES, lambda *at: custodian(*at, given.custodian, True))
    if given.prowler:
        programs["Prowler"] = (True, CHECKS.values(), lambda *at: prowler(*at, given.prowler))
    for name in ("custodian", "prowler"):
        if not getattr(given, name):
            print(f"{name} is left out: name its command with --{name}.", file=sys.stderr)
    first = None
    print(f"{given.pipelines} pipelines, {DELAY_MS} ms a call")
    for name, cost, calls, other in compared(given.pipelines, programs):
        first = first or cost
        ratio = f"wall {cost.wall / first.wall:.1f} and CPU {cost.cpu / first.cpu:.1f} times auditor's"
        verdicts = "the same verdicts" if not other else f"other verdicts of {', '.join(other)}"
        print(
            f"{name}: {cost.wall:.1f} s, {cost.cpu:.1f} s CPU, {cost.peak:.0f} MiB, {calls} calls; {ratio}; {verdicts}",
            flush=True,
        )


if __name__ == "__main__":
    main()
