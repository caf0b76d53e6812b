"""Marks of a log: which line was there when."""

from __future__ import annotations

from pathlib import Path

from harness.kube.logmarks import mark, read_marks


def test_given_a_log_that_grows_then_its_lines_have_the_moments_of_the_marks(tmp_path: Path) -> None:
    log = tmp_path / "0.log"
    assert read_marks(log).written_us(1) is None
    mark(log, 5)
    log.write_text("one\n")
    mark(log, 10)
    mark(log, 15)  # it has not grown
    log.write_text("one\ntwo\nthree\n")
    mark(log, 20)
    log.write_text("one\ntwo\nthree\nfour\n")
    marks = read_marks(log)
    assert [marks.written_us(end) for end in (4, 8, 14, 19)] == [10, 20, 20, None]
    assert [marks.size_before(moment) for moment in (10, 11, 20, 21)] == [0, 4, 4, 14]
