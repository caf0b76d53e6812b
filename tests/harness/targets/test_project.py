"""The project's files: rendered environments, manifests with the stacks' outputs, and what is said when they do not fit."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.targets.project import Project, ProjectError, find_project

OUTPUTS = {"DataBucketName": "em-data", "FileSystemId": "fs-0123"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    manifests = tmp_path / "infra/rendered/dev/manifests/workloads"
    (manifests / "jobs").mkdir(parents=True)
    (manifests / "b.yaml").write_text(
        "kind: ConfigMap\ndata: {sink: 's3://${DataBucketName}/x', volume: '${FileSystemId}', shell: '$HOME $(date)'}\n"
        "---\n---\nkind: Secret\n"
    )
    (manifests / "jobs" / "a.yaml").write_text("kind: Job\n")
    (manifests / "notes.txt").write_text("${NotRead}")
    (tmp_path / "infra/rendered/prod").mkdir()
    return Project(tmp_path, "dev")


def test_manifests_come_by_file_with_outputs_filled_in_and_empty_documents_left_out(project: Project) -> None:
    assert project.manifests("workloads", OUTPUTS) == {
        "b.yaml": [
            {"kind": "ConfigMap", "data": {"sink": "s3://em-data/x", "volume": "fs-0123", "shell": "$HOME $(date)"}},
            {"kind": "Secret"},
        ],
        "jobs/a.yaml": [{"kind": "Job"}],
    }


def test_a_placeholder_that_is_no_output_is_refused_with_file_and_known_names(project: Project) -> None:
    with pytest.raises(ProjectError) as caught:
        project.manifests("workloads", {"FileSystemId": "fs", "ClusterName": "c"})
    assert str(caught.value) == (
        "infra/rendered/dev/manifests/workloads/b.yaml: ${DataBucketName} is no output of the stacks; "
        "known: ClusterName, FileSystemId"
    )


def test_an_environment_that_is_not_rendered_is_refused_with_those_that_are(project: Project) -> None:
    with pytest.raises(ProjectError, match=r"^environment 'staging' is not rendered: choose one of dev, prod$"):
        _ = Project(project.root, "staging").rendered


def test_the_rendered_files_of_this_checkout_are_read() -> None:
    project = find_project("dev")
    assert project.dockerfile.is_file()
    assert "dev" in [path.name for path in project.rendered.parent.iterdir()]


def test_an_environment_that_is_not_rendered_is_not_fresh_either() -> None:
    with pytest.raises(ProjectError, match=r"^environment 'nowhere' is not rendered: choose one of dev"):
        find_project("nowhere").check_fresh()


@pytest.fixture
def checkout(tmp_path: Path) -> Project:
    """A copy of what the freshness of the rendered files depends on."""
    original = find_project("dev").root
    shutil.copytree(original / "infra", tmp_path / "infra", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "requirements").mkdir()
    shutil.copy(original / "requirements/infra.lock", tmp_path / "requirements")
    return Project(tmp_path, "dev")


def test_given_sources_that_changed_since_they_were_rendered_then_it_is_said_in_one_line(checkout: Project) -> None:
    (checkout.root / "infra" / "one_more.py").write_text("")
    with pytest.raises(
        ProjectError, match=r"^[^\n]*infra/rendered/dev is older than infra/[^\n]*run make render[^\n]*$"
    ):
        checkout.check_fresh()


def test_given_a_rendered_file_changed_by_hand_then_it_is_said_in_one_line(checkout: Project) -> None:
    (checkout.rendered / "manifests" / "workloads" / "workflow.yaml").write_text("kind: Workflow\n")
    with pytest.raises(ProjectError, match=r"^[^\n]*infra/rendered/dev[^\n]*run make render[^\n]*$"):
        checkout.check_fresh()
