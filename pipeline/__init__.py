"""Electron-microscopy ingestion: five public archives become OME-Zarr 0.5 data sets, a sixth service consolidates.

One program with six services (`python -m pipeline <service>`). It knows nothing of the machines it runs on: it
imports neither the rehearsal harness nor the stand-in archives.
"""

import os

__version__ = "1.0.0"

# numpy's linear algebra starts a thread a core when it is imported; nothing here uses it, and a process that has
# threads cannot be forked safely.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
