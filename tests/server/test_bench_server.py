"""The script that measures the server runs, and prints what it promises."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "bench_server.py"


@pytest.mark.slow
def test_a_few_clients_are_measured_for_a_moment():
    command = [
        sys.executable,
        str(SCRIPT),
        "--clients",
        "2",
        "--seconds",
        "2",
        "--rate",
        "4",
        "--options",
        "--waiting 8",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    titles, _, cells = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("|")]
    row = dict(zip(titles, cells, strict=True))
    assert row["errors"] == "0"
    assert 0 < float(row["answers/s"]) <= 5
    assert 0 < float(row["median ms"]) <= float(row["p95 ms"])
    # 120 at once, of which two run and eight wait; on a slow machine many come late and find a place.
    assert 0 < int(row["refusals"]) <= 120
    assert float(row["peak MiB"]) > 100
