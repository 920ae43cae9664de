"""What differs between two looks at a pipeline: what a person changed, and not what one side can never know."""

from __future__ import annotations

import re

import pytest

from auditor.cli import main
from auditor.compare import facets
from auditor.model import Account, Node, Pipeline, Resource, Snapshot, Unread

ONLY_LIVE, REFUSED, UNMANAGED = Unread("OnlyLive"), Unread("AccessDenied"), Unread("NotInTemplate")
NODE = Node("source_bucket", "s3.bucket", Account("production", "111122223333", "eu-west-1"), "orders-export")
PIPELINE = Pipeline("orders", {"source_bucket": NODE}, {"production": NODE.account})
RULE = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}
COPY = {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}, "Priority": 1}


def look(**said):
    known = {name: one for name, one in said.items() if not isinstance(one, Unread)}
    unread = {name: one for name, one in said.items() if isinstance(one, Unread)}
    return [
        Snapshot(
            PIPELINE, {"source_bucket": Resource(NODE, {"Location": {"Region": "eu-west-1"}, **known}, unread)}, "x"
        )
    ]


def encryption(algorithm, blocked):
    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}
    return {"Rules": [{**RULE, **default, "BlockedEncryptionTypes": blocked}]}


def to(bucket):
    return {
        "Role": "arn:aws:iam::111122223333:role/r",
        "Rules": [{**COPY, "Destination": {"Bucket": f"arn:aws:s3:::{bucket}"}}],
    }


@pytest.mark.parametrize(
    ("facet", "left", "right"),
    [
        ("ObjectSample", ONLY_LIVE, {"Objects": []}),
        ("ObjectSample", ONLY_LIVE, ONLY_LIVE),
        ("AccountPublicAccessBlock", UNMANAGED, {"BlockPublicAcls": True}),
        ("Encryption", encryption("AES256", ONLY_LIVE), encryption("AES256", {"EncryptionType": ["SSE-C"]})),
        ("Replication", to("(Target@production)"), to("(Target@changed)")),
        ("Replication", to("(Target)"), to("stack-target-1a2b3c4d5e6f")),
    ],
)
def test_what_a_side_can_never_know_is_no_difference(facet, left, right):
    assert facets(look(**{facet: left}), look(**{facet: right})) == ()
    assert facets(look(**{facet: right}), look(**{facet: left})) == ()


@pytest.mark.parametrize(
    ("facet", "left", "right"),
    [
        ("Encryption", encryption("AES256", ONLY_LIVE), encryption("aws:kms", {"EncryptionType": ["SSE-C"]})),
        ("Versioning", {"Status": "Enabled"}, {"Status": "Suspended"}),
        ("Replication", to("orders-analytics"), to("somewhere-else")),
    ],
)
def test_what_somebody_changed_is_seen_beside_what_nobody_knows(facet, left, right):
    (change,) = facets(look(**{facet: left}), look(**{facet: right}))
    assert (change.facet, bool(change.lines), change.unread) == (facet, True, "")


@pytest.mark.parametrize("other", [{"Status": "Enabled"}, REFUSED])
def test_what_could_not_be_read_is_told(other):
    (change,) = facets(look(Versioning=REFUSED), look(Versioning=other))
    assert (change.lines, "AccessDenied" in change.unread) == ((), True)


def test_a_resource_that_a_side_did_not_find_is_told():
    nothing = [Snapshot(PIPELINE, {"source_bucket": Resource(NODE, {}, {"Versioning": UNMANAGED})}, "x")]
    (change,) = facets(nothing, look(Versioning={"Status": "Enabled"}))
    assert (change.facet, "NotInTemplate" in change.unread) == ("Versioning", True)


def test_items_that_cannot_be_told_apart_are_not_called_a_change():
    open_rule = {**COPY, "ID": "b", "Priority": ONLY_LIVE}
    (change,) = facets(
        look(Replication={"Role": "r", "Rules": [COPY, open_rule]}),
        look(Replication={"Role": "r", "Rules": [{**COPY, "ID": "b", "Priority": 2}, COPY]}),
    )
    assert (change.lines, bool(change.unread)) == ((), True)


TEMPLATE = "Resources:\n  Export: {Type: AWS::S3::Bucket, Properties: {BucketName: orders-export}}\n"
DECLARED = (
    'version: 1\naccounts: {production: {id: "111122223333", region: eu-west-1}}\n'
    "pipelines: {orders: {source_bucket: {account: production, name: orders-export}}}\n"
)


def said(capsys, *words):
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return left.value.code, capsys.readouterr()


def test_a_snapshot_is_known_by_its_digest_when_it_is_judged_again(tmp_path, capsys):
    pipeline, template, kept = (tmp_path / name for name in ("pipeline.yaml", "template.yaml", "night.json"))
    pipeline.write_text(DECLARED)
    template.write_text(TEMPLATE)
    _, told = said(capsys, "snapshot", pipeline, "--source", f"cloudformation:{template}", "-o", kept)
    digests = re.findall("sha256:[0-9a-f]{64}", told.err)
    again = said(capsys, "audit", pipeline, "--source", f"snapshot:{kept}")[1].err
    assert (len(digests), [one for one in digests if one not in again]) == (2, [])
    assert said(capsys, "diff", kept, kept)[0] == 0
    template.write_text(TEMPLATE.replace("orders-export", "orders-export, ObjectLockEnabled: true"))
    code, told = said(capsys, "diff", kept, f"cloudformation:{template}", pipeline)
    assert (code, "orders.source_bucket.Versioning" in told.out) == (1, True)
    kept.write_text(kept.read_text().replace("orders-export", "orders-expert"))
    assert said(capsys, "audit", pipeline, "--source", f"snapshot:{kept}")[0] == 2
