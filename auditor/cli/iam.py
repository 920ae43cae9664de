"""`auditor iam decide`: one request against policy files or a snapshot, decided as AWS would, and explained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.options import lang_option, language

if TYPE_CHECKING:
    from auditor.iam import Decision, Policies, Policy, Request, Unreadable
    from auditor.model import Resource

_EXITS = {"allowed": 0, "explicit_deny": 1, "implicit_deny": 1, "unknown": 3}


@click.group("iam")
def iam_command() -> None:
    """Decide an IAM request on policy files, and say why."""


def _file(name: str, what: str) -> Callable[[Any], Any]:
    return click.option(
        name, multiple=True, metavar="FILE", type=click.Path(path_type=Path), help=f"{what}; repeatable."
    )


@iam_command.command("decide")
@click.option(
    "--principal",
    required=True,
    metavar="ARN|SERVICE|*",
    help="Who asks: a role, user, session or root ARN, a service, or *.",
)
@click.option("--action", required=True, metavar="SERVICE:ACTION", help="What is asked.")
@click.option("--resource", default="*", show_default=True, metavar="ARN", help="On what.")
@click.option(
    "--resource-account", default="", metavar="ID", help="Whose the resource is, where its ARN does not tell (S3)."
)
@click.option("--context", multiple=True, metavar="KEY=VALUE", help="A condition key; the same key again adds a value.")
@click.option(
    "--unknown",
    multiple=True,
    metavar="KEY",
    help="A condition key that AWS sets to something nobody knows beforehand.",
)
@_file("--identity", "An identity policy of the principal")
@_file("--resource-policy", "The resource's policy")
@_file("--boundary", "The principal's permissions boundary")
@_file("--session", "A session policy")
@_file("--scp", "A service control policy, one level each, from the root down")
@_file("--rcp", "A resource control policy, one level each, from the root down")
@_file("--endpoint", "The VPC endpoint's policy")
@click.option(
    "--snapshot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take the policies of a pipeline's nodes from here.",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@lang_option
def decide_command(**choices: Any) -> int:
    """Decide one request; exit 0 allowed, 1 denied, 3 unknown."""
    from auditor.iam import decide
    from auditor.render.display import plain
    from auditor.render.json_text import dumps

    request = _request(choices)
    decision = decide(request, _policies(choices, request))
    if choices["as_json"]:
        click.echo(dumps(_plain(decision, request)))
    else:
        lang = language(choices["lang"])
        click.echo(plain(f"{decision.effect}: {decision.explain_ja if lang == 'ja' else decision.explain}"))
    return _EXITS[decision.effect]


def _request(choices: Mapping[str, Any]) -> Request:
    from auditor.errors import UsageError
    from auditor.iam import Request

    if ":" not in choices["action"]:
        raise UsageError(f"--action {choices['action']}: an action is written SERVICE:ACTION, as in s3:GetObject.")
    _check_names(choices["principal"], choices["resource"])
    context: dict[str, Any] = {}
    for word in choices["context"]:
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageError(
                f"--context {word}: a condition key is written KEY=VALUE, as in aws:SourceAccount=111122223333."
            )
        context[key] = (
            value
            if key not in context
            else [*([context[key]] if isinstance(context[key], str) else context[key]), value]
        )
    return Request(
        choices["principal"],
        choices["action"],
        choices["resource"],
        context,
        unknowable=frozenset(choices["unknown"]),
        resource_account=choices["resource_account"],
    )


def _check_names(principal: str, resource: str) -> None:
    """Raise `UsageError` for a caller or a resource that no request could have: the answer would be about nothing."""
    from auditor.errors import UsageError
    from auditor.iam.callers import caller

    if caller(principal).kind == "provider" and not principal.startswith("arn:") and "." not in principal:
        raise UsageError(
            f"--principal {principal}: this is no caller.",
            "Give an ARN, as in arn:aws:iam::111122223333:role/reader, a service, as in s3.amazonaws.com, or * for nobody known.",
        )
    if not (resource == "*" or (resource.startswith("arn:") and resource.count(":") >= 5)):
        raise UsageError(
            f"--resource {resource}: this is no resource.", "Give an ARN, as in arn:aws:s3:::my-bucket/key, or *."
        )


def _policies(choices: Mapping[str, Any], request: Request) -> Policies:
    from auditor.iam import Policies

    own, theirs = _from_snapshot(choices["snapshot"], request) if choices["snapshot"] else (Policies(), None)
    resource = _only(choices["resource_policy"], "--resource-policy")
    boundary = _only(choices["boundary"], "--boundary")
    return Policies(
        identity=(*own.identity, *_parsed(choices["identity"])),
        resource=resource if resource is not None else theirs,
        boundary=boundary if boundary is not None else own.boundary,
        session=_parsed(choices["session"]),
        scps=tuple((policy,) for policy in _parsed(choices["scp"])) or None,
        rcps=tuple((policy,) for policy in _parsed(choices["rcp"])) or None,
        endpoint=_only(choices["endpoint"], "--endpoint"),
    )


def _only(files: Iterable[Path], option: str) -> Policy | None:
    from auditor.errors import UsageError

    found = _parsed(files)
    if len(found) > 1:
        raise UsageError(f"{option} may be given once: there is one such policy.")
    return found[0] if found else None


def _parsed(files: Iterable[Path]) -> tuple[Policy, ...]:
    from auditor.errors import InputError, Mistake, Place
    from auditor.files import load_json
    from auditor.iam import Policy, PolicyError

    made = []
    for file in files:
        document = load_json(file)
        try:
            made.append(Policy.parse(document.value, str(file)))
        except PolicyError as error:
            raise InputError([Mistake(Place(str(file)), f"{error}.".replace("..", "."))]) from error
    return tuple(made)


def _from_snapshot(file: Path, request: Request) -> tuple[Policies, Policy | Unreadable | None]:
    """Return the policies of the snapshot's role with the principal's ARN, and the policy of the resource asked for."""
    from auditor.errors import UsageError
    from auditor.iam import Policies
    from auditor.sources.saved import load

    known = [one for snapshot in load(file) for one in snapshot.resources.values()]
    bucket = request.resource.split("/", 1)[0] if request.resource.startswith("arn:aws:s3:::") else request.resource
    role = next((one for one in known if one.arn and one.arn == request.caller.role_arn), None)
    owner = next((one for one in known if one.arn and one.arn == bucket), None)
    if role is None and owner is None:
        arns = ", ".join(sorted({one.arn for one in known if one.arn}))
        raise UsageError(f"{file} has neither the principal nor the resource.", f"It has {arns}.")
    identity = (*_each(role, "InlinePolicies"), *_each(role, "AttachedPolicies")) if role else ()
    boundary = _one(role, "Boundary") if role else None
    policy = _one(owner, "Trust" if owner.node.kind == "iam.role" else "Policy") if owner else None
    return Policies(identity=identity, boundary=boundary), policy


def _each(resource: Resource, facet: str) -> Iterator[Policy | Unreadable]:
    from auditor.iam import Unreadable

    if facet not in resource.facets:
        yield Unreadable(facet, str(resource.unread.get(facet, "it is not in the snapshot")))
    for name, document in (resource.facets.get(facet) or {}).items():
        yield _readable(document, name)


def _one(resource: Resource, facet: str) -> Policy | Unreadable | None:
    from auditor.iam import Unreadable

    if facet not in resource.facets:
        return Unreadable(facet, str(resource.unread.get(facet, "it is not in the snapshot")))
    document = resource.facets[facet]
    return None if document is None else _readable(document, f"{resource.node.name}.{facet}")


def _readable(document: Any, name: str) -> Policy | Unreadable:
    from auditor.iam import Policy, PolicyError, Unreadable
    from auditor.scope import first_unread

    hit = first_unread(document)
    if hit is not None:
        return Unreadable(name, str(hit[1]))
    try:
        return Policy.parse(document, name)
    except PolicyError as error:
        return Unreadable(name, str(error))


def _plain(decision: Decision, request: Request) -> Mapping[str, Any]:
    from dataclasses import asdict

    return {
        "version": "decision-v1",
        "request": {
            "principal": request.principal,
            "action": request.action,
            "resource": request.resource,
            "context": dict(request.context),
        },
        "effect": decision.effect,
        "by": [asdict(reason) for reason in decision.by],
        "explain": {"en": decision.explain, "ja": decision.explain_ja},
    }
