"""An embedded AWS for demonstrations and tests: moto, repaired where an auditor of pipelines would be misled.

`serve()` gives a server on 127.0.0.1, `install()` the same repairs for moto in this process. An access key id of
twelve digits is an account id: it calls as the root user of that account.
"""

from __future__ import annotations

import functools

from auditor.standin import (
    accounts,
    alarms,
    backups,
    bus,
    exports,
    functions,
    jobs,
    keys,
    organizations,
    queues,
    roles,
    s3,
    topics,
)
from auditor.standin.client import Server, serve
from auditor.standin.options import OPTIONS, Options

REPAIRS = {
    "accounts": accounts.REPAIRS,
    "s3": s3.REPAIRS,
    "backups": backups.REPAIRS,
    "exports": exports.REPAIRS,
    "jobs": jobs.REPAIRS,
    "functions": functions.REPAIRS,
    "queues": queues.REPAIRS,
    "topics": topics.REPAIRS,
    "keys": keys.REPAIRS,
    "roles": roles.REPAIRS,
    "alarms": alarms.REPAIRS,
    "bus": bus.REPAIRS,
    "organizations": organizations.REPAIRS,
}


@functools.cache
def install() -> None:
    """Repair moto in this process, once; works before and after `mock_aws` starts."""
    for repairs in REPAIRS.values():
        for repair in repairs:
            repair()


__all__ = ["OPTIONS", "REPAIRS", "Options", "Server", "install", "serve"]
