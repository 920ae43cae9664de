"""Replication configurations come back as they were put, and what AWS refuses is refused."""

import json
from pathlib import Path

import pytest
import yaml

CASES = yaml.safe_load((Path(__file__).parent / "replication.yaml").read_text())


@pytest.fixture
def source(clients, bucket):
    bucket("destination", "444455556666")
    bucket("unversioned", "444455556666", versioned=False)
    return bucket("source")


@pytest.mark.parametrize("case", CASES["kept"], ids=lambda case: case["name"])
def test_document_comes_back_as_it_was_put(case, clients, source):
    s3 = clients("s3")
    s3.put_bucket_replication(Bucket=source, ReplicationConfiguration=case["document"])
    kept = s3.get_bucket_replication(Bucket=source)["ReplicationConfiguration"]
    assert kept == case["document"]


@pytest.mark.parametrize("case", CASES["refused"], ids=lambda case: case["name"])
def test_document_is_refused(case, clients, source, refused):
    rule = {name: value for name, value in CASES["rule"].items() if name not in case.get("without", [])}
    rules = [rule | case.get("rule", {}), *(CASES["rule"] | extra for extra in case.get("more", []))]
    document = {"Role": "arn:aws:iam::111122223333:role/replicator", "Rules": rules, **case.get("document", {})}
    code = refused(clients("s3").put_bucket_replication, Bucket=source, ReplicationConfiguration=document)
    assert code == case["code"]
    assert refused(clients("s3").get_bucket_replication, Bucket=source) == "ReplicationConfigurationNotFoundError"


def test_rule_without_id_gets_one(clients, source):
    rule = {name: value for name, value in CASES["rule"].items() if name != "ID"}
    document = {"Role": "arn:aws:iam::111122223333:role/replicator", "Rules": [rule]}
    clients("s3").put_bucket_replication(Bucket=source, ReplicationConfiguration=document)
    kept = clients("s3").get_bucket_replication(Bucket=source)["ReplicationConfiguration"]["Rules"][0]
    assert kept.pop("ID")
    assert kept == rule


def test_unversioned_source_is_refused(clients, bucket, refused):
    bucket("destination", "444455556666")
    plain = bucket("plain", versioned=False)
    document = {"Role": "arn:aws:iam::111122223333:role/replicator", "Rules": [CASES["rule"]]}
    assert refused(clients("s3").put_bucket_replication, Bucket=plain, ReplicationConfiguration=document) == (
        "InvalidRequest"
    )


def test_source_cannot_be_suspended_but_destination_can(clients, source, refused):
    document = {"Role": "arn:aws:iam::111122223333:role/replicator", "Rules": [CASES["rule"]]}
    s3, other = clients("s3"), clients("s3", "444455556666")
    s3.put_bucket_replication(Bucket=source, ReplicationConfiguration=document)
    suspended = {"Status": "Suspended"}
    assert refused(s3.put_bucket_versioning, Bucket=source, VersioningConfiguration=suspended) == "InvalidBucketState"
    other.put_bucket_versioning(Bucket="destination", VersioningConfiguration=suspended)
    s3.delete_bucket_replication(Bucket=source)
    assert refused(s3.get_bucket_replication, Bucket=source) == "ReplicationConfigurationNotFoundError"
    s3.put_bucket_versioning(Bucket=source, VersioningConfiguration=suspended)
    assert s3.get_bucket_versioning(Bucket=source)["Status"] == "Suspended"


def test_lax_destinations(clients, standin, source):
    rule = CASES["rule"] | {"Destination": {"Bucket": "arn:aws:s3:::nowhere"}}
    document = {"Role": "arn:aws:iam::111122223333:role/replicator", "Rules": [rule]}
    standin.options(strict_destinations=False)
    clients("s3").put_bucket_replication(Bucket=source, ReplicationConfiguration=document)
    kept = clients("s3").get_bucket_replication(Bucket=source)["ReplicationConfiguration"]
    assert json.dumps(kept, sort_keys=True) == json.dumps(document, sort_keys=True)
