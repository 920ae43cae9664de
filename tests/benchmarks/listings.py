"""What an account answers about all it holds, and about what nobody set: programs that look at whole accounts ask for it.

One account lists the tables, roles and buckets of all pipelines, those of both sides: a program that looks at accounts
one after another is spared its second run.
"""

import json
import re

from tests.benchmarks.fleet import REGION

_BUCKET = re.compile(rb"^/(p\d{5}-(?:export|analytics))/?(?:\?(?:x-id=\w+&)?([\w-]*))?")
_MARKER = re.compile(rb"Marker=(\d+)")
_STARTED = "2026-01-01T00:00:00.000Z"
_S3 = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_ABSENT = {
    b"tagging": "NoSuchTagSet",
    b"website": "NoSuchWebsiteConfiguration",
    b"cors": "NoSuchCORSConfiguration",
    b"ownershipControls": "OwnershipControlsNotFoundError",
    b"replication": "ReplicationConfigurationNotFoundError",
    b"lifecycle": "NoSuchLifecycleConfiguration",
}
"""The code of a 404 where a bucket has nothing of a kind."""
_PAGE = 100
"""What IAM and DynamoDB list in one answer, unless told otherwise."""


class Listings:
    """The answers about a fleet as a whole; `role(number, name)` gives the XML of a role's answer."""

    def __init__(self, pipelines, role):
        self.numbers = range(1, pipelines + 1)
        self.role = role

    def answer(self, service, method, target, operation, body):
        """Return (status, headers, body), or `None` for what is no matter of listings."""
        if service == b"s3":
            return self._s3(method, target)
        if service == b"iam":
            return self._iam(body)
        found = _JSON.get(operation.rpartition(b".")[2])
        if operation.endswith(b".ListTables"):
            found = self._tables(json.loads(body))
        if operation.endswith(b".DescribeAccount"):
            refused = {"__type": "AWSOrganizationsNotInUseException", "Message": "No organization."}
            return 400, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(refused).encode()
        if service == b"ec2" and b"Action=DescribeRegions" in body:
            return _xml(_REGIONS)
        return (
            None if found is None else (200, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(found).encode())
        )

    def _s3(self, method, target):
        if target.partition(b"?")[0] == b"/":
            listed = "".join(
                f"<Bucket><Name>p{number:05d}-{side}</Name><CreationDate>{_STARTED}</CreationDate></Bucket>"
                for number in self.numbers
                for side in ("export", "analytics")
            )
            return _xml(
                f"<ListAllMyBucketsResult {_S3}><Owner><ID>{'0' * 64}</ID></Owner><Buckets>{listed}</Buckets></ListAllMyBucketsResult>"
            )
        asked = _BUCKET.match(target)
        if asked is None:
            return None
        if method == b"HEAD":
            return 200, {"x-amz-bucket-region": REGION}, b""
        if asked[2] == b"accelerate":
            return _xml(f"<AccelerateConfiguration {_S3}/>")
        if asked[2] in _ABSENT and asked[2] not in {b"replication", b"lifecycle", b"ownershipControls"}:
            return absent(target)
        return None

    def _iam(self, body):
        if b"Action=ListRoles&" in body:
            named = [(number, name) for number in self.numbers for name in ("exporter", "replication")]
            start = int((_MARKER.search(body) or [0, b"0"])[1])
            roles = "".join(f"<member>{self.role(*one)}</member>" for one in named[start : start + _PAGE])
            more = start + _PAGE < len(named)
            marker = f"<Marker>{start + _PAGE}</Marker>" if more else ""
            told = f"<IsTruncated>{str(more).lower()}</IsTruncated>{marker}<Roles>{roles}</Roles>"
            return _xml(_iam("ListRoles", told))
        if b"Action=ListAccountAliases" in body:
            return _xml(_iam("ListAccountAliases", "<IsTruncated>false</IsTruncated><AccountAliases/>"))
        return None

    def _tables(self, asked):
        named = [f"p{number:05d}-table" for number in self.numbers]
        start = named.index(asked["ExclusiveStartTableName"]) + 1 if "ExclusiveStartTableName" in asked else 0
        page = named[start : start + asked.get("Limit", _PAGE)]
        more = {"LastEvaluatedTableName": page[-1]} if start + len(page) < len(named) else {}
        return {"TableNames": page, **more}


def absent(target):
    """Return the answer of a bucket that has nothing of what is asked, or `None` when no bucket is asked."""
    asked = _BUCKET.match(target)
    if asked and asked[2] == b"notification":
        return _xml(f"<NotificationConfiguration {_S3}/>")
    code = _ABSENT.get(asked[2]) if asked else None
    return (
        _xml(f"<Error><Code>{code}</Code><Message>Nothing of the kind is set.</Message></Error>", 404) if code else None
    )


def _xml(text, status=200):
    return status, {"Content-Type": "application/xml"}, b'<?xml version="1.0" encoding="UTF-8"?>\n' + text.encode()


def _iam(operation, told):
    space = 'xmlns="https://iam.amazonaws.com/doc/2010-05-08/"'
    return f"<{operation}Response {space}><{operation}Result>{told}</{operation}Result></{operation}Response>"


_JSON = {
    b"ListTagsOfResource": {"Tags": []},
    b"GetResources": {"ResourceTagMappingList": [], "PaginationToken": ""},
}
_REGIONS = (
    '<DescribeRegionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><regionInfo><item>'
    f"<regionName>{REGION}</regionName><regionEndpoint>ec2.{REGION}.amazonaws.com</regionEndpoint>"
    "<optInStatus>opt-in-not-required</optInStatus></item></regionInfo></DescribeRegionsResponse>"
)
