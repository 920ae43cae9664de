"""Misses: what keeps an Allow statement from granting a request, and which statement came nearest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher

from auditor.iam.callers import Caller, caller
from auditor.iam.conditions import holds
from auditor.iam.glob import glob
from auditor.iam.policy import Policy
from auditor.iam.principal import Principals
from auditor.iam.request import Request
from auditor.iam.scan import Naming, names
from auditor.iam.statement import Statement
from auditor.iam.variables import read_text, unfilled
from auditor.iam.wording import Text, condition_text

__all__ = ["Miss", "misses", "nearest"]

_WEIGHTS = {"Action": 8, "Resource": 6, "Principal": 5}
_PARTS = {
    1: Text("partition", "パーティション"),
    2: Text("service", "サービス"),
    3: Text("Region", "リージョン"),
    4: Text("account", "アカウント"),
}
# Beyond this, two elements or more are wrong and the statement is about something else.
_NEAR = 10


@dataclass(frozen=True, slots=True)
class Miss:
    """One element of an Allow that does not fit the request, and what would; how alike the two are breaks ties."""

    element: str
    weight: int
    text: Text
    likeness: float = 0.0


def nearest(
    policies: Iterable[Policy], request: Request, naming: Naming
) -> tuple[Policy, Statement, list[Miss]] | None:
    """Return the Allow that comes nearest to granting the request, with its misses; None if none is near."""
    best: tuple[float, Policy, Statement, list[Miss]] | None = None
    for policy in policies:
        for statement in policy.statements:
            if not statement.allows:
                continue
            found = misses(statement, request, naming)
            weight = sum(miss.weight for miss in found)
            distance = weight - sum(miss.likeness for miss in found) / 10
            if found and weight <= _NEAR and (best is None or distance < best[0]):
                best = (distance, policy, statement, found)
    return best[1:] if best else None


def misses(statement: Statement, request: Request, naming: Naming) -> list[Miss]:
    """Return every element of the statement that surely does not fit the request."""
    found = []
    if not statement.actions.match(request.operation):
        found.append(_action_miss(statement, request))
    if statement.resources is not None and statement.resources.match(request.resource, request) is False:
        found.append(_resource_miss(statement, request))
    if naming is not Naming.IGNORED and not names(statement, request, naming).possible:
        found.append(_principal_miss(statement.principals, request))
    for condition in statement.conditions:
        if holds(condition, request.facts) is False:
            text = condition_text(condition, request.facts)
            found.append(
                Miss(
                    f"Condition.{condition.written}.{condition.key}",
                    1,
                    Text(f"the condition {text.en} does not hold", f"条件 {text.ja} が成立しません"),
                )
            )
    return found


def _action_miss(statement: Statement, request: Request) -> Miss:
    element, likeness = "NotAction" if statement.actions.negated else "Action", 0.0
    if statement.actions.negated:
        text = Text(f"its NotAction leaves out {request.action}", f"NotAction が {request.action} を除外しています")
    else:
        near, likeness = _closest(request.action, statement.actions.written)
        text = Text(
            f"it allows {near}, but {request.action} is needed",
            f"許可しているのは {near} で、必要なのは {request.action} です",
        )
    weight = _WEIGHTS["Action"]
    same_service = any(text.lower().startswith(request.service + ":") for text in statement.actions.written)
    return Miss(element, weight if same_service else weight + _NEAR, text, likeness)


def _resource_miss(statement: Statement, request: Request) -> Miss:
    element = statement.resources
    assert element is not None
    if element.negated:
        text = Text(
            f"its NotResource leaves out {request.resource}", f"NotResource が {request.resource} を除外しています"
        )
        return Miss("NotResource", _WEIGHTS["Resource"], text)
    near, likeness = _closest(request.resource, element.written)
    hint = _resource_hint(near, request) + _unfilled_hint(near, request)
    text = Text(f"it speaks of {near}, {hint.en}", f"対象は {near} ですが、{hint.ja}")
    return Miss("Resource", _WEIGHTS["Resource"], text, likeness)


def _resource_hint(near: str, request: Request) -> Text:
    wanted = request.resource
    bucket, slash, _ = wanted.partition("/")
    is_s3 = wanted.startswith("arn:") and wanted.split(":")[2:3] == ["s3"]
    if is_s3 and slash and near == bucket:
        return Text(f"but the object ARN is needed: {bucket}/*", f"必要なのはオブジェクトの ARN ({bucket}/*) です")
    if is_s3 and not slash and near.startswith(wanted + "/"):
        return Text(f"but the bucket's own ARN is needed: {wanted}", f"必要なのはバケット自体の ARN ({wanted}) です")
    if glob(near.lower()).matches(wanted.lower()):
        return Text(f"but case counts: {wanted} is needed", f"大文字と小文字は区別され、必要なのは {wanted} です")
    parts, others = near.split(":", 5), wanted.split(":", 5)
    if len(parts) == len(others) == 6:
        wrong = [
            index
            for index, (part, other) in enumerate(zip(parts, others, strict=True))
            if not glob(part).matches(other)
        ]
        if len(wrong) == 1 and wrong[0] in _PARTS:
            name = _PARTS[wrong[0]]
            return Text(
                f"but {wanted} is needed (the {name.en} differs)", f"必要なのは {wanted} です ({name.ja}が違います)"
            )
    return Text(f"but {wanted} is needed", f"必要なのは {wanted} です")


def _unfilled_hint(near: str, request: Request) -> Text:
    keys = ", ".join(unfilled(read_text(near, variables=True), request.facts))
    return Text(f" (nothing fills ${{{keys}}})", f" (${{{keys}}} に入る値がありません)") if keys else Text("", "")


def _principal_miss(element: Principals | None, request: Request) -> Miss:
    if element is None:
        text = Text("it names no Principal", "Principal がありません")
        return Miss("Principal", _WEIGHTS["Principal"], text)
    if element.negated:
        text = Text(
            f"its NotPrincipal leaves out {request.principal}", f"NotPrincipal が {request.principal} を除外しています"
        )
        return Miss("NotPrincipal", _WEIGHTS["Principal"], text)
    values = tuple(value for _, value in element.written)
    near, likeness = _closest(request.principal, values)
    hint = _principal_hint(near, request.caller)
    text = Text(
        f"its Principal is {near}, but the caller is {request.principal}{hint.en}",
        f"Principal は {near} ですが、呼び出し元は {request.principal} です{hint.ja}",
    )
    return Miss("Principal", _WEIGHTS["Principal"], text, likeness)


def _principal_hint(near: str, who: Caller) -> Text:
    found = caller(near)
    if near.startswith(("AROA", "AIDA")) and ":" not in near:
        return Text(
            " (that is the id of a role or user that was deleted; one created anew does not match it)",
            " (これは削除されたロールまたはユーザーの ID で、作り直したものとは一致しません)",
        )
    if found.kind == "role" and who.is_role and found.name == who.name:
        if found.account != who.account:
            return Text(" (the account differs)", " (アカウントが違います)")
        return Text(" (the path of the role differs)", " (ロールのパスが違います)")
    if found.kind == "root" and who.account and found.account != who.account:
        return Text(" (the account differs)", " (アカウントが違います)")
    if "*" in near or "?" in near:
        return Text(" (a Principal takes no partial wildcard)", " (Principal では部分的なワイルドカードは使えません)")
    return Text("", "")


def _closest(wanted: str, values: tuple[str, ...]) -> tuple[str, float]:
    """Return the value most like the wanted one, and how like it is; of very many, the first thousand are compared."""
    text = wanted[:300]
    likeness = [SequenceMatcher(None, text, value[:300]).quick_ratio() for value in values[:1000]]
    best = max(likeness, default=0.0)
    return (values[likeness.index(best)], best) if likeness else ("nobody", best)
