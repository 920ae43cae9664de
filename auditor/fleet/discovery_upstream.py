"""Table and exporter of a pipeline, inferred from its newest export and from what roles may do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from auditor.fleet.discovery_found import FoundNode
from auditor.fleet.discovery_world import Bucket, Export, Role, World
from auditor.iam import PolicyError, matches_action, matches_resource
from auditor.model import Account, Json
from auditor.pipeline.names import read_arn

_EXPORT = "dynamodb:ExportTableToPointInTime"


def placed(account: Account, region: str, words: Mapping[str, str]) -> dict[str, str]:
    """Return a node's words: account, what names it, and the Region when it is not the account's."""
    return {"account": account.name, **words, **({"region": region} if region and region != account.region else {})}


def upstream(world: World, bucket: Bucket, export: Export | None, notes: list[str]) -> dict[str, FoundNode]:
    """Return table and exporter: the table by its exports, else by the one role that may export into this bucket."""
    nodes: dict[str, FoundNode] = {}
    home = f"arn:{bucket.account.partition}:s3:::"
    if export is not None:
        nodes["table"] = FoundNode(placed(export.account, export.region, {"name": export.table}), "the newest export")
        arn = export.arn.split("/export/")[0]
        fits = [one for one in world.roles if _named_in(one, _EXPORT, arn)]
        roles = [one for one in fits if _named_in(one, "s3:PutObject", f"{home}{bucket.name}/")] or fits
    else:
        writers = [one for one in world.roles if _named_in(one, "s3:PutObject", f"{home}{bucket.name}/")]
        roles = [one for one in writers if list(_exported(one))]
        tables = sorted({arn for one in roles for arn in _exported(one)})
        if len(tables) == 1 and (found := _table(world, tables[0])) is not None:
            nodes["table"] = FoundNode(found, "what the exporter's policies allow; no export was seen")
        elif tables:
            notes.append(f"several tables may be exported to {bucket.name}: {', '.join(tables)}")
    if len(roles) == 1:
        words = {"account": roles[0].account.name, "role": role_name(roles[0].arn)}
        nodes["exporter"] = FoundNode(words, f"its policies allow {_EXPORT} on this table and no other role's do")
    elif roles:
        notes.append(f"several roles may export: {', '.join(role_name(one.arn) for one in roles)}; declare `exporter`")
    return nodes


def _table(world: World, arn: str) -> dict[str, str] | None:
    said = read_arn(arn)
    for account, region, name in world.tables:
        if said and (said.account, said.region, said.resource) == (account.id, region, f"table/{name}"):
            return placed(account, region, {"name": name})
    return None


def _texts(value: Json) -> list[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def _grants(role: Role, action: str) -> Iterator[str]:
    for one in role.allows:
        try:
            if matches_action(_texts(one.get("Action")), action):
                yield from _texts(one.get("Resource"))
        except PolicyError:
            continue


def _exported(role: Role) -> Iterator[str]:
    yield from (one for one in _grants(role, _EXPORT) if "*" not in one and ":table/" in one)


def _named_in(role: Role, action: str, arn: str) -> bool:
    """Tell whether an action is allowed on this very resource, by a pattern that speaks of no other service's or bucket's."""
    head = arn.rstrip("/")
    for pattern in _grants(role, action):
        if pattern == arn or (pattern.startswith(arn) and arn.endswith("/")):
            return True
        try:
            if (
                "*" not in pattern.split(":", 5)[-1][:3]
                and matches_resource(pattern, f"{head}/key" if arn.endswith("/") else arn) is True
            ):
                return True
        except PolicyError:
            continue
    return False


def role_name(arn: str) -> str:
    """Return a role's name, with its path when it has one."""
    said = arn.partition(":role/")[2]
    return f"/{said}" if "/" in said else said
