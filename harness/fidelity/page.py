"""The page docs/fidelity-traces.md: every trace with what it shows. Written by `harness fidelity --update`, checked by a test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.fidelity.trace import Trace

PAGE = Path(__file__).parents[2] / "docs" / "fidelity-traces.md"
_HEAD = """\
# Traces

What `harness fidelity` compares ([fidelity.md](fidelity.md)). Written by `harness fidelity --update`. A trace that only a kubelet
decides is marked *kind* and not played against a control plane.
"""


def page(traces: Sequence[Trace]) -> str:
    """The text of the page."""
    lines = [_HEAD]
    area = ""
    for trace in traces:
        if trace.name.split("/")[0] != area:
            area = trace.name.split("/")[0]
            lines += [f"## {area}", "", "| trace | shows |", "|---|---|"]
        oracle = " (*kind*)" if trace.oracle == "kind" else ""
        lines.append(f"| `{trace.name}`{oracle} | {' '.join(trace.shows.split())} |")
        if trace is traces[-1] or traces[traces.index(trace) + 1].name.split("/")[0] != area:
            lines.append("")
    lines.append(f"{len(traces)} in all.")
    return "\n".join(lines) + "\n"
