"""The floor: the same reads by bare boto3 in 32 threads, without judging: `python -m tests.benchmarks.floor CALLS.json`.

boto3 as it comes: one session an account, one client a service, a connection pool as large as the threads are many.
"""

import contextlib
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

THREADS = 32


def main(file):
    """Make all calls and tell how many were answered."""
    calls = json.loads(Path(file).read_text(encoding="utf-8"))
    sessions, clients = {}, {}
    for profile, region, service, _, _ in calls:
        if (profile, region, service) not in clients:
            session = sessions.setdefault(profile, boto3.Session(profile_name=profile))
            config = Config(max_pool_connections=THREADS)
            clients[profile, region, service] = session.client(service, region_name=region, config=config)
            if service == "s3control":
                events = clients[profile, region, service].meta.events
                events.register("before-sign.s3-control", _without_account)

    def make(call):
        profile, region, service, operation, params = call
        # "Not configured" is an answer too.
        with contextlib.suppress(ClientError):
            getattr(clients[profile, region, service], xform_name(operation))(**params)
        return 1

    with ThreadPoolExecutor(THREADS) as pool:
        print(sum(pool.map(make, calls)))


def _without_account(request, **_):
    head, _, rest = request.url.partition("://")
    request.url = head + "://" + rest.partition(".")[2]


if __name__ == "__main__":
    main(sys.argv[1])
