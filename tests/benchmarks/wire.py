"""Requests told apart by what they ask, whichever pipeline and account they are about.

Pipelines of a fleet are called p00001 and so on, and the accounts of group 7 are 111100000007 and 444400000007. Two
requests that differ only in these numbers (and in the time of day) have the same key.
"""

import re

NUMBER = re.compile(rb"p(\d{5})")
ACCOUNT = re.compile(rb"(1111|4444)(\d{8})")
_WHEN = re.compile(rb"20\d\d-\d\d-\d\d(T|%20| )[\d:.%A-Z]+|1[789]\d{8}(\.\d+)?")
_SCOPE = re.compile(rb"Credential=([^/]+)/\d+/([^/]*)/([^/]+)/")
SAMPLE = b"00000"
GROUP = b"00000000"


def key_of(method: bytes, target: bytes, headers: dict[bytes, bytes], body: bytes) -> tuple[str, bytes, bytes]:
    """Return (key, number, group): the request in general, and the pipeline and group of accounts that it is about."""
    scope = _SCOPE.search(headers.get(b"authorization", b""))
    caller, service = (scope[1], scope[3]) if scope else (b"", b"")
    operation = headers.get(b"x-amz-target", b"")
    if service == b"monitoring":
        # CBOR, with the times and their order of no concern: which pipeline is enough.
        found = NUMBER.search(body)
        body = found[0] if found else b""
    whole = b"\n".join((service, caller[:4], method, target, operation, body))
    number, account = NUMBER.search(whole), ACCOUNT.search(caller)
    whole = NUMBER.sub(b"p" + SAMPLE, _WHEN.sub(b"WHEN", whole))
    whole = ACCOUNT.sub(rb"\g<1>" + GROUP, whole)
    return whole.decode("latin-1"), number[1] if number else SAMPLE, account[2] if account else GROUP
