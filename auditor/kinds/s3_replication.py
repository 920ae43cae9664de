"""s3.bucket: the replication configuration, and the batch jobs that replicate objects older than it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from auditor.kinds.buckets import bucket_arn, bucket_region, member, put_or_delete
from auditor.kinds.documents import canonical, sorted_by
from auditor.kinds.facet import Ask, Call, Facet, Shape, Target, facets
from auditor.kinds.paging import pages
from auditor.model import Json, Text

DESCRIBED_JOBS = 20
_OVER = frozenset({"Cancelled", "Cancelling", "Failed", "Failing", "Complete"})
_GONE = frozenset({"Cancelled", "Cancelling", "Failed", "Failing"})
_ASKED = (
    "ConfirmationRequired",
    "Operation",
    "Report",
    "Description",
    "Priority",
    "RoleArn",
    "ManifestGenerator",
    "Manifest",
)


def _normal_replication(document: Json) -> Json:
    if document is None:
        return None
    return {
        "Role": document.get("Role"),
        "Rules": sorted_by("ID")([_rule(rule) for rule in document.get("Rules") or []]),
    }


def _rule(rule: Mapping[str, Json]) -> Json:
    return {**rule, "Filter": rule["Filter"] or {"Prefix": ""}} if "Filter" in rule else rule


def _read_jobs(ask: Ask, target: Target) -> Json:
    region = bucket_region(ask, target)
    listing = Call("s3control", "ListJobs", {"AccountId": target.account.id, "MaxResults": 1000}, region)
    jobs = [job for job in pages(ask, listing, "Jobs") if job.get("Operation") == "S3ReplicateObject"]
    newest = sorted(jobs, key=lambda job: str(job.get("CreationTime", "")), reverse=True)
    described = [_describe(ask, target, job["JobId"], region) for job in newest[:DESCRIBED_JOBS]]
    own = [job for job in described if _source(job) == bucket_arn(target)]
    return {"Region": region, "Jobs": own, "Truncated": len(newest) > DESCRIBED_JOBS}


def _describe(ask: Ask, target: Target, job: str, region: str) -> Json:
    call = Call("s3control", "DescribeJob", {"AccountId": target.account.id, "JobId": job}, region)
    return ask(call).get("Job") or {}


def _source(job: Mapping[str, Json]) -> Json:
    generator = (job.get("ManifestGenerator") or {}).get("S3JobManifestGenerator") or {}
    return generator.get("SourceBucket")


def _jobs(document: Json) -> list[Mapping[str, Json]]:
    return list((document or {}).get("Jobs") or [])


def _region(before: Json, after: Json) -> str:
    """Return the bucket's Region, where its jobs live, as it was read."""
    return str((before or {}).get("Region") or (after or {}).get("Region") or "")


def _write_jobs(target: Target, before: Json, after: Json) -> tuple[Call, ...]:
    return (*_created(target, before, after), *_cancelled(target, before, after))


def _created(target: Target, before: Json, after: Json) -> Iterator[Call]:
    for job in _jobs(after):
        if not job.get("JobId") and job not in _jobs(before):
            asked = {name: job[name] for name in _ASKED if name in job}
            token = hashlib.sha256(canonical([target.account.id, target.id, asked]).encode()).hexdigest()[:64]
            params = {"AccountId": target.account.id, **asked, "ClientRequestToken": token}
            yield Call("s3control", "CreateJob", params, _region(before, after))


def _cancelled(target: Target, before: Json, after: Json) -> Iterator[Call]:
    kept = {job.get("JobId") for job in _jobs(after)}
    for job in _jobs(before):
        # A job that only a plan knows has no id yet: undo from the document that was read after the write.
        if job.get("JobId") and job["JobId"] not in kept and job.get("Status") not in _OVER:
            params = {"AccountId": target.account.id, "JobId": job["JobId"], "RequestedJobStatus": "Cancelled"}
            yield Call("s3control", "UpdateJobStatus", params, _region(before, after))


def _jobs_lost(before: Json, after: Json) -> Text | None:
    if len(_jobs(after)) > len(_jobs(before)):
        return Text(
            "Undoing cancels the job; objects that it has already replicated stay in the destination.",
            "取り消すとジョブはキャンセルされますが、すでにレプリケートされたオブジェクトは送信先に残ります。",
        )
    return None


def _normal_jobs(document: Json) -> Json:
    alive = [job for job in _jobs(document) if job.get("Status") not in _GONE]
    return sorted(([job.get("Description", ""), job.get("RoleArn", "")] for job in alive), key=canonical)


REPLICATION = facets(
    Facet(
        "Replication",
        member("GetBucketReplication", "ReplicationConfiguration", "ReplicationConfigurationNotFoundError"),
        ("s3:GetReplicationConfiguration",),
        Shape("api", "s3", "GetBucketReplication", "ReplicationConfiguration"),
        ("s3:GetBucketReplication",),
        put_or_delete("PutBucketReplication", "ReplicationConfiguration", "DeleteBucketReplication"),
        ("s3:PutReplicationConfiguration", "iam:PassRole"),
        doc=Text("The replication role and rules.", "レプリケーションのロールとルールです。"),
        normal=_normal_replication,
    ),
    Facet(
        "ReplicationJobs",
        _read_jobs,
        ("s3:GetBucketLocation", "s3:ListJobs", "s3:DescribeJob"),
        Shape(
            "own",
            fields={
                "Region": "string",
                "Jobs": [Shape("api", "s3control", "DescribeJob", "Job", {"ConfirmationRequired": "boolean"})],
                "Truncated": "boolean",
            },
        ),
        ("s3:GetBucketLocation", "s3control:ListJobs", "s3control:DescribeJob"),
        _write_jobs,
        ("s3:CreateJob", "s3:UpdateJobStatus", "iam:PassRole"),
        _jobs_lost,
        Text(
            f"S3 Batch Replication jobs of this bucket among the account's newest {DESCRIBED_JOBS}.",
            f"アカウントの新しい {DESCRIBED_JOBS} 件のうち、このバケットの S3 バッチレプリケーションジョブです。",
        ),
        _normal_jobs,
    ),
)
