"""Read very many spoilt files: `python -m tests.fuzz --count 100000 [TARGET …]` says what broke, and the slowest input."""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
import traceback
import zlib
from collections import Counter
from pathlib import Path

from tests.fuzz.mutate import spoilt
from tests.fuzz.targets import TARGETS, reads, seeds

MEMORY = 3 * 1024**3
SLOW = 5.0


def campaign(name: str, count: int, seed: int, kept: Path | None = None) -> tuple[Counter[str], float, list[str]]:
    """Return how many inputs were read and refused, the slowest in CPU seconds, and a sentence for each kind of fault."""
    chance = random.Random(zlib.crc32(f"{name} {seed}".encode()))
    outcomes: Counter[str] = Counter()
    faults: dict[str, str] = {}
    slowest = 0.0
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        for _ in range(count):
            content = spoilt(chance.choice(seeds(name)), chance)
            begun = time.process_time()
            try:
                outcomes[reads(name, content, Path(folder))] += 1
            except Exception as error:  # noqa: BLE001 - any exception is what is looked for
                outcomes["broken"] += 1
                where = traceback.extract_tb(error.__traceback__)[-1]
                sign = f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}"
                if sign not in faults:
                    faults[sign] = f"{name}: {sign}: {str(error)[:200]}"
                    _keep(kept, f"{name}-{len(faults)}", content)
            spent = time.process_time() - begun
            if spent > SLOW:
                faults.setdefault("slow", f"{name}: an input took {spent:.1f} s")
                _keep(kept, f"{name}-slow", content)
            slowest = max(slowest, spent)
    return outcomes, slowest, list(faults.values())


def _keep(folder: Path | None, name: str, content: bytes) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def main() -> int:
    words = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    words.add_argument("targets", nargs="*", choices=[[], *TARGETS], metavar="TARGET")
    words.add_argument("--count", type=int, default=1000, help="inputs for each target")
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--keep", type=Path, help="a folder for the inputs that broke something")
    chosen = words.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    broken = 0
    for name in chosen.targets or TARGETS:
        outcomes, slowest, faults = campaign(name, chosen.count, chosen.seed, chosen.keep)
        told = ", ".join(f"{number:,} {word}" for word, number in sorted(outcomes.items()))
        print(f"{name}: {told}; slowest {slowest * 1000:.0f} ms", flush=True)
        for fault in faults:
            print(f"  {fault}", flush=True)
        broken += len(faults)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
