"""Send a probe and watch it: written, announced, replicated, arrived; each hop with the time it took."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from auditor.errors import Refused, Text
from auditor.kinds import KINDS, Call, target_of
from auditor.model import Json
from auditor.predicates.notifications import MULTIPART, entries
from auditor.probe.aim import Aim, Side
from auditor.probe.notes import Note
from auditor.scope import Found

if TYPE_CHECKING:
    from auditor.aws import Aws

_PAUSES = (0.2, 0.5, 1.0, 2.0)
_LONGEST_PAUSE = 5.0
_UNTOUCHED = 20.0
"""Seconds after which an object without any replication status counts as one that no rule took; S3 says PENDING at once."""

_NOT_THERE = frozenset({"NoSuchKey", "NoSuchVersion", "NotFound", "BadRequest", "InvalidArgument"})
"""What HeadObject answers of a version that is not there; where a bucket has no versions, its id counts as malformed."""


class State(str, Enum):
    """What came of a hop."""

    ARRIVED = "arrived"
    WAITING = "waiting"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_WATCHED = "not_watched"


@dataclass(frozen=True, slots=True)
class Hop:
    """One hop: its name, what came of it, after how many seconds, and why."""

    name: str
    state: State
    seconds: float = 0.0
    why: Text | None = None

    @property
    def over(self) -> bool:
        """Tell whether there is nothing more to wait for."""
        return self.state is not State.WAITING


OnHop = Callable[[Hop], None]


def send(aim: Aim, note: Note, aws: Aws) -> Note:
    """Write the object as a multipart upload of one part; return the note with its version. Raises `Refused`."""
    tell, source = aws.tell(aim.source.account, aim.source.region), aim.source
    begun = tell(source.call("CreateMultipartUpload", Key=aim.key, **dict(aim.encryption)))
    note = note.upgraded(upload=str(begun["UploadId"]))
    which = {"Key": aim.key, "UploadId": note.upload}
    part = tell(source.call("UploadPart", PartNumber=1, Body=aim.body, **which))
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    done = tell(source.call("CompleteMultipartUpload", MultipartUpload=parts, **which))
    return note.upgraded(version=str(done.get("VersionId") or "null"))


def watch(aim: Aim, note: Note, aws: Aws, *, timeout: float, on_hop: OnHop) -> tuple[Hop, ...]:
    """Return what came of each hop; what has not come after `timeout` seconds stays waiting. Tells of each as it ends."""
    begun = time.monotonic()
    looks = _looks(aim, note, aws, begun)
    hops = {name: Hop(name, State.WAITING) for name in looks}
    for number in range(1_000_000):
        for name, look in looks.items():
            if not hops[name].over and (found := look()).over:
                hops[name] = Hop(name, found.state, time.monotonic() - begun, found.why)
                on_hop(hops[name])
        left = timeout - (time.monotonic() - begun)
        if all(one.over for one in hops.values()) or left <= 0:
            break
        time.sleep(min(left, _PAUSES[number] if number < len(_PAUSES) else _LONGEST_PAUSE))
    return tuple(hops.values())


def _looks(aim: Aim, note: Note, aws: Aws, begun: float) -> dict[str, Callable[[], Hop]]:
    looks: dict[str, Callable[[], Hop]] = {}
    if aim.consumer is not None:
        looks["event"] = _event(aim, aws)
    if aim.destination is not None:
        there = aim.destination
        looks["replication"] = lambda: _replication(aim.source, aim.key, note.version, aws, begun)
        looks["replica"] = lambda: _replica(there, aim.key, note.version, aws)
    return looks


def _head(side: Side, key: str, version: str, aws: Aws) -> Json:
    return aws.ask(side.account, side.region)(side.call("HeadObject", Key=key, VersionId=version))


def _replication(side: Side, key: str, version: str, aws: Aws, begun: float) -> Hop:
    """Look at the status at the source: PENDING until all destinations have it, COMPLETED, or FAILED for good."""
    try:
        status = _head(side, key, version, aws).get("ReplicationStatus")
    except Refused as refusal:
        return refused("replication", refusal)
    if status in {"COMPLETED", "COMPLETE"}:
        return Hop("replication", State.ARRIVED)
    if status == "FAILED":
        why = Text(
            "S3 says FAILED and does not try again: auditor audit tells what is missing.",
            "S3 の状態は FAILED で、再試行されません。原因は auditor audit で確認できます。",
        )
        return Hop("replication", State.FAILED, why=why)
    if status is None and time.monotonic() - begun > _UNTOUCHED:
        why = Text(
            "The object has no replication status: no enabled rule took it.",
            "オブジェクトにレプリケーションの状態がありません。対象とする有効なルールがありません。",
        )
        return Hop("replication", State.FAILED, why=why)
    return Hop("replication", State.WAITING)


def _replica(side: Side, key: str, version: str, aws: Aws) -> Hop:
    """Look for the same version at the destination, as somebody of that account: what it cannot read did not arrive."""
    try:
        _head(side, key, version, aws)
    except Refused as refusal:
        if refusal.reason in _NOT_THERE:
            return Hop("replica", State.WAITING)
        return refused("replica", refusal)
    return Hop("replica", State.ARRIVED)


def refused(name: str, refusal: Refused) -> Hop:
    """Return a hop of which nothing is known, because AWS refused."""
    permission = f" ({refusal.permission})" if refusal.permission else ""
    return Hop(name, State.UNKNOWN, why=Text(f"{refusal.reason}{permission}", f"{refusal.reason}{permission}"))


def _event(aim: Aim, aws: Aws) -> Callable[[], Hop]:
    """Return how to look for the event: only a queue can be looked into, and only where looking takes nothing away."""
    queue = aim.consumer
    assert queue is not None
    if queue.kind != "sqs.queue":
        return lambda: _unwatched("only a queue can be looked into", "中を見られるのはキューだけです")
    target = target_of(queue, aim.pipeline)
    ask = aws.ask(queue.account, target.region)
    try:
        attributes = KINDS[queue.kind].facets["Attributes"].read(ask, target)
        notification = aws.ask(aim.source.account, aim.source.region)(
            aim.source.call("GetBucketNotificationConfiguration")
        )
    except Refused as refusal:
        unseen = refused("event", refusal)
        return lambda: unseen
    if attributes.get("RedrivePolicy"):
        return lambda: _unwatched(
            "each look counts as a delivery, and this queue moves messages away after some (RedrivePolicy)",
            "見るたびに受信回数が増え、このキューは一定回数でメッセージを移動するため (RedrivePolicy)",
        )
    arn = KINDS[queue.kind].resource_arn(target)
    heard = any(
        one.tells(arn) is True and one.hears(MULTIPART) is True and one.admits(aim.key) is True
        for one in entries(Found(notification, "Notification"))
    )
    if not heard:
        return lambda: _unwatched(
            "the notification does not let the probe's key through to this queue",
            "プローブのキーは通知のフィルターを通らないため、このキューには届きません",
        )
    url = _url(queue.id, target.region, queue.account.id, queue.account.partition)
    return lambda: _peek(url, aim.key, ask)


def _url(name: str, region: str, account: str, partition: str) -> str:
    if name.startswith("https://"):
        return name
    parts = name.split(":") if name.startswith("arn:") else ["", "", "", region, account, name]
    domain = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    return f"https://sqs.{parts[3]}.{domain}/{parts[4]}/{parts[5]}"


def _unwatched(en: str, ja: str) -> Hop:
    return Hop("event", State.NOT_WATCHED, why=Text(en, ja))


def _peek(url: str, key: str, ask: Callable[[Call], Json]) -> Hop:
    """Look at messages without taking any: with a visibility timeout of 0 each stays there for its consumer."""
    params = {"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0, "WaitTimeSeconds": 1}
    try:
        found = ask(Call("sqs", "ReceiveMessage", params))
    except Refused as refusal:
        return refused("event", refusal)
    arrived = any(_speaks_of(message.get("Body", ""), key) for message in found.get("Messages") or [])
    return Hop("event", State.ARRIVED if arrived else State.WAITING)


def _speaks_of(body: str, key: str) -> bool:
    """Tell whether a message is about the object: from S3 itself (keys URL-encoded), or passed on by a topic."""
    return any(text in body for text in (key, quote_plus(key, safe="/"), json.dumps(key)[1:-1]))
