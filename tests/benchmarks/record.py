"""Record what the stand-in answers about one correct and one mis-set pipeline: `python -m tests.benchmarks.record`.

The benchmark's server repeats these answers for thousands of pipelines, faster than the stand-in could.
"""

import base64
import json
import os
import re
import sys
import tempfile
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from auditor.aws import Aws
from auditor.aws.plain_client import client
from auditor.kinds import Call
from auditor.model import Account
from auditor.pipeline import load
from auditor.rulebook import load as load_rules
from auditor.run import Settings, audit
from auditor.standin import serve
from auditor.standin.pipeline import build_golden, build_misset
from tests.benchmarks.fleet import REGION, names, write_fleet
from tests.benchmarks.wire import key_of

ANSWERS = Path(__file__).parent / "answers.json"
_KEPT = re.compile(r"content-type|x-amz-(?!request|id|crc32)", re.IGNORECASE)


def record():
    """Return the answers by kind of pipeline and key: status, headers, and the body in base64."""
    answers = {}
    with serve(isolated=True) as standin:
        for kind, build in (("golden", build_golden), ("misset", build_misset)):
            standin.reset()
            build(lambda service, account, region: client(service, account, region, standin.url), names(0))
            kept = answers[kind] = {}
            with listening(standin.url, kept) as url, tempfile.TemporaryDirectory() as folder:
                write_fleet(Path(folder), url, [0])
                os.environ["AWS_CONFIG_FILE"] = str(Path(folder) / "aws")
                pipelines = load([Path(folder) / "pipelines.yaml"])
                with Aws() as aws:
                    report = audit(pipelines, load_rules(vet=False), Settings(to_fix=True), aws=aws)
                    for number, profile in (
                        ("111100000000", "production-00000000"),
                        ("444400000000", "analytics-00000000"),
                    ):
                        account = Account(profile, number, REGION, profile=profile)
                        aws.ask(account, REGION)(
                            Call(
                                "iam",
                                "GetAccountAuthorizationDetails",
                                {"Filter": ["Role", "LocalManagedPolicy", "AWSManagedPolicy"], "MaxItems": 1000},
                            )
                        )
                print(
                    kind,
                    len(kept),
                    "answers;",
                    sum(one.verdict.value == "unknown" for one in report.findings),
                    "unknown;",
                    sum(one.verdict.value == "fail" for one in report.findings),
                    "failed",
                )
    return answers


class listening:
    """A proxy that writes down what passes; a context whose value is its URL."""

    def __init__(self, upstream, kept):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(urlsplit(upstream), kept))

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def _handler(upstream, kept):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            """Say nothing."""

        def _pass_on(self):
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            connection = HTTPConnection(upstream.hostname, upstream.port)
            connection.request(self.command, self.path, body, {**self.headers, "Host": upstream.netloc})
            answer = connection.getresponse()
            content = answer.read()
            headers = {name: value for name, value in answer.getheaders() if _KEPT.match(name)}
            lower = {name.lower().encode(): value.encode() for name, value in self.headers.items()}
            key, _, _ = key_of(self.command.encode(), self.path.encode(), lower, body)
            kept[key] = {"status": answer.status, "headers": headers, "body": base64.b64encode(content).decode()}
            self.send_response(answer.status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
            connection.close()

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _pass_on

    return Handler


if __name__ == "__main__":
    ANSWERS.write_text(json.dumps(record(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    sys.stderr.write(f"{ANSWERS}\n")
