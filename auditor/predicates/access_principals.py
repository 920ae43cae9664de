"""Predicates about whom a bucket policy names: known_principals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from auditor.iam import Policy, PolicyError, Statement, principals, public_statements
from auditor.model import Evidence, Json, Text, Unread
from auditor.scope import Found, NotRead, Predicate, Scope, first_unread, object_to, unknown_at, walk

_ACCOUNT = ("aws:principalaccount", "aws:sourceaccount", "aws:sourceowner", "s3:dataaccesspointaccount")
_ARN = ("aws:principalarn", "aws:sourcearn", "s3:dataaccesspointarn")


def known_accounts(scope: Scope, more: Json) -> frozenset[str]:
    """Return the ids of the accounts that the pipeline declares, and of those that its owner calls known."""
    pipeline = scope.snapshot.pipeline
    declared = {account.id for account in pipeline.accounts.values()} | {
        node.account.id for node in pipeline.nodes.values()
    }
    listed = more if isinstance(more, list | tuple) else [more] if isinstance(more, str) else []
    return frozenset(declared | {str(one) for one in listed})


def _known_principals(found: Found, wanted: Json, scope: Scope) -> Iterator[Evidence]:
    listed = walk(found.value, ("Statement",))
    if isinstance(listed, Unread):
        raise NotRead(f"{found.route}.Statement", listed)
    many = isinstance(listed, list | tuple)
    known = known_accounts(scope, wanted)
    for index, one in enumerate(listed if many else [] if listed is None else [listed]):
        route = f"{found.route}.Statement[{index}]" if many else f"{found.route}.Statement"
        yield from _statement(Found(one, route), known, scope)


def _statement(found: Found, known: frozenset[str], scope: Scope) -> Iterator[Evidence]:
    if isinstance(found.value, Unread):
        yield unknown_at(found.route, found.value, _WANTED, scope)
        return
    if found.value.get("Effect") == "Deny":
        return
    gap = first_unread({key: found.value.get(key) for key in ("Effect", "Principal", "NotPrincipal")}, found.route)
    if gap is not None:
        yield unknown_at(*gap, _WANTED, scope)
        return
    condition = first_unread(found.value.get("Condition"), f"{found.route}.Condition")
    try:
        policy = _alone(found.value, without_condition=condition is not None)
    except PolicyError as error:
        yield unknown_at(found.route, Unread("Malformed", detail=str(error)), _WANTED, scope)
        return
    for objection in _judged(policy, found, known, scope):
        yield unknown_at(*condition, _WANTED, scope) if condition and objection.key == "*" else objection


def _alone(statement: Mapping[str, Json], *, without_condition: bool) -> Policy:
    """Return a policy of one statement; what it does, and to what, is not the question here."""
    kept = {
        key: value for key, value in statement.items() if key in {"Effect", "Principal", "NotPrincipal", "Condition"}
    }
    if without_condition:
        del kept["Condition"]
    return Policy.parse({"Version": "2012-10-17", "Statement": [{**kept, "Action": "s3:*", "Resource": "*"}]})


def _judged(policy: Policy, found: Found, known: frozenset[str], scope: Scope) -> Iterator[Evidence]:
    route = f"{found.route}.{'NotPrincipal' if 'NotPrincipal' in found.value else 'Principal'}"
    everyone = bool(public_statements(policy))
    narrowed = _accounts(policy.statements[0])
    if everyone and narrowed is None:
        yield object_to(Found(found.value.get("Principal"), route), _WANTED, scope, note=_EVERYONE, key="*", shown="*")
        return
    for account in sorted((narrowed or frozenset()) - known):
        if any(named.value == "*" for named in principals(policy)):
            yield _stranger(Found(account, f"{found.route}.Condition"), account, scope)
    for named in principals(policy):
        if named.type == "CanonicalUser":
            yield from _canonical(Found(named.value, route), known, scope)
        elif len(named.account) == 12 and named.account.isdigit() and named.account not in known:
            yield _stranger(Found(named.value, route), named.account, scope)


def narrowed_to_somebody(statement: Statement) -> bool:
    """Tell whether an Allow to everyone is narrowed, by S3's measure or ours: to roles of fixed accounts, by pattern."""
    return _accounts(statement) is not None


def _accounts(statement: Statement) -> frozenset[str] | None:
    """Return the accounts that conditions narrow everyone to; `None` when an ARN pattern or value leaves the account open."""
    found: set[str] = set()
    fixed = False
    for condition in statement.conditions:
        operator = condition.operator
        if operator is None or operator.negated or condition.if_exists or condition.qualifier == "all":
            continue
        if condition.lookup in _ACCOUNT:
            values = condition.values
        elif condition.lookup in _ARN:
            values = tuple(value.split(":")[4] if value.count(":") >= 5 else "" for value in condition.values)
        else:
            continue
        if values and all(len(value) == 12 and value.isdigit() for value in values):
            fixed = True
            found |= set(values)
    return frozenset(found) if fixed else None


def _stranger(found: Found, account: str, scope: Scope) -> Evidence:
    note = Text(
        f"{account} is no account of this pipeline. If it is meant, list it in intent.known_accounts.",
        f"{account} はこのパイプラインのアカウントではありません。意図したものなら intent.known_accounts に追加してください。",
    )
    return object_to(found, _WANTED, scope, note=note, key=account)


def _canonical(found: Found, known: frozenset[str], scope: Scope) -> Iterator[Evidence]:
    """Leave open whose a canonical user id is, unless it is that of a bucket's owner or called known."""
    owners = {
        scope.find(f"{node}.Acl.Owner.ID").value
        for node in ("source_bucket", "destination_bucket")
        if scope.resource(node)
    }
    if found.value not in owners and found.value not in known:
        note = Text(
            "A canonical user id does not tell its account (a CloudFront origin access identity has one, too). If it is meant, "
            "list it in intent.known_accounts.",
            "正規ユーザー ID からはアカウントが分かりません (CloudFront のオリジンアクセスアイデンティティにもあります)。"
            "意図したものなら intent.known_accounts に追加してください。",
        )
        yield unknown_at(
            found.route, Unread("Unknowable", detail=_NOBODYS), _WANTED, scope, note=note, key=str(found.value)
        )


_WANTED = Text("accounts of the pipeline", "パイプラインで宣言されたアカウント")
_NOBODYS = Text("a canonical user id does not tell its account", "正規ユーザー ID からはアカウントを特定できません")
_EVERYONE = Text(
    "The statement allows everybody, and no condition narrows that to fixed accounts, networks or sources.",
    "このステートメントは全員を許可しており、固定のアカウント・ネットワーク・送信元に絞る条件がありません。",
)
_ID: Json = {"type": "string"}

PRINCIPALS = (
    Predicate(
        "known_principals",
        _known_principals,
        {"anyOf": [_ID, {"type": "array", "items": _ID}, {"type": "null"}]},
        Text(
            "Every Allow of the policy names services, or principals of the pipeline's accounts or of these; everybody only under "
            "a condition that narrows it.",
            "ポリシーの許可がすべて、サービス、パイプラインのアカウント、またはここに挙げたアカウントのプリンシパルに対するもので、"
            "全員を対象とする許可には絞り込む条件が付いている。",
        ),
        lambda _wanted, _at: ("?source_bucket.Acl", "?destination_bucket.Acl"),
        '{at: Policy, known_principals: "${intent.known_accounts}"}',
        asks=lambda _wanted: _WANTED,
    ),
)
