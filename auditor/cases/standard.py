"""What a case describes: the standard pipeline, with what the case says of it, and everything else unread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from auditor.kinds import KINDS, kinds_at, resource
from auditor.model import EMPTY, Account, Json, Node, Pipeline, Resource, Snapshot, Unread
from auditor.rule import Case, Rule
from auditor.rulebook.given import SETTINGS, opened

_ACCOUNTS = {
    "production": Account("production", "111122223333", "ap-northeast-1"),
    "analytics": Account("analytics", "444455556666", "ap-northeast-1"),
}
_STANDARD: Mapping[str, tuple[str, str]] = {
    "table": ("production", "my-table"),
    "exporter": ("production", "export-job"),
    "source_bucket": ("production", "orders-export"),
    "consumer": ("production", "on-export"),
    "replication_role": ("production", "replication-source-role"),
    "destination_bucket": ("analytics", "orders-analytics"),
    "source_key": ("production", "11111111-2222-3333-4444-555555555555"),
    "destination_key": ("analytics", "66666666-7777-8888-9999-000000000000"),
    "catalog_table": ("analytics", "exports/orders"),
}
_OPTIONAL = frozenset({"source_key", "destination_key", "catalog_table"})
_PREFIX = "exports/"


def snapshot_of(case: Case) -> Snapshot:
    """Return the snapshot that a case describes: the standard pipeline, what `given` says, and everything else unread."""
    given = {node: facets for node, facets in case.given.items() if kinds_at(node)}
    names = [name for name in _STANDARD if name in given or name not in _OPTIONAL]
    names += [name for name in given if name not in _STANDARD]
    resources = {
        name: _resource(name, given.get(name) or {}) for name in names if not (given.get(name) or {}).get("absent")
    }
    nodes = {name: known.node for name, known in resources.items()}
    pipeline = Pipeline("case", nodes, _ACCOUNTS, case.given.get("intent") or {}, (), case.place)
    return Snapshot(pipeline, resources, "case", case.given.get("taken_at", "2026-01-15T00:00:00Z"))


def subject_of(case: Case, rule: Rule) -> str:
    """Return the node that a case judges: the one it names, else the first subject it gives, else the rule's first."""
    return case.node or next((node for node in rule.subjects if node in case.given), rule.subjects[0])


def _resource(name: str, given: Mapping[str, Json]) -> Resource:
    account, identity = _STANDARD.get(name, ("production", f"my-{name.replace('_', '-')}"))
    settings = {"prefix": given.get("prefix", _PREFIX)} if name.endswith("_bucket") else {}
    if "region" in given:
        settings["region"] = given["region"]
    node = Node(
        name,
        given.get("kind", kinds_at(name)[0]),
        _ACCOUNTS[given.get("account", account)],
        given.get("name", identity),
        settings,
    )
    kind = KINDS[node.kind]
    facets = {key: opened(value) for key, value in given.items() if key not in SETTINGS and key in kind.facets}
    facets |= {facet: document for facet, document in _told(node).items() if facet not in facets}
    reasons = given.get("unread") or EMPTY
    unread = {facet: Unread(reason, _permission(node, facet)) for facet, reason in reasons.items()}
    facets = {facet: document for facet, document in facets.items() if facet not in unread}
    made = resource(node, facets, unread)
    said = {key: value for key, value in given.items() if key not in SETTINGS and key not in kind.facets}
    return replace(made, attributes={**made.attributes, **said})


def _told(node: Node) -> Mapping[str, Json]:
    """Return the facets that only carry an identity, so that a case need not repeat it."""
    if node.kind == "iam.role":
        path, _, name = node.id.rpartition("/")
        arn = f"arn:aws:iam::{node.account.id}:role/{node.id}"
        return {"Role": {"Arn": arn, "Path": f"/{path}/" if path else "/", "RoleName": name}}
    if node.kind == "s3.bucket":
        return {"Location": {"Region": node.settings.get("region", node.account.region)}}
    if node.kind == "kms.key":
        arn = f"arn:aws:kms:{node.account.region}:{node.account.id}:key/{node.id}"
        return {"Description": {"Arn": arn, "KeyId": node.id, "KeyState": "Enabled", "KeyManager": "CUSTOMER"}}
    return {}


def _permission(node: Node, facet: str) -> str:
    row = KINDS[node.kind].facets.get(facet)
    return row.permissions[0] if row and row.permissions else ""
