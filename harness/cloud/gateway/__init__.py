"""The one AWS endpoint in front of the stand-in: it names, paces, counts and, on purpose, breaks the calls of pods."""

from harness.cloud.gateway.answers import CloudAnswers, ClusterAccess
from harness.cloud.gateway.calls import Answer, Call
from harness.cloud.gateway.counters import CallCount, Counters
from harness.cloud.gateway.rates import Rates, default_rates
from harness.cloud.gateway.server import Gateway
from harness.cloud.gateway.verdicts import Delay, Drop, LoseAcknowledgement, MatchingCalls, Refuse, Rule, Verdict

__all__ = [
    "Answer",
    "Call",
    "CallCount",
    "CloudAnswers",
    "ClusterAccess",
    "Counters",
    "Delay",
    "Drop",
    "Gateway",
    "LoseAcknowledgement",
    "MatchingCalls",
    "Rates",
    "Refuse",
    "Rule",
    "Verdict",
    "default_rates",
]
