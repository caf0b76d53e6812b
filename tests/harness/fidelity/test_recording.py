"""Recordings: names without chance, nodes that are alike, and files that come back as they were. Tapes are made by hand, the rest is real."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clock import SECOND, Kernel
from harness.fidelity.recording import History, Recording, _patched, canonical, difference, load, save
from harness.fidelity.tape import Seen, Tape, Told
from harness.fidelity.trace import Trace, parse_trace

UID = "2ad830a4-69e8-4a6e-afe0-cd0d11cecb3{}"
JOB = ("Job", "main", UID.format(0))


def trace(**body: Any) -> Trace:
    return parse_trace("area/name", {"shows": "x", "steps": [], "end": {"at": 1}, **body})


def pod(name: str, number: int, *states: tuple[float, dict[str, Any] | None], index: str | None = None) -> Seen:
    moments = [(round(moment * SECOND), state) for moment, state in states]
    return Seen("Pod", name, UID.format(number), JOB, True, index, moments)


def tape_of(*seen: Seen, told: tuple[Told, ...] = (), played: Trace | None = None) -> Recording:
    played = played or trace()
    tape = Tape(played, Kernel(0), None, {})  # type: ignore[arg-type]  # nothing is read
    tape.seen = {one.uid: one for one in (Seen(*JOB, None, False, None, [(0, {"active": 2})]), *seen)}
    tape.told = {str(number): one for number, one in enumerate(told)}
    return canonical(tape, played, list(played.nodes), 10 * SECOND, {})


def test_generated_names_become_the_owner_and_a_number_in_order_of_appearance() -> None:
    found = tape_of(pod("main-zzz", 1, (1, {"phase": "Running"})), pod("main-aaa", 2, (2, {"phase": "Running"})))
    assert found.objects["Job/main>Pod#1"].states[0][0] == 1.0
    assert found.objects["Job/main>Pod#2"].group == "Job/main>Pod"


def test_indexed_pods_are_numbered_within_their_index() -> None:
    found = tape_of(pod("main-1-abc", 1, (1, {}), index="1"), pod("main-0-abc", 2, (1, {}), index="0"))
    assert {"Job/main>Pod[0]#1", "Job/main>Pod[1]#1"} <= set(found.objects)


def test_messages_hold_no_generated_name_namespace_or_uid() -> None:
    text = f"pod main-zzz of area-name, {UID.format(7)}, is not main-zzzz"
    event = Told(JOB, "Normal", "Said", text, "someone", [SECOND])
    found = tape_of(pod("main-zzz", 1, (1, {})), told=(event,))
    assert list(found.objects["Job/main"].events) == [
        ("Normal", "Said", "someone", "pod {Job/main>Pod} of {namespace}, {uid}, is not main-zzzz")
    ]


def test_what_a_set_names_is_told_in_an_order_that_the_random_names_do_not_decide() -> None:
    states = []
    for stops in ("main-aaa", "main-zzz"):
        told = frozenset(f"{name} {'terminating' if name == stops else 'ready'}" for name in ("main-aaa", "main-zzz"))
        pods = (pod("main-aaa", 1, (1, {"endpoints": told})), pod("main-zzz", 2, (1, {})))
        states.append(tape_of(*pods).objects["Job/main>Pod#1"].states)
    assert states[0] == states[1]
    assert states[0][0][1] == {"endpoints": ["{Job/main>Pod} ready", "{Job/main>Pod} terminating"]}


def test_equal_nodes_have_one_name_and_their_loads_are_counted() -> None:
    played = trace(nodes=[{"names": ["a1", "a2"], "zone": "a"}, {"name": "b1", "zone": "b"}])
    one, two = (
        pod("p-1", 1, (1, {"node": "a2"})),
        pod("p-2", 2, (2, {"node": "a1"}), (5, {"node": "a1", "phase": "Failed"})),
    )
    found = tape_of(one, two, pod("p-3", 3, (3, {"node": "b1"})), played=played)
    assert [found.objects[f"Job/main>Pod#{n}"].states[0][1] for n in (1, 2, 3)] == [
        {"node": "a1~a2"},
        {"node": "a1~a2"},
        {"node": "b1"},
    ]
    counts = [(moment, state) for moment, state in found.objects["Placement/Job/main>Pod"].states]
    assert counts == [(1.0, {"a1~a2": [1, 0]}), (2.0, {"a1~a2": [1, 1]}), (5.0, {"a1~a2": [1, 0]})]


def test_a_node_that_a_step_names_stands_for_itself() -> None:
    played = trace(nodes=[{"names": ["a1", "a2", "a3"]}], steps=[{"node-dies": "a2"}])
    found = tape_of(pod("p-1", 1, (1, {"node": "a2"})), pod("p-2", 2, (1, {"node": "a3"})), played=played)
    assert [found.objects[f"Job/main>Pod#{n}"].states[0][1] for n in (1, 2)] == [{"node": "a2"}, {"node": "a1~a3"}]


def test_what_comes_back_under_the_same_name_goes_on_in_one_history() -> None:
    first = Seen("Pod", "web-0", UID.format(1), None, False, None, [(0, {"phase": "Running"}), (5 * SECOND, None)])
    second = Seen("Pod", "web-0", UID.format(2), None, False, None, [(6 * SECOND, {"phase": "Pending"})])
    assert [moment for moment, _ in tape_of(first, second).objects["Pod/web-0"].states] == [0.0, 5.0, 6.0]


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    states: list[tuple[float, Any]] = [
        (0.1, {"a": 1, "c": {"x": "y"}}),
        (1.0, {"c": {"z": "y"}}),
        (2.0, None),
        (3.0, {"a": 1}),
    ]
    history = History("Job/main", states, {("Normal", "A", "b", 'says "x"'): [1.0, 2.0]})
    before = Recording({"trace": "t"}, [(0.0, "1 create", "ok")], {"Job/main": history, "Pod/x": History("Pod/x")}, 9.5)
    save(before, tmp_path / "a/b.json")
    assert load(tmp_path / "a/b.json") == before


_VALUES = st.recursive(
    st.integers(0, 3) | st.text("ab", max_size=2) | st.lists(st.integers(0, 2), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=6,
)


@settings(derandomize=True, max_examples=100)
@given(
    st.dictionaries(st.sampled_from("xyz"), _VALUES, max_size=3),
    st.dictionaries(st.sampled_from("xyz"), _VALUES, max_size=3),
)
def test_a_difference_leads_from_one_state_to_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert _patched(before, difference(before, after)) == after
