"""A stand-in with the mis-set pipeline in it, and profiles that lead there."""

from __future__ import annotations

import functools

import boto3
import pytest
from botocore.config import Config

from auditor.standin import serve
from auditor.standin.dump import dump
from auditor.standin.pipeline import build_misset
from tests.remedy import world

_PROFILES = """\
[profile production]
aws_access_key_id = 111122223333
aws_secret_access_key = x
[profile analytics]
aws_access_key_id = 444455556666
aws_secret_access_key = x
"""


@pytest.fixture(scope="session")
def server():
    with serve(isolated=True) as running:
        yield running


@pytest.fixture(scope="session")
def clients(server):
    @functools.cache
    def client(service, account="111122223333", region="ap-northeast-1"):
        session = boto3.Session(aws_access_key_id=account, aws_secret_access_key="x", region_name=region)
        return session.client(service, endpoint_url=server.url, config=Config(retries={"total_max_attempts": 1}))

    return client


@pytest.fixture
def profiles(server, tmp_path, monkeypatch):
    config = tmp_path / "aws-config"
    config.write_text(_PROFILES)
    values = {
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(config),
        "AWS_ENDPOINT_URL": server.url,
    }
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


@pytest.fixture
def misset(server, clients, profiles):
    """The server, emptied and with the mis-set pipeline; its call log begins afterwards."""
    server.reset()
    build_misset(clients)
    clients("dynamodb").update_table(TableName="my-table", DeletionProtectionEnabled=False)
    server.clear()
    return server


@pytest.fixture
def aws(misset):
    with world.door() as way:
        yield way


@pytest.fixture
def configuration(clients):
    return lambda: dump(clients)


@pytest.fixture
def writes(server):
    """The operations that would change something, among the calls so far."""
    return lambda: [
        call["operation"]
        for call in server.calls()
        if not call["operation"].startswith(("Get", "List", "Describe", "Head"))
    ]
