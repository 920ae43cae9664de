"""The real command line, once per line of standard input, each time in a fresh copy of this process.

What a command imports is there already, so that a hundred hostile files cost little; what it does with time, memory,
permissions and standard streams is its own. A line is JSON: words, folder, and how the process is bounded.
"""

import ctypes
import json
import os
import resource
import sys
import tempfile
import time

CPU_SECONDS = 20
ADDRESSES = 4 * 2**30


def obey_permissions():
    """Give up root's capabilities: the user stays the same, and modes hold for it as for everybody."""
    if os.geteuid() == 0:
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)
        if ctypes.CDLL(None, use_errno=True).capset(header, (ctypes.c_uint32 * 6)()):
            raise OSError(ctypes.get_errno(), "capset")


def child(order, out, err):
    os.chdir(order["folder"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if size := order.get("largest_file"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        # Python ignores SIGXFSZ, so that writing says EFBIG.
    obey_permissions()
    from auditor.cli import main

    main(order["words"])


def run(order):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = os.fork()
        if process == 0:
            code = 99
            try:
                child(order, out.fileno(), err.fileno())
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
            except BaseException:  # noqa: BLE001 - the copy ends here, whatever happens
                import traceback

                traceback.print_exc()
            finally:
                os._exit(code)
        end = time.monotonic() + order["seconds"]
        while not (done := os.wait4(process, os.WNOHANG))[0]:
            if time.monotonic() > end:
                os.kill(process, 9)
                done = (*os.wait4(process, 0)[:1], None, None)
                break
            time.sleep(0.005)
        _, status, used = done
        code = "hung" if status is None else os.waitstatus_to_exitcode(status)
        told = {"code": code, "mebibytes": used.ru_maxrss // 1024 if used else 0, "cpu": used.ru_utime if used else 0}
        for name, file in (("out", out), ("err", err)):
            file.seek(0)
            told[name] = file.read().decode("utf-8", "surrogateescape")
        return told


def prepare():
    """Import what commands import, without opening anything of a user's."""
    import importlib

    from auditor.cli import COMMANDS

    for module, _ in {*COMMANDS.values()}:
        importlib.import_module(f"auditor.cli.{module}")
    for module in (
        "boto3",
        "jsonschema",
        "yaml",
        "jinja2",
        "auditor.sources.terraform",
        "auditor.sources.cloudformation",
    ):
        importlib.import_module(module)


if __name__ == "__main__":
    prepare()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(run(json.loads(line))) + "\n")
        sys.stdout.flush()
