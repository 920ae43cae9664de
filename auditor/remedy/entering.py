"""Give a plan that comes from a file what files never hold: the external ids with which its accounts are entered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath

from auditor.errors import UsageError
from auditor.model import Account
from auditor.pipeline import accounts
from auditor.remedy.change import Change, Plan

Login = tuple[str, str | None]
"""An account's id and the role that is assumed in it."""


def entered(plan: Plan, files: Iterable[Path] = ()) -> Plan:
    """Return a plan whose accounts have their external ids again, as the pipeline files declare them now.

    Without `files`, those that the plan remembers are read, if they lie in or below the current folder: a plan must not
    lead anywhere else. Raises `UsageError` when an account's external id is not found, and `PipelineError`.
    """
    waiting = {_login(one): one for one in (change.target.account for change in plan.changes) if _lacks(one)}
    if not waiting:
        return plan
    named = [*files] or sorted({path for one in waiting.values() if (path := _remembered(one)) is not None})
    known = {_login(one): one for one in accounts(named) if one.external_id}
    for login, account in waiting.items():
        if login not in known:
            raise UsageError(
                f"The account {account.name} is entered with an external id, which plans and journals do not keep,"
                f" and {_searched(named)} does not declare it.",
                "Name the pipeline file that does: --pipeline FILE.",
            )
    return replace(plan, changes=tuple(_entered(change, known) for change in plan.changes))


def _lacks(account: Account) -> bool:
    """Tell whether an account is entered with an external id that is not here: saved accounts then name their file."""
    return account.external_id is None and bool(account.place.file)


def _login(account: Account) -> Login:
    return account.id, account.assume_role


def _remembered(account: Account) -> Path | None:
    file = account.place.file
    rooted = PurePosixPath(file).is_absolute() or PureWindowsPath(file).drive or PureWindowsPath(file).root
    path = Path(file)
    inside = not rooted and path.resolve().is_relative_to(Path.cwd().resolve())
    return path if inside and path.is_file() else None


def _searched(files: list[Path]) -> str:
    return ", ".join(map(str, files)) if files else "no file here"


def _entered(change: Change, known: Mapping[Login, Account]) -> Change:
    account = change.target.account
    if not _lacks(account):
        return change
    whole = replace(account, external_id=known[_login(account)].external_id)
    return replace(change, target=replace(change.target, account=whole))
