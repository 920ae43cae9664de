"""Laws of templates: whatever stands in one, reading ends; and what is known while a condition is open holds either way."""

from __future__ import annotations

import copy
import functools
import json
import tempfile
from pathlib import Path
from types import SimpleNamespace

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from auditor.engine import evaluate
from auditor.errors import SourceError
from auditor.kinds import KINDS
from auditor.kinds.cloudformation import SPELLINGS
from auditor.model import Account, Node, Pipeline, Unread
from auditor.pipeline import load as load_pipelines
from auditor.predicates import PREDICATES
from auditor.rulebook import load as load_rules
from auditor.rulebook import wanted_facets
from auditor.sources import cloudformation
from auditor.sources.cloudformation_template import parse

ACCOUNT = Account("production", "111122223333", "ap-northeast-1")
WORDS = st.sampled_from(
    [
        "Enabled",
        "Disabled",
        "exports/",
        "orders-export",
        "arn:aws:s3:::x",
        "7",
        "true",
        "",
        "Open",
        "Bucket",
        "AWS::Region",
    ]
)
NAMES = st.sampled_from(
    [
        *("Rules", "Status", "Id", "Prefix", "Filter", "And", "TagFilters", "Destination", "Bucket", "Role", "Event"),
        *("ExpirationInDays", "Transitions", "Function", "LambdaConfigurations", "S3Key", "Statement", "Principal"),
        *("EventBridgeConfiguration", "EventBridgeEnabled", "ServerSideEncryptionConfiguration", "Policies", "Key"),
    ]
)
FUNCTIONS = st.sampled_from(
    [
        "Ref",
        "Fn::GetAtt",
        "Fn::Sub",
        "Fn::Join",
        "Fn::Select",
        "Fn::Split",
        "Fn::FindInMap",
        "Fn::If",
        "Fn::Nobody",
        "Condition",
    ]
)
SCALARS = WORDS | st.integers(-5, 500) | st.booleans() | st.none() | st.text(max_size=8)


def grown(inner):
    undecided = st.tuples(st.just("Open"), inner, inner | st.just({"Ref": "AWS::NoValue"}))
    return (
        st.lists(inner, max_size=4)
        | st.dictionaries(NAMES, inner, max_size=4)
        | undecided.map(lambda parts: {"Fn::If": list(parts)})
        | st.tuples(FUNCTIONS, inner | st.lists(inner, max_size=3)).map(lambda pair: {pair[0]: pair[1]})
        | st.text("${}!.ABRegionucket:", max_size=12).map(lambda text: {"Fn::Sub": text})
    )


VALUES = st.recursive(SCALARS, grown, max_leaves=25)
KIND = st.sampled_from(sorted(SPELLINGS))
PROPERTIES = {
    "s3.bucket": [
        *("BucketName", "VersioningConfiguration", "ReplicationConfiguration", "LifecycleConfiguration"),
        *("NotificationConfiguration", "BucketEncryption", "LoggingConfiguration", "PublicAccessBlockConfiguration"),
        *("OwnershipControls", "ObjectLockEnabled", "ObjectLockConfiguration"),
    ],
    "dynamodb.table": [
        *("TableName", "PointInTimeRecoverySpecification", "SSESpecification", "ResourcePolicy", "Replicas"),
        "DeletionProtectionEnabled",
    ],
    "iam.role": [
        *("RoleName", "Path", "Policies", "ManagedPolicyArns", "AssumeRolePolicyDocument", "PermissionsBoundary"),
        "MaxSessionDuration",
    ],
    "lambda.function": ["FunctionName", "Role", "Timeout", "ReservedConcurrentExecutions", "Architectures"],
    "sqs.queue": ["QueueName", "FifoQueue", "KmsMasterKeyId", "RedrivePolicy", "SqsManagedSseEnabled"],
    "sns.topic": ["TopicName", "FifoTopic", "KmsMasterKeyId", "DisplayName"],
    "events.rule": ["Name", "EventBusName", "EventPattern", "Targets", "State"],
    "kms.key": ["KeyPolicy", "EnableKeyRotation", "Enabled", "RotationPeriodInDays", "KeySpec"],
    "glue.table": ["DatabaseName", "TableInput"],
}
NODES = {
    "s3.bucket": "source_bucket",
    "dynamodb.table": "table",
    "iam.role": "exporter",
    "kms.key": "source_key",
    "glue.table": "catalog_table",
}


@st.composite
def templates(draw):
    """Return a kind and a template with one resource of it, and with resources that may add to it."""
    kind = draw(KIND)
    spelling = SPELLINGS[kind]
    properties = draw(st.dictionaries(st.sampled_from(PROPERTIES[kind]), VALUES, max_size=5))
    resources = {"It": {"Type": draw(st.sampled_from(spelling.types)), "Properties": properties}}
    for index, (type_, name) in enumerate(spelling.attached.items()):
        if draw(st.booleans()):
            said = draw(
                st.sampled_from([{"Ref": "It"}, [{"Ref": "It"}], {"Fn::GetAtt": ["It", "Arn"]}, "orders-export"])
                | VALUES
            )
            more = {
                "PolicyDocument": draw(VALUES),
                "PolicyName": draw(VALUES),
                "Action": draw(VALUES),
                "Principal": draw(VALUES),
            }
            one = {"Type": type_, "Properties": {**more, name: said}}
            resources[f"Added{index}"] = one | ({"Condition": "Open"} if draw(st.booleans()) else {})
    return kind, {
        "Parameters": {"P": {"Type": "String"}},
        "Conditions": {"Open": {"Fn::Equals": [{"Ref": "P"}, "a"]}},
        "Mappings": {"Region": {"exports/": {"Status": "Enabled"}}},
        "Resources": resources,
    }


def facets(kind, template, parameters):
    """Return what is said of the resource: known documents, and why others are not known."""
    node = NODES.get(kind, "consumer")
    one = Pipeline("one", {node: Node(node, kind, ACCOUNT, "", {}, {"cloudformation": "It"})})
    needs = {"one": [(node, facet) for facet in KINDS[kind].facets]}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "t.json"
        file.write_text(json.dumps(template))
        try:
            (made,) = cloudformation.read(
                [one], needs, file, SimpleNamespace(parameters=parameters, parameter_files=())
            )
        except SourceError:
            return None
    resource = made.resources[node]
    return {**resource.unread, **resource.facets}


def holds(open_, decided):
    """Tell whether what is known while the condition is open is so once it is decided."""
    if isinstance(open_, Unread) or (isinstance(open_, str) and "(It" in open_):
        # What stands for a name that nobody knows yet says nothing of it.
        return True
    if isinstance(open_, dict) and isinstance(decided, dict):
        return all(holds(part, decided.get(name)) for name, part in open_.items()) and all(
            name in open_ for name in decided
        )
    if isinstance(open_, list) and isinstance(decided, list):
        if any(isinstance(part, Unread) for part in open_):
            rest = iter(decided)
            known = [part for part in open_ if not isinstance(part, Unread)]
            return all(any(holds(part, other) for other in rest) for part in known)
        return len(open_) == len(decided) and all(map(holds, open_, decided))
    return open_ == decided or isinstance(decided, Unread)


def renamed(open_, decided):
    """Tell whether two sets of policies hold, where the name of one is not known while the condition is open."""
    if not isinstance(open_, dict) or not isinstance(decided, dict):
        return False
    return all(any(holds(part, other) for other in decided.values()) for part in open_.values())


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(templates())
def test_what_is_known_while_a_condition_is_open_holds_either_way(made):
    kind, template = made
    open_ = facets(kind, template, {})
    if open_ is None:
        return
    assert set(open_) == set(KINDS[kind].facets)
    for value in ("a", "b"):
        decided = facets(kind, template, {"P": value})
        for facet, document in open_.items():
            assert holds(document, decided[facet]) or renamed(document, decided[facet]), facet


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(["Resources", "Conditions", "Parameters", "Mappings", "Outputs", "Transform"]), VALUES
    )
)
def test_whatever_stands_in_a_file_is_read_or_refused_with_a_sentence(document):
    one = Pipeline("one", {"table": Node("table", "dynamodb.table", ACCOUNT, "orders")})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "t.json"
        file.write_text(json.dumps(document))
        try:
            list(
                cloudformation.read(
                    [one],
                    {"one": [("table", "Policy")]},
                    file,
                    SimpleNamespace(parameters={}, parameter_files=()),
                )
            )
        except SourceError as error:
            assert all(mistake.place.file == str(file) for mistake in error.mistakes)


GATE = Path(__file__).parent / "templates" / "gate"
SIDES = {side: parse((GATE / f"{side}.yaml").read_text(), side).value for side in ("production", "analytics")}
(ORDERS,) = load_pipelines([GATE / "pipeline.yaml"])
RULES = load_rules((), vet=False)
NEEDS = {"orders": wanted_facets(RULES, ORDERS, to_fix=False)}
FAULTS = {
    "none": (),
    "PITR off": (("production", "Table", "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled"), False),
    "unversioned": (("analytics", "Orders", "VersioningConfiguration", "Status"), "Suspended"),
    "deaf": (
        ("production", "ExportBucket", "NotificationConfiguration", "LambdaConfigurations", 0, "Event"),
        "s3:ObjectCreated:Put",
    ),
    "strange trust": (
        ("production", "ReplicationRole", "AssumeRolePolicyDocument", "Statement", 0, "Principal"),
        {"Service": "ec2.amazonaws.com"},
    ),
    "shut out": (
        ("analytics", "OrdersPolicy", "PolicyDocument", "Statement", 0, "Principal"),
        {"AWS": "arn:aws:iam::111122223333:role/another"},
    ),
}


def spots(value, path=()):
    """Yield the path of everything below a value that is no function."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, part in pairs:
        if not str(step).startswith(("Fn::", "Ref")):
            yield (*path, step)
            yield from spots(part, (*path, step))


SPOTS = [
    (side, logical, *path)
    for side, template in SIDES.items()
    for logical, one in template["Resources"].items()
    for path in spots(one.get("Properties", {}))
]


def put(templates, path, value):
    side, logical, *steps, last = path
    part = templates[side]["Resources"][logical]["Properties"]
    for step in steps:
        part = part[step]
    part[last] = value


def verdicts(*changes):
    templates = copy.deepcopy(SIDES)
    for path, value in changes:
        put(templates, path, value)
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for side, template in templates.items():
            template["Parameters"]["Unknown"] = {"Type": "String"}
            files.append(Path(folder) / f"{side}.json")
            files[-1].write_text(json.dumps(template))
        (made,) = cloudformation.read([ORDERS], NEEDS, files, SimpleNamespace(parameters={}, parameter_files=()))
    return {(one.rule, one.node): one.verdict.value for one in evaluate(made, RULES, PREDICATES)}


@functools.cache
def known(fault):
    return verdicts(*([FAULTS[fault]] if FAULTS[fault] else []))


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(FAULTS)), st.sampled_from(SPOTS))
@example("none", ("production", "ExportBucket", "NotificationConfiguration", "LambdaConfigurations", 0, "Event"))
def test_knowing_less_never_turns_a_verdict_around(fault, spot):
    broken = FAULTS[fault]
    assume(not broken or spot[: len(broken[0])] != broken[0])
    changes = [broken] if broken and broken[0][: len(spot)] != spot else []
    before, after = known(fault), verdicts(*changes, (spot, {"Ref": "Unknown"}))
    for rule, verdict in after.items():
        if verdict == "fail":
            assert before[rule] != "pass", rule
        if verdict in {"pass", "not_applicable"}:
            assert before[rule] != "fail", rule
