"""`python -m auditor.standin --port N`: the stand-in as a process of its own."""

from __future__ import annotations

import argparse
import sys

from auditor.standin.options import OPTIONS
from auditor.standin.server import listen


def main() -> None:
    """Serve until interrupted; the first line on standard output is the URL."""
    parser = argparse.ArgumentParser(prog="python -m auditor.standin", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--enforce", action="store_true", help="let IAM policies decide about every call")
    parser.add_argument("--lax", action="store_true", help="do not look at what configurations point to")
    parser.add_argument("--old-buckets", action="store_true", help="new buckets as they were before 2023")
    asked = parser.parse_args()
    OPTIONS.change(
        {
            "enforce": asked.enforce,
            "strict_destinations": not asked.lax,
            "bucket_defaults": not asked.old_buckets,
        }
    )
    server = listen(asked.port)
    sys.stdout.write(f"http://127.0.0.1:{server.server_address[1]}\n")
    sys.stdout.flush()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


main()
