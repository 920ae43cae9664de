"""A server that answers about any pipeline of a fleet what was recorded about one, each answer after the same delay.

A process of its own: `python -m tests.benchmarks.world PIPELINES DELAY_MS [EXTRA_ROLES] [whole]` prints its URL, and ends
with its standard input; with `whole`, every account holds and lists the whole fleet, both sides of it. `GET /_usage` tells
how many requests it answered and how many seconds of CPU that took.
"""

import asyncio
import base64
import json
import math
import re
import sys
import time
from pathlib import Path

from tests.benchmarks.fleet import PER_GROUP
from tests.benchmarks.listings import Listings, absent
from tests.benchmarks.wire import GROUP, SAMPLE, key_of

MISSET_EVERY = 10
"""Every so many pipelines one is mis-set."""

_ROLE = re.compile(rb"<member>\s*<Path>.*?</member>\s*(?=<member>\s*<Path>|</RoleDetailList>)", re.DOTALL)
_PAGE = re.compile(rb"MaxItems=(\d+)")
_MARKER = re.compile(rb"Marker=(\d+)")
_ONE_ROLE = re.compile(rb"<Role>(.*)</Role>", re.DOTALL)
_SERVICE = re.compile(rb"Credential=[^/]+/\d+/[^/]*/([^/]+)/")


class World:
    """What is answered; `requests` counts by operation."""

    def __init__(self, pipelines, extra_roles=0, *, whole=False):
        raw = json.loads((Path(__file__).parent / "answers.json").read_text(encoding="utf-8"))
        self.answers = {
            kind: {key: (one["status"], one["headers"], base64.b64decode(one["body"])) for key, one in kept.items()}
            for kind, kept in raw.items()
        }
        self.ready = {}
        self.pipelines = pipelines
        self.extra_roles = extra_roles
        self.requests = 0
        self.strange = []
        self.listings = Listings(pipelines, self._role) if whole else None

    def answer(self, method, target, headers, body):
        """Return the bytes of an answer."""
        self.requests += 1
        if target == b"/_usage":
            self.requests -= 1
            told = {"requests": self.requests, "cpu": time.process_time(), "strange": self.strange[:5]}
            return _http(200, {"Content-Type": "application/json"}, json.dumps(told).encode())
        if self.listings is not None:
            service = _SERVICE.search(headers.get(b"authorization", b""))
            operation = headers.get(b"x-amz-target", b"")
            told = self.listings.answer(service[1] if service else b"", method, target, operation, body)
            if told is not None:
                return _http(*told)
            if b"-analytics" in target:
                headers = {**headers, b"authorization": headers[b"authorization"].replace(b"=1111", b"=4444", 1)}
        key, number, group = key_of(method, target, headers, body)
        kind = "misset" if number != SAMPLE and int(number) % MISSET_EVERY == 0 else "golden"
        if "Action=GetAccountAuthorizationDetails" in key:
            return self._details(group, key, body)
        made = self.ready.get((kind, key))
        if made is None:
            found = self.answers[kind].get(key) or self.answers["golden"].get(key) or self.answers["misset"].get(key)
            if found is None and self.listings is not None:
                found = absent(target)
            if found is None:
                self.strange.append(key)
                found = (500, {"Content-Type": "text/plain"}, b"not recorded")
            made = self.ready[kind, key] = _http(*found)
        return _renamed(made, number, group)

    def _role(self, number, name):
        """Return what IAM says of one of a pipeline's roles, in XML."""
        asked = f"Action=GetRole&Version=2010-05-08&RoleName=p{SAMPLE.decode()}-{name}"
        text = self.answers["golden"][f"iam\n1111\nPOST\n/\n\n{asked}"][2]
        return _ONE_ROLE.search(text)[1].replace(b"p" + SAMPLE, b"p%05d" % number).decode()

    def _details(self, group, key, body):
        """Return a page of all roles of an account, as many as its pipelines have."""
        key = re.sub(r"&Marker=\d+", "", key)
        key = re.sub(r"MaxItems=\d+", "MaxItems=1000", key)
        status, headers, text = self.answers["golden"][key]
        roles = _ROLE.findall(text)
        first = int(group) * PER_GROUP
        numbers = range(max(first, 1), min(first + PER_GROUP, self.pipelines + 1))
        everything = [role.replace(b"p" + SAMPLE, b"p%05d" % one) for one in numbers for role in roles]
        misset = _ROLE.findall(self.answers["misset"][key][2])
        at = {one: index for index, one in enumerate(numbers)}
        for one in numbers:
            if one % MISSET_EVERY == 0 and len(misset) >= len(roles):
                renamed = [role.replace(b"p" + SAMPLE, b"p%05d" % one) for role in misset]
                everything[at[one] * len(roles) : (at[one] + 1) * len(roles)] = renamed[: len(roles)]
        everything += [
            roles[0].replace(b"p" + SAMPLE, b"other%05d" % extra) for extra in range(self.extra_roles if roles else 0)
        ]
        size = int((_PAGE.search(body) or [0, b"100"])[1])
        start = int((_MARKER.search(body) or [0, b"0"])[1])
        page = everything[start : start + size]
        more = start + size < len(everything)
        head, _, tail = text.partition(b"<RoleDetailList>") if roles else (text, b"", b"")
        if not roles:
            return _renamed(_http(status, headers, text), SAMPLE, group)
        tail = tail.partition(b"</RoleDetailList>")[2]
        text = head + b"<RoleDetailList>" + b"".join(page) + b"</RoleDetailList>" + tail
        text = re.sub(
            rb"<IsTruncated>.*?</IsTruncated>", b"<IsTruncated>%s</IsTruncated>" % (b"true" if more else b"false"), text
        )
        if more:
            text = text.replace(
                b"</GetAccountAuthorizationDetailsResult>",
                b"<Marker>%d</Marker></GetAccountAuthorizationDetailsResult>" % (start + size),
            )
        return _renamed(_http(status, headers, text), SAMPLE, group)


def _renamed(made, number, group):
    if number != SAMPLE:
        made = made.replace(b"p" + SAMPLE, b"p" + number)
    if group != GROUP:
        made = made.replace(b"1111" + GROUP, b"1111" + group).replace(b"4444" + GROUP, b"4444" + group)
    return made


def _http(status, headers, body):
    lines = [f"HTTP/1.1 {status} {'OK' if status < 400 else 'Error'}"]
    lines += [f"{name}: {value}" for name, value in {**headers, "Content-Length": str(len(body))}.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests do not overlap on it."""

    def __init__(self, world, delay):
        self.world, self.delay, self.buffer = world, delay, b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        while True:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            first, *lines = head.split(b"\r\n")
            headers = {
                name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)
            }
            length = int(headers.get(b"content-length", 0))
            if len(rest) < length:
                if headers.get(b"expect") and not rest:
                    self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            body, self.buffer = rest[:length], rest[length:]
            method, target, _ = first.split(b" ")
            made = self.world.answer(method, target, headers, body)
            asyncio.get_running_loop().call_later(self.delay, self.transport.write, made)


async def main(pipelines, delay, extra_roles, *, whole):
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    world = World(pipelines, extra_roles, whole=whole)
    server = await loop.create_server(lambda: Connection(world, delay), "127.0.0.1", 0, backlog=512)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(
        main(
            int(sys.argv[1]),
            float(sys.argv[2]) / 1000 if math.isfinite(float(sys.argv[2])) else 0,
            int(sys.argv[3]) if len(sys.argv) > 3 else 0,
            whole="whole" in sys.argv[4:],
        )
    )
