"""Kubernetes objects as YAML text: block style, the order of the objects' own keys, no anchors, one header that says where the file comes from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

HEADER = "# Rendered by `python -m infra render`: change infra/, not this file.\n"


class _PlainDumper(yaml.SafeDumper):
    """Never writes anchors, so that every object can be read (and substituted) on its own; text of several lines as a block."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 (the signature is PyYAML's)
        return True


def _block_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_PlainDumper.add_representer(str, _block_text)


def yaml_text(objects: Iterable[dict[str, Any]], *, comment: str = "") -> str:
    """The objects as one YAML stream below the header and an optional comment."""
    comment_lines = "".join(f"# {line}\n" for line in comment.splitlines())
    body = yaml.dump_all(objects, Dumper=_PlainDumper, sort_keys=False, default_flow_style=False, width=10_000)
    return f"{HEADER}{comment_lines}{body}"


def plain_yaml(value: dict[str, Any]) -> str:
    """One value as YAML without a header, for a ConfigMap that holds YAML as text."""
    return yaml.dump(value, Dumper=_PlainDumper, sort_keys=False, default_flow_style=False)
