"""Records the answers of a real control plane: `python -m tests.harness.cluster.api.exchanges.record`, with HARNESS_CONTROL_PLANE set."""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from tests.harness.cluster.api.answers import real
from tests.harness.cluster.api.exchanges.exchange import Connect, answers, prepare

FILE = Path(__file__).parents[5] / "fixtures" / "api-answers" / "exchanges.json"
TIMEOUT_S = 20


def connector(kubeconfig: Path) -> Connect:
    """Opens connections to the server of a kubeconfig with a client certificate."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    with tempfile.NamedTemporaryFile() as private:
        private.write(b"".join(base64.b64decode(user[f"client-{part}-data"]) for part in ("key", "certificate")))
        private.flush()
        context.load_cert_chain(private.name)
    host = cluster["server"].removeprefix("https://")
    return lambda: http.client.HTTPSConnection(host, timeout=TIMEOUT_S, context=context)


def record(kubeconfig: Path) -> dict[str, dict[str, Any]]:
    """The answers of a real server."""
    connect = connector(kubeconfig)
    with real.namespace(real.connect(kubeconfig)) as namespace:
        prepare(connect, {}, namespace)
        return answers(connect, {}, namespace)


def recorded() -> dict[str, dict[str, Any]]:
    """What was recorded."""
    found: dict[str, dict[str, Any]] = json.loads(FILE.read_text())["answers"]
    return found


def main() -> None:
    """Record all."""
    kubeconfig = Path(os.environ["HARNESS_CONTROL_PLANE"])
    version = real.connect(kubeconfig)("GET", "/version", None, "application/json")[1]["gitVersion"]
    head = {
        "source": f"kube-apiserver {version}",
        "date": date.today().isoformat(),
        "command": "HARNESS_CONTROL_PLANE=KUBECONFIG python -m tests.harness.cluster.api.exchanges.record",
    }
    lines = [f"  {json.dumps(name)}: {json.dumps(answer)}" for name, answer in record(kubeconfig).items()]
    FILE.write_text(json.dumps(head, indent=1)[:-2] + ',\n "answers": {\n' + ",\n".join(lines) + "\n }\n}\n")


if __name__ == "__main__":
    main()
