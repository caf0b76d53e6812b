"""Kubeconfigs: what is read, and that mistakes are named. The exec plugin is a real process."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.kube.remote import KubeconfigError, read_kubeconfig


def write(tmp_path: Path, user: dict[str, Any], cluster: dict[str, Any] | None = None, **more: Any) -> Path:
    body = {
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1/", **(cluster or {})}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "ns"}}],
        "current-context": "x",
        **more,
    }
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(body))
    return path


def test_data_wins_over_files_and_files_are_beside_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("from file")
    data = base64.b64encode(b"from data").decode()
    cluster = {"certificate-authority": "ca.crt", "tls-server-name": "kube"}
    user = {"client-certificate-data": data, "client-key-data": data}
    access = read_kubeconfig(write(tmp_path, user, cluster))
    assert (access.server, access.namespace, access.server_name) == ("https://127.0.0.1:1", "ns", "kube")
    assert (access.authority_pem, access.certificate_pem, access.key_pem) == ("from file", "from data", "from data")


def test_a_token_file_is_read_at_each_request(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one\n")
    access = read_kubeconfig(write(tmp_path, {"tokenFile": "token"}))
    assert access.bearer() == "one"
    (tmp_path / "token").write_text("two\n")
    assert access.bearer() == "two"


def plugin(code: str) -> dict[str, Any]:
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable, "args": ["-c", code]}}


def test_a_plugin_is_asked_once_until_its_token_expires(tmp_path: Path) -> None:
    code = (
        "import json, os, pathlib; p = pathlib.Path('count'); n = len(p.read_text()) + 1 if p.exists() else 1; p.write_text('x' * n);"
        "assert json.loads(os.environ['KUBERNETES_EXEC_INFO'])['kind'] == 'ExecCredential';"
        "print(json.dumps({'status': {'token': f't{n}', 'expirationTimestamp': EXPIRES}}))"
    )
    lasting = read_kubeconfig(write(tmp_path, plugin(code.replace("EXPIRES", "'2999-01-01T00:00:00Z'"))))
    assert [lasting.bearer(), lasting.bearer()] == ["t1", "t1"]
    expired = read_kubeconfig(write(tmp_path, plugin(code.replace("EXPIRES", "'2001-01-01T00:00:00Z'"))))
    assert [expired.bearer(), expired.bearer()] == ["t2", "t3"]


@pytest.mark.parametrize(
    ("user", "said"),
    [
        (plugin("import sys; sys.exit('no session, run aws sso login')"), "no session, run aws sso login"),
        (plugin("print('{}')"), "printed no token"),
    ],
)
def test_a_plugin_that_fails_is_an_error_with_its_words(tmp_path: Path, user: dict[str, Any], said: str) -> None:
    access = read_kubeconfig(write(tmp_path, user))
    with pytest.raises(KubeconfigError, match=said):
        access.bearer()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"current-context": "y"}, "no entry 'y' in contexts: there are x"),
        ({"users": []}, "no entry 'u' in users: there are none"),
        (
            {"users": [{"name": "u", "user": {"auth-provider": {"name": "gcp"}}}]},
            "has auth-provider, which is not supported",
        ),
        ({"users": [{"name": "u", "user": {"client-key": "gone.pem"}}]}, "client-key gone.pem cannot be read"),
        (
            {"clusters": [{"name": "c", "cluster": {"server": "x", "proxy-url": "y"}}]},
            "has proxy-url, which is not supported",
        ),
    ],
)
def test_mistakes_are_named(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(KubeconfigError, match=said):
        read_kubeconfig(write(tmp_path, {}, **changed))


def test_what_is_no_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("- a")
    with pytest.raises(KubeconfigError, match="is no kubeconfig"):
        read_kubeconfig(tmp_path / "config")
    with pytest.raises(KubeconfigError, match="cannot be read"):
        read_kubeconfig(tmp_path / "nowhere")
