"""The volume expand controller: says that a bound claim that wants more waits for its driver's resizer (`pkg/controller/volume/expand`, 1.34).

All volumes here are CSI ones, which the controller manager cannot expand itself. Not modelled: a resizer beside the driver, so the volume's capacity and the
claim's status stay as they are (conditions Resizing and FileSystemResizePending are a resizer's).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from harness.kube.client import Change, Reader
from harness.kube.controllers import Watch
from harness.kube.events import Recorder
from harness.kube.objects import Object, key_of, split_key, uid_of
from harness.kube.quantity import parse
from harness.kube.resources import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES

_TEXT = "waiting for an external controller to expand this PVC"


class ExpandController:
    """Reconciles claims whose request, or whose capacity, has grown."""

    name = "volume_expand"

    def __init__(self, reader: Reader, recorder: Recorder) -> None:
        self._reader = reader
        self._events = recorder.named(self.name)
        self._grown: dict[str, None] = {}
        reader.observe(PERSISTENT_VOLUME_CLAIMS, self._notice)

    def watches(self) -> Sequence[Watch]:
        """Claims."""
        return [Watch(PERSISTENT_VOLUME_CLAIMS)]

    def reconcile(self, key: str) -> int | None:
        """One claim."""
        if key not in self._grown:
            return None
        del self._grown[key]
        claim = self._reader.get(PERSISTENT_VOLUME_CLAIMS, *split_key(key))
        if claim is None or (claim.get("status") or {}).get("phase") != "Bound":
            return None
        volume = self._reader.get(PERSISTENT_VOLUMES, None, str(claim["spec"].get("volumeName") or ""))
        reference = None if volume is None else volume["spec"].get("claimRef")
        if reference is not None and reference.get("uid") == uid_of(claim) and _wanted(claim) > _given(claim):
            self._events.event(claim, "Normal", "ExternalExpanding", _TEXT)
        return None

    def _notice(self, _change: Change, claim: Object, old: Object | None) -> None:
        """Upstream looks at a claim only when one of the two has grown."""
        if old is not None and (_wanted(claim) > _wanted(old) or _given(claim) > _given(old)):
            self._grown[key_of(claim)] = None


def _wanted(claim: Object) -> Decimal:
    return parse(str(((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage", "0")))


def _given(claim: Object) -> Decimal:
    return parse(str(((claim.get("status") or {}).get("capacity") or {}).get("storage", "0")))
