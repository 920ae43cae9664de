"""PutBucketReplication as AWS checks it; moto checks only that the source is versioned."""

from __future__ import annotations

import re
import uuid
from typing import Any

from auditor.standin.options import OPTIONS
from auditor.standin.s3.documents import Document, Put, find_bucket, invalid_argument, invalid_request, malformed
from auditor.standin.wire import Refusal

_ROLE = re.compile(r"^arn:aws[\w-]*:iam::(\d{12}):role/.+")
_BUCKET = re.compile(r"^arn:aws[\w-]*:s3:::([^/]+)$")
_GUIDE = "Please refer to S3 Developer Guide for more information."
_SCHEMA = "must be specified for this version of Cross Region Replication configuration schema."
_MAX_RULES, _MAX_ID, _RTC_MINUTES = 1000, 255, 15


def check(put: Put) -> dict[str, Any]:
    """Refuse what AWS refuses; generate missing rule ids."""
    role, rules = put.document.get("Role"), put.document.get("Rules") or []
    if not role or not rules or len(rules) > _MAX_RULES:
        raise malformed()
    matched = _ROLE.match(role)
    if not matched:
        raise invalid_argument("Invalid Role ARN")
    if matched[1] != put.bucket.account_id:
        raise Refusal("AccessDenied", "Cross-account pass role is not allowed.", 403)
    if not put.bucket.is_versioned:
        text = "Versioning must be 'Enabled' on the bucket to apply a replication configuration"
        raise invalid_request(text)
    for rule in rules:
        _check_form(rule)
        _check_schema(rule)
        _check_destination(put.bucket, rule)
    _check_together(rules)
    return {}


def _check_form(rule: dict[str, Any]) -> None:
    rule.setdefault("ID", str(uuid.uuid4()))
    if rule.get("Status") not in ("Enabled", "Disabled") or len(rule["ID"]) > _MAX_ID:
        raise malformed()
    # Exactly one of them: Prefix marks the first version of the schema, Filter the second.
    if ("Filter" in rule) == ("Prefix" in rule):
        raise malformed()
    # Retired; AWS answers MalformedXML to it.
    if "ExistingObjectReplication" in rule:
        raise malformed()


def _check_schema(rule: dict[str, Any]) -> None:
    if "Filter" not in rule:
        destination = rule.get("Destination") or {}
        if destination.get("ReplicationTime") or destination.get("Metrics") or "DeleteMarkerReplication" in rule:
            raise invalid_request(f"Filter {_SCHEMA} {_GUIDE}")
        return
    for name in ("Priority", "DeleteMarkerReplication"):
        if name not in rule:
            raise invalid_request(f"{name} {_SCHEMA} {_GUIDE}")
    if rule["DeleteMarkerReplication"].get("Status") not in ("Enabled", "Disabled"):
        raise malformed()
    scope = rule["Filter"] or {}
    if len(scope) > 1:
        raise malformed()
    tagged = "Tag" in scope or (scope.get("And") or {}).get("Tags")
    if tagged and rule["DeleteMarkerReplication"]["Status"] == "Enabled":
        raise invalid_request(f"Delete marker replication is not supported if any Tag filter is specified. {_GUIDE}")


def _check_destination(source: Any, rule: dict[str, Any]) -> None:
    destination = rule.get("Destination") or {}
    matched = _BUCKET.match(destination.get("Bucket", ""))
    if not matched:
        raise invalid_argument("Invalid bucket ARN.")
    if matched[1] == source.name:
        raise invalid_request("Destination bucket cannot be the same as the source bucket.")
    if destination.get("AccessControlTranslation") and not destination.get("Account"):
        raise invalid_request("Account is required when AccessControlTranslation is specified")
    _check_keys(rule, destination)
    _check_time_control(destination)
    bucket = find_bucket(matched[1])
    if OPTIONS.strict_destinations and (bucket is None or not bucket.is_versioned):
        raise invalid_request("Destination bucket must have versioning enabled.")


def _check_keys(rule: dict[str, Any], destination: dict[str, Any]) -> None:
    selected = (rule.get("SourceSelectionCriteria") or {}).get("SseKmsEncryptedObjects") or {}
    encrypted = (destination.get("EncryptionConfiguration") or {}).get("ReplicaKmsKeyID")
    if selected.get("Status") == "Enabled" and not encrypted:
        raise invalid_request("ReplicaKmsKeyID must be specified if SseKmsEncryptedObjects tag is present.")
    if encrypted and selected.get("Status") != "Enabled":
        raise invalid_request("SseKmsEncryptedObjects must be specified if EncryptionConfiguration is present")


def _check_time_control(destination: dict[str, Any]) -> None:
    control, metrics = destination.get("ReplicationTime") or {}, destination.get("Metrics") or {}
    threshold = (metrics.get("EventThreshold") or {}).get("Minutes", _RTC_MINUTES)
    if metrics and threshold != _RTC_MINUTES:
        raise invalid_argument("Invalid time minute value")
    if control.get("Status") == "Enabled":
        if (control.get("Time") or {}).get("Minutes") != _RTC_MINUTES:
            raise invalid_argument("Invalid time minute value")
        if metrics.get("Status") != "Enabled":
            raise invalid_request("Replication destination must contain both ReplicationTime and Metrics or neither.")


def _check_together(rules: list[dict[str, Any]]) -> None:
    ids = [rule["ID"] for rule in rules]
    if len(set(ids)) < len(ids):
        raise invalid_argument("Rule Id must be unique. Found same Id for more than one rule")
    if len({"Filter" in rule for rule in rules}) > 1:
        raise invalid_request("Found unsupported mix of schema versions in replication rules")
    priorities = [rule["Priority"] for rule in rules if "Priority" in rule]
    twice = next((one for one in priorities if priorities.count(one) > 1), None)
    if twice is not None:
        raise invalid_request(f"Found duplicate priority {twice} in replication rules")
    first_version = [rule for rule in rules if "Filter" not in rule]
    if len({rule["Destination"]["Bucket"] for rule in first_version}) > 1:
        raise invalid_request("Found rules with different destination buckets; one is allowed in this schema version")


DOCUMENT = Document("replication", "PutBucketReplication", "GetBucketReplication", check, "ReplicationConfiguration")
