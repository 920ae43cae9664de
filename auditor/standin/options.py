"""What the stand-in may be told to do otherwise than AWS does today."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass
class Options:
    """Switches of the stand-in; every default is AWS's present behaviour, except `enforce`.

    bucket_defaults: new buckets get Block Public Access, BucketOwnerEnforced and SSE-S3, as since 2023.
    strict_destinations: PutBucketNotificationConfiguration and PutBucketReplication look at what they point to.
    cross_account: bucket configuration calls from another account are refused.
    region_redirects: a bucket called in the wrong Region answers 301 PermanentRedirect.
    export_seconds: how long a DynamoDB export stays IN_PROGRESS.
    enforce: identity and resource policies decide about every call.
    """

    bucket_defaults: bool = True
    strict_destinations: bool = True
    cross_account: bool = True
    region_redirects: bool = True
    export_seconds: float = 0.0
    enforce: bool = False

    def change(self, values: dict[str, Any]) -> None:
        """Set the named switches; raise ValueError for a name that does not exist or a value of another type."""
        known = {field.name: type(getattr(Options(), field.name)) for field in fields(Options)}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"no option {name!r}; there are: {', '.join(sorted(known))}")
            if known[name] is bool and not isinstance(value, bool):
                raise ValueError(f"option {name} is true or false, not {value!r}")
            if known[name] is float and (isinstance(value, bool) or not isinstance(value, (int, float))):
                raise ValueError(f"option {name} is a number of seconds, not {value!r}")
        for name, value in values.items():
            setattr(self, name, value)

    def reset(self) -> None:
        """Put every switch back to its default."""
        for field in fields(Options):
            setattr(self, field.name, getattr(Options(), field.name))


# moto keeps one AWS per process, so there is one set of switches per process beside it.
OPTIONS = Options()
