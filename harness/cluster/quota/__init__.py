"""Resource quotas as sums: what an object uses, which quotas count it, what a quota's usage is.

Pure. The admission plugin ResourceQuota charges with it, the quota controller recalculates with it. Follows `pkg/quota/v1` of Kubernetes 1.34.
"""

from harness.cluster.quota.amounts import add, add_all, exceeds, limits_of, requests_of, subtract
from harness.cluster.quota.quotas import charged_names, counts, matches_scopes, required_error, tracked, usage_of_quota
from harness.cluster.quota.usage import usage_of

__all__ = [
    "add",
    "add_all",
    "charged_names",
    "counts",
    "exceeds",
    "limits_of",
    "matches_scopes",
    "requests_of",
    "required_error",
    "subtract",
    "tracked",
    "usage_of",
    "usage_of_quota",
]
