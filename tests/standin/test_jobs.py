"""S3 Control batch jobs."""

import pytest

ACCOUNT = "111122223333"


def job(**more):
    scope = {"EligibleForReplication": True, "ObjectReplicationStatuses": ["NONE", "FAILED"]}
    generator = {"SourceBucket": "arn:aws:s3:::bucket", "EnableManifestOutput": False, "Filter": scope}
    return {
        "AccountId": ACCOUNT,
        "ConfirmationRequired": True,
        "Operation": {"S3ReplicateObject": {}},
        "Report": {"Enabled": False},
        "ManifestGenerator": {"S3JobManifestGenerator": generator},
        "Priority": 10,
        "RoleArn": "arn:aws:iam::111122223333:role/batch",
        "ClientRequestToken": "once",
        **more,
    }


@pytest.fixture
def control(clients):
    return clients("s3control")


def test_a_job_waits_for_its_confirmation(control, refused):
    number = control.create_job(**job())["JobId"]
    assert control.create_job(**job())["JobId"] == number
    described = control.describe_job(AccountId=ACCOUNT, JobId=number)["Job"]
    assert (described["Status"], described["Priority"]) == ("Suspended", 10)
    assert described["Operation"] == {"S3ReplicateObject": {}}
    generator = described["ManifestGenerator"]["S3JobManifestGenerator"]
    assert generator["Filter"]["ObjectReplicationStatuses"] == ["NONE", "FAILED"]
    change = {"AccountId": ACCOUNT, "JobId": number}
    assert control.update_job_status(**change, RequestedJobStatus="Ready")["Status"] == "Ready"
    assert control.update_job_status(**change, RequestedJobStatus="Cancelled")["Status"] == "Cancelled"
    assert refused(control.update_job_status, **change, RequestedJobStatus="Ready") == "JobStatusException"


def test_jobs_are_listed_by_account_and_status(control, clients, refused):
    first = control.create_job(**job())["JobId"]
    second = control.create_job(**job(ClientRequestToken="twice", ConfirmationRequired=False))["JobId"]
    listed = {each["JobId"]: each["Status"] for each in control.list_jobs(AccountId=ACCOUNT)["Jobs"]}
    assert listed == {first: "Suspended", second: "New"}
    waiting = control.list_jobs(AccountId=ACCOUNT, JobStatuses=["Suspended"])["Jobs"]
    assert [each["JobId"] for each in waiting] == [first]
    other = clients("s3control", "444455556666")
    assert other.list_jobs(AccountId="444455556666")["Jobs"] == []
    assert refused(control.describe_job, AccountId=ACCOUNT, JobId="nothing") == "NotFoundException"
