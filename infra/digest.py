"""Digest of what the rendered output was made from, and of the output itself. Standard library only: nothing here may need the CDK.

`sources` is SHA-256 over every `infra/**/*.py` and `requirements/infra.lock`, in order of their paths: for each the path relative to the
repository (POSIX), a zero byte, the SHA-256 of the content in hex and a line feed. `files` is the same over the rendered files, relative to the
environment's directory, without digest.json. The first differs when somebody must render again, the second when somebody edited by hand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

DIGEST_FILE = "digest.json"
LOCK = "requirements/infra.lock"


def digest_of(contents: Mapping[str, bytes]) -> str:
    """The digest of named contents, independent of the order in which they are given."""
    total = hashlib.sha256()
    for name in sorted(contents):
        total.update(f"{name}\0{hashlib.sha256(contents[name]).hexdigest()}\n".encode())
    return total.hexdigest()


def sources_digest(repository: Path) -> str:
    """The digest of everything the rendered output is a function of."""
    paths = [path for path in (repository / "infra").rglob("*.py") if "__pycache__" not in path.parts]
    paths.append(repository / LOCK)
    return digest_of({path.relative_to(repository).as_posix(): path.read_bytes() for path in paths})


def read_rendered(directory: Path) -> dict[str, bytes]:
    """The rendered files below an environment's directory by relative path, without the digest."""
    files = (path for path in directory.rglob("*") if path.is_file())
    by_name = {path.relative_to(directory).as_posix(): path.read_bytes() for path in files}
    by_name.pop(DIGEST_FILE, None)
    return by_name


def digest_document(*, sources: str, files: Mapping[str, bytes]) -> bytes:
    """The content of digest.json."""
    document = {"algorithm": "sha256", "files": digest_of(files), "sources": sources}
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def stale_because(repository: Path, environment: str) -> str | None:
    """Why the committed output of an environment cannot be trusted, in one line, or None if it can."""
    directory = repository / "infra" / "rendered" / environment
    recorded_at = directory / DIGEST_FILE
    if not recorded_at.is_file():
        return f"infra/rendered/{environment} was never rendered: run make render"
    recorded = json.loads(recorded_at.read_bytes())
    if recorded["sources"] != sources_digest(repository):
        return f"infra/rendered/{environment} is older than infra/ or {LOCK}: run make render"
    if recorded["files"] != digest_of(read_rendered(directory)):
        return f"infra/rendered/{environment} was changed by hand: run make render"
    return None
