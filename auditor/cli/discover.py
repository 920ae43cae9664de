"""`auditor init`: find the pipelines of live accounts, or of a template, and write them down for a person to keep."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli import phrases
from auditor.cli.options import check_sources, lang_option, language, template_options
from auditor.cli.proposing import proposed

if TYPE_CHECKING:
    from auditor.aws import Aws
    from auditor.fleet.discovery_found import Discovery
    from auditor.model import Account

_ACCOUNT = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)=(?P<id>\d{12})(?::(?P<how>.+))?")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")


@click.command("init")
@click.option(
    "--account",
    "accounts",
    multiple=True,
    metavar="NAME=ID[:HOW]",
    help="An account to look at; HOW is a profile or the ARN of a role. Repeatable. Without: the environment's own.",
)
@click.option("--region", "regions", multiple=True, metavar="REGION", help="Where to look; the first is the accounts'.")
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="SOURCE",
    help="live (default), terraform:PLAN.json or cloudformation:TEMPLATE; repeatable.",
)
@template_options
@lang_option
@click.option("--organization", is_flag=True, help="Look at every active account of the organization.")
@click.option("--role-name", metavar="NAME", help="The role to assume in each account of the organization.")
@click.option("--merge", is_flag=True, help="Add what is new to the file; nothing in it is changed.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("pipeline.yaml"),
    show_default=True,
    metavar="FILE",
    help="The pipeline file to write.",
)
def init_command(**choices: Any) -> int:
    """Discover pipelines and write a commented pipeline file."""
    from auditor.aws import Aws
    from auditor.errors import UsageError
    from auditor.files import write_atomic
    from auditor.files.disk import read_text
    from auditor.fleet.discovery_file import written
    from auditor.fleet.discovery_merge import merged

    file: Path = choices["output"]
    lang = language(choices["lang"])
    exists = file.exists() and file.is_file()
    if exists and not choices["merge"]:
        raise UsageError(f"{file} exists already.", "Add what is new with --merge, or write elsewhere with -o FILE.")
    with Aws() as aws:
        found = _found(aws, choices, file if exists else None)
    if exists:
        if not found.pipelines:
            written(found, lang)
        mark = "\ufeff" if file.read_bytes().startswith(b"\xef\xbb\xbf") else ""
        before = read_text(file)
        after = merged(before, str(file), found, _intent())
        if after == before:
            _tell(phrases.NOTHING_NEW.fill(file).say(lang), found)
            return 0
        write_atomic(file, mark + after, mode=file.stat().st_mode & 0o777)
    else:
        write_atomic(file, written(found, lang), mode=0o644)
    names = [one.name for one in found.pipelines]
    listed = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    _tell(phrases.FOUND.fill(file, len(names), listed).say(lang), found)
    said = (("source", "sources"), ("parameter", "parameters"), ("parameters", "parameter_files"))
    sources = "".join(f" --{word} {one}" for word, name in said for one in choices[name])
    click.echo(phrases.READ_IT.fill(file, sources).say(lang), err=True)
    return 0


def _intent() -> dict[str, Any]:
    """Return the words of `intent:` that the shipped rules add."""
    from auditor.rulebook import load

    return {word: value for rule in load(vet=False) for word, value in rule.parameters.items()}


def _tell(sentence: str, found: Discovery) -> None:
    from auditor.render.display import plain

    for line in (sentence, *(f"{one[0].upper()}{one[1:]}." for one in found.gaps)):
        click.echo(plain(line), err=True)


def _found(aws: Aws, choices: dict[str, Any], existing: Path | None) -> Discovery:
    from auditor.fleet.discovery import discover

    accounts = _accounts(aws, choices, existing)
    if choices["sources"] not in ((), ("live",)):
        return proposed(choices, accounts, language(choices["lang"]))
    check_sources(choices)
    return discover(aws, accounts, choices["regions"])


def _accounts(aws: Aws, choices: dict[str, Any], existing: Path | None) -> list[Account]:
    """Return the accounts to look at; raises `UsageError` for one that cannot be meant, or when none can be told."""
    from auditor.errors import UsageError
    from auditor.pipeline import accounts as declared

    for region in choices["regions"]:
        if not _REGION.fullmatch(region):
            raise UsageError(f"--region {region}: there is no such Region.", "Say one such as ap-northeast-1.")
    if bool(choices["role_name"]) != choices["organization"]:
        raise UsageError("--organization and --role-name NAME belong together.")
    region = next(iter(choices["regions"]), "")
    if choices["organization"]:
        if choices["accounts"]:
            raise UsageError("--organization finds the accounts itself.", "Leave out --account.")
        return _organization(aws, _ambient(aws, region), choices["role_name"])
    if choices["accounts"]:
        return _distinct([_account(word, region) for word in choices["accounts"]])
    if existing is not None and (known := declared([existing])):
        return list(known)
    return [_ambient(aws, region)]


def _distinct(accounts: list[Account]) -> list[Account]:
    from auditor.errors import UsageError

    for one in accounts:
        if sum(other.name == one.name for other in accounts) > 1:
            raise UsageError(f"--account {one.name}: two accounts have this name.", "Give each a name of its own.")
    return accounts


def _account(word: str, region: str) -> Account:
    from auditor.aws import ambient
    from auditor.errors import UsageError
    from auditor.model import Account

    said = _ACCOUNT.fullmatch(word)
    if said is None:
        raise UsageError(
            f"--account {word}: an account is NAME=ID, NAME=ID:PROFILE or NAME=ID:ROLE-ARN.",
            "ID has 12 digits.",
        )
    how = said["how"] or ""
    role = how if how.startswith("arn:") else None
    if role is not None and role.split(":")[4:5] != [said["id"]]:
        raise UsageError(f"--account {word}: the role does not lie in account {said['id']}.")
    profile = how if how and role is None else None
    return Account(said["name"], said["id"], _region(region or ambient.region(profile)), profile, role)


def _region(region: str) -> str:
    from auditor.errors import UsageError

    if not region:
        raise UsageError("No Region is set.", "Say --region REGION, or set AWS_REGION.")
    return region


def _ambient(aws: Aws, region: str) -> Account:
    from auditor.aws import ambient
    from auditor.errors import Refused, UsageError

    try:
        return ambient.account(aws, _region(region or ambient.region()))
    except Refused as refusal:
        hint = "Set AWS_PROFILE, or say --account NAME=ID:PROFILE."
        raise UsageError(f"The environment's credentials cannot be used: {refusal.sentence}", hint) from None


def _organization(aws: Aws, main: Account, role: str) -> list[Account]:
    """Return the active accounts of the organization, each to be reached by the role; the caller's own as it is."""
    from auditor.errors import Refused, UsageError
    from auditor.kinds import Call
    from auditor.kinds.paging import pages
    from auditor.model import Account

    try:
        listed = pages(aws.ask(main, main.region), Call("organizations", "ListAccounts"), "Accounts")
    except Refused as refusal:
        needs = f" It needs {refusal.permission}." if refusal.permission else ""
        raise UsageError(f"The organization's accounts cannot be listed: {refusal.sentence}{needs}") from None
    result: list[Account] = []
    for one in sorted(listed, key=lambda one: str(one["Id"])):
        if one.get("Status", "ACTIVE") != "ACTIVE":
            continue
        identity = str(one["Id"])
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", str(one.get("Name") or "")).strip("-._")[:80] or identity
        if any(name == other.name for other in result):
            name = f"{name}-{identity}"
        assumed = None if identity == main.id else f"arn:{main.partition}:iam::{identity}:role/{role}"
        result.append(Account(name, identity, main.region, main.profile if assumed is None else None, assumed))
    return result
