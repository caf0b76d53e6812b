"""A folder read into a `Plan`: files are known by what they hold, not by where they lie; a rendered environment, a repository and a plan on paper all fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.check import tables
from harness.check.ci import CiWorkflow, Step, ci_workflow, is_ci_workflow
from harness.check.containers import ComposeService, Dockerfile, compose_services, dockerfile, is_composition
from harness.check.manifests import Manifest, Pod, is_manifest, pods_of
from harness.check.reading import Document, Unreadable, dockerfiles, documents
from harness.check.reading import files as files_of
from harness.check.templates import NodeGroup, Resource, is_template, node_group, resources_of


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything the rules look at; `files` is None where nothing says which files there are."""

    resources: tuple[Resource, ...] = ()
    manifests: tuple[Manifest, ...] = ()
    texts: Mapping[str, str]
    ci: tuple[CiWorkflow, ...] = ()
    dockerfiles: tuple[Dockerfile, ...] = ()
    services: tuple[ComposeService, ...] = ()
    constructs: tuple[tables.Construct, ...] = ()
    costs: tuple[tables.CostLine, ...] = ()
    used_services: tuple[tables.UsedService, ...] = ()
    scripts: tuple[tables.Script, ...] = ()
    files: frozenset[str] | None = None

    def of_type(self, type_name: str) -> Iterator[Resource]:
        return (resource for resource in self.resources if resource.type == type_name)

    def of_kind(self, *kinds: str) -> Iterator[Manifest]:
        return (manifest for manifest in self.manifests if manifest.kind in kinds)

    @property
    def steps(self) -> Iterator[Step]:
        return (step for workflow in self.ci for step in workflow.steps)

    @cached_property
    def pods(self) -> tuple[Pod, ...]:
        return pods_of(self.manifests)

    @cached_property
    def node_groups(self) -> tuple[NodeGroup, ...]:
        return tuple(node_group(resource) for resource in self.of_type("AWS::EKS::Nodegroup"))

    @cached_property
    def clusters(self) -> dict[str, tuple[NodeGroup, ...]]:
        """The node groups of each cluster."""
        return {
            cluster: tuple(group for group in self.node_groups if group.cluster == cluster)
            for cluster in dict.fromkeys(group.cluster for group in self.node_groups)
        }

    def manifests_at(self, path: str) -> tuple[Manifest, ...]:
        """The manifests of a file, or of the files below a folder, as a command names it."""
        wanted = path.removeprefix("./").rstrip("/")
        if not wanted or wanted == "-":
            return ()
        return tuple(m for m in self.manifests if _is_at(m.path, wanted))


def load(root: Path) -> Plan:
    """Read a folder, or one file.

    Raises Unreadable when it is neither, when a file cannot be parsed, or when nothing in it belongs to a plan.
    """
    found = list(documents(root))
    stacks = _stacks(found)
    resources: list[Resource] = []
    parts: dict[str, list[Any]] = {key: [] for key in ("manifests", "ci", "services", *_TABLES)}
    files: frozenset[str] | None = None
    for document in found:
        path, content = document.path, document.content
        try:
            if is_template(content):
                resources.extend(resources_of(path, content, stacks.get(path, (_stack_name(path),))))
            elif is_manifest(content):
                parts["manifests"].extend(_objects(path, content))
            elif is_ci_workflow(content):
                parts["ci"].append(ci_workflow(path, content))
            elif is_composition(content):
                parts["services"].extend(compose_services(path, content))
            elif isinstance(content, Mapping):
                for key, read in _TABLES.items():
                    parts[key].extend(read(path, content))
                listed = tables.repository_files(content)
                files = files if listed is None else (files or frozenset()) | listed
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Unreadable(f"{path}: not of the form that its kind has: {error!r}") from error
    images = tuple(dockerfile(path, text) for path, text in dockerfiles(root))
    if not resources and not images and not any(parts.values()):
        raise Unreadable(f"{root}: no template, manifest, CI workflow, Compose file or Dockerfile in it, give a plan")
    return Plan(
        resources=tuple(resources),
        texts={m.path: _text(root, m.path) for m in parts["manifests"]},
        dockerfiles=images,
        files=files if files is not None else _checkout(root),
        **{key: tuple(values) for key, values in parts.items()},
    )


_TABLES: dict[str, Callable[[str, Mapping[str, Any]], tuple[Any, ...]]] = {
    "constructs": tables.constructs,
    "costs": tables.cost_lines,
    "used_services": tables.used_services,
    "scripts": tables.scripts,
}


def _objects(path: str, content: Mapping[str, Any]) -> Iterator[Manifest]:
    members = content.get("items") if content["kind"] == "List" else None
    for member in [content] if members is None else members:
        yield Manifest(path=path, object=member)


def _stacks(found: list[Document]) -> dict[str, tuple[str, ...]]:
    """The stacks of each template, from a `stacks.json` beside the templates."""
    stacks: dict[str, tuple[str, ...]] = {}
    for document in found:
        if document.path.split("/")[-1] == "stacks.json":
            folder = document.path.removesuffix("stacks.json")
            for stack in document.content:
                template = f"{folder}{stack['template']}"
                stacks[template] = (*stacks.get(template, ()), str(stack["name"]))
    return stacks


def _stack_name(path: str) -> str:
    return path.rsplit("/", maxsplit=1)[-1].partition(".")[0]


def _text(root: Path, path: str) -> str:
    return (root if root.is_file() else root / path).read_text(encoding="utf-8")


def _checkout(root: Path) -> frozenset[str] | None:
    """The files of a repository's own folder: there a script that is not found does not exist."""
    if not (root / ".github").is_dir():
        return None
    return frozenset(name for _, name in files_of(root))


def _is_at(path: str, wanted: str) -> bool:
    return path == wanted or path.startswith(f"{wanted}/") or path.endswith(f"/{wanted}")
