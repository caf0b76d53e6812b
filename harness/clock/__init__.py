"""Time: integer instants, the event kernel with its virtual clock, the doors that pace real processes, seeds and the timeline."""

from harness.clock.instants import (
    DAY,
    HOUR,
    MILLISECOND,
    MINUTE,
    SECOND,
    format_micro_time,
    format_time,
    parse_time,
    seconds,
)
from harness.clock.kernel import Kernel, Outcome, Stalled, Timer
from harness.clock.parties import Grant, Knock, Parties, Toll
from harness.clock.seeds import Seeds
from harness.clock.timeline import Record, Timeline

__all__ = [
    "DAY",
    "HOUR",
    "MILLISECOND",
    "MINUTE",
    "SECOND",
    "Grant",
    "Kernel",
    "Knock",
    "Outcome",
    "Parties",
    "Record",
    "Seeds",
    "Stalled",
    "Timeline",
    "Timer",
    "Toll",
    "format_micro_time",
    "format_time",
    "parse_time",
    "seconds",
]
