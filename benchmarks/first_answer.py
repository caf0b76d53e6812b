"""From a fresh process to the first answer of an embedded cluster, in seconds of CPU by part.

CPU and not the wall, so that a busy machine measures the same. The client is in the same process and counts, too. What is measured is what a user of the
installed package sees: modules come from their bytecode. `python -m benchmarks.first_answer DIRECTORY` prints JSON; `start` takes medians.
"""

from __future__ import annotations

import http.client
import json
import ssl
import sys
import time
from itertools import pairwise
from pathlib import Path

PARTS = ("interpreter", "imports", "make", "serve", "answer")


def once(directory: Path) -> dict[str, float]:
    """In this process, which has to be fresh: the seconds of each part."""
    moments = [0.0, time.process_time()]
    from benchmarks import embedded  # here, because this is what is measured

    moments.append(time.process_time())
    kernel, cluster = embedded.open_cluster(directory)
    moments.append(time.process_time())
    server = cluster.serve()
    moments.append(time.process_time())
    context = ssl.create_default_context(cadata=server.authority_pem.decode())
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context)
    connection.request("GET", "/api/v1/namespaces", headers={"Authorization": f"Bearer {server.token}"})
    status = connection.getresponse().status
    moments.append(time.process_time())
    connection.close()
    cluster.close()
    kernel.close()
    if status != http.client.OK:
        raise RuntimeError(f"the first answer is {status}")
    return {part: end - begin for part, (begin, end) in zip(PARTS, pairwise(moments), strict=True)}


if __name__ == "__main__":
    print(json.dumps(once(Path(sys.argv[1]))))
