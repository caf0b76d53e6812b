"""Lengths as archives write them, in nanometres."""

from __future__ import annotations

_NANOMETRES = {
    "pm": 1e-3,
    "picometer": 1e-3,
    "angstrom": 0.1,
    "\u00c5": 0.1,
    "\u212b": 0.1,
    "nm": 1.0,
    "nanometer": 1.0,
    "nanometers": 1.0,
    "um": 1e3,
    "\u00b5m": 1e3,
    "\u03bcm": 1e3,
    "micrometer": 1e3,
    "micrometers": 1e3,
    "microns": 1e3,
    "mm": 1e6,
    "millimeter": 1e6,
    "m": 1e9,
    "meter": 1e9,
}


def nanometres(value: float, unit: str) -> float | None:
    """The length in nm; None for a unit that is not known. OMERO writes MICROMETER, DVID nanometers, Gatan µm."""
    factor = _NANOMETRES.get(unit) or _NANOMETRES.get(unit.lower())
    # A product of decimal fractions such as 0.02 * 1000 is rounded to what was written.
    return None if factor is None else float(f"{value * factor:.9g}")
