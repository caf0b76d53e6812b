"""Records the answers of a real control plane: `python -m tests.harness.cluster.api.answers.record [TABLE ...]`, with HARNESS_CONTROL_PLANE set."""

from __future__ import annotations

import json
import os
import sys
from datetime import date
from pathlib import Path
from typing import Any

from tests.harness.cluster.api.answers import real
from tests.harness.cluster.api.answers.runner import Send, run
from tests.harness.cluster.api.answers.tables import TABLES

FOLDER = Path(__file__).parents[5] / "fixtures" / "api-answers"


def record(send: Send, table: str) -> dict[str, list[dict[str, Any]]]:
    """The answers of a real server to one table."""
    found: dict[str, list[dict[str, Any]]] = {}
    for scenario, steps in TABLES[table].items():
        with real.namespace(send) as namespace:
            found[scenario] = run(send, namespace, steps)
    return found


def recorded(table: str) -> dict[str, list[dict[str, Any]]]:
    """What was recorded of one table."""
    found: dict[str, list[dict[str, Any]]] = json.loads((FOLDER / f"{table}.json").read_text())["answers"]
    return found


def main(names: list[str]) -> None:
    """Record the named tables, or all."""
    send = real.connect(Path(os.environ["HARNESS_CONTROL_PLANE"]))
    version = send("GET", "/version", None, "application/json")[1]["gitVersion"]
    for name in names or list(TABLES):
        head = {
            "source": f"kube-apiserver {version}",
            "date": date.today().isoformat(),
            "command": f"HARNESS_CONTROL_PLANE=KUBECONFIG python -m tests.harness.cluster.api.answers.record {name}",
        }
        scenarios = record(send, name)
        lines = [
            f"  {json.dumps(scenario)}: [\n" + ",\n".join(f"   {json.dumps(answer)}" for answer in answers) + "\n  ]"
            for scenario, answers in scenarios.items()
        ]
        text = json.dumps(head, indent=1)[:-2] + ',\n "answers": {\n' + ",\n".join(lines) + "\n }\n}\n"
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{name}.json").write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
