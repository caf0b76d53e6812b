"""What is wrong with a plan: templates, manifests, CI workflows, images and the tables around them, judged on their text alone.

`model.load` reads a folder into a `Plan`, each module of `rules` says one thing about it, `command.check` prints what they find. The rules are general:
they know Kubernetes, EKS, Argo, GitHub Actions and shells, and no name of any plan. docs/check.md lists them.
"""

from harness.check.finding import Finding
from harness.check.model import Plan, load
from harness.check.reading import Unreadable
from harness.check.rules import RULES, Rule, findings

__all__ = ["RULES", "Finding", "Plan", "Rule", "Unreadable", "findings", "load"]
