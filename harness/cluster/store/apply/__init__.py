"""Server-side apply and field ownership (`metadata.managedFields`), as the API server has them.

`fieldsets` are sets of fields, `shapes` say how a type merges, `typed` compares and merges values of a shape, `managers` changes the entries, `alike`
remembers that by the `likeness` of changes, `reset` and
`scale` are what subresources do to that, `server_side` is one apply request, `ownership` works entries out when somebody looks, `claims` is the store's side.
Absent: conversion webhooks between versions of custom types; the entries of one version are read in another as if both had the same fields.
"""

from harness.cluster.store.apply.claims import Claim, given_in, rehearsed, touches_managed, with_entries
from harness.cluster.store.apply.managers import ApplyConflict, Managed, decode_managed
from harness.cluster.store.apply.ownership import Ownership, Write, parts_of, with_managed
from harness.cluster.store.apply.scale import scale_applied, scaled
from harness.cluster.store.apply.server_side import Unapplicable, apply_config, check_config
from harness.cluster.store.apply.shapes import NO_DEFINITION

__all__ = [
    "NO_DEFINITION",
    "ApplyConflict",
    "Claim",
    "Managed",
    "Ownership",
    "Unapplicable",
    "Write",
    "apply_config",
    "check_config",
    "decode_managed",
    "given_in",
    "parts_of",
    "rehearsed",
    "scale_applied",
    "scaled",
    "touches_managed",
    "with_entries",
    "with_managed",
]
