"""Hashes as Kubernetes puts them into names: FNV over bytes, written in the alphabet that spells no words.

Follows `hash/fnv` of Go, `k8s.io/apimachinery/pkg/util/rand` (`SafeEncodeString`) and `encoding/json`, whose bytes are what a ControllerRevision's hash covers.
"""

from __future__ import annotations

import json
from typing import Any

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_OFFSET, _PRIME, _MASK = 2166136261, 16777619, 0xFFFFFFFF


def fnv32(data: bytes) -> int:
    """FNV-1, 32 bits (`fnv.New32`)."""
    value = _OFFSET
    for byte in data:
        value = ((value * _PRIME) & _MASK) ^ byte
    return value


def fnv32a(data: bytes) -> int:
    """FNV-1a, 32 bits (`fnv.New32a`)."""
    value = _OFFSET
    for byte in data:
        value = ((value ^ byte) * _PRIME) & _MASK
    return value


def safe_encode(text: str) -> str:
    """`SafeEncodeString`: each character by its number, in consonants and digits."""
    return "".join(_ALPHABET[ord(character) % len(_ALPHABET)] for character in text)


def go_json(value: Any) -> bytes:
    """What Go's `json.Marshal` writes for a map: sorted keys, no blanks, and the characters of HTML escaped."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode()
