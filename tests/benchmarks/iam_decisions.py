"""How many decisions a second: a role with ten statements against a bucket policy with five, parsed once.

Run it as a script: python tests/benchmarks/iam_decisions.py [seconds].
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from auditor.iam import Policies, Request, decide

ROLE = "arn:aws:iam::111122223333:role/replication"
SOURCE, TARGET = "arn:aws:s3:::orders-export", "arn:aws:s3:::orders-analytics"
KEY = "arn:aws:kms:ap-northeast-1:111122223333:key/0f1e"


def allow(actions: str | list[str], resources: str | list[str], **condition: object) -> dict[str, object]:
    statement: dict[str, object] = {"Effect": "Allow", "Action": actions, "Resource": resources}
    return {**statement, "Condition": condition} if condition else statement


def role_policy() -> dict[str, object]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            allow(["s3:GetReplicationConfiguration", "s3:ListBucket"], SOURCE),
            allow(["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl"], f"{SOURCE}/*"),
            allow("s3:GetObjectVersionTagging", f"{SOURCE}/*"),
            allow(["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"], f"{TARGET}/*"),
            allow("s3:ObjectOwnerOverrideToBucketOwner", f"{TARGET}/*"),
            allow("kms:Decrypt", KEY, StringEquals={"kms:ViaService": "s3.ap-northeast-1.amazonaws.com"}),
            allow(["kms:Encrypt", "kms:GenerateDataKey"], KEY),
            allow("logs:*", "arn:aws:logs:*:111122223333:log-group:/replication/*"),
            allow("cloudwatch:PutMetricData", "*", StringLike={"cloudwatch:namespace": "replication-*"}),
            {"Effect": "Deny", "NotAction": ["s3:*", "kms:*", "logs:*", "cloudwatch:*"], "Resource": "*"},
        ],
    }


def bucket_policy() -> dict[str, object]:
    def statement(effect: str, principal: object, actions: object, **condition: object) -> dict[str, object]:
        made = {"Effect": effect, "Principal": principal, "Action": actions, "Resource": [TARGET, f"{TARGET}/*"]}
        return {**made, "Condition": condition} if condition else made

    return {
        "Version": "2012-10-17",
        "Statement": [
            statement("Allow", {"AWS": ROLE}, ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"]),
            statement("Deny", "*", "s3:*", Bool={"aws:SecureTransport": "false"}),
            statement("Deny", "*", "s3:*", NumericLessThan={"s3:TlsVersion": "1.2"}),
            statement("Deny", "*", "s3:PutObject", StringNotEquals={"s3:x-amz-server-side-encryption": "aws:kms"}),
            statement("Allow", {"AWS": "arn:aws:iam::444455556666:role/athena"}, ["s3:GetObject", "s3:ListBucket"]),
        ],
    }


def decisions_a_second(seconds: float) -> float:
    """Decide on fresh requests for so long, and return how many were decided in a second of the processor's time."""
    policies = Policies.of(identity=[role_policy()], resource=bucket_policy())
    count, start = 0, time.process_time()
    while (spent := time.process_time() - start) < seconds:
        for number in range(500):
            request = Request(
                ROLE,
                "s3:ReplicateObject",
                f"{TARGET}/exports/{number}.json.gz",
                {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"},
                resource_account="444455556666",
            )
            if decide(request, policies).effect != "allowed":
                raise SystemExit("the benchmark's own request is not allowed")
        count += 500
    return count / spent


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    print(f"{decisions_a_second(seconds):,.0f} decisions/s")


if __name__ == "__main__":
    main()
