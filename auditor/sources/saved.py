"""Snapshots as files (snapshot-v1): what AWS said, with all that it did not say, to be judged again later, offline."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path

from auditor.errors import InputError, Mistake, Place, SourceError
from auditor.files import Document, load_json, schema_mistakes, shipped, write_atomic
from auditor.kinds import KINDS, resource
from auditor.model import Account, Json, Node, Pipeline, Resource, Snapshot, Text, Unread
from auditor.version import __version__

FORMAT = "snapshot-v1"
# Inside a document an unread part is {"$unread": {…}}; a mapping that itself has such a key becomes {"$as-is": {…}}.
_UNREAD, _AS_IS = "$unread", "$as-is"


def dump(snapshots: Iterable[Snapshot], path: Path) -> None:
    """Write snapshots to a file, whole or not at all, sealed with a digest.

    Kept are ids, facets, reasons and places; never profiles, roles to assume, external ids or waivers.
    Raises `UsageError`.
    """
    write_atomic(path, dumps(snapshots))


def dumps(snapshots: Iterable[Snapshot]) -> str:
    """Return snapshots as the text of a snapshot-v1 file."""
    content = {
        "format": FORMAT,
        "written_by": f"auditor {__version__}",
        "written_at": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "snapshots": [_snapshot(one) for one in snapshots],
    }
    return json.dumps({**content, "digest": digest(content)}, ensure_ascii=False, indent=1) + "\n"


def digest(content: Mapping[str, Json]) -> str:
    """Return `sha256:` and 64 hex digits of the canonical JSON of a file without its digest."""
    sealed = {name: value for name, value in content.items() if name != "digest"}
    text = json.dumps(sealed, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def sealed(path: Path) -> str:
    """Return the digest that a snapshot file bears at its end, empty without one; `load` says whether it fits."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - 200))
        found = re.findall(rb'"digest": "(sha256:[0-9a-f]{64})"', stream.read())
    return found[-1].decode() if found else ""


def load(path: Path) -> tuple[Snapshot, ...]:
    """Return the snapshots of a file with every unread part and origin.

    Raises `SourceError` for a file that is no snapshot-v1, or that was changed since it was written.
    """
    try:
        document = load_json(path, places=False)
        _vet(document, path)
    except InputError as error:
        raise SourceError(error.mistakes) from None
    source = f"snapshot:{path}"
    return tuple(_read_snapshot(one, source) for one in document.value["snapshots"])


def read(
    pipelines: Iterable[Pipeline], needs: Mapping[str, Iterable[tuple[str, str]]], path: Path
) -> Iterator[Snapshot]:
    """Yield the saved snapshot of each pipeline; what is wanted and not in the file is unread, `NotInSnapshot`.

    Intent and waivers are those of the pipeline as it is declared now. Raises `SourceError`.
    """
    saved = {snapshot.pipeline.name: snapshot for snapshot in load(path)}
    for pipeline in pipelines:
        yield _as_declared(pipeline, saved.get(pipeline.name), needs.get(pipeline.name, ()), path)


def _as_declared(pipeline: Pipeline, saved: Snapshot | None, wanted: Iterable[tuple[str, str]], path: Path) -> Snapshot:
    pairs = sorted(wanted)
    resources = {}
    for name, node in pipeline.nodes.items():
        known = saved.resources.get(name) if saved else None
        same = known is not None and _identity(known.node) == _identity(node)
        facets, unread = (dict(known.facets), dict(known.unread)) if known and same else ({}, {})
        for _, facet in (pair for pair in pairs if pair[0] == name):
            if facet not in facets and facet not in unread:
                unread[facet] = Unread("NotInSnapshot", detail=_missing(pipeline, name, known, path, same=same))
        fresh = resource(node, facets, unread, known.origin if known and same else {}, pipeline)
        attributes = {**known.attributes, **fresh.attributes} if known and same else fresh.attributes
        resources[name] = Resource(node, facets, unread, attributes, fresh.aliases, fresh.origin)
    return Snapshot(pipeline, resources, f"snapshot:{path}", saved.taken_at if saved else "", saved)


def _identity(node: Node) -> tuple[str, ...]:
    return (node.kind, node.account.id, node.id)


def _missing(pipeline: Pipeline, name: str, known: Resource | None, path: Path, *, same: bool) -> Text:
    if known is None:
        return _NO_NODE.fill(path, name, pipeline.name)
    return _WITHOUT.fill(path) if same else _ANOTHER.fill(path, name, pipeline.name, known.node.id)


_NO_NODE = Text("{} has no {} of pipeline {}.", "{0} に、パイプライン {2} の {1} がありません。")
_WITHOUT = Text("{} was taken without it.", "{} の取得時には対象外でした。")
_ANOTHER = Text("In {} the {} of pipeline {} is {}.", "{0} では、パイプライン {2} の {1} は {3} です。")


def _snapshot(snapshot: Snapshot) -> Json:
    pipeline = snapshot.pipeline
    accounts = {account.name: account for account in (*pipeline.accounts.values(), *_accounts(pipeline))}
    return {
        "pipeline": {
            "name": pipeline.name,
            "accounts": {name: {"id": one.id, "region": one.region} for name, one in accounts.items()},
            "nodes": {name: _node(node) for name, node in pipeline.nodes.items()},
            "intent": _encoded(dict(pipeline.intent)),
            **_placed(pipeline.place),
        },
        "source": snapshot.source,
        "taken_at": snapshot.taken_at,
        "resources": {name: _resource(one) for name, one in snapshot.resources.items()},
    }


def _accounts(pipeline: Pipeline) -> Iterator[Account]:
    for node in pipeline.nodes.values():
        yield node.account


def _node(node: Node) -> Json:
    return {
        "kind": node.kind,
        "account": node.account.name,
        "id": node.id,
        "settings": dict(node.settings),
        "addresses": dict(node.addresses),
        **_placed(node.place),
    }


def _resource(one: Resource) -> Json:
    return {
        "facets": {name: _encoded(document) for name, document in one.facets.items()},
        "unread": {name: _reason(why) for name, why in one.unread.items()},
        "attributes": _encoded(dict(one.attributes)),
        "origin": {route: _place(place) for route, place in one.origin.items()},
    }


def _reason(unread: Unread) -> Json:
    return {"reason": unread.reason, "permission": unread.permission, "detail": str(unread.detail)}


def _placed(place: Place) -> dict[str, Json]:
    return {"place": _place(place)} if place.file else {}


def _place(place: Place) -> Json:
    return {"file": place.file, "line": place.line, "column": place.column}


def _encoded(value: Json) -> Json:
    if isinstance(value, Unread):
        return {_UNREAD: _reason(value)}
    if isinstance(value, Mapping):
        inner = {str(key): _encoded(part) for key, part in value.items()}
        return {_AS_IS: inner} if _UNREAD in inner or _AS_IS in inner else inner
    return [_encoded(part) for part in value] if isinstance(value, list | tuple) else value


def _decoded(value: Json) -> Json:
    if isinstance(value, list):
        return [_decoded(part) for part in value]
    if not isinstance(value, dict):
        return value
    if _UNREAD in value:
        return _read_reason(value[_UNREAD])
    inner = value.get(_AS_IS, value)
    return {key: _decoded(part) for key, part in inner.items()}


def _vet(document: Document, path: Path) -> None:
    value = document.value
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        said = value.get("format") if isinstance(value, dict) else None
        sentence = f"The format is {said!r}, not {FORMAT}." if said else f"This is no {FORMAT} file."
        raise SourceError([Mistake(Place(str(path)), sentence, "Write one with `auditor snapshot`.")])
    schema = load_json(shipped("reports") / "schemas" / f"{FORMAT}.json").value
    if schema_mistakes(document, schema):
        raise SourceError(schema_mistakes(load_json(path), schema))
    if value["digest"] != digest(value):
        sentence = "The file was changed since it was written: its digest does not fit."
        raise SourceError([Mistake(Place(str(path)), sentence, "Take the snapshot again.")])
    raise_unknown = [
        Mistake(Place(str(path)), f"The kind {node['kind']} of {name} is not known to this version.")
        for one in value["snapshots"]
        for name, node in one["pipeline"]["nodes"].items()
        if node["kind"] not in KINDS
    ]
    if raise_unknown:
        raise SourceError(raise_unknown)


def _read_snapshot(one: Mapping[str, Json], source: str) -> Snapshot:
    said = one["pipeline"]
    accounts = {name: Account(name, value["id"], value["region"]) for name, value in said["accounts"].items()}
    nodes = {name: _read_node(name, value, accounts) for name, value in said["nodes"].items()}
    pipeline = Pipeline(said["name"], nodes, accounts, _decoded(said["intent"]), (), _read_place(said.get("place")))
    resources = {name: _read_resource(nodes[name], value) for name, value in one["resources"].items() if name in nodes}
    return Snapshot(pipeline, resources, source, one["taken_at"])


def _read_node(name: str, value: Mapping[str, Json], accounts: Mapping[str, Account]) -> Node:
    account = accounts.get(value["account"]) or Account(value["account"], "", "")
    place = _read_place(value.get("place"))
    return Node(name, value["kind"], account, value["id"], value["settings"], value["addresses"], place)


def _read_resource(node: Node, value: Mapping[str, Json]) -> Resource:
    facets = {name: _decoded(document) for name, document in value["facets"].items()}
    unread = {name: _read_reason(why) for name, why in value["unread"].items()}
    origin = {route: _read_place(place) for route, place in value["origin"].items()}
    fresh = resource(node, facets, unread, origin)
    return Resource(node, facets, unread, {**fresh.attributes, **_decoded(value["attributes"])}, fresh.aliases, origin)


def _read_reason(value: Mapping[str, str]) -> Unread:
    return Unread(value["reason"], value["permission"], value["detail"])


def _read_place(value: Mapping[str, Json] | None) -> Place:
    return Place(value["file"], value["line"], value["column"]) if value else Place("")
