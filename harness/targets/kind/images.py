"""The images that nodes have: a store of contents, filled once a session and given to each node by hard links, and the names they are published under.

Nothing is pulled. An image is copied from the engine into the golden store by one container, the keeper, and held there under a name that no pod asks for; a
node begins with links to all of it, which takes a second and no disk. Publishing gives a content a name on every node, withdrawing takes the name away, so
that a kubelet answers as it does when a registry has no such tag.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager

from harness.targets.kind.containers import IMAGES, NodeContainers
from harness.targets.kind.engine import EngineError

_CTR = ("ctr", "--namespace", "k8s.io", "images")
_GOLDEN = f"{IMAGES}/golden"
_PARCEL = f"{IMAGES}/parcel.tar"  # a file, as the output of an exec may lose its end

_MAKE_GOLDEN = f"""
systemctl stop containerd
cp -a /var/lib/containerd {_GOLDEN}
mount --bind {_GOLDEN} /var/lib/containerd
"""

# Blobs and unpacked layers are never written again; containerd's two databases are, so each node has its own.
_LINK = f"""
systemctl stop containerd
store={IMAGES}/$1
rm -rf "$store"
cp -al {_GOLDEN} "$store"
find "$store" -name '*.db' | while read -r file; do cp -p "$file" "$file.own"; mv "$file.own" "$file"; done
mount --bind "$store" /var/lib/containerd
systemctl start containerd
"""


def canonical(reference: str) -> str:
    """A reference as containerd names it: with host, namespace and tag."""
    name, at, digest = reference.partition("@")
    host, slash, path = name.partition("/")
    if not slash or ("." not in host and ":" not in host and host != "localhost"):
        host, path = "docker.io", name if slash else f"library/{name}"
    if not at and ":" not in path.rpartition("/")[2]:
        path += ":latest"
    return f"{host}/{path}{at}{digest}"


def held_name(image_id: str) -> str:
    """What a content is called in every store, so that it stays when no name is published; `.invalid` is nobody's."""
    return f"held.invalid/em-harness:{image_id.rpartition(':')[2]}"


def changes(has: Mapping[str, str], wanted: Mapping[str, str]) -> list[list[str]]:
    """The commands of `ctr images` that bring a store's names (to ids) from `has` to `wanted`."""
    commands = []
    gone = sorted(set(has) - set(wanted))
    if gone:
        commands.append(["rm", *gone])
    by_id: dict[str, list[str]] = {}
    for name, image_id in sorted(wanted.items()):
        if has.get(name) != image_id:
            by_id.setdefault(image_id, []).append(name)
    commands += [["tag", "--force", held_name(image_id), *names] for image_id, names in by_id.items()]
    return commands


class _Store:
    """What one node's store holds, and under which published names."""

    def __init__(self, held: set[str]) -> None:
        self.held = held
        self.names: dict[str, str] = {}


class ImageStore:
    """The images of one session. Safe to use from several threads; all methods take from a tenth of a second to some."""

    def __init__(self, containers: NodeContainers, keeper: str) -> None:
        self._containers = containers
        self._engine = containers.engine
        self._keeper = keeper
        self._lock = threading.RLock()
        self._held: set[str] = set()
        self._published: dict[str, str] = {}
        self._stores: dict[str, _Store] = {}
        self._engine.execute(keeper, ["sh", "-ceu", _MAKE_GOLDEN])

    @property
    def published(self) -> list[str]:
        """The names that nodes know now."""
        return sorted(self._published)

    def load(self, references: Sequence[str]) -> None:
        """Copy images of the engine into the golden store, under no name. Some seconds for the first; those that share layers cost one."""
        with self._lock:
            self._load({reference: self._id_of(reference) for reference in references})

    def publish(self, references: Sequence[str] | Mapping[str, str]) -> None:
        """Let nodes, those that run too, find images under these names; a mapping says what the engine calls each. What is loaded
        before nodes are prepared reaches them for nothing, later it takes seconds a node.
        """
        sources = references if isinstance(references, Mapping) else {reference: reference for reference in references}
        with self._lock:
            ids = {source: self._id_of(source) for source in sorted(set(sources.values()))}
            self._load(ids)
            self._published |= {canonical(reference): ids[source] for reference, source in sources.items()}
            self._sync_running()

    def withdraw(self, reference: str) -> None:
        """Let no node find the image under this name any more; containers that run go on."""
        with self._lock:
            self._published.pop(canonical(reference), None)
            self._sync_running()

    def restore(self) -> None:
        """Withdraw every name, as it was when the session began; contents stay, so that the next publishing is quick."""
        with self._lock:
            self._published.clear()
            self._sync_running()

    def attach(self, container: str) -> None:
        """Give a new node's container all contents, and the names that are published."""
        with self._lock:
            self._engine.execute(container, ["sh", "-ceu", _LINK, "link", container])
            self._stores[container] = _Store(set(self._held))
            self.sync(container)

    def sync(self, container: str) -> None:
        """Bring a node's names up to date, if it has a store: after it could not be reached for a while."""
        with self._lock:
            store = self._stores.get(container)
            if store is None:
                return
            missing = set(self._published.values()) - store.held
            if missing:
                self._copy(missing, container)
                store.held |= missing
            self._ctr(container, changes(store.names, self._published))
            store.names = dict(self._published)

    def detach(self, container: str) -> None:
        """Remove the store of a node whose container is gone."""
        with self._lock:
            if self._stores.pop(container, None) is not None:
                self._engine.execute(self._keeper, ["rm", "-rf", f"{IMAGES}/{container}"])

    def _id_of(self, reference: str) -> str:
        image_id = self._engine.image_id(reference)
        if image_id is None:
            raise EngineError(f"image {reference} is not on this machine: build or pull it first")
        return image_id

    def _load(self, ids: Mapping[str, str]) -> None:
        """Copy what is not held yet."""
        new = {image_id: source for source, image_id in ids.items() if image_id not in self._held}
        if not new:
            return
        with self._keeper_awake():
            self._engine.save_into(list(new.values()), self._keeper, [*_CTR, "import", "-"])
            names = {canonical(source): held_name(image_id) for image_id, source in new.items()}
            holding = [["tag", "--force", name, held] for name, held in names.items()]
            self._ctr(self._keeper, [*holding, ["rm", *names]])
            self._held |= set(new)

    def _copy(self, ids: Set[str], container: str) -> None:
        """Give a node contents that were loaded after its store was made."""
        with self._keeper_awake():
            self._engine.execute(self._keeper, [*_CTR, "export", _PARCEL, *map(held_name, sorted(ids))])
        self._engine.execute(container, [*_CTR, "import", _PARCEL])
        self._engine.execute(self._keeper, ["rm", _PARCEL])

    def _ctr(self, container: str, commands: Sequence[Sequence[str]]) -> None:
        """Commands of `ctr images`, in one visit to a container."""
        if commands:
            script = "\n".join(shlex.join([*_CTR, *command]) for command in commands)
            self._engine.execute(container, ["sh", "-ceu", script])

    @contextmanager
    def _keeper_awake(self) -> Iterator[None]:
        """The keeper's containerd runs only meanwhile: links are made while it stands still."""
        self._engine.execute(self._keeper, ["systemctl", "start", "containerd"])
        try:
            yield
        finally:
            self._engine.execute(self._keeper, ["systemctl", "stop", "containerd"])

    def _sync_running(self) -> None:
        running = set(self._engine.containers(self._containers.session, running=True))
        for container in sorted(running & set(self._stores)):
            self.sync(container)
