"""What a run leaves behind: result.json (for programs), report.html (for people) and events.jsonl (the timeline)."""

from harness.report.result import Cost, CostLine, Dataset, Interruption, ItemState, Result, RoadmapItem, Task
from harness.report.write import scale_text, write_report

__all__ = [
    "Cost",
    "CostLine",
    "Dataset",
    "Interruption",
    "ItemState",
    "Result",
    "RoadmapItem",
    "Task",
    "scale_text",
    "write_report",
]
