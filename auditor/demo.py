"""The whole story on an embedded AWS stand-in: a mis-set pipeline is judged, mended, and judged again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

PIPELINE = """\
version: 1
accounts:
  production: {id: "111122223333", region: ap-northeast-1, profile: production}
  analytics: {id: "444455556666", region: ap-northeast-1, profile: analytics}
pipelines:
  orders:
    table: {account: production, name: my-table}
    exporter: {account: production, role: export-job}
    source_bucket: {account: production, name: orders-export, prefix: exports/}
    consumer: {account: production, lambda: on-export}
    replication_role: {account: production, role: replication-source-role}
    destination_bucket: {account: analytics, name: orders-analytics}
    intent:
      wake_on: exports
      delete_markers: replicate
      replication_time_control: required
      recovery_period_days: 35
"""

_PROFILES = """\
[profile production]
aws_access_key_id = 111122223333
aws_secret_access_key = -
region = ap-northeast-1
endpoint_url = {url}
[profile analytics]
aws_access_key_id = 444455556666
aws_secret_access_key = -
region = ap-northeast-1
endpoint_url = {url}
"""
_AMBIENT = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
)


@contextmanager
def stage(folder: Path) -> Iterator[Callable[..., Any]]:
    """Run the stand-in with the mis-set pipeline, and point this process's AWS profiles at it; yields a client factory.

    The folder gets `pipeline.yaml` and `aws-config`; the environment is as before afterwards.
    """
    from auditor.aws.plain_client import client
    from auditor.standin import serve
    from auditor.standin.pipeline import build_misset

    with serve(isolated=True) as server, _profiles(folder, server.url):
        clients = partial(client, endpoint=server.url)
        build_misset(clients)
        (folder / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
        yield clients


@contextmanager
def _profiles(folder: Path, url: str) -> Iterator[None]:
    config = folder / "aws-config"
    config.write_text(_PROFILES.format(url=url), encoding="utf-8")
    before = {name: os.environ.pop(name, None) for name in _AMBIENT}
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = str(config)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def by_hand(clients: Callable[..., Any]) -> None:
    """Do what only the owner may decide: say after how many days objects are deleted at the destination."""
    clients("s3", "444455556666", "ap-northeast-1").put_bucket_lifecycle_configuration(
        Bucket="orders-analytics",
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": "exports",
                    "Status": "Enabled",
                    "Filter": {"Prefix": "exports/"},
                    "Expiration": {"Days": 365},
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                }
            ]
        },
    )
