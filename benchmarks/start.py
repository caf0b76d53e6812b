"""How long a fresh process takes to its first answer, by part: medians of several. `python -m benchmarks.start` prints them as JSON."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.first_answer import PARTS

GOAL_S = 0.3
_RUNS = 7
_ROOT = Path(__file__).parent.parent


def measured(runs: int = _RUNS) -> Mapping[str, float]:
    """The medians of several fresh processes."""
    with tempfile.TemporaryDirectory(prefix="first-answer-") as directory:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": directory}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        command = [sys.executable, "-m", "benchmarks.first_answer", directory]
        answers = []
        for _ in range(runs + 1):
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, cwd=_ROOT)
            answers.append(json.loads(done.stdout))
    return {part: statistics.median(answer[part] for answer in answers[1:]) for part in PARTS}  # the first one compiles


if __name__ == "__main__":
    print(json.dumps(measured()))
