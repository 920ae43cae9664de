"""PutBucketLifecycleConfiguration as AWS checks and keeps it; moto loses size filters and version counts."""

from __future__ import annotations

import uuid
from typing import Any

from auditor.standin.s3.documents import Document, Put, invalid_argument, invalid_request, malformed

_ACTIONS = (
    "Expiration",
    "Transitions",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionTransitions",
    "AbortIncompleteMultipartUpload",
)
_CLASSES = ("GLACIER", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "DEEP_ARCHIVE", "GLACIER_IR")
_INFREQUENT = ("STANDARD_IA", "ONEZONE_IA")
_MINIMUM_SIZES = ("all_storage_classes_128K", "varies_by_storage_class")
_HEADER = "x-amz-transition-default-minimum-object-size"
_MAX_RULES, _MAX_ID, _MAX_NEWER, _INFREQUENT_DAYS = 1000, 255, 100, 30


def check(put: Put) -> dict[str, Any]:
    """Refuse what AWS refuses; generate missing rule ids; return the minimum transition size in force."""
    rules = put.document.get("Rules") or []
    if not rules:
        raise malformed()
    if len(rules) > _MAX_RULES:
        raise invalid_argument("Number of lifecycle rules must not exceed allowed limit of 1000 rules")
    size = put.headers.get(_HEADER) or _MINIMUM_SIZES[0]
    if size not in _MINIMUM_SIZES:
        raise invalid_argument(f"Invalid {_HEADER} found: {size}")
    for rule in rules:
        _check_form(rule)
        _check_scope(rule)
        _check_expiration(rule)
        _check_noncurrent(rule)
        _check_transitions(rule)
    ids = [rule["ID"] for rule in rules]
    if len(set(ids)) < len(ids):
        raise invalid_argument("Rule ID must be unique. Found same ID for more than one rule")
    return {"TransitionDefaultMinimumObjectSize": size}


def _check_form(rule: dict[str, Any]) -> None:
    rule.setdefault("ID", str(uuid.uuid4()))
    if len(rule["ID"]) > _MAX_ID:
        raise invalid_argument("ID length should not exceed allowed limit of 255")
    if rule.get("Status") not in ("Enabled", "Disabled"):
        raise malformed()
    if ("Filter" in rule) == ("Prefix" in rule):
        raise malformed()
    if not any(rule.get(action) for action in _ACTIONS):
        raise invalid_request("At least one action needs to be specified in a rule")


def _check_scope(rule: dict[str, Any]) -> None:
    scope = rule.get("Filter") or {}
    if len(scope) > 1:
        raise malformed()
    inner = scope.get("And") or scope
    tagged = "Tag" in inner or bool(inner.get("Tags"))
    sized = "ObjectSizeGreaterThan" in inner or "ObjectSizeLessThan" in inner
    orphans = (rule.get("Expiration") or {}).get("ExpiredObjectDeleteMarker")
    if tagged and orphans:
        raise invalid_request("ExpiredObjectDeleteMarker cannot be specified with tag filters")
    if tagged and rule.get("AbortIncompleteMultipartUpload"):
        raise invalid_request("AbortIncompleteMultipartUpload cannot be specified with tag filters")
    if sized and orphans:
        raise invalid_request("ExpiredObjectDeleteMarker cannot be specified with object size filters")
    if sized and rule.get("AbortIncompleteMultipartUpload"):
        raise invalid_request("AbortIncompleteMultipartUpload cannot be specified with object size filters")


def _check_expiration(rule: dict[str, Any]) -> None:
    expiration = rule.get("Expiration") or {}
    if len({"Days", "Date", "ExpiredObjectDeleteMarker"} & expiration.keys()) > 1:
        raise malformed()
    if "Days" in expiration and expiration["Days"] < 1:
        raise invalid_argument("'Days' for Expiration action must be a positive integer")
    date = expiration.get("Date")
    if date is not None and (date.hour or date.minute or date.second):
        raise invalid_argument("'Date' must be at midnight GMT")
    abort = rule.get("AbortIncompleteMultipartUpload")
    if abort is not None and abort.get("DaysAfterInitiation", 0) < 1:
        raise invalid_argument("'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be positive")


def _check_noncurrent(rule: dict[str, Any]) -> None:
    expiration = rule.get("NoncurrentVersionExpiration")
    if expiration is None:
        return
    if not expiration.get("NoncurrentDays"):
        raise malformed()
    newer = expiration.get("NewerNoncurrentVersions")
    if newer is None:
        return
    if not 1 <= newer <= _MAX_NEWER:
        raise invalid_argument("'NewerNoncurrentVersions' must be between 1 and 100")
    if "Filter" not in rule:
        raise invalid_request("'NewerNoncurrentVersions' requires a Filter element")


def _check_transitions(rule: dict[str, Any]) -> None:
    expires = (rule.get("Expiration") or {}).get("Days")
    current = [(each, "Days") for each in rule.get("Transitions") or []]
    noncurrent = [(each, "NoncurrentDays") for each in rule.get("NoncurrentVersionTransitions") or []]
    for transition, unit in current + noncurrent:
        target, days = transition.get("StorageClass"), transition.get(unit)
        if target not in _CLASSES:
            raise malformed()
        if target in _INFREQUENT and days is not None and days < _INFREQUENT_DAYS:
            text = f"'{unit}' in Transition action must be greater than or equal to 30 for storageClass '{target}'"
            raise invalid_argument(text)
        if unit == "Days" and days is not None and expires is not None and expires <= days:
            text = "'Days' in the Expiration action must be greater than 'Days' in the Transition action"
            raise invalid_argument(text)


DOCUMENT = Document("lifecycle", "PutBucketLifecycleConfiguration", "GetBucketLifecycleConfiguration", check)
