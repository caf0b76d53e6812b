"""The bill: what was used, priced by the line."""

from harness.cloud.bill.lines import Line, lines, total
from harness.cloud.bill.usage import Machine, Usage

__all__ = ["Line", "Machine", "Usage", "lines", "total"]
