"""Predicates about the encryption of queues and topics: key_serves_s3."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.iam import Policies, decide
from auditor.iam.contexts import notification_kms
from auditor.model import Evidence, Json, Text, Unread
from auditor.predicates.access_calls import around, delivered, text_at
from auditor.predicates.access_policies import guard
from auditor.predicates.words import DENIED, NOT_ALLOWED
from auditor.scope import Found, Predicate, Scope, object_to, unknown_at

_ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")
_WANTED = Text("a key that S3 may use", "S3 が使用できる KMS キー")
_FOR_S3 = Text("{} for s3.amazonaws.com", "s3.amazonaws.com による {}")
_MANAGED = Text(
    "The policy of an AWS managed key cannot be edited and does not admit S3: use a customer managed key that does, or SSE-SQS.",
    "AWS マネージドキーのポリシーは変更できず、S3 の利用を許可していません。S3 を許可したカスタマーマネージドキーか、"
    "SSE-SQS を使ってください。",
)


def _key_serves_s3(found: Found, _wanted: Json, scope: Scope) -> Iterator[Evidence]:
    named = found.value
    if not named or named is False:
        return
    needed = delivered(scope, text_at(scope, "subject.Arn"))
    if needed is False:
        return
    for objection in _objections(Found(str(named), found.route), scope):
        if isinstance(needed, Unread) and objection.unread is None:
            yield unknown_at(found.route, needed, _WANTED, scope, note=objection.note, key=objection.key)
        else:
            yield objection


def _objections(named: Found, scope: Scope) -> Iterator[Evidence]:
    if named.value.rpartition(":")[2] in {"alias/aws/sqs", "alias/aws/sns"}:
        yield object_to(named, _WANTED, scope, note=_MANAGED)
        return
    manager = scope.find("subject.Key.KeyMetadata.KeyManager")
    state = scope.find("subject.Key.KeyMetadata.KeyState")
    if manager.unread is not None:
        yield unknown_at(manager.route, manager.unread, _WANTED, scope)
    elif manager.value == "AWS":
        yield object_to(named, _WANTED, scope, note=_MANAGED)
    elif state.value is not None and state.unread is None and state.value != "Enabled":
        yield object_to(state, "Enabled", scope)
    else:
        yield from _refused(scope)


def _refused(scope: Scope) -> Iterator[Evidence]:
    source = guard(scope, "subject.Key.Policy")
    generous, strict = source.policy("generous", principals=True), source.policy("strict", principals=True)
    for action in _ACTIONS:
        request = notification_kms(
            text_at(scope, "subject.Key.KeyMetadata.Arn"),
            action,
            target=text_at(scope, "subject.Arn"),
            bucket=text_at(scope, "source_bucket.Arn"),
            bucket_account=text_at(scope, "source_bucket.Account"),
            around=around(scope, "subject"),
        )
        decision = decide(request, Policies(resource=generous))
        wanted, note = _FOR_S3.fill(action), Text(decision.explain, decision.explain_ja)
        if decision.effect in {"explicit_deny", "implicit_deny"}:
            found = DENIED if decision.effect == "explicit_deny" else NOT_ALLOWED
            yield object_to(Found(None, source.found.route), wanted, scope, note=note, key=action, shown=found)
        elif decision.effect == "unknown":
            unread = Unread("Unknowable", detail=note)
            yield unknown_at(source.found.route, unread, wanted, scope, note=note, key=action)
        elif source.gap and decide(request, Policies(resource=strict)).effect != "allowed":
            yield unknown_at(*source.gap, wanted, scope, key=action)


MESSAGES = (
    Predicate(
        "key_serves_s3",
        _key_serves_s3,
        {"const": True},
        Text(
            "The KMS key named here (of an encrypted queue or topic) is one whose policy lets S3 use it, or none is named.",
            "ここで指定された（キューやトピックの暗号化用の）KMS キーが、S3 の利用をキーポリシーで許可している。または指定がない。",
        ),
        lambda _wanted, _at: ("subject.Key", "source_bucket.Notification"),
        "{at: Attributes.KmsMasterKeyId, key_serves_s3: true}",
    ),
)
