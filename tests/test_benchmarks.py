"""The benchmarks go through all their motions; what they measure here means nothing."""

import subprocess
import sys

from tests.benchmarks.__main__ import PARTS, by_hand
from tests.benchmarks.measure import FEW, ROOT, run
from tests.benchmarks.peers import CHECKS, POLICIES


def test_every_part_of_the_benchmarks_runs():
    words = [sys.executable, "-m", "tests.benchmarks", "--quick"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()[2:]]
    assert all(measured for _, measured, _, _ in rows)
    assert {met for _, _, target, met in rows if target} <= {"yes", "no"}
    assert len(rows) > 2 * len(PARTS)


def test_what_a_process_took_is_its_own():
    held = bytearray(300_000_000)
    held[::4096] = b"x" * len(held[::4096])
    cost = run([sys.executable, "-S", "-c", "import sys; print('said'); sys.exit(3)"])
    assert (cost.code, cost.out.strip()) == (3, "said")
    assert cost.peak < 100
    assert 0 < cost.cpu <= cost.wall * 4


def test_what_is_written_by_hand_below_the_table_stays():
    assert by_hand("# Head\n\n| a |\n\n## Peers\n\nSlow.\n") == "\n## Peers\n\nSlow.\n"
    assert by_hand("# Head\n\n| a |\n") == ""


def test_every_policy_and_check_of_the_peers_answers_a_rule_that_is_measured():
    assert {*POLICIES, *CHECKS.values()} <= set(FEW)
