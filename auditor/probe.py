"""The canary: one small multipart object sent through a pipeline, watched at every hop, and removed on both sides."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import InputError, Mistake, Place, Refused, UsageError
from auditor.files import write_atomic
from auditor.kinds import target_of
from auditor.kinds.buckets import export_prefix
from auditor.kinds.facet import Ask, Call
from auditor.model import Account, Json, Node, Pipeline

if TYPE_CHECKING:
    from auditor.aws import Aws

BODY = b"auditor probe: this object may be deleted at any time.\n"
PAUSE = 1.0
ENDED = frozenset({"COMPLETED", "COMPLETE", "FAILED"})


@dataclass(frozen=True, slots=True)
class Hop:
    """One hop: its name, `done`, `failed`, `waiting` or `unknown`, the seconds it took, and what was seen."""

    name: str
    state: str
    seconds: float = 0.0
    said: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """An object on its way: where it was put, its version, and the file that remembers it until it is gone again."""

    pipeline: str
    source: Node
    destination: Node | None
    key: str
    version: str = ""
    memory: Path | None = None
    hops: tuple[Hop, ...] = field(default_factory=tuple)

    def told(self, hop: Hop) -> Probe:
        """Return the probe with one more hop."""
        return replace(self, hops=(*self.hops, hop))


def planned(pipeline: Pipeline, state_dir: Path) -> Probe:
    """Return the probe of a pipeline: what would be written, and nothing written yet.

    The key lies in the export prefix, where rules for exports see it, and outside `data/`, where readers look.
    Raises `UsageError` for a pipeline without a source bucket.
    """
    source = pipeline.nodes.get("source_bucket")
    if source is None or not source.id:
        raise UsageError(f"Pipeline {pipeline.name} has no source bucket by name to send a probe through.")
    name = uuid.uuid4().hex
    key = f"{export_prefix(target_of(source, pipeline))}_auditor-probe/{name}"
    return Probe(
        pipeline.name,
        source,
        pipeline.nodes.get("destination_bucket"),
        key,
        memory=state_dir / "probes" / f"{name}.json",
    )


def send(probe: Probe, aws: Aws, *, timeout: float = 900.0, tell: Callable[[Hop], None] | None = None) -> Probe:
    """Write the object, watch it travel, and return the probe with its hops; the caller removes it with `clean`.

    The object is remembered on the disk before it is written, so that `clean` finds it even after a kill.
    """
    probe = _remembered(probe)
    begun = time.monotonic()

    def note(hop: Hop) -> None:
        nonlocal probe
        probe = probe.told(hop)
        if tell:
            tell(hop)

    try:
        version = _written(probe, aws)
    except Refused as refusal:
        note(Hop("write", "failed", time.monotonic() - begun, str(refusal)))
        return probe
    probe = _remembered(replace(probe, version=version))
    note(Hop("write", "done", time.monotonic() - begun, f"version {version or 'null'}, as a multipart upload"))
    if probe.destination is None:
        return probe
    note(_watched("replication", probe, aws, begun + timeout, _status))
    if probe.hops[-1].state == "done":
        note(_watched("replica", probe, aws, begun + timeout, _replica))
    return probe


def clean(probe: Probe, aws: Aws) -> tuple[str, ...]:
    """Delete every version of the probe's key on both sides; return what is left and why, nothing when all is gone.

    Deletes of versions do not replicate, so each side is cleaned by its own account.
    """
    left = [
        said for node in (probe.source, probe.destination) if node is not None for said in _deleted(probe, node, aws)
    ]
    if not left and probe.memory is not None:
        with suppress(FileNotFoundError):
            probe.memory.unlink()
    return tuple(left)


def remembered(pipelines: Mapping[str, Pipeline], state_dir: Path) -> Iterator[Probe]:
    """Yield the probes that were written and not removed, of the pipelines given."""
    folder = state_dir / "probes"
    for file in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            known = json.loads(file.read_text(encoding="utf-8"))
            name, key, version = str(known["pipeline"]), str(known["key"]), str(known["version"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                [Mistake(Place(str(file)), "This is no memory of a probe.", "Look what it says, and remove it.")]
            ) from error
        pipeline = pipelines.get(name)
        if pipeline is not None and "_auditor-probe/" in key and "source_bucket" in pipeline.nodes:
            nodes = pipeline.nodes
            yield Probe(name, nodes["source_bucket"], nodes.get("destination_bucket"), key, version, file)


def drawn(probe: Probe) -> str:
    """Return the pipeline as a line, with the time of each hop."""
    marks = {"done": "✓", "failed": "✗", "waiting": "…", "unknown": "?"}
    parts = [f"[{probe.source.id}]"]
    parts += [f"—{marks[hop.state]} {hop.name} {hop.seconds:.1f} s→" for hop in probe.hops]
    if probe.destination is not None:
        parts.append(f"[{probe.destination.id}]")
    return " ".join(parts)


def verdict(probe: Probe) -> int:
    """Return the exit code of a probe: 0 it arrived, 1 it did not, 3 nobody can tell."""
    states = {hop.state for hop in probe.hops}
    if states & {"failed", "waiting"}:
        return 1
    return 3 if "unknown" in states or not probe.hops else 0


def _remembered(probe: Probe) -> Probe:
    assert probe.memory is not None
    probe.memory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomic(
        probe.memory, json.dumps({"pipeline": probe.pipeline, "key": probe.key, "version": probe.version}) + os.linesep
    )
    return probe


def _written(probe: Probe, aws: Aws) -> str:
    tell = aws.tell(probe.source.account, target_of(probe.source).region)
    begun = tell(_call(probe.source, "CreateMultipartUpload", Key=probe.key))
    named = {"Key": probe.key, "UploadId": begun["UploadId"]}
    try:
        part = tell(_call(probe.source, "UploadPart", **named, PartNumber=1, Body=BODY))
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        done = tell(_call(probe.source, "CompleteMultipartUpload", **named, MultipartUpload=parts))
    except Refused:
        with suppress(Refused):
            tell(_call(probe.source, "AbortMultipartUpload", **named))
        raise
    return str(done.get("VersionId") or "")


def _call(node: Node, operation: str, **params: Json) -> Call:
    return Call("s3", operation, {"Bucket": node.id, "ExpectedBucketOwner": node.account.id, **params})


def _watched(name: str, probe: Probe, aws: Aws, deadline: float, look: Callable[[Probe, Aws], tuple[str, str]]) -> Hop:
    begun = time.monotonic()
    while True:
        try:
            state, said = look(probe, aws)
        except Refused as refusal:
            state, said = "unknown", str(refusal)
        now = time.monotonic()
        if state != "waiting" or now >= deadline:
            return Hop(name, state, now - begun, said)
        time.sleep(min(PAUSE, max(0.0, deadline - now)))


def _status(probe: Probe, aws: Aws) -> tuple[str, str]:
    found = _head(probe, probe.source, aws)
    status = found.get("ReplicationStatus")
    if status is None:
        return "failed", "no replication rule took the object: it has no ReplicationStatus"
    if status not in ENDED:
        return "waiting", f"ReplicationStatus {status}"
    return ("failed" if status == "FAILED" else "done"), f"ReplicationStatus {status}"


def _replica(probe: Probe, aws: Aws) -> tuple[str, str]:
    assert probe.destination is not None
    try:
        found = _head(probe, probe.destination, aws)
    except Refused as refusal:
        if refusal.reason in {"404", "NotFound", "NoSuchKey", "NoSuchVersion"}:
            return "waiting", "the replica is not there yet"
        raise
    return "done", f"readable by {probe.destination.account.name}, ReplicationStatus {found.get('ReplicationStatus')}"


def _head(probe: Probe, node: Node, aws: Aws) -> Mapping[str, Json]:
    version = {"VersionId": probe.version} if probe.version else {}
    answer = _ask(node.account, node, aws)(_call(node, "HeadObject", Key=probe.key, **version))
    assert isinstance(answer, Mapping)
    return answer


def _ask(account: Account, node: Node, aws: Aws) -> Ask:
    return aws.ask(account, target_of(node).region)


def _deleted(probe: Probe, node: Node, aws: Aws) -> Iterator[str]:
    tell = aws.tell(node.account, target_of(node).region)
    try:
        found = _ask(node.account, node, aws)(_call(node, "ListObjectVersions", Prefix=probe.key))
    except Refused as refusal:
        yield f"{node.id}/{probe.key}: {refusal}"
        return
    for one in (*(found.get("Versions") or ()), *(found.get("DeleteMarkers") or ())):
        if one["Key"] != probe.key:
            continue
        try:
            tell(_call(node, "DeleteObject", Key=probe.key, VersionId=one["VersionId"]))
        except Refused as refusal:
            yield f"{node.id}/{probe.key} version {one['VersionId']}: {refusal}"
