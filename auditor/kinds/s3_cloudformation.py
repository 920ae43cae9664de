"""s3.bucket in CloudFormation: AWS::S3::Bucket with flat lifecycle rules and one event an entry, and its policy."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.kinds.declared import ONLY_LIVE, Declared, Facet, Spelling, only_live, outside
from auditor.kinds.organizations import RCP
from auditor.kinds.parts import Part, Spell, as_it_is, each, flag, lifted, malformed, members, same, text, whole
from auditor.kinds.policies_cloudformation import whole_policy
from auditor.kinds.s3_alarms_cloudformation import failure_alarms
from auditor.kinds.s3_lifecycle_cloudformation import lifecycle
from auditor.kinds.s3_notification_cloudformation import CDK, notification
from auditor.model import Json, Unread

_FLAGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_STATUS = members(same("Status"))
_TAG = members(same("Key", "Value"))
_MINUTES = members({"Minutes": ("Minutes", whole)})

_RULE = members(
    {
        "Id": ("ID", text),
        **same("Priority", spell=whole),
        **same("Prefix", "Status"),
        "Filter": (
            "Filter",
            members(
                {
                    **same("Prefix"),
                    "TagFilter": ("Tag", _TAG),
                    "And": ("And", members({**same("Prefix"), "TagFilters": ("Tags", each(_TAG))})),
                }
            ),
        ),
        "DeleteMarkerReplication": ("DeleteMarkerReplication", _STATUS),
        "SourceSelectionCriteria": (
            "SourceSelectionCriteria",
            members(same("SseKmsEncryptedObjects", "ReplicaModifications", spell=_STATUS)),
        ),
        "Destination": (
            "Destination",
            members(
                {
                    **same("Bucket", "Account", "StorageClass"),
                    "AccessControlTranslation": ("AccessControlTranslation", members(same("Owner"))),
                    "EncryptionConfiguration": ("EncryptionConfiguration", members(same("ReplicaKmsKeyID"))),
                    "ReplicationTime": ("ReplicationTime", members({**same("Status"), "Time": ("Time", _MINUTES)})),
                    "Metrics": (
                        "Metrics",
                        members({**same("Status"), "EventThreshold": ("EventThreshold", _MINUTES)}),
                    ),
                }
            ),
        ),
    }
)
_REPLICATION = members({**same("Role"), "Rules": ("Rules", each(_RULE))})
_ENCRYPTION = members(
    {
        "ServerSideEncryptionByDefault": (
            "ApplyServerSideEncryptionByDefault",
            members(same("SSEAlgorithm", "KMSMasterKeyID")),
        ),
        **same("BucketKeyEnabled", spell=flag),
        "BlockedEncryptionTypes": (
            "BlockedEncryptionTypes",
            members({"EncryptionType": ("EncryptionType", each(text))}),
        ),
    },
    # SSE-C is blocked on buckets made since April 2026, and not on those that were there before.
    {"BucketKeyEnabled": False, "BlockedEncryptionTypes": ONLY_LIVE},
)
_LOGGING = members(
    {
        "DestinationBucketName": ("TargetBucket", text),
        "LogFilePrefix": ("TargetPrefix", text),
        "TargetObjectKeyFormat": ("TargetObjectKeyFormat", as_it_is),
    },
    {"TargetPrefix": ""},
)
_LOCK_RULE = members(
    {
        "DefaultRetention": (
            "DefaultRetention",
            members({**same("Mode"), **same("Days", "Years", spell=whole)}),
        )
    }
)
# What AWS gives to every new bucket since April 2023 (encryption: January 2023):
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html
_NEW_ENCRYPTION: Json = {
    "Rules": [
        {
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
            "BucketKeyEnabled": False,
            "BlockedEncryptionTypes": ONLY_LIVE,
        }
    ]
}
_NEW_OWNERSHIP: Json = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def spelled(name: str, spell: Spell, default: Json = None) -> Facet:
    """Return the facet of a property; a bucket that the template gives none has the default."""

    def facet(declared: Declared) -> Part | None:
        part = declared.read(name)
        if part is None:
            return None if default is None else lifted(default, declared.place)
        return part if part.unread else spell(part)

    return facet


def _versioning(declared: Declared) -> Part:
    said, locked = declared.read("VersioningConfiguration"), declared.read("ObjectLockEnabled")
    if locked is not None and said is None:
        on = flag(locked)
        # A bucket with Object Lock is versioned from the start.
        status = on.unread or ("Enabled" if on.value else None)
        return Part({} if status is None else {"Status": Part(status, locked.place)}, locked.place)
    if said is None:
        return Part({}, declared.place)
    return _STATUS(said)


def _location(declared: Declared) -> Part:
    return lifted({"Region": declared.target.region}, declared.place)


def _public_access(declared: Declared) -> Part:
    said = declared.read("PublicAccessBlockConfiguration")
    if said is None:
        return lifted(dict.fromkeys(_FLAGS, True), declared.place)
    # What a configuration leaves out is false.
    return members(same(*_FLAGS, spell=flag), dict.fromkeys(_FLAGS, False))(said)


def _with_keys(facet: Facet) -> Facet:
    """Return the facet with aliases of KMS keys resolved where a template given says which key they stand for."""

    def read(declared: Declared) -> Part | Unread | None:
        found = facet(declared)
        return _resolved(found, "", declared) if isinstance(found, Part) else found

    return read


def _resolved(part: Part, name: str, declared: Declared) -> Part:
    if isinstance(part.value, dict):
        return Part({key: _resolved(one, key, declared) for key, one in part.value.items()}, part.place)
    if isinstance(part.value, list):
        return Part([_resolved(one, name, declared) for one in part.value], part.place)
    if name in {"KMSMasterKeyID", "ReplicaKmsKeyID"} and isinstance(part.value, str) and "alias/" in part.value:
        key = declared.key(part.value)
        return part if key is None else Part(key.arn, part.place)
    return part


def _encryption(part: Part) -> Part:
    rules = part.get("ServerSideEncryptionConfiguration")
    return (
        malformed(part, "encryption rules") if rules is None else Part({"Rules": each(_ENCRYPTION)(rules)}, part.place)
    )


def _logging(declared: Declared) -> Part:
    said = declared.read("LoggingConfiguration")
    if said is None:
        return Part({}, declared.place)
    if said.unread:
        return said
    made = _LOGGING(said)
    if isinstance(made.value, dict) and "TargetBucket" not in made.value:
        made = Part({**made.value, "TargetBucket": Part(declared.target.id, said.place)}, said.place)
    return Part({"LoggingEnabled": made}, said.place)


def _object_lock(declared: Declared) -> Part | None:
    enabled, said = declared.read("ObjectLockEnabled"), declared.read("ObjectLockConfiguration")
    if said is not None:
        return said if said.unread else members({**same("ObjectLockEnabled"), "Rule": ("Rule", _LOCK_RULE)})(said)
    on = flag(enabled) if enabled is not None else None
    if on is None or on.value is False:
        return None
    return on if on.unread else Part({"ObjectLockEnabled": Part("Enabled", on.place)}, on.place)


def _policy(declared: Declared) -> Part | Unread | None:
    return whole_policy(declared, "AWS::S3::BucketPolicy")


_FACETS: Mapping[str, Facet] = {
    "Location": _location,
    "Versioning": _versioning,
    "Notification": notification,
    "Lifecycle": lifecycle,
    "Logging": _logging,
    "RequestPayment": lambda declared: lifted({"Payer": "BucketOwner"}, declared.place),
    "ObjectLock": _object_lock,
    "MultipartUploads": only_live,
    "Replication": _with_keys(spelled("ReplicationConfiguration", _REPLICATION)),
    "ReplicationJobs": only_live,
    "Policy": _policy,
    "PolicyStatus": outside,
    RCP: outside,
    "PublicAccessBlock": _public_access,
    "AccountPublicAccessBlock": outside,
    "OwnershipControls": spelled(
        "OwnershipControls", members({"Rules": ("Rules", each(members(same("ObjectOwnership"))))}), _NEW_OWNERSHIP
    ),
    "Encryption": _with_keys(spelled("BucketEncryption", _encryption, _NEW_ENCRYPTION)),
    "Acl": outside,
    "ObjectSample": only_live,
    "ReplicationMetrics": only_live,
    "FailureAlarms": failure_alarms,
}

BUCKET = Spelling(
    types=("AWS::S3::Bucket",),
    facets=_FACETS,
    attached={"AWS::S3::BucketPolicy": "Bucket", CDK: "BucketName"},
)
