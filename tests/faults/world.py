"""Bring the stand-in to where an entry of the matrix is, by AWS's own calls and none of auditor's."""

import json
import os
import re
import time
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from functools import cache, partial

import yaml

from auditor.aws.plain_client import client
from auditor.standin import serve
from auditor.standin.pipeline import golden
from auditor.standin.steps import build, vary
from tests.faults.matrix import GOLDEN

PRODUCTION, ANALYTICS, REGION = "111122223333", "444455556666", "ap-northeast-1"
ACCOUNTS = {"production": PRODUCTION, "analytics": ANALYTICS}
PROFILES = "".join(
    f"[profile {name}]\naws_access_key_id = {number}\naws_secret_access_key = -\nregion = {REGION}\nendpoint_url = {{url}}\n"
    for name, number in ACCOUNTS.items()
)
HOME = {
    "table": "production",
    "exporter": "production",
    "source_bucket": "production",
    "consumer": "production",
    "replication_role": "production",
    "destination_bucket": "analytics",
    "source_key": "production",
    "destination_key": "analytics",
    "catalog_table": "analytics",
}
_BUCKETS = {"source_bucket": "orders-export", "destination_bucket": "orders-analytics"}
_ROLES = {"exporter": "export-job", "replication_role": "replication-source-role"}
_WORDS = {"lambda.function": "lambda", "sqs.queue": "sqs", "sns.topic": "sns", "events.rule": "eventbridge_rule"}
# What is made by something that happens, and cannot be written.
_HAPPENS = {"Exports", "ObjectSample", "ReplicationMetrics", "ReplicationJobs", "MultipartUploads", "Acl", "ObjectLock"}


@contextmanager
def served(folder):
    """Serve a world of its own, to which the environment leads meanwhile."""
    before = dict(os.environ)
    with serve(isolated=True) as server:
        (folder / "aws").write_text(PROFILES.format(url=server.url), encoding="utf-8")
        os.environ |= {"AWS_CONFIG_FILE": str(folder / "aws"), "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none")}
        yield World(server)
    os.environ.clear()
    os.environ |= before


class World:
    """A stand-in, and how to build the pipelines of the matrix in it."""

    def __init__(self, server):
        self.server = server
        self.clients = cache(partial(client, endpoint=server.url))

    def at(self, service, account="production"):
        made = self.clients(service, ACCOUNTS[account], REGION)
        if service == "s3control":
            # boto3 puts the account before the host, and only AWS has such names.
            made.meta.events.register_first("before-sign.s3-control", _without_account, unique_id="standin")
        return made

    def build(self, entry):
        """Build an entry's pipeline; return its pipeline file."""
        self.server.reset()
        documents = entry.given()
        steps = list(vary(golden(), drop=entry.without))
        early = next(number for number, step in enumerate(steps) if step.name == "replication")
        build(steps[:early] if entry.first else steps, self.clients)
        if entry.first:
            self._calls(entry.live, {})
            build(steps[early:], self.clients)
        self._exported()
        names = self._keys(documents)
        documents = renamed(documents, names)
        # What is to be gone has been there before.
        there = renamed(entry.given(whole=False), names)
        base = json.loads(json.dumps(GOLDEN["base"]))
        for node in _order(documents):
            gone = "unread" in documents[node]
            self._write(node, there[node] if gone else documents[node], base.get(node) or {})
        self._settle(there["consumer"] if "unread" in documents["consumer"] else documents["consumer"])
        if not entry.first and isinstance(entry.live, list):
            self._calls(entry.live, names)
        return pipeline_file(documents, names)

    def _exported(self):
        """Wait until the export of the golden pipeline has written, and S3 replicated, all of its objects."""
        deadline = time.monotonic() + 30
        while any(
            one["ExportStatus"] == "IN_PROGRESS" for one in self.at("dynamodb").list_exports()["ExportSummaries"]
        ):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def _keys(self, documents):
        """Make the keys that the documents speak of; return their ids by the ids in the documents."""
        names = {}
        for node in ("source_key", "destination_key"):
            if "Description" in (documents.get(node) or {}):
                made = self.at("kms", HOME[node]).create_key()["KeyMetadata"]
                names[documents[node]["Description"]["KeyId"]] = made["KeyId"]
        described = ((documents["consumer"].get("Key") or {}).get("KeyMetadata")) or {}
        if described.get("KeyManager") == "CUSTOMER":
            made = self.at("kms").create_key(Policy=json.dumps(documents["consumer"]["Key"]["Policy"]))["KeyMetadata"]
            names[described["KeyId"]] = made["KeyId"]
            if described["KeyState"] == "Disabled":
                self.at("kms").disable_key(KeyId=made["KeyId"])
        return names

    def _write(self, node, given, base):
        if given.get("absent") or "unread" in given:
            return
        if node == "consumer" and given.get("kind"):
            _CONSUMERS[given["kind"]](self, given)
            return
        for facet, document in _facets(given):
            if facet in _HAPPENS or document == base.get(facet, "nothing"):
                continue
            _WRITERS[_KIND[node]][facet](self, node, document)

    def _settle(self, given):
        """Give a queue or topic its policy: S3 looks at it when a notification is written, and never again."""
        policy = json.dumps(given["Policy"]) if given.get("Policy") else ""
        if given.get("kind") == "sqs.queue":
            url = self.at("sqs").get_queue_url(QueueName=given["name"])["QueueUrl"]
            self.at("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        elif given.get("kind") == "sns.topic":
            arn = f"arn:aws:sns:{REGION}:{PRODUCTION}:{given['name']}"
            self.at("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)

    def _calls(self, calls, names):
        for call in renamed(calls, names):
            service, account = call["service"], call.get("account", "production")
            if "empty" in call:
                _empty(self.at(service, account), call["empty"])
            elif "metric" in call:
                self._metrics(call["metric"])
            else:
                params = call["params"] | _FUNCTION if call["method"] == "create_function" else call["params"]
                getattr(self.at(service, account), call["method"])(**params)

    def _metrics(self, values):
        named = {"SourceBucket": "orders-export", "DestinationBucket": "orders-analytics", "RuleId": "exports"}
        dimensions = [{"Name": name, "Value": value} for name, value in named.items()]
        hours_ago = datetime.now(timezone.utc) - timedelta(hours=2)
        told = {"Dimensions": dimensions, "Timestamp": hours_ago}
        data = [{"MetricName": name, "Value": value, **told} for name, value in values.items()]
        self.at("cloudwatch").put_metric_data(Namespace="AWS/S3", MetricData=data)


def _without_account(request, **_):
    scheme, _, rest = request.url.partition("://")
    head, _, more = rest.partition(".")
    request.url = f"{scheme}://{more}" if head.isdigit() and len(head) == 12 else request.url


def pipeline_file(documents, names):
    """Return the pipeline file of an entry."""
    accounts = {name: {"id": number, "region": REGION, "profile": name} for name, number in ACCOUNTS.items()}
    nodes = {
        "table": {"name": "my-table"},
        "exporter": {"role": "export-job"},
        "source_bucket": {"name": "orders-export", "prefix": "exports/"},
        "consumer": _consumer(documents["consumer"]),
        "replication_role": {"role": "replication-source-role"},
        "destination_bucket": {"name": "orders-analytics"},
    }
    for node in ("source_key", "destination_key"):
        if "Description" in (documents.get(node) or {}):
            said = documents[node]["Description"]["KeyId"]
            nodes[node] = {"key": names.get(said, said)}
    if "catalog_table" in documents:
        nodes["catalog_table"] = {"database": "exports", "name": "orders"}
    declared = {
        node: {"account": HOME[node], **words}
        for node, words in nodes.items()
        if not (documents[node] or {}).get("absent")
    }
    return yaml.safe_dump(
        {"version": 1, "accounts": accounts, "pipelines": {"orders": {**declared, "intent": documents["intent"]}}}
    )


def renamed(value, names):
    """Return documents with the ids of keys replaced by those that the stand-in gave."""
    text = json.dumps(value)
    for name, made in names.items():
        text = text.replace(name, made)
    return json.loads(text)


def _consumer(given):
    kind = given.get("kind", "lambda.function")
    return {_WORDS[kind]: given.get("name", "on-export")}


def _facets(given):
    return [(facet, document) for facet, document in given.items() if facet[0].isupper()]


def _order(documents):
    """Return the nodes in an order in which S3 accepts their documents: who may act, what receives, what sends."""
    first = [
        "table",
        "exporter",
        "replication_role",
        "source_key",
        "destination_key",
        "consumer",
        "destination_bucket",
        "source_bucket",
        "catalog_table",
    ]
    return [node for node in first if documents.get(node)]


def _empty(s3, bucket):
    found = s3.list_object_versions(Bucket=bucket)
    for one in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]:
        s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])


_FUNCTION = {
    "Runtime": "python3.12",
    "Role": f"arn:aws:iam::{PRODUCTION}:role/on-export-role",
    "Handler": "index.handler",
    "Code": {"ZipFile": b"x"},
}


def _bucket_call(method, parameter=None, delete=None, wrap=None):
    def write(world, node, document):
        s3 = world.at("s3", HOME[node])
        if document is None:
            getattr(s3, delete)(Bucket=_BUCKETS[node])
        else:
            value = wrap(document) if wrap else document
            getattr(s3, method)(Bucket=_BUCKETS[node], **({parameter: value} if parameter else value))

    return write


def _lifecycle(document):
    size = document.get("TransitionDefaultMinimumObjectSize", "all_storage_classes_128K")
    return {"LifecycleConfiguration": {"Rules": document["Rules"]}, "TransitionDefaultMinimumObjectSize": size}


def _account_block(world, node, document):
    control = world.at("s3control", HOME[node])
    if document is not None:
        control.put_public_access_block(AccountId=ACCOUNTS[HOME[node]], PublicAccessBlockConfiguration=document)


def _alarms(world, node, document):
    for alarm in document:
        params = {"EvaluationPeriods": 1, "Period": 300, **alarm}
        world.at("cloudwatch", HOME[node]).put_metric_alarm(**params)


def _recovery(world, _node, document):
    told = document["PointInTimeRecoveryDescription"]
    on = told["PointInTimeRecoveryStatus"] == "ENABLED"
    wanted = {"PointInTimeRecoveryEnabled": on} | ({"RecoveryPeriodInDays": told["RecoveryPeriodInDays"]} if on else {})
    world.at("dynamodb").update_continuous_backups(TableName="my-table", PointInTimeRecoverySpecification=wanted)


def _table(world, _node, document):
    world.at("dynamodb").update_table(
        TableName="my-table", DeletionProtectionEnabled=document["DeletionProtectionEnabled"]
    )


def _table_policy(world, _node, document):
    arn = f"arn:aws:dynamodb:{REGION}:{PRODUCTION}:table/my-table"
    if document is not None:
        world.at("dynamodb").put_resource_policy(ResourceArn=arn, Policy=json.dumps(document))


def _inline(world, node, document):
    iam, role = world.at("iam"), _ROLES[node]
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        if name not in document:
            iam.delete_role_policy(RoleName=role, PolicyName=name)
    for name, policy in document.items():
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))


def _attached(world, node, document):
    iam = world.at("iam")
    for arn, policy in document.items():
        _, _, path = arn.partition(":policy")
        head, _, name = path.rpartition("/")
        iam.create_policy(PolicyName=name, Path=f"{head}/", PolicyDocument=json.dumps(policy))
        iam.attach_role_policy(RoleName=_ROLES[node], PolicyArn=arn)


def _boundary(world, node, document):
    if document is None:
        return
    iam = world.at("iam")
    arn = iam.create_policy(PolicyName=f"{node}-boundary", PolicyDocument=json.dumps(document))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName=_ROLES[node], PermissionsBoundary=arn)


def _trust(world, node, document):
    world.at("iam").update_assume_role_policy(RoleName=_ROLES[node], PolicyDocument=json.dumps(document))


def _function_policy(world, _node, document):
    awslambda = world.at("lambda")
    awslambda.remove_permission(FunctionName="on-export", StatementId="exports")
    for statement in (document or {}).get("Statement", []):
        _permit(awslambda, "on-export", statement)


def _permit(awslambda, function, statement):
    (principal,) = statement["Principal"].values()
    params = {"StatementId": statement["Sid"], "Action": statement["Action"], "Principal": principal}
    for keys in (statement.get("Condition") or {}).values():
        for key, value in keys.items():
            params[re.sub("^aws:", "", key, flags=re.IGNORECASE)] = value
    awslambda.add_permission(FunctionName=function, **params)


def _concurrency(world, _node, document):
    reserved = document["ReservedConcurrentExecutions"]
    world.at("lambda").put_function_concurrency(FunctionName="on-export", ReservedConcurrentExecutions=reserved)


def _invocation(world, _node, document):
    world.at("lambda").put_function_event_invoke_config(FunctionName="on-export", **document)


def _queue(world, given):
    attributes = {**given["Attributes"], "Policy": _welcoming("sqs:SendMessage")}
    if "KmsMasterKeyId" in attributes:
        attributes["SqsManagedSseEnabled"] = "false"
    world.at("sqs").create_queue(QueueName=given["name"], Attributes=attributes)


def _topic(world, given):
    attributes = {**given["Attributes"], "Policy": _welcoming("sns:Publish")}
    world.at("sns").create_topic(Name=given["name"], Attributes=attributes)


def _welcoming(action):
    s3 = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [s3]})


def _event_rule(world, given):
    rule = dict(given["Rule"])
    if "EventPattern" in rule:
        rule["EventPattern"] = json.dumps(rule["EventPattern"])
    events = world.at("events")
    events.put_rule(**{"Name": given["name"], **rule})
    if given["Targets"]:
        events.put_targets(Rule=given["name"], Targets=given["Targets"])
    for one in given["TargetPolicies"]["Targets"]:
        _receiver(world, one["Arn"], one["Policy"])


def _receiver(world, arn, policy):
    service, name = arn.split(":")[2], arn.rpartition(":")[2]
    if service == "lambda":
        for statement in (policy or {}).get("Statement", []):
            _permit(world.at("lambda"), name, statement)
    elif service == "sqs":
        attributes = {"Policy": json.dumps(policy)} if policy else {}
        world.at("sqs").create_queue(QueueName=name, Attributes=attributes)
    else:
        world.at("sns").create_topic(Name=name, Attributes={"Policy": json.dumps(policy)})


def _key_policy(world, node, document):
    kms = world.at("kms", HOME[node])
    kms.put_key_policy(KeyId=_only_key(kms), PolicyName="default", Policy=json.dumps(document))


def _rotation(world, node, document):
    kms = world.at("kms", HOME[node])
    if document["KeyRotationEnabled"]:
        kms.enable_key_rotation(KeyId=_only_key(kms))


def _only_key(kms):
    return kms.list_keys()["Keys"][0]["KeyId"]


def _glue(world, _node, document):
    glue = world.at("glue", "analytics")
    glue.create_database(DatabaseInput={"Name": "exports"})
    glue.create_table(DatabaseName="exports", TableInput=document)


def _nothing(_world, _node, _document):
    """What the steps of the golden pipeline, or the key itself, have made already."""


_WRITERS = {
    "s3.bucket": {
        "Versioning": _bucket_call("put_bucket_versioning", "VersioningConfiguration"),
        "Replication": _bucket_call("put_bucket_replication", "ReplicationConfiguration", "delete_bucket_replication"),
        "Notification": _bucket_call("put_bucket_notification_configuration", "NotificationConfiguration"),
        "Lifecycle": _bucket_call("put_bucket_lifecycle_configuration", None, "delete_bucket_lifecycle", _lifecycle),
        "Encryption": _bucket_call("put_bucket_encryption", "ServerSideEncryptionConfiguration"),
        "PublicAccessBlock": _bucket_call(
            "put_public_access_block", "PublicAccessBlockConfiguration", "delete_public_access_block"
        ),
        "AccountPublicAccessBlock": _account_block,
        "OwnershipControls": _bucket_call(
            "put_bucket_ownership_controls", "OwnershipControls", "delete_bucket_ownership_controls"
        ),
        "Logging": _bucket_call("put_bucket_logging", "BucketLoggingStatus"),
        "RequestPayment": _bucket_call("put_bucket_request_payment", "RequestPaymentConfiguration"),
        "Policy": _bucket_call("put_bucket_policy", "Policy", "delete_bucket_policy", json.dumps),
        "FailureAlarms": _alarms,
    },
    "dynamodb.table": {"ContinuousBackups": _recovery, "Description": _table, "Policy": _table_policy},
    "iam.role": {
        "InlinePolicies": _inline,
        "AttachedPolicies": _attached,
        "Boundary": _boundary,
        "Trust": _trust,
    },
    "lambda.function": {
        "Configuration": _nothing,
        "Policy": _function_policy,
        "Concurrency": _concurrency,
        "EventInvokeConfig": _invocation,
    },
    "kms.key": {"Description": _nothing, "Policy": _key_policy, "Rotation": _rotation, "Grants": _nothing},
    "glue.table": {"Table": _glue},
}
_KIND = {
    "table": "dynamodb.table",
    "exporter": "iam.role",
    "replication_role": "iam.role",
    "source_bucket": "s3.bucket",
    "destination_bucket": "s3.bucket",
    "consumer": "lambda.function",
    "source_key": "kms.key",
    "destination_key": "kms.key",
    "catalog_table": "glue.table",
}
_CONSUMERS = {"sqs.queue": _queue, "sns.topic": _topic, "events.rule": _event_rule}
