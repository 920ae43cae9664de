"""Lifecycle configurations come back as they were put, and what AWS refuses is refused."""

import datetime as dt
from pathlib import Path

import pytest
import yaml

CASES = yaml.safe_load((Path(__file__).parent / "lifecycle.yaml").read_text())


@pytest.mark.parametrize("case", CASES["kept"], ids=lambda case: case["name"])
def test_rules_come_back_as_they_were_put(case, clients, bucket):
    s3, name = clients("s3"), bucket("bucket")
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": case["rules"]})
    answer = s3.get_bucket_lifecycle_configuration(Bucket=name)
    assert answer["Rules"] == case["rules"]
    assert answer["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"


@pytest.mark.parametrize("case", CASES["refused"], ids=lambda case: case["name"])
def test_rules_are_refused(case, clients, bucket, refused):
    s3, name = clients("s3"), bucket("bucket")
    rules = {"Rules": case["rules"]}
    assert refused(s3.put_bucket_lifecycle_configuration, Bucket=name, LifecycleConfiguration=rules) == case["code"]
    assert refused(s3.get_bucket_lifecycle_configuration, Bucket=name) == "NoSuchLifecycleConfiguration"


def test_a_put_without_the_minimum_size_resets_it(clients, bucket):
    s3, name = clients("s3"), bucket("bucket")
    rules = {"Rules": CASES["kept"][1]["rules"]}
    put = s3.put_bucket_lifecycle_configuration
    put(Bucket=name, LifecycleConfiguration=rules, TransitionDefaultMinimumObjectSize="varies_by_storage_class")
    read = s3.get_bucket_lifecycle_configuration
    assert read(Bucket=name)["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"
    put(Bucket=name, LifecycleConfiguration=rules)
    assert read(Bucket=name)["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"


def test_dates_are_midnights(clients, bucket, refused):
    s3, name = clients("s3"), bucket("bucket")
    midnight = dt.datetime(2030, 1, 1, tzinfo=dt.timezone.utc)
    rule = {"ID": "once", "Status": "Enabled", "Filter": {}, "Expiration": {"Date": midnight}}
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [rule]})
    assert s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"][0]["Expiration"]["Date"] == midnight
    late = rule | {"Expiration": {"Date": midnight + dt.timedelta(hours=3)}}
    put = s3.put_bucket_lifecycle_configuration
    assert refused(put, Bucket=name, LifecycleConfiguration={"Rules": [late]}) == "InvalidArgument"


def test_deleted_is_gone(clients, bucket, refused):
    s3, name = clients("s3"), bucket("bucket")
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": CASES["kept"][1]["rules"]})
    s3.delete_bucket_lifecycle(Bucket=name)
    assert refused(s3.get_bucket_lifecycle_configuration, Bucket=name) == "NoSuchLifecycleConfiguration"
