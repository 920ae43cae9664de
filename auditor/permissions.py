"""The least IAM policy that a run needs, per account, derived from the facet tables."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from auditor.kinds import KINDS, target_of, wanted
from auditor.kinds.facet import Target
from auditor.model import Json, Node, Pipeline
from auditor.rule import Rule
from auditor.rulebook import wanted_facets

EVERYTHING = "*"
# Actions that AWS does not scope to the resource a facet belongs to: to the objects of a bucket, to the exports of a
# table, to managed policies of any account, or to nothing at all (Service Authorization Reference).
_NARROWED: Mapping[str, str] = {
    "s3:GetObject": "{arn}/*",
    "s3:GetObjectVersion": "{arn}/*",
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


def policies(pipelines: Iterable[Pipeline], rules: Iterable[Rule], *, to_fix: bool = False) -> Mapping[str, Json]:
    """Return, by account id, the IAM policy document with exactly the actions that reading (and with `to_fix` writing) needs.

    `sts:GetCallerIdentity`, which every run begins with, needs no permission.
    """
    book = tuple(rules)
    wanted: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for pipeline in pipelines:
        for node, action in _actions(pipeline, book, to_fix=to_fix):
            wanted[node.account.id][_scope(action, node)].add(action)
    return {account: _document(scopes) for account, scopes in sorted(wanted.items())}


def _actions(pipeline: Pipeline, rules: tuple[Rule, ...], *, to_fix: bool) -> Iterator[tuple[Node, str]]:
    for name, facet in wanted_facets(rules, pipeline, to_fix=to_fix):
        node = pipeline.nodes[name]
        # What is only considered may be refused: nobody has to grant it.
        if wanted(node, facet, pipeline.intent) == "require":
            for action in KINDS[node.kind].facets[facet].permissions:
                yield node, action
    if to_fix:
        for rule in rules:
            yield from _writes(rule, pipeline)


def _writes(rule: Rule, pipeline: Pipeline) -> Iterator[tuple[Node, str]]:
    for subject in rule.subjects:
        if subject not in pipeline.nodes or any(one not in pipeline.nodes for one in rule.required):
            continue
        for edit in rule.fix.edits if rule.fix else ():
            node = pipeline.nodes.get(edit.node or subject)
            if node is None or edit.facet not in KINDS[node.kind].facets:
                continue
            for action in KINDS[node.kind].facets[edit.facet].write_permissions:
                # PutBucketReplication and CreateJob hand a role to S3, which asks iam:PassRole on the role.
                passed = pipeline.nodes.get("replication_role") if action == "iam:PassRole" else node
                yield passed or node, action


def _scope(action: str, node: Node) -> str:
    target: Target = target_of(node)
    arn = KINDS[node.kind].resource_arn(target)
    pattern = _NARROWED.get(action, "{arn}")
    return pattern.format(arn=arn, account=node.account.id, partition=node.account.partition)


def _document(scopes: Mapping[str, set[str]]) -> Json:
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for scope, actions in scopes.items():
        groups[tuple(sorted(actions))].append(scope)
    statements = [
        {"Effect": "Allow", "Action": list(actions), "Resource": sorted(resources)}
        for actions, resources in sorted(groups.items())
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def as_json(documents: Mapping[str, Json]) -> str:
    """Return the documents as one JSON object keyed by account id."""
    return json.dumps(documents, indent=2)


def as_terraform(documents: Mapping[str, Json]) -> str:
    """Return one `aws_iam_policy` an account, for the provider of that account."""
    return "\n".join(
        f'resource "aws_iam_policy" "auditor_{account}" {{\n  name   = "auditor"\n  policy = jsonencode({_hcl(document)})\n}}\n'
        for account, document in documents.items()
    )


def as_cloudformation(documents: Mapping[str, Json]) -> str:
    """Return one template an account, as YAML documents; each goes to a stack of its own account."""
    parts = []
    for account, document in documents.items():
        body = json.dumps(document, indent=2).replace("\n", "\n      ")
        parts.append(
            f"# account {account}\nAWSTemplateFormatVersion: '2010-09-09'\nResources:\n  AuditorPolicy:\n"
            f"    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      ManagedPolicyName: auditor\n      PolicyDocument: {body}\n"
        )
    return "---\n".join(parts)


def _hcl(document: Json) -> str:
    text = json.dumps(document, indent=2).replace("\n", "\n  ")
    return re.sub(r'"(\w+)":', r"\1 =", text).replace("${", "$${")


FORMATS = {"json": as_json, "terraform": as_terraform, "cloudformation": as_cloudformation}
