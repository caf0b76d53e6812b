"""A kubeconfig, read: where the server is, what certificate to trust, how to show who one is.

Follows client-go `tools/clientcmd`: paths are relative to the file, `...-data` wins over the path, an exec plugin's answer is kept until it expires.
Not supported, and refused by name: `auth-provider`, `proxy-url`, `as` (impersonation).
"""

from __future__ import annotations

import base64
import os
import ssl
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import yaml

from harness.clock import SECOND, parse_time

_EXEC_LIMIT_S = 60
_EXPIRY_SLACK_S = 30
_REFUSED = ("auth-provider", "as")


class KubeconfigError(ValueError):
    """A kubeconfig that cannot be used; the message names the file, the place and the remedy."""


class ExecPlugin:
    """A program that prints credentials (`aws eks get-token`): client.authentication.k8s.io ExecCredential."""

    def __init__(self, spec: Mapping[str, Any], directory: Path) -> None:
        self._argv = [str(spec["command"]), *map(str, spec.get("args") or ())]
        self._env = {str(entry["name"]): str(entry["value"]) for entry in spec.get("env") or ()}
        self._version = str(spec.get("apiVersion") or "client.authentication.k8s.io/v1")
        self._directory = directory
        self._token = ""
        self._until = 0.0

    def token(self) -> str:
        """A token that is valid for at least half a minute. Raises KubeconfigError when the program fails."""
        if self._token and time.time() < self._until - _EXPIRY_SLACK_S:
            return self._token
        asked = {"apiVersion": self._version, "kind": "ExecCredential", "spec": {"interactive": False}}
        env = {**os.environ, **self._env, "KUBERNETES_EXEC_INFO": orjson.dumps(asked).decode()}
        try:
            done = subprocess.run(
                self._argv, env=env, cwd=self._directory, capture_output=True, check=True, timeout=_EXEC_LIMIT_S
            )
            status = orjson.loads(done.stdout).get("status") or {}
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            detail = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip() or str(error)
            raise KubeconfigError(f"exec plugin {self._argv[0]}: {detail}; run it by hand and look") from error
        self._token = str(status.get("token") or "")
        if not self._token:
            raise KubeconfigError(f"exec plugin {self._argv[0]} printed no token: only tokens are supported")
        expires = status.get("expirationTimestamp")
        self._until = parse_time(str(expires)) / SECOND if expires else float("inf")
        return self._token


@dataclass(frozen=True)
class Access:
    """One context of a kubeconfig. Certificates and keys are PEM; at most one of `token`, `token_file` and `plugin` is set."""

    server: str
    authority_pem: str = ""
    insecure: bool = False
    server_name: str = ""
    certificate_pem: str = ""
    key_pem: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    token_file: Path | None = None
    plugin: ExecPlugin | None = None
    namespace: str = "default"

    def bearer(self) -> str:
        """The token to send now, or nothing."""
        if self.plugin is not None:
            return self.plugin.token()
        if self.token_file is not None:
            return self.token_file.read_text().strip()
        return self.token

    def tls(self) -> ssl.SSLContext:
        """The client's TLS settings."""
        context = ssl.create_default_context(cadata=self.authority_pem or None)
        # Authorities of self-made clusters often lack an authority key identifier, which this flag would ask for.
        context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate_pem:
            with tempfile.TemporaryDirectory(prefix="kube-client-") as directory:
                chain = Path(directory) / "chain.pem"
                chain.touch(mode=0o600)
                chain.write_text(f"{self.key_pem}\n{self.certificate_pem}")
                context.load_cert_chain(chain)
        return context


def read_kubeconfig(path: Path, context: str | None = None) -> Access:
    """The access that a context of the file (by default the current one) gives. Raises KubeconfigError."""
    try:
        body = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise KubeconfigError(f"{path} cannot be read as a kubeconfig: {error}") from error
    if not isinstance(body, Mapping):
        raise KubeconfigError(f"{path} is no kubeconfig: it holds no mapping")
    chosen = context or body.get("current-context") or ""
    entry = _named(path, body, "contexts", "context", chosen)
    cluster = _named(path, body, "clusters", "cluster", str(entry.get("cluster") or ""))
    user = _named(path, body, "users", "user", str(entry["user"])) if entry.get("user") else {}
    if refused := [key for key in _REFUSED if user.get(key)]:
        raise KubeconfigError(f"{path}: user {entry['user']!r} has {refused[0]}, which is not supported: use a token")
    if cluster.get("proxy-url"):
        raise KubeconfigError(f"{path}: cluster {entry['cluster']!r} has proxy-url, which is not supported")
    token_file = user.get("tokenFile")
    return Access(
        server=str(cluster["server"]).rstrip("/"),
        authority_pem=_pem(path, cluster, "certificate-authority"),
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        server_name=str(cluster.get("tls-server-name") or ""),
        certificate_pem=_pem(path, user, "client-certificate"),
        key_pem=_pem(path, user, "client-key"),
        token=str(user.get("token") or ""),
        token_file=path.parent / token_file if token_file and not user.get("token") else None,
        plugin=ExecPlugin(user["exec"], path.parent) if user.get("exec") else None,
        namespace=str(entry.get("namespace") or "default"),
    )


def _named(path: Path, body: Mapping[str, Any], part: str, inner: str, name: str) -> Mapping[str, Any]:
    entries = body.get(part) or ()
    for entry in entries:
        if entry.get("name") == name:
            found: Mapping[str, Any] = entry.get(inner) or {}
            return found
    known = ", ".join(str(entry.get("name")) for entry in entries) or "none"
    raise KubeconfigError(f"{path}: no entry {name!r} in {part}: there are {known}")


def _pem(path: Path, entry: Mapping[str, Any], key: str) -> str:
    if data := entry.get(f"{key}-data"):
        return base64.b64decode(data).decode()
    if place := entry.get(key):
        try:
            return (path.parent / str(place)).read_text()
        except OSError as error:
            raise KubeconfigError(f"{path}: {key} {place} cannot be read: {error}") from error
    return ""
