"""Writes what an environment renders to, or says how the committed output differs from it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from infra.digest import DIGEST_FILE, digest_document, sources_digest
from infra.environments import Environment
from infra.manifests import manifests
from infra.synth import templates

REPOSITORY = Path(__file__).resolve().parent.parent


def rendered_directory(environment: Environment) -> Path:
    return REPOSITORY / "infra" / "rendered" / environment.name


def rendered_files(environment: Environment) -> dict[str, bytes]:
    """Every file of the environment's directory, digest included."""
    texts = {**templates(environment), **manifests(environment)}
    files = {name: text.encode() for name, text in texts.items()}
    files[DIGEST_FILE] = digest_document(sources=sources_digest(REPOSITORY), files=files)
    return files


def write(directory: Path, files: Mapping[str, bytes]) -> None:
    """Replace the directory's content."""
    if directory.exists():
        shutil.rmtree(directory)
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def difference(directory: Path, files: Mapping[str, bytes]) -> str | None:
    """What a directory lacks, has too much, or has otherwise, in one line; None if it is exactly these files."""
    found = {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}
    missing = sorted(files.keys() - found.keys())
    surplus = sorted(found.keys() - files.keys())
    changed = sorted(name for name in files.keys() & found.keys() if files[name] != found[name])
    parts = [
        f"{word} {', '.join(names)}"
        for word, names in (("missing", missing), ("not rendered", surplus), ("differing", changed))
        if names
    ]
    return "; ".join(parts) if parts else None
