"""What is fuzzed: each reader with the files it begins from, and how a spoilt file is given to it."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from auditor.errors import AuditorError
from auditor.files import parse_json, parse_yaml, read_text
from auditor.iam import Policies, Policy, PolicyError, Request, decide, is_public, problems
from auditor.kinds.documents import normal_policy, parsed
from auditor.kinds.event_patterns import matches, object_created
from auditor.model import Account, Unread
from auditor.pipeline import parse as parse_pipelines
from auditor.remedy import load as load_plan
from auditor.remedy.change import digest_of
from auditor.remedy.journal import find
from auditor.rulebook import read as read_rule
from auditor.rulebook.packs import read_pack
from auditor.sources import cloudformation, saved, terraform
from auditor.waivers import Baseline
from tests.plans.orders import stack
from tests.remedy import world

ROOT = Path(__file__).parents[2]
EXPECTED = (AuditorError, PolicyError)
"""What a reader may raise; anything else is a finding of the fuzzer."""

_ACCOUNT = Account("production", "111122223333", "ap-northeast-1")
_OPTIONS = SimpleNamespace(parameters={}, parameter_files=(), terraform_dir="")
_ID = re.compile(r"""^\{?"?id"?: "?([a-z-]+)""")
_RUN = "20260101T000000000000Z-0badcafe"


@dataclass(frozen=True)
class Target:
    """A reader: the files it begins from, and what reads one; `file` says under which name in a folder of its own."""

    seeds: Callable[[], list[bytes]]
    read: Callable[[Path], object]
    file: str


def _texts(*patterns: str, largest: int = 12_000) -> list[bytes]:
    found = [one for pattern in patterns for one in sorted(ROOT.glob(pattern)) if one.stat().st_size <= largest]
    assert found, patterns
    return [one.read_bytes() for one in found]


def _yaml(path: Path) -> object:
    return parse_yaml(read_text(path), "f")


def _json(path: Path) -> object:
    text = read_text(path)
    return parse_json(text, "f"), parse_json(text, "f", places=False)


def _rule(path: Path) -> object:
    text = read_text(path)
    named = _ID.search(text)
    return read_rule(parse_yaml(text, f"{named[1] if named else 'f'}.yaml"))


def _pipeline(path: Path) -> object:
    return parse_pipelines(read_text(path), "f")


def _policies() -> list[bytes]:
    bucket = "arn:aws:s3:::orders-export"
    return [
        json.dumps({"Version": "2012-10-17", "Statement": statement}).encode()
        for statement in (
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
            [
                {
                    "Sid": "One",
                    "Effect": "Allow",
                    "Principal": {"AWS": "arn:aws:iam::111122223333:role/r", "Service": ["s3.amazonaws.com"]},
                    "Action": ["s3:PutObject", "s3:Get*"],
                    "Resource": [bucket, f"{bucket}/exports/*"],
                    "Condition": {
                        "ArnLike": {"aws:SourceArn": bucket},
                        "StringEquals": {"aws:SourceAccount": "111122223333"},
                        "IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "2001:db8::/32"]},
                        "ForAllValues:StringLikeIfExists": {"aws:TagKeys": ["a*", "${aws:username}"]},
                        "NumericLessThan": {"s3:max-keys": "10"},
                        "DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"},
                        "BinaryEquals": {"x:y": "QUFB"},
                        "Null": {"aws:x": "true"},
                    },
                },
                {"Effect": "Deny", "NotPrincipal": "*", "NotAction": "s3:Get*", "NotResource": "*"},
            ],
        )
    ]


def _policy(path: Path) -> object:
    text = read_text(path)
    document = parsed(text, "The policy")
    normal_policy(document)
    policy = Policy.parse(text, "policy")
    for principal in ("arn:aws:iam::111122223333:role/r", "s3.amazonaws.com", "*"):
        request = Request(principal, "s3:PutObject", "arn:aws:s3:::orders-export/exports/x")
        decide(request, Policies.of(identity=[policy], resource=policy))
    return is_public(policy), problems(text, "resource")


def _template(path: Path) -> object:
    return cloudformation.everything(path, _OPTIONS, _ACCOUNT), cloudformation.propose(path, _OPTIONS, _ACCOUNT)


def _plan_of_terraform(path: Path) -> object:
    return terraform.everything(path, _OPTIONS, _ACCOUNT), terraform.propose(path, _OPTIONS, _ACCOUNT)


def _sealed(path: Path, digest: Callable[[dict], object]) -> None:
    """Put the right digest on a spoilt file, as its forger would."""
    try:
        content = json.loads(path.read_bytes())
        path.write_text(json.dumps(content | {"digest": digest(content)}, ensure_ascii=False), encoding="utf-8")
    except (ValueError, TypeError, AttributeError, RecursionError):
        return


def _body(content: dict) -> dict:
    return {name: part for name, part in content.items() if name != "digest"}


def _snapshots() -> list[bytes]:
    bucket = {"Versioning": {"Status": "Enabled"}, "Replication": None, "Policy": {"Statement": []}}
    one = world.snapshot(
        {"source_bucket": bucket, "replication_role": {"Role": {"Arn": "arn:aws:iam::1:role/r"}}},
        unread={"table": {"ContinuousBackups": Unread("AccessDenied", "dynamodb:DescribeContinuousBackups", "no")}},
    )
    return [saved.dumps([one]).encode()]


def _snapshot(path: Path) -> object:
    _sealed(path, saved.digest)
    return saved.load(path)


def _plan(path: Path) -> object:
    _sealed(path, lambda content: digest_of(_whole(content)))
    return load_plan(path)


def _whole(content: dict) -> dict:
    for change in content.get("changes") or []:
        change["digest"] = digest_of(_body(change))
    return _body(content)


def _journal(path: Path) -> object:
    last, lines = "0" * 64, []
    try:
        for line in path.read_bytes().split(b"\n"):
            if line:
                content = json.loads(line) | {"previous": last}
                if isinstance(content.get("plan"), dict):
                    content["plan"]["digest"] = digest_of(_whole(content["plan"]))
                last = digest_of(_body(content))
                lines.append(json.dumps(content | {"digest": last}, ensure_ascii=False))
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except (ValueError, TypeError, RecursionError, AttributeError):
        pass
    run = find(_RUN, path.parent.parent)
    return run.state, run.wrote, run.undoing, run.started_at


def _journals() -> list[bytes]:
    [text] = _texts("reports/examples/journal-v1.jsonl", largest=100_000)
    first = json.loads(text.split(b"\n")[0])
    return [text.replace(first["run"].encode(), _RUN.encode())]


def _patterns(path: Path) -> object:
    event = object_created({"Name": "b"}, "exports/x", "CompleteMultipartUpload")
    return matches(parse_json(read_text(path), "f").value, event)


TARGETS = {
    "yaml": Target(lambda: _texts("tests/pipelines/orders.yaml", "tests/templates/gate/*.yaml"), _yaml, "f.yaml"),
    "json": Target(lambda: _texts("reports/examples/baseline-v1.json", "rules/schema/pack.json"), _json, "f.json"),
    "pipeline": Target(
        lambda: _texts("tests/pipelines/orders.yaml", "tests/templates/gate/pipeline.yaml"), _pipeline, "p.yaml"
    ),
    "rule": Target(lambda: _texts("rules/*/*.yaml", largest=5_000), _rule, "r.yaml"),
    "pack": Target(
        lambda: [b"name: pack\nversion: 1.0.0\nauditor: '>=0.1'\ndefaults: {severity: high, tags: [a]}\n"],
        read_pack,
        "pack.yaml",
    ),
    "policy": Target(_policies, _policy, "policy.json"),
    "pattern": Target(
        lambda: [
            b'{"source": ["aws.s3"], "detail": {"bucket": {"name": [{"prefix": "b"}, {"anything-but": ["x"]}]}, "object": {"size": [{"numeric": [">", 1, "<=", 9]}], "key": [{"wildcard": "a*b*"}]}}, "$or": [{"a": [{"exists": true}]}]}'
        ],
        _patterns,
        "e.json",
    ),
    "cloudformation": Target(
        lambda: _texts("tests/templates/gate/production.yaml", "tests/templates/gate/analytics.yaml"),
        _template,
        "t.yaml",
    ),
    "terraform": Target(lambda: [json.dumps(stack().plan()).encode()], _plan_of_terraform, "plan.json"),
    "snapshot": Target(_snapshots, _snapshot, "s.json"),
    "plan": Target(lambda: _texts("reports/examples/plan-v1.json", largest=100_000), _plan, "plan.json"),
    "journal": Target(_journals, _journal, f"runs/{_RUN}.jsonl"),
    "baseline": Target(lambda: _texts("reports/examples/baseline-v1.json"), Baseline.load, "b.json"),
}


@functools.cache
def seeds(name: str) -> tuple[bytes, ...]:
    """Return a target's own seeds, and the same trees as JSON where they are YAML, so that trees can be spoilt."""
    own = TARGETS[name].seeds()
    more = []
    if TARGETS[name].file.endswith(".yaml"):
        for text in own:
            try:
                more.append(json.dumps(parse_yaml(text.decode(), "f").value, ensure_ascii=False).encode())
            except (AuditorError, TypeError):
                continue
    return (*own, *more)


def reads(name: str, content: bytes, folder: Path) -> str:
    """Give a file's content to a reader; return `read` or `refused`. Anything that is not expected is raised."""
    target = TARGETS[name]
    path = folder / target.file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    try:
        target.read(path)
    except EXPECTED:
        return "refused"
    return "read"
