"""The straight way to AWS says what a client says: the same request, the same place, the same answer."""

import datetime as dt
import json
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import botocore.session
import pytest
from botocore.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.aws import Aws, Patience, door
from auditor.aws.straight import Straight, _Parts, moment
from auditor.errors import Refused
from auditor.kinds import Call
from auditor.model import Account
from tests.benchmarks.calls import calls_of_one
from tests.benchmarks.measure import world

REGION = "ap-northeast-1"
HASTY = Patience(attempts=2, silent_attempts=1, first_wait=0.001, longest_wait=0.002, connect_timeout=2, read_timeout=2)
VERSIONING = Call("s3", "GetBucketVersioning", {"Bucket": "orders", "ExpectedBucketOwner": "111122223333"})
NOW = dt.datetime(2026, 11, 3, 4, 5, 6, tzinfo=dt.timezone.utc)

STYLES = {
    "path": {"s3": {"addressing_style": "path"}},
    "virtual": {"s3": {"addressing_style": "virtual"}},
    "auto": {},
    "dual stack": {"use_dualstack_endpoint": True},
    "FIPS": {"use_fips_endpoint": True},
    "accelerated": {"s3": {"use_accelerate_endpoint": True}},
}


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
@pytest.mark.parametrize("region", ["ap-northeast-1", "us-east-1", "us-gov-west-1", "cn-north-1"])
def test_calls_go_where_a_client_sends_them(style, region):
    if "use_accelerate_endpoint" in style.get("s3", {}) and not region.startswith(("ap", "us-east")):
        style = {}
    if "use_fips_endpoint" in style and region != "us-gov-west-1":
        region = "us-east-1"
    session = botocore.session.Session()
    session.set_credentials("AKIAEXAMPLE", "secret")
    client = session.create_client("s3", region_name=region, config=Config(**style))
    way = Straight(client, lambda _: None, lambda *_: None)

    @settings(max_examples=30, deadline=None)
    @given(
        st.from_regex(r"[a-z0-9][a-z0-9.-]{1,40}[a-z0-9]", fullmatch=True),
        st.sampled_from(["GetBucketVersioning", "GetBucketLocation", "ListObjectVersions"]),
    )
    def check(bucket, name):
        if "use_accelerate_endpoint" in style.get("s3", {}) and name == "GetBucketLocation":
            return  # botocore itself finds no endpoint for that
        operation = way._operation(name)
        params = {"Bucket": bucket, "ExpectedBucketOwner": "111122223333"}
        found = way._destination(_Parts.of(client), operation, dict(params), dict(operation.context))
        if found is None:
            return
        context = dict(operation.context)
        url, headers, _ = client._resolve_endpoint_ruleset(operation.model, dict(params), context)
        assert (found.url, dict(found.headers)) == (url, headers)
        assert found.region == context.get("signing", {}).get("region", region)

    check()
    client.close()


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-03T04:05:06Z",
        "2026-11-03T04:05:06.123Z",
        "2026-11-03T04:05:06.123456Z",
        "2026-11-03T04:05:06+00:00",
        "Tue, 03 Nov 2026 04:05:06 GMT",
        "1793678706",
        1793678706.5,
    ],
)
def test_times_are_read_as_botocore_reads_them(text):
    from botocore.utils import parse_timestamp

    assert moment(text) == parse_timestamp(text)


def test_every_recorded_answer_is_parsed_as_a_client_parses_it(tmp_path, monkeypatch):
    with world(1, 0) as (folder, env, url):
        calls = calls_of_one(folder, env, url, ())
        monkeypatch.setenv("AWS_CONFIG_FILE", env["AWS_CONFIG_FILE"])
        assert len(calls) > 40
        with Aws(patience=HASTY) as aws:
            for profile, region, service, operation, params in calls:
                number = ("1111" if profile.startswith("production") else "4444") + "00000000"
                account = Account(profile, number, region, profile=profile)
                call = Call(service, operation, params)
                assert said(aws.ask(account, region), call) == said(aws.tell(account, region), call), operation


def said(ask, call):
    """Return what is answered, or the refusal in its parts."""
    try:
        return ask(call)
    except Refused as refusal:
        return refusal.reason, refusal.sentence, refusal.permission


class Server:
    """A server on the loopback that answers with what `answers` gives for a path, over TLS when it has a certificate."""

    def __init__(self, answers, certificate=None):
        self.asked = []
        self.bodies = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(answers))
        self.server.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self.server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def _handler(outer, answers):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                """Say nothing."""

            def do_POST(self):
                self.do_GET()

            def do_GET(self):
                self.body = self.rfile.read(int(self.headers.get("content-length") or 0))
                outer.asked.append((self.path, self.headers))
                outer.bodies.append(self.body)
                status, headers, body = answers(self)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        return Handler


IDENTITY = (
    b'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    b"<Arn>arn:aws:iam::111122223333:root</Arn><UserId>A</UserId><Account>111122223333</Account>"
    b"</GetCallerIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
)
ENABLED = b'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>'


def enabled(request):
    return (200, {}, IDENTITY) if request.command == "POST" else (200, {}, ENABLED)


@pytest.fixture
def account(tmp_path, monkeypatch):
    """Return an account whose endpoint is the given one."""

    def make(url, more=""):
        (tmp_path / "aws").write_text(
            f"[profile p]\naws_access_key_id = 111122223333\naws_secret_access_key = x\nendpoint_url = {url}\n{more}",
            "utf-8",
        )
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws"))
        return Account("production", "111122223333", REGION, profile="p")

    return make


REQUESTS = [
    VERSIONING,
    Call("s3", "ListObjectVersions", {"Bucket": "orders", "Prefix": "exports/a b+c/é", "MaxKeys": 5}),
    Call("dynamodb", "DescribeTable", {"TableName": "orders"}),
    Call("iam", "GetRolePolicy", {"RoleName": "r", "PolicyName": "a+b c"}),
    Call("lambda", "GetPolicy", {"FunctionName": "arn:aws:lambda:ap-northeast-1:111122223333:function:f"}),
    Call("cloudwatch", "DescribeAlarms", {"AlarmNames": ["a"]}),
    Call("sqs", "GetQueueAttributes", {"QueueUrl": "https://sqs/1/q", "AttributeNames": ["All"]}),
]


@pytest.mark.parametrize("call", REQUESTS, ids=lambda call: f"{call.service}-{call.operation}")
def test_requests_are_those_of_a_client(account, monkeypatch, call):
    # A header that botocore renews for each attempt of a client, and says nothing about the call.
    renewed = {"amz-sdk-invocation-id", "amz-sdk-request", "user-agent"}
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_: NOW)
    with Server(enabled) as server, Aws(patience=HASTY) as aws:
        where = account(f"http://127.0.0.1:{server.port}", "aws_session_token = a/token+of=some length\n")
        told = []
        for way in (aws.ask(where, REGION), aws.tell(where, REGION)):
            said(way, call)
            path, headers = server.asked[-1]
            heard = {name.lower(): value for name, value in headers.items() if name.lower() not in renewed}
            scope, names, _ = heard.pop("authorization").split(", ")
            signed = {name for name in names.split("=")[1].split(";") if name not in renewed}
            told.append((path, heard, scope, signed, server.bodies[-1], headers["User-Agent"].split()[-1]))
        assert told[0] == told[1]


class Lacking:
    """A client of another botocore: one of its parts is not there, or is called otherwise."""

    def __init__(self, client, lacks):
        self.__dict__.update(client=client, lacks=lacks)

    def __getattr__(self, name):
        if name == self.lacks:
            raise AttributeError(name)
        return getattr(self.client, name)


PRIVATE = ["_request_signer", "_serializer", "_endpoint", "_resolve_endpoint_ruleset", "_user_agent_creator"]


def test_with_a_botocore_that_is_built_otherwise_nothing_goes_the_straight_way(monkeypatch):
    session = botocore.session.Session()
    session.set_credentials("AKIAEXAMPLE", "secret")
    client = session.create_client("s3", region_name=REGION)
    monkeypatch.setattr("botocore.awsrequest.prepare_request_dict", lambda request, endpoint: None)
    for lacks in ("nothing", *PRIVATE):
        assert lacks == "nothing" or hasattr(client, lacks)
        way = Straight(Lacking(client, lacks), lambda _: pytest.fail("a request left"), lambda *_: None)
        assert way.call("GetBucketVersioning", {"Bucket": "orders"}, session.get_credentials()) is None
    client.close()


def test_with_a_botocore_that_lacks_a_part_the_client_is_asked(account, monkeypatch):
    monkeypatch.setattr(door, "Straight", lambda client, *rest: Straight(Lacking(client, "_serializer"), *rest))
    with Server(enabled) as server, Aws(patience=HASTY) as aws:
        ask = aws.ask(account(f"http://127.0.0.1:{server.port}"), REGION)
        assert ask(VERSIONING) == {"Status": "Enabled"}
        assert aws.usage().calls == 2
        assert "amz-sdk-invocation-id" in server.asked[-1][1]


def test_credentials_that_expire_are_fetched_again(tmp_path, account):
    minutes = (dt.datetime.now(dt.timezone.utc) + dt.timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    script = tmp_path / "keys.sh"
    script.write_text(
        f"echo >> {tmp_path}/count\n"
        f'printf \'{{"Version": 1, "AccessKeyId": "KEY%s", "SecretAccessKey": "s", "SessionToken": "t", '
        f'"Expiration": "{minutes}"}}\' $(wc -l < {tmp_path}/count)\n'
    )
    with Server(enabled) as server, Aws(patience=HASTY) as aws:
        where = account(f"http://127.0.0.1:{server.port}")
        (tmp_path / "aws").write_text(
            f"[profile p]\ncredential_process = sh {script}\nendpoint_url = http://127.0.0.1:{server.port}\n"
        )
        ask = aws.ask(where, REGION)
        for _ in range(3):
            assert ask(VERSIONING) == {"Status": "Enabled"}
    keys = [headers["Authorization"].partition("Credential=")[2].partition("/")[0] for _, headers in server.asked]
    assert len(set(keys)) == len(keys) == 4


def test_connections_are_kept_and_a_dead_one_is_replaced(account):
    def answer(request):
        # The server says that it keeps the connection, and closes it nevertheless.
        request.close_connection = len(server.asked) == 2
        return enabled(request)

    with Server(answer) as server, Aws(patience=HASTY) as aws:
        ask = aws.ask(account(f"http://127.0.0.1:{server.port}"), REGION)
        for _ in range(4):
            assert ask(VERSIONING) == {"Status": "Enabled"}
        # The news of the end may come after the next request has left, which is then made again.
        assert aws.usage().retries <= 1


def test_buckets_of_a_region_share_their_connections(account):
    connections = set()

    def answer(request):
        connections.add(request.client_address)
        return enabled(request)

    with Server(answer) as server, Aws(patience=HASTY) as aws:
        ask = aws.ask(account(f"http://127.0.0.1:{server.port}"), REGION)
        for number in range(5):
            ask(Call("s3", "GetBucketVersioning", {"Bucket": f"orders-{number}"}))
        assert [path for path, _ in server.asked[1:]] == [f"/orders-{number}?versioning" for number in range(5)]
        assert len(connections) == 2  # one for STS, one for S3


def test_an_addressing_style_of_the_profile_is_honoured(account):
    with Server(enabled) as server, Aws(patience=HASTY) as aws:
        ask = aws.ask(account(f"http://localhost:{server.port}", "s3 =\n  addressing_style = virtual\n"), REGION)
        try:
            ask(VERSIONING)
        except Refused as refusal:
            assert refusal.reason == "Unreachable"  # orders.localhost need not resolve
        else:
            assert server.asked[-1][0] == "/?versioning"
            assert server.asked[-1][1]["Host"] == f"orders.localhost:{server.port}"


def test_a_bucket_elsewhere_is_left_to_the_client(account):
    moved = b"<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message></Error>"

    def answer(request):
        if request.command == "POST":
            return enabled(request)
        signed_for = request.headers["Authorization"].split("/")[2]
        if signed_for != "eu-west-1":
            return 301, {"x-amz-bucket-region": "eu-west-1"}, moved
        return 200, {}, ENABLED

    with Server(answer) as server, Aws(patience=HASTY) as aws:
        ask = aws.ask(account(f"http://127.0.0.1:{server.port}"), REGION)
        assert ask(VERSIONING) == {"Status": "Enabled"}
        before = len(server.asked)
        assert ask(VERSIONING) == {"Status": "Enabled"}
        assert len(server.asked) == before + 1


def certificate(folder, *, name):
    """Make a certificate that signs itself; return the files of the certificate and of its key."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = [x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)]
    now = dt.datetime.now(dt.timezone.utc)
    made = (
        x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = (str(folder / f"{name}.pem"), str(folder / f"{name}.key"))
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


@pytest.mark.parametrize(
    ("name", "trusted", "expected"),
    [
        ("127.0.0.1", True, {"Status": "Enabled"}),
        ("127.0.0.1", False, "Unreachable"),
        ("example.com", True, "Unreachable"),
    ],
    ids=["trusted", "not trusted", "another name"],
)
def test_tls_is_verified(account, tmp_path, monkeypatch, name, trusted, expected):
    files = certificate(tmp_path, name=name)
    if trusted:
        monkeypatch.setenv("AWS_CA_BUNDLE", files[0])
    with Server(enabled, files) as server, Aws(patience=HASTY) as aws:
        found = said(aws.ask(account(f"https://127.0.0.1:{server.port}"), REGION), VERSIONING)
        assert (found if isinstance(found, dict) else found[0]) == expected
        assert expected == {"Status": "Enabled"} or not server.asked


def test_a_proxy_is_used(account, monkeypatch):
    with Server(enabled) as proxy, Aws(patience=HASTY) as aws:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        ask = aws.ask(account("http://aws.example"), REGION)
        assert ask(VERSIONING) == {"Status": "Enabled"}
        assert proxy.asked[-1][0] == "http://aws.example/orders?versioning"


def test_a_line_break_in_a_parameter_goes_nowhere(account):
    with Server(enabled) as server, Aws(patience=HASTY) as aws:
        ask = aws.ask(account(f"http://127.0.0.1:{server.port}"), REGION)
        evil = Call("s3", "GetBucketVersioning", {"Bucket": "orders", "ExpectedBucketOwner": "1\r\nX-Evil: 1"})
        assert said(ask, evil)[0] == "Unreachable"
        assert not any("X-Evil" in headers for _, headers in server.asked)


def test_an_answer_that_stops_half_way_is_no_answer(account):
    def answer(request):
        if request.command == "POST":
            return enabled(request)
        request.close_connection = True
        return 200, {"Content-Length": "1000"}, ENABLED

    with Server(answer) as server, Aws(patience=HASTY) as aws:
        assert said(aws.ask(account(f"http://127.0.0.1:{server.port}"), REGION), VERSIONING)[0] == "Unreachable"


def test_answers_in_chunks_are_read(account):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        threading.Thread(target=_speak, args=(listener,), daemon=True).start()
        with Aws(patience=HASTY) as aws:
            ask = aws.ask(account(f"http://127.0.0.1:{listener.getsockname()[1]}"), REGION)
            assert ask(VERSIONING) == {"Status": "Enabled"}
            assert ask(VERSIONING) == {"Status": "Enabled"}


def _speak(listener):
    def serve(connection):
        with connection, connection.makefile("rb") as stream:
            while line := stream.readline():
                length = 0
                while (header := stream.readline()) != b"\r\n":
                    if header.lower().startswith(b"content-length"):
                        length = int(header.split(b":")[1])
                stream.read(length)
                if line.startswith(b"POST"):
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(IDENTITY), IDENTITY))
                else:
                    connection.sendall(
                        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                    )
                    for part in (ENABLED[:20], ENABLED[20:], b""):
                        connection.sendall(b"%x\r\n%s\r\n" % (len(part), part))

    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


def test_json_that_is_no_object_is_no_answer(account):
    def answer(request):
        return (
            (200, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps([1]).encode())
            if "X-Amz-Target" in request.headers
            else enabled(request)
        )

    with Server(answer) as server, Aws(patience=HASTY) as aws:
        ask = aws.ask(account(f"http://127.0.0.1:{server.port}"), REGION)
        assert said(ask, Call("dynamodb", "DescribeTable", {"TableName": "t"}))[0] == "Malformed"
