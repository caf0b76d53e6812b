"""The same traces on the embedded cluster and on a real control plane, and where the two differ.

A trace (`trace`) is data: objects, fake nodes and pods, timed steps. One driver (`driver`) plays it against a Reader, a Writer and a Kernel, which
are those of the embedded cluster in virtual time (`embedded`) or of a real API server at the wall's pace (`real`). What was seen becomes a recording
without random names (`recording`); recordings of a real control plane are committed, and `compare` tells the differences between two. See
docs/fidelity.md.
"""
