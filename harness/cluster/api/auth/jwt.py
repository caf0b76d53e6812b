"""JSON web tokens of service accounts, signed with ES256 by a key that one run makes; the key set and the issuer's configuration for those who verify.

Wall time and real randomness on purpose: whoever gets a token compares it with its own clock.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

ISSUER = "https://kubernetes.default.svc.cluster.local"
_COORDINATE_BYTES = 32
_PARTS = 3


class BadToken(ValueError):
    """A token that this issuer did not sign; the text says what is wrong with it."""


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Signer:
    """Signs and reads tokens."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        public = self._key.public_key()
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.key_id = _encode(hashlib.sha256(der).digest())

    def sign(self, claims: dict[str, Any]) -> str:
        """The token of these claims."""
        head = {"alg": "ES256", "kid": self.key_id}
        signed = f"{_encode(orjson.dumps(head))}.{_encode(orjson.dumps(claims, option=orjson.OPT_SORT_KEYS))}"
        first, second = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        raw = first.to_bytes(_COORDINATE_BYTES, "big") + second.to_bytes(_COORDINATE_BYTES, "big")
        return f"{signed}.{_encode(raw)}"

    def read(self, token: str) -> dict[str, Any]:
        """The claims of a token. Raises BadToken unless this signer has signed it."""
        parts = token.split(".")
        if len(parts) != _PARTS:
            raise BadToken("a token has three parts")
        try:
            head, raw = orjson.loads(_decode(parts[0])), _decode(parts[2])
            claims = orjson.loads(_decode(parts[1]))
        except ValueError as error:
            raise BadToken(f"a part is no base64 of JSON: {error}") from error
        if not isinstance(head, dict) or not isinstance(claims, dict) or head.get("alg") != "ES256":
            raise BadToken("it is not signed with ES256")
        half = _COORDINATE_BYTES
        numbers = (int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
        try:
            signed = f"{parts[0]}.{parts[1]}".encode()
            self._key.public_key().verify(encode_dss_signature(*numbers), signed, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature as error:
            raise BadToken("the signature is not this cluster's") from error
        return claims

    def key_set(self) -> dict[str, Any]:
        """/openid/v1/jwks"""
        numbers = self._key.public_key().public_numbers()
        place = {
            name: _encode(value.to_bytes(_COORDINATE_BYTES, "big"))
            for name, value in (("x", numbers.x), ("y", numbers.y))
        }
        key = {"use": "sig", "kty": "EC", "kid": self.key_id, "crv": "P-256", "alg": "ES256", **place}
        return {"keys": [key]}

    def configuration(self, address: str) -> dict[str, Any]:
        """/.well-known/openid-configuration"""
        return {
            "issuer": ISSUER,
            "jwks_uri": f"https://{address}/openid/v1/jwks",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        }
