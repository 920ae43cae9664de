"""Edits about the copies: whose they are, whether delete markers follow, and the job that makes the missing ones."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.edits.edit import Edit, known, listed, mapping
from auditor.edits.replication import REPLICATION, rules_of, winners
from auditor.errors import Refused
from auditor.model import Json, Text
from auditor.scope import Scope, walk

_EDITS: Mapping[str, Edit] = {row.name: row for row in REPLICATION}
_AMEND = _EDITS["amend_replication_rule"]
_OVER = frozenset({"Cancelled", "Cancelling", "Failed", "Failing", "Complete"})
_OTHER_RULES = Text(
    "the bucket replicates as {}, and a bucket has one replication role: {} would serve the rules for other destinations, too.",
    "バケットのレプリケーションロールは {} です。ロールは 1 つしか設定できず、{} に変えると他の送信先のルールにも影響します。",
)
_DECLARE_KEY = Text(
    "declare `destination_key`: an enabled symmetric customer managed key in the destination's Region.",
    "`destination_key` に、送信先リージョンの有効な対称カスタマーマネージドキーを宣言してください。",
)
_NO_REGION = Text(
    "the bucket's Region is not known, and a batch job lives in it.",
    "バッチジョブはバケットのリージョンに作りますが、そのリージョンが分かりません。",
)


def _start_replication(document: Json, wanted: Json, scope: Scope) -> Json:
    param = known({key: value for key, value in wanted.items() if key not in {"intent", "key"}})
    document = _as_declared(document, param)
    intent = wanted.get("intent") or {}
    target: dict[str, Json] = {"Metrics": {"Status": "Enabled"}}
    if intent.get("replication_time_control") == "required":
        target = {
            "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}},
            "Metrics": {"Status": "Enabled", "EventThreshold": {"Minutes": 15}},
        }
    rule: dict[str, Json] = {"Destination": target}
    if wanted.get("key"):
        target["EncryptionConfiguration"] = {"ReplicaKmsKeyID": wanted["key"]}
        rule["SourceSelectionCriteria"] = {"SseKmsEncryptedObjects": {"Status": "Enabled"}}
    markers = intent.get("delete_markers", "keep")
    return _EDITS["add_replication_rule"].apply(document, {**param, "delete_markers": markers, "rule": rule}, scope)


def _as_declared(document: Json, param: Mapping[str, Json]) -> Json:
    """Return the configuration with the declared role, where all its rules lead to the pipeline's destination."""
    rules = rules_of(document)
    if not rules or document.get("Role") == param["role"]:
        return document
    if any(walk(rule, ("Destination", "Bucket")) != param["destination"] for rule in rules):
        raise Refused(
            "Manual",
            _OTHER_RULES.fill(document.get("Role"), param["role"]),
        )
    return {**document, "Role": param["role"]}


def _follow_deletes(document: Json, wanted: Json, scope: Scope) -> Json:
    param = known(wanted)
    status = "Enabled" if param["want"] == "replicate" else "Disabled"
    where = {"destination": param["destination"], "prefix": param["prefix"]}
    rules = rules_of(document)
    chosen = [rules[index] for index in winners(rules, param["destination"], param["prefix"])]
    if chosen and status == "Enabled" and all("Filter" not in rule for rule in chosen):
        return document
    return _AMEND.apply(document, {**where, "set": {"DeleteMarkerReplication": {"Status": status}}}, scope)


def _name_replica_key(document: Json, wanted: Json, scope: Scope) -> Json:
    where = known({key: wanted.get(key) for key in ("destination", "prefix")})
    rules = rules_of(document)
    region = scope.take("destination_bucket.Region")
    keys = [
        str(walk(rules[index], ("Destination", "EncryptionConfiguration", "ReplicaKmsKeyID")))
        for index in winners(rules, where["destination"], where["prefix"])
    ]
    change: dict[str, Json] = {"SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}}}
    right = all(key.split(":")[2:4] == ["kms", region] and ":key/" in key for key in keys)
    if not right or wanted.get("key"):
        change["Destination"] = {"EncryptionConfiguration": {"ReplicaKmsKeyID": _usable_key(wanted, scope)}}
    return _AMEND.apply(document, {**where, "set": change}, scope)


def _usable_key(wanted: Json, scope: Scope) -> str:
    """Return the ARN of the declared destination key; refuse where there is none that could encrypt replicas."""
    described = scope.find("destination_key.Description").value
    ready = walk(described, ("KeyState",)) in {None, "Enabled"} and walk(described, ("KeyManager",)) in {
        None,
        "CUSTOMER",
    }
    if not wanted.get("key") or not ready or walk(described, ("KeySpec",)) not in {None, "SYMMETRIC_DEFAULT"}:
        raise Refused(
            "Manual",
            _DECLARE_KEY,
        )
    return str(wanted["key"])


def _name_replica_account(document: Json, wanted: Json, scope: Scope) -> Json:
    param = known(wanted)
    where = {"destination": param["destination"], "prefix": param["prefix"]}
    rules = rules_of(document)
    for index in winners(rules, param["destination"], param["prefix"]):
        said = walk(rules[index], ("Destination", "Account"))
        handed = walk(rules[index], ("Destination", "AccessControlTranslation"))
        if said != param["account"] and (said is not None or handed is not None):
            return _AMEND.apply(document, {**where, "set": {"Destination": {"Account": param["account"]}}}, scope)
    return document


def _own_objects(document: Json, wanted: Json, _scope: Scope) -> Json:
    replication = wanted.get("replication") if isinstance(wanted, Mapping) else None
    param = known({key: value for key, value in wanted.items() if key != "replication"})
    rules = rules_of(replication)
    chosen = winners(rules, param["destination"], param["prefix"])
    owners = [walk(rules[index], ("Destination", "AccessControlTranslation", "Owner")) for index in chosen]
    if chosen and all(owner == "Destination" for owner in owners):
        return document
    held = mapping(document, "the ownership controls")
    controls = listed(held.get("Rules"))  # S3 has one rule, or none
    if [walk(rule, ("ObjectOwnership",)) for rule in controls] == ["BucketOwnerEnforced"]:
        return document
    return {**held, "Rules": [{**(controls[0] if controls else {}), "ObjectOwnership": "BucketOwnerEnforced"}]}


def _add_replication_job(document: Json, wanted: Json, _scope: Scope) -> Json:
    param = known(wanted)
    held = mapping(document, "the jobs")
    job = _job(param)
    for one in listed(held.get("Jobs")):
        same = (one.get("Description"), one.get("RoleArn")) == (job["Description"], job["RoleArn"])
        if same and one.get("Status") not in _OVER:
            return document
    if "Region" not in held:
        raise Refused("CannotExpress", _NO_REGION)
    return {**held, "Jobs": [*listed(held.get("Jobs")), job]}


def _job(param: Mapping[str, Json]) -> dict[str, Json]:
    """Return a job that waits for a person's confirmation before it copies anything."""
    generator = {
        "ExpectedBucketOwner": param["account"],
        "SourceBucket": param["bucket"],
        "EnableManifestOutput": False,
        "Filter": {
            "EligibleForReplication": True,
            "ObjectReplicationStatuses": ["NONE", "FAILED"],
            "KeyNameConstraint": {"MatchAnyPrefix": [param["prefix"]]},
        },
    }
    report = {
        "Bucket": param["bucket"],
        "Format": "Report_CSV_20180820",
        "Enabled": True,
        "Prefix": param["report"],
        "ReportScope": "AllTasks",
    }
    return {
        "ConfirmationRequired": True,
        "Operation": {"S3ReplicateObject": {}},
        "Report": report,
        "Description": f"auditor: replicate what lies under {param['prefix']} and has no replica",
        "Priority": 10,
        "RoleArn": param["role"],
        "ManifestGenerator": {"S3JobManifestGenerator": generator},
    }


_TEXT: Json = {"type": "string"}
_WHERE: Mapping[str, Json] = {"destination": _TEXT, "prefix": _TEXT}


def _schema(*required: str, **more: Json) -> Json:
    return {
        "type": "object",
        "properties": {**_WHERE, **more},
        "required": [*_WHERE, *required],
        "additionalProperties": False,
    }


REPLICAS: tuple[Edit, ...] = (
    Edit(
        "start_replication",
        _start_replication,
        _schema("role", role=_TEXT, intent={"type": ["object", "string", "null"]}, key={"type": ["string", "null"]}),
        Text(
            "Adds (or enables) a rule for a prefix and destination as the intent wants it: with metrics, time "
            "control, delete "
            "markers, and the replicas' key where one is declared.",
            "プレフィックスと宛先のためのルールを、intent のとおりに追加（または有効化）します。"
            "メトリクスを有効にし、RTC・削除マーカー・"
            "宣言されたレプリカ用キーを反映します。",
        ),
        '{facet: Replication, start_replication: {destination: "${destination_bucket.Arn}", '
        'prefix: "${source_bucket.ExportPrefix}", role: "${replication_role.Arn}", intent: "${intent}"}}',
    ),
    Edit(
        "follow_deletes",
        _follow_deletes,
        _schema("want", want={"enum": ["replicate", "keep"]}),
        Text(
            "Lets the rule that wins for a prefix and destination replicate delete markers, or not, as is wanted.",
            "プレフィックスと宛先に効くルールが、削除マーカーを指定どおりにレプリケートする（しない）ようにします。",
        ),
        '{facet: Replication, follow_deletes: {destination: "${destination_bucket.Arn}", '
        'prefix: "${source_bucket.ExportPrefix}", want: "${intent.delete_markers}"}}',
    ),
    Edit(
        "name_replica_key",
        _name_replica_key,
        _schema(key={"type": ["string", "null"]}),
        Text(
            "Lets the rule that wins replicate SSE-KMS objects; a key that the destination cannot use gives way to "
            "the declared "
            "one.",
            "効くルールが SSE-KMS のオブジェクトをレプリケートするようにします。送信先で使えないキーは、"
            "宣言されたキーに置き換えます。",
        ),
        '{facet: Replication, name_replica_key: {destination: "${destination_bucket.Arn}", '
        'prefix: "${source_bucket.ExportPrefix}", key: "${destination_key.Arn}"}}',
        lambda _wanted, _at: ("destination_bucket.Region", "destination_key.Description"),
    ),
    Edit(
        "name_replica_account",
        _name_replica_account,
        _schema("account", account=_TEXT),
        Text(
            "Corrects the destination's account in the rule that wins, where it names one or hands the replicas over.",
            "効くルールが宛先アカウントを書いているか所有者を変える場合に、その宛先アカウントを正します。",
        ),
        '{facet: Replication, node: source_bucket, name_replica_account: {destination: "${subject.Arn}", '
        'prefix: "${source_bucket.ExportPrefix}", account: "${subject.Account}"}}',
    ),
    Edit(
        "own_objects",
        _own_objects,
        _schema(replication={"type": ["object", "string", "null"]}),
        Text(
            "Lets the bucket own every object in it (BucketOwnerEnforced), unless the rule that wins hands the "
            "replicas over.",
            "効くルールがレプリカの所有者を変えていない場合に、"
            "バケット所有者がすべてのオブジェクトを所有するようにします"
            "（BucketOwnerEnforced）。",
        ),
        '{facet: OwnershipControls, own_objects: {destination: "${subject.Arn}", '
        'prefix: "${source_bucket.ExportPrefix}", replication: "${source_bucket.Replication}"}}',
    ),
    Edit(
        "add_replication_job",
        _add_replication_job,
        {
            "type": "object",
            "properties": dict.fromkeys(("bucket", "account", "prefix", "role", "report"), _TEXT),
            "required": ["bucket", "account", "prefix", "role", "report"],
            "additionalProperties": False,
        },
        Text(
            "Adds an S3 Batch Replication job for objects under a prefix that have no replica or FAILED; it waits to "
            "be confirmed.",
            "プレフィックス以下でレプリカがない、または FAILED のオブジェクトを送る S3 "
            "バッチレプリケーションジョブを追加します。"
            "確認されるまで実行されません。",
        ),
        '{facet: ReplicationJobs, add_replication_job: {bucket: "${subject.Arn}", account: "${subject.Account}", '
        'prefix: "${subject.ExportPrefix}", role: "${replication_role.Arn}", report: auditor-batch-replication}}',
    ),
)
