"""What a run costs: calls, seconds, memory; `python -m tests.benchmarks` measures and prints it."""
