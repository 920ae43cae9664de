"""boto3 clients for the demo and the stand-in's builders, which set things up rather than audit them."""

from __future__ import annotations

from typing import Any


def client(service: str, account: str, region: str, endpoint: str) -> Any:
    """Return a boto3 client at `endpoint` whose access key id is the account id, as the stand-in understands it."""
    import boto3

    return boto3.session.Session(account, "-", region_name=region).client(service, endpoint_url=endpoint)
