"""Explanation: the statements that decided, the nearest miss of each side that did not grant, or what nobody knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auditor.iam.conditions import Condition, holds
from auditor.iam.errors import Unreadable
from auditor.iam.kms_grants import grant_allows
from auditor.iam.logic import Parts, naming, needs_no_permission, rcp_reach, resource_must_speak, root_keeps
from auditor.iam.misses import nearest
from auditor.iam.policies import Policies, Readable
from auditor.iam.policy import Policy
from auditor.iam.principal import Level
from auditor.iam.reasons import Effect, Kind, Reason
from auditor.iam.request import Request
from auditor.iam.scan import Naming, Scan, names, speaks
from auditor.iam.statement import Statement
from auditor.iam.wording import KINDS, Text, condition_text, statement_text

__all__ = ["reasons"]


@dataclass(frozen=True, slots=True)
class _Side:
    """One sort of policy that bears on the request: its policies, and what they say together."""

    kind: Kind
    policies: tuple[Readable, ...]
    scan: Scan
    naming: Naming = Naming.IGNORED


_NO_PERMISSION = Reason(
    "",
    "logic",
    None,
    "",
    "Every principal may call sts:GetCallerIdentity, whatever its policies say.",
    "sts:GetCallerIdentity は、ポリシーの内容にかかわらず、すべてのプリンシパルが呼び出せます。",
)


def reasons(effect: Effect, request: Request, policies: Policies, found: Parts) -> tuple[Reason, ...]:
    """Return what decided the request, most telling first; there is always at least one reason."""
    if needs_no_permission(request):
        return (_NO_PERMISSION,)
    sides = _sides(request, policies, found)
    if effect == "explicit_deny":
        made = list(_denials(sides, request))
    elif effect == "allowed":
        made = list(_grants(sides, request, policies))
    elif effect == "implicit_deny":
        made = list(_gaps(sides, request, found))
    else:
        made = list(_doubts(sides, request, policies, found))
    return tuple(dict.fromkeys(made))


def _sides(request: Request, policies: Policies, found: Parts) -> list[_Side]:
    named = naming(request, policies)
    sides: list[_Side] = []
    if found.identity is not None:
        sides.append(_Side("identity", policies.identity, found.identity))
    if found.boundary is not None and policies.boundary is not None:
        sides.append(_Side("boundary", (policies.boundary,), found.boundary))
    if found.session is not None:
        sides.append(_Side("session", policies.session, found.session))
    own = (policies.resource,) if policies.resource is not None else ()
    sides.append(_Side("resource", own, found.resource, named))
    for level, scanned in zip(policies.scps or (), found.scps or (), strict=False):
        sides.append(_Side("scp", level, scanned))
    for level, scanned in zip(policies.rcps or (), found.rcps or (), strict=False):
        sides.append(_Side("rcp", level, scanned))
    if found.endpoint is not None and policies.endpoint is not None:
        sides.append(_Side("endpoint", (policies.endpoint,), found.endpoint, named))
    return sides


def _matching(side: _Side, request: Request, *, allows: bool) -> Iterator[tuple[Policy, Statement, bool]]:
    """Give the statements of an effect that may match, and whether they surely do."""
    for policy in side.policies:
        if isinstance(policy, Unreadable):
            continue
        for statement in policy.about(request.operation):
            if statement.allows is allows:
                verdict, reach = speaks(statement, request, side.naming)
                if verdict is not False and reach.possible:
                    yield policy, statement, bool(verdict and reach.sure)


def _denials(sides: list[_Side], request: Request) -> Iterator[Reason]:
    for side in sides:
        if side.kind == "resource" and root_keeps(request):
            continue
        for policy, statement, sure in _matching(side, request, allows=False):
            if sure:
                yield _matched(side.kind, policy, statement, request)


def _grants(sides: list[_Side], request: Request, policies: Policies) -> Iterator[Reason]:
    if request.caller.kind == "root" and request.same_account and not resource_must_speak(request):
        yield _logic(
            Text(
                f"{request.principal} is the root user of the account that owns {request.resource}.",
                f"{request.principal} は {request.resource} を所有するアカウントのルートユーザーです。",
            )
        )
    for side in sides:
        for policy, statement, sure in _matching(side, request, allows=True):
            if sure:
                yield _matched(side.kind, policy, statement, request)
                break
    for grant in policies.grants if request.service == "kms" else ():
        if not isinstance(grant, Unreadable) and grant_allows(grant, request):
            text = Text(
                f"The KMS grant {grant.name} lets {grant.grantee} call {request.action}.",
                f"KMS のグラント {grant.name} が {grant.grantee} に {request.action} を許可しています。",
            )
            yield Reason(grant.name, "grant", None, "Operations", text.en, text.ja)


def _matched(kind: Kind, policy: Policy, statement: Statement, request: Request) -> Reason:
    held = [condition for condition in statement.conditions if holds(condition, request.facts)]
    texts = [condition_text(condition, request.facts) for condition in held]
    where, name = statement_text(statement), KINDS[kind]
    verb, verb_ja = ("allows", "許可") if statement.allows else ("denies", "拒否")
    verb_held = "hold" if len(texts) > 1 else "holds"
    because = f", because {' and '.join(text.en for text in texts)} {verb_held}" if texts else ""
    because_ja = f" (条件 {'、'.join(text.ja for text in texts)} が成立)" if texts else ""
    element = f"Condition.{held[0].written}.{held[0].key}" if held else "Effect"
    return Reason(
        policy.name,
        kind,
        statement.label,
        element,
        f"{where} of the {name.en} “{policy.name}” {verb} {request.action} on {request.resource}{because}.",
        f"{name.ja}「{policy.name}」の {where} が {request.resource} への {request.action} を{verb_ja}"
        f"しています{because_ja}。",
    )


def _logic(text: Text) -> Reason:
    return Reason("", "logic", None, "", text.en, text.ja)


def _gaps(sides: list[_Side], request: Request, found: Parts) -> Iterator[Reason]:
    """Give the nearest miss of each side that had to allow and does not."""
    for side in sides:
        if side.kind in {"scp", "rcp", "endpoint"} and side.scan.allows() is False:
            yield _gap(side, request)
    if found.granted(request) is not False:
        return
    if request.caller.kind == "root" and request.operation == "sts:assumerole":
        yield _logic(Text("A root user cannot assume a role.", "ルートユーザーはロールを引き受けられません。"))
        return
    for side in sides:
        own = side.kind in {"identity", "boundary", "session"}
        if own and side.scan.allows() is False and _own_counts(request, found):
            yield _gap(side, request)
        if side.kind == "resource" and _resource_counts(side, request, found):
            yield _gap(side, request)


def _own_counts(request: Request, found: Parts) -> bool:
    """Tell whether a gap in the caller's own policies is part of the answer: not where a key policy never delegates."""
    return not (request.same_account and resource_must_speak(request) and found.resource.allows() is False)


def _resource_counts(side: _Side, request: Request, found: Parts) -> bool:
    if side.scan.allows(Level.ROLE) is True:
        return False
    needed = found.identity is None or not request.same_account or resource_must_speak(request)
    return side.scan.allows() is False and (needed or bool(side.policies))


def _gap(side: _Side, request: Request) -> Reason:
    name = KINDS[side.kind]
    readable = [policy for policy in side.policies if isinstance(policy, Policy)]
    near = nearest(readable, request, side.naming)
    if near is not None:
        policy, statement, missed = near
        where = statement_text(statement)
        en = " and ".join(miss.text.en for miss in missed)
        ja = "。また、".join(miss.text.ja for miss in missed)
        return Reason(
            policy.name,
            side.kind,
            statement.label,
            missed[0].element,
            f"{where} of the {name.en} “{policy.name}” comes nearest to allowing {request.action}: {en}.",
            f"{name.ja}「{policy.name}」では {where} が最も近いものの {request.action} を許可しません: {ja}。",
        )
    asked, asked_ja = f"{request.action} on {request.resource}", f"{request.resource} への {request.action} "
    if not readable:
        return Reason(
            "",
            side.kind,
            None,
            "",
            f"No {name.en} allows {asked}: there is none.",
            f"{asked_ja}を許可する{name.ja}がありません。",
        )
    names = ", ".join(policy.name for policy in readable)
    return Reason(
        names,
        side.kind,
        None,
        "Statement",
        f"No statement of the {name.en} “{names}” allows {asked}.",
        f"{name.ja}「{names}」に {asked_ja}を許可するステートメントはありません。",
    )


def _doubts(sides: list[_Side], request: Request, policies: Policies, found: Parts) -> Iterator[Reason]:
    """Give what nobody knows: unreadable policies, and statements whose match hangs on unknowable keys."""
    allow = found.allow(request)
    for side in sides:
        for policy in side.policies:
            if isinstance(policy, Unreadable):
                yield _unread(side.kind, policy)
        for policy, statement, sure in _matching(side, request, allows=False):
            if not sure:
                yield _unsure(side, policy, statement, request)
        if allow is None and side.scan.allows() is not True:
            for policy, statement, sure in _matching(side, request, allows=True):
                if not sure:
                    yield _unsure(side, policy, statement, request)
        if side.kind == "rcp" and rcp_reach(request.service) is None and side.scan.deny is None:
            yield _logic(
                Text(
                    f"AWS's pages differ on whether resource control policies bind {request.service}.",
                    f"リソースコントロールポリシー (RCP) が {request.service} に効くかどうかは、AWS の資料でも一致していません。",
                )
            )
    if allow is None:
        yield from _grant_doubts(policies, request)


def _grant_doubts(policies: Policies, request: Request) -> Iterator[Reason]:
    for grant in policies.grants if request.service == "kms" else ():
        if isinstance(grant, Unreadable):
            yield _unread("grant", grant)
        elif grant_allows(grant, request) is None:
            text = Text(
                f"The KMS grant {grant.name} may allow {request.action}: it hangs on the encryption context.",
                f"KMS のグラント {grant.name} が {request.action} を許可するかどうかは、暗号化コンテキストによって決まります。",
            )
            yield Reason(grant.name, "grant", None, "Constraints", text.en, text.ja)


def _unread(kind: Kind, policy: Unreadable) -> Reason:
    name = KINDS[kind]
    return Reason(
        policy.name,
        kind,
        None,
        "",
        f"The {name.en} “{policy.name}” is unread and could decide: {policy.reason.rstrip('.')}.",
        f"{name.ja}「{policy.name}」を読めておらず、結果が変わる可能性があります: {policy.reason.rstrip('.。')}。",
    )


def _unsure(side: _Side, policy: Policy, statement: Statement, request: Request) -> Reason:
    open_ones = [item for item in statement.conditions if holds(item, request.facts) is None]
    element, text = (
        "Resource",
        Text("the value of a variable that nobody can know beforehand", "事前には分からない変数の値"),
    )
    if open_ones:
        element = f"Condition.{open_ones[0].written}.{open_ones[0].key}"
        texts = [_open_text(condition, request) for condition in open_ones]
        text = Text(" and ".join(item.en for item in texts), "、".join(item.ja for item in texts))
    elif side.naming is not Naming.IGNORED:
        reach = names(statement, request, side.naming)
        if not reach.sure:
            element, text = (
                "Principal",
                Text("whether its principals include the caller", "その Principal に呼び出し元が含まれるかどうか"),
            )
    name, where = KINDS[side.kind], statement_text(statement)
    verb, verb_ja = ("allow", "許可") if statement.allows else ("deny", "拒否")
    return Reason(
        policy.name,
        side.kind,
        statement.label,
        element,
        f"{where} of the {name.en} “{policy.name}” may {verb} {request.action}: it hangs on {text.en}.",
        f"{name.ja}「{policy.name}」の {where} が {request.action} を{verb_ja}するかどうかは、"
        f"{text.ja} によって決まり、事前には判断できません。",
    )


def _open_text(condition: Condition, request: Request) -> Text:
    if condition.operator is None:
        return Text(
            f"the operator {condition.written}, which is none of AWS's",
            f"AWS にない演算子 {condition.written}",
        )
    return condition_text(condition, request.facts)
