"""What the same scenarios came to on several targets, side by side.

A run of scenarios with `--results DIR` writes a file a scenario (`results`), with what `facts` finds in each of its worlds: placements, phases, reasons,
attempts, lost shards, data sets, and the delays that are modelled. `differences` compares two such files, `explained` knows which differences have a
reason, `table` prints all of it, `command` is `harness fidelity --targets`. See docs/fidelity.md.
"""

from harness.fidelity.scenarios.facts import facts_of
from harness.fidelity.scenarios.results import ScenarioResult, note

__all__ = ["ScenarioResult", "facts_of", "note"]
