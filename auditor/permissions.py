"""The least IAM policy that a run needs, per account, derived from the facet tables."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from auditor.kinds import KINDS, target_of, wanted
from auditor.kinds.facet import Target
from auditor.kinds.names import is_arn, resource_of
from auditor.model import Json, Node, Pipeline
from auditor.rule import Rule
from auditor.rulebook import wanted_facets

EVERYTHING = "*"
# Actions that AWS does not scope to the resource a facet belongs to: to the objects of a bucket, to the exports of a
# table, to managed policies of any account, or to nothing at all (Service Authorization Reference).
_NARROWED: Mapping[str, str] = {
    "s3:GetObject": "{arn}/{exports}*",
    "s3:GetObjectVersion": "{arn}/{exports}*",
    "s3:GetAccountPublicAccessBlock": EVERYTHING,
    "s3:ListJobs": EVERYTHING,
    "s3:CreateJob": EVERYTHING,
    "s3:DescribeJob": "arn:{partition}:s3:*:{account}:job/*",
    "s3:UpdateJobStatus": "arn:{partition}:s3:*:{account}:job/*",
    "dynamodb:DescribeExport": "{arn}/export/*",
    "iam:GetPolicy": "arn:{partition}:iam::*:policy/*",
    "iam:GetPolicyVersion": "arn:{partition}:iam::*:policy/*",
    "organizations:DescribeOrganization": EVERYTHING,
    "organizations:ListParents": EVERYTHING,
    "organizations:ListPoliciesForTarget": EVERYTHING,
    "organizations:DescribePolicy": EVERYTHING,
    "cloudwatch:ListMetrics": EVERYTHING,
    "cloudwatch:GetMetricData": EVERYTHING,
    "cloudwatch:DescribeAlarms": "arn:{partition}:cloudwatch:*:{account}:alarm:*",
}
# Facets whose write hands a role to a service, which asks iam:PassRole on the role.
_PASSED_TO: Mapping[str, str] = {
    "Replication": "s3.amazonaws.com",
    "ReplicationJobs": "batchoperations.s3.amazonaws.com",
}
_LARGEST = 6_144
"""Characters of a managed policy without white space (IAM quotas)."""


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """An action on a resource (as a pattern), in an account; `passed_to` is the service that PassRole hands the role to."""

    account: str
    action: str
    resource: str
    passed_to: str = ""


def policies(
    pipelines: Iterable[Pipeline], rules: Iterable[Rule], *, to_fix: bool = False, more: Iterable[Permission] = ()
) -> Mapping[str, Json]:
    """Return, by account id, the IAM policy document with exactly the actions that reading (and with `to_fix` writing) needs.

    `sts:GetCallerIdentity`, which every run begins with, needs no permission. `more` is granted besides.
    """
    book = tuple(rules)
    needed = {*more, *(one for pipeline in pipelines for one in _needed(pipeline, book, to_fix=to_fix))}
    accounts = sorted({one.account for one in needed})
    return {account: _document(one for one in needed if one.account == account) for account in accounts}


def _needed(pipeline: Pipeline, rules: tuple[Rule, ...], *, to_fix: bool) -> Iterator[Permission]:
    for name, facet in wanted_facets(rules, pipeline, to_fix=to_fix):
        node = pipeline.nodes[name]
        # What is only considered may be refused: nobody has to grant it.
        if wanted(node, facet, pipeline.intent) == "require":
            for action in KINDS[node.kind].facets[facet].permissions:
                yield from on(node, action, pipeline)
    if to_fix:
        for rule in rules:
            yield from _writes(rule, pipeline)


def _writes(rule: Rule, pipeline: Pipeline) -> Iterator[Permission]:
    for subject in rule.subjects:
        if subject not in pipeline.nodes or any(one not in pipeline.nodes for one in rule.required):
            continue
        for edit in rule.fix.edits if rule.fix else ():
            node = pipeline.nodes.get(edit.node or subject)
            if node is None or edit.facet not in KINDS[node.kind].facets:
                continue
            for action in KINDS[node.kind].facets[edit.facet].write_permissions:
                passed = pipeline.nodes.get("replication_role") if action == "iam:PassRole" else None
                yield from on(passed or node, action, pipeline, _PASSED_TO.get(edit.facet, "") if passed else "")


def on(node: Node, action: str, pipeline: Pipeline, passed_to: str = "") -> Iterator[Permission]:
    """Yield what lets an action be done at a node."""
    for resource in _resources(action, node, pipeline):
        yield Permission(node.account.id, action, resource, passed_to)


def _resources(action: str, node: Node, pipeline: Pipeline) -> tuple[str, ...]:
    target: Target = target_of(node, pipeline)
    kind, account = KINDS[node.kind], node.account
    arn, known = kind.resource_arn(target), kind.attributes(target)
    if action in _NARROWED:
        words = {"arn": arn, "account": account.id, "partition": account.partition}
        return (_NARROWED[action].format(exports=known.get("ExportPrefix", ""), **words),)
    service = action.partition(":")[0]
    if service == "kms" and node.kind != "kms.key":
        # The key of a queue or topic is known only after reading.
        return (f"arn:{account.partition}:kms:{target.region}:{account.id}:key/*",)
    if node.kind == "events.rule" and service != "events":
        # The targets of a rule are known only after reading.
        name = "function:*" if service == "lambda" else "*"
        return (f"arn:{account.partition}:{service}:{target.region}:{account.id}:{name}",)
    if node.kind == "iam.role" and service == "iam":
        return _role(node)
    if node.kind == "glue.table" and service == "glue":
        # Glue asks for the catalog and the database of a table as well.
        head, _, path = arn.partition(":table/")
        return f"{head}:catalog", f"{head}:database/{path.partition('/')[0]}", arn
    return (arn,)


def _role(node: Node) -> tuple[str, ...]:
    """Return a role's ARN; its path is known only after reading, where it is not declared."""
    if is_arn(node.id):
        return (node.id,)
    name = resource_of(node.id)
    head = f"arn:{node.account.partition}:iam::{node.account.id}:role"
    return (f"{head}/{name}",) if "/" in name else (f"{head}/{name}", f"{head}/*/{name}")


def _document(permissions: Iterable[Permission]) -> Json:
    scopes: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in permissions:
        scopes[one.resource, one.passed_to].add(one.action)
    groups: dict[tuple[tuple[str, ...], str], list[str]] = defaultdict(list)
    for (resource, passed_to), actions in scopes.items():
        groups[tuple(sorted(actions)), passed_to].append(resource)
    statements = [
        _statement(actions, sorted(resources), passed_to) for (actions, passed_to), resources in sorted(groups.items())
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def _statement(actions: Iterable[str], resources: list[str], passed_to: str) -> Json:
    condition = {"Condition": {"StringEquals": {"iam:PassedToService": passed_to}}} if passed_to else {}
    return {"Effect": "Allow", "Action": list(actions), "Resource": resources, **condition}


def as_json(documents: Mapping[str, Json]) -> str:
    """Return the documents as one JSON object keyed by account id."""
    return json.dumps(documents, indent=2)


def as_terraform(documents: Mapping[str, Json]) -> str:
    """Return one `aws_iam_policy` an account (several where one would be too large), for the provider of that account."""
    return "\n".join(
        f'resource "aws_iam_policy" "{_name(number, "auditor_" + account, "_")}" {{\n'
        f'  name   = "{_name(number, "auditor", "-")}"\n  policy = jsonencode({_hcl(part)})\n}}\n'
        for account, document in documents.items()
        for number, part in enumerate(parts(document))
    )


def as_cloudformation(documents: Mapping[str, Json]) -> str:
    """Return one template an account, as YAML documents; each goes to a stack of its own account."""
    return "---\n".join(_template(account, parts(document)) for account, document in documents.items())


def _template(account: str, bodies: tuple[Json, ...]) -> str:
    lines = [f"# account {account}", "AWSTemplateFormatVersion: '2010-09-09'", "Resources:"]
    for number, part in enumerate(bodies):
        body = json.dumps(part, indent=2).replace("\n", "\n        ")
        lines += [
            f"  {_name(number, 'AuditorPolicy', '')}:",
            "    Type: AWS::IAM::ManagedPolicy",
            "    Properties:",
            f"      ManagedPolicyName: {_name(number, 'auditor', '-')}",
            f"      PolicyDocument: {body}",
        ]
    return "\n".join(lines) + "\n"


def _name(number: int, name: str, joint: str) -> str:
    return name if number == 0 else f"{name}{joint}{number + 1}"


def parts(document: Json) -> tuple[Json, ...]:
    """Return the document as managed policies of at most 6,144 characters each, which together say the same."""
    made: list[list[Json]] = [[]]
    for statement in _pieces(document["Statement"]):
        if made[-1] and _size([*made[-1], statement]) > _LARGEST:
            made.append([])
        made[-1].append(statement)
    return tuple({**document, "Statement": statements} for statements in made)


def _pieces(statements: Iterable[Json]) -> Iterator[Json]:
    for statement in statements:
        resources, size = statement["Resource"], len(statement["Resource"])
        while size > 1 and _size([{**statement, "Resource": resources[:size]}]) > _LARGEST:
            size //= 2
        yield from ({**statement, "Resource": resources[at : at + size]} for at in range(0, len(resources), size))


def _size(statements: list[Json]) -> int:
    return len(json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":")))


def _hcl(document: Json) -> str:
    text = json.dumps(document, indent=2).replace("\n", "\n  ")
    return (
        re.sub(r'"(\w+)":', r"\1 =", text)
        .replace('"iam:PassedToService":', '"iam:PassedToService" =')
        .replace("${", "$${")
    )


FORMATS = {"json": as_json, "terraform": as_terraform, "cloudformation": as_cloudformation}
