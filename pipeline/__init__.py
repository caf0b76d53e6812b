"""Electron-microscopy ingestion: five public archives become OME-Zarr 0.5 data sets, a sixth service consolidates.

One program with six services (`python -m pipeline <service>`). It knows nothing of the machines it runs on: it
imports neither the rehearsal harness nor the stand-in archives.
"""

__version__ = "1.0.0"
