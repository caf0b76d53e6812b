"""The Dockerfile reader: stages, inheritance, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cluster.images import BuildTarget, DockerfileError, parse_dockerfile, read_dockerfile, services

TEXT = """\
# syntax=docker/dockerfile:1
ARG PYTHON=3.11
FROM --platform=linux/amd64 python:${PYTHON}-slim AS build
RUN <<EOF
ENTRYPOINT ["no", "instruction"]
EOF
RUN pip install \\
    # a comment in between
    numpy && \\
    true

FROM python:3.11-slim as Base
WORKDIR /app
ENV PYTHONUNBUFFERED=1 NOTE="two words"
ENV OLD form of it
COPY --from=build /x /x
CMD ["inherited"]

FROM base AS ebi
entrypoint ["python", "-m", "pipeline", "ebi"]
ENV NOTE=other

FROM base AS tools
WORKDIR sub
ENTRYPOINT ["python", "-m", "pipeline"]
CMD ["--help"]

FROM scratch
CMD ["nameless"]
"""


def test_given_a_dockerfile_then_each_stage_has_what_it_inherits_and_declares() -> None:
    targets = parse_dockerfile(TEXT)

    assert list(targets) == ["build", "base", "ebi", "tools"]
    assert targets["build"] == BuildTarget("build", "python:${PYTHON}-slim")
    assert targets["ebi"] == BuildTarget(
        name="ebi",
        base="base",
        entrypoint=("python", "-m", "pipeline", "ebi"),
        env=(("PYTHONUNBUFFERED", "1"), ("NOTE", "other"), ("OLD", "form of it")),
        working_dir="/app",
    )
    assert targets["tools"].program == ("python", "-m", "pipeline", "--help")
    assert targets["tools"].working_dir == "/app/sub"


def test_given_a_dockerfile_then_its_services_are_the_stages_with_a_program(tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text(TEXT)

    assert list(services(read_dockerfile(path))) == ["ebi", "tools"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "FROM a AS b\nENTRYPOINT python -m pipeline",
            'Dockerfile:2: ENTRYPOINT python -m pipeline is in shell form, where SIGTERM ends at the shell: write ENTRYPOINT ["program", "argument"]',
        ),
        (
            "FROM a AS b\n\nCMD [1]",
            'Dockerfile:3: CMD [1] is in shell form, where SIGTERM ends at the shell: write CMD ["program", "argument"]',
        ),
        ("FROM a b", "Dockerfile:1: cannot read 'FROM a b', write FROM <image> [AS <name>]"),
        ("FROM a AS b\nENV X='y", "Dockerfile:2: cannot read 'ENV X='y' (No closing quotation), write ENV NAME=value"),
    ],
)
def test_given_what_cannot_be_used_then_place_and_remedy_are_named(text: str, message: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        parse_dockerfile(text)

    assert str(caught.value) == message
