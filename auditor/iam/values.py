"""Values in conditions: numbers, dates, IP addresses, booleans, bytes and ARNs, as AWS reads them from text."""

from __future__ import annotations

import base64
import binascii
import re
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

__all__ = ["Network", "address", "boolean", "date", "decoded", "network", "number"]

Network = IPv4Network | IPv6Network

_NUMBER = re.compile(r"[+-]?(\d{1,400}(\.\d{0,400})?|\.\d{1,400})([eE][+-]?\d{1,3})?", re.ASCII)
_DATE = re.compile(
    r"(\d{4,9})(?:-(\d\d)(?:-(\d\d)(?:[Tt ](\d\d)(?::(\d\d)(?::(\d\d)(?:[.,](\d{1,30}))?)?)?)?)?)?"
    r"([Zz]|[+-]\d\d:?(?:\d\d)?)?",
    re.ASCII,
)
_EPOCH = re.compile(r"-?\d{5,18}(\.\d{1,9})?", re.ASCII)
# An epoch beyond the year 5138 in seconds is one in milliseconds.
_MILLISECONDS_FROM = 10**11
_MAPPED = 0xFFFF << 32


def number(text: str) -> Decimal | None:
    """Return the number written in the text, None if it is not one."""
    stripped = text.strip()
    return Decimal(stripped) if _NUMBER.fullmatch(stripped) else None


def boolean(text: str) -> bool | None:
    """Return the boolean written in the text in any case, None if it is not one."""
    return {"true": True, "false": False}.get(text.strip().lower())


def date(text: str) -> Decimal | None:
    """Return seconds since 1970-01-01T00:00:00Z, None if the text is no date.

    Reads the W3C forms of ISO 8601 that AWS names (from a bare year to fractions of a second; without a zone it is UTC)
    and epoch time in seconds or milliseconds. Source: IAM User Guide, condition operators, date.
    """
    stripped = text.strip()
    if _EPOCH.fullmatch(stripped):
        epoch = Decimal(stripped)
        return epoch / 1000 if abs(epoch) >= _MILLISECONDS_FROM else epoch
    match = _DATE.fullmatch(stripped)
    if match is None:
        return None
    year, month, day = int(match[1]), int(match[2] or 1), int(match[3] or 1)
    hour, minute, second = int(match[4] or 0), int(match[5] or 0), int(match[6] or 0)
    if not 1 <= month <= 12 or not 1 <= day <= _days_in(year, month) or hour > 23 or minute > 59 or second > 60:
        return None
    whole = _days_from_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - _offset(match[8])
    return whole + Decimal("0." + (match[7] or "0"))


def _offset(zone: str | None) -> int:
    if zone is None or zone in "Zz":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -seconds if zone[0] == "-" else seconds


def _days_in(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in {4, 6, 9, 11} else 31


def _days_from_epoch(year: int, month: int, day: int) -> int:
    """Count days in the proleptic Gregorian calendar, for years that datetime does not know too."""
    shifted = year - (month <= 2)
    era, of_era = divmod(shifted, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address, None if the text is not one; an IPv4-mapped one is the IPv4 address."""
    try:
        found = ip_address(text.strip())
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def network(text: str) -> Network | None:
    """Return the address range of a CIDR or of a single address, None if the text is neither; host bits are ignored."""
    stripped = text.strip()
    _, slash, prefix = stripped.partition("/")
    if slash and not (prefix.isascii() and prefix.isdigit()):
        return None
    try:
        found = ip_network(stripped, strict=False)
    except ValueError:
        return None
    if isinstance(found, IPv6Network) and found.prefixlen >= 96 and int(found.network_address) >> 32 == 0xFFFF:
        return IPv4Network((int(found.network_address) - _MAPPED, found.prefixlen - 96), strict=False)
    return found


def decoded(text: str) -> bytes | None:
    """Return the bytes of base64 text, None if it is not base64."""
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
