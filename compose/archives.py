"""The stand-in archives on fixed ports of this container, until SIGTERM."""

from __future__ import annotations

import argparse
import signal
import sys

from fixtures.archives.archives import Archives
from fixtures.archives.gate import ArchiveName

PORTS: dict[ArchiveName, int] = {
    "ebi-api": 8001,
    "ebi-ftp": 2121,
    "epfl": 8002,
    "flyem": 8003,
    "idr-api": 8004,
    "idr-ftp": 2122,
    "openorganelle": 8005,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=0.001, help="share of the real number of voxels")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    given = parser.parse_args()
    # Handlers run in the main thread whichever thread the kernel chose; a blocked signal would end the process in one of NumPy's.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    with Archives(scale=given.scale, seed=0, host=given.host) as archives:
        for name, url in archives.environment_for("compose", PORTS).items():
            print(f"{name}={url}", flush=True)
        while True:
            signal.pause()


if __name__ == "__main__":
    main()
