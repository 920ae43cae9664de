"""One stand-in server for all tests of this folder, emptied before and after each."""

import functools

import boto3
import pytest
from botocore.config import Config

from auditor.standin import serve

PRODUCTION, ANALYTICS = "111122223333", "444455556666"
REGION = "ap-northeast-1"


@pytest.fixture(scope="session")
def server():
    with serve() as running:
        yield running


@pytest.fixture
def standin(server):
    server.reset()
    yield server
    # Other servers of this process share its AWS and its switches.
    server.reset()


@pytest.fixture(scope="session")
def session():
    """One session for all tests: it keeps the service models that clients are made from."""
    return boto3.Session()


@pytest.fixture
def clients(standin, session):
    """A client factory: service, account (or a whole key pair) and Region."""
    made = {}

    def client(service, account=PRODUCTION, region=REGION, **keys):
        credentials = {"aws_access_key_id": account, "aws_secret_access_key": "x", **keys}
        name = (service, region, *sorted(credentials.items()))
        if name not in made:
            config = Config(retries={"total_max_attempts": 1}, read_timeout=20)
            place = {"region_name": region, "endpoint_url": standin.url}
            made[name] = session.client(service, config=config, **place, **credentials)
            if service == "s3control":
                made[name].meta.events.register("before-sign.s3-control", functools.partial(_plain_host, standin.url))
        return made[name]

    yield client
    for each in made.values():
        each.close()


def _plain_host(url, request, **_):
    """boto3 puts the account id before the host, which no resolver knows on the loopback."""
    request.url = url + request.url.split("/", 3)[3].join(["/", ""])


@pytest.fixture
def bucket(clients):
    """Make a bucket, versioned unless told otherwise; return its name."""

    def make(name, account=PRODUCTION, region=REGION, versioned=True):
        s3 = clients("s3", account, region)
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
        if versioned:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    return make


@pytest.fixture
def refused():
    """Return the error code of a call that AWS refuses."""
    from botocore.exceptions import ClientError

    def code(call, **params):
        with pytest.raises(ClientError) as caught:
            call(**params)
        return caught.value.response["Error"]["Code"]

    return code
