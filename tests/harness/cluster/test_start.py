"""What a cluster loads until its first answer: little, so that it comes soon (`benchmarks/first_answer.py` measures how soon)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LATER = (
    *(
        "numpy",
        "yaml",
        "csv",
        "harness.cluster.api.yamlout",
        "harness.cluster.api.yamltext",
    ),  # with the first that needs them
    *(
        "aiohttp",
        "boto3",
        "botocore",
        "jsonschema",
        "moto",
        "psutil",
        "requests",
        "rich",
        "urllib3",
    ),  # never needed here
    *("multiprocessing", "ctypes", "tensorstore", "kubernetes", "pytest"),
)
PROGRAM = """
import sys
from pathlib import Path
from benchmarks import first_answer
first_answer.once(Path(sys.argv[1]))
print(*sys.modules)
"""


@pytest.mark.slow
def test_given_a_fresh_process_then_its_first_answer_needs_none_of_the_large_modules(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, timeout=60)
    loaded = set(done.stdout.split())
    assert {"harness.cluster.scheduler.cycle", "harness.cluster.api.server"} <= loaded
    assert loaded.isdisjoint(LATER), sorted(loaded.intersection(LATER))
