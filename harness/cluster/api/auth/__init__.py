"""Who asks and what they may do: tokens of service accounts, impersonation, RBAC, and the reviews that ask about both.

`gate` is the way in; `rbac` and `rules` decide; `tokens` and `jwt` are the credentials of service accounts; `escalation` guards roles and bindings; `reviews`
answers questions; `bootstrap` holds the policy of a new cluster.
"""

from harness.cluster.api.auth.attributes import Attributes
from harness.cluster.api.auth.bootstrap import policy
from harness.cluster.api.auth.escalation import GUARDED, require_held
from harness.cluster.api.auth.gate import Authorization, Gate
from harness.cluster.api.auth.jwt import Signer
from harness.cluster.api.auth.reviews import Reviews
from harness.cluster.api.auth.tokens import ServiceAccountTokens
from harness.cluster.api.auth.users import ADMIN, User

__all__ = [
    "ADMIN",
    "GUARDED",
    "Attributes",
    "Authorization",
    "Gate",
    "Reviews",
    "ServiceAccountTokens",
    "Signer",
    "User",
    "policy",
    "require_held",
]
