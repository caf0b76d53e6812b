"""Settings: the flag wins over the environment, and what cannot be used is refused by name."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from pipeline.errors import SettingsError
from pipeline.settings import LOADERS, SERVICES, Settings, names, parse, table

PIPELINE = Path(__file__).parents[2] / "pipeline"


def test_defaults_name_the_public_archives() -> None:
    service, found = parse(["ebi"], {})
    assert service == "ebi"
    assert (found.zarr_chunk_size_mb, found.max_workers, found.retry_attempts, found.timeout_s) == (64, 1, 5, 60)
    assert found.source_flyem_url == "https://hemibrain-dvid.janelia.org"
    assert found.flyem_crop_size == (1000, 1000, 1000)
    assert found.expected_sources == LOADERS


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_known(service: str) -> None:
    assert parse([service], {})[0] == service


def test_the_flag_wins_and_an_empty_variable_is_none() -> None:
    environ = {"MAX_WORKERS": "3", "EM_TIMEOUT_S": "", "ZARR_CHUNK_SIZE_MB": "8"}
    found = parse(["ebi", "--max-workers", "5"], environ)[1]
    assert (found.max_workers, found.timeout_s, found.zarr_chunk_size_mb) == (5, 60, 8)


@pytest.mark.parametrize(
    ("env", "value", "wanted"),
    [
        ("MAX_WORKERS", "0", "a whole number of at least 1"),
        ("MAX_WORKERS", "two", "a whole number of at least 1"),
        ("ZARR_CHUNK_SIZE_MB", "-1", "a number above 0"),
        ("MEMORY_LIMIT_GB", "nan", "a number above 0"),
        ("MEMORY_LIMIT_GB", "inf", "a number above 0"),
        ("EM_RETRY_BACKOFF_S", "-0.1", "a number of at least 0"),
        ("EM_SOURCE_EPFL_URL", "documents.epfl.ch", "a URL with its scheme"),
        ("EM_EXPECTED_SOURCES", "ebi,elsewhere", "names out of ebi, epfl"),
        ("FLYEM_CROP_SIZE", "1,2", "one edge, or z,y,x"),
        ("FLYEM_SEED", "-1", "a whole number of at least 0"),
        ("IDR_IMAGE_IDS", ",", "names with commas"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_was_wanted(env: str, value: str, wanted: str) -> None:
    with pytest.raises(SettingsError, match=f"^{env}: {re.escape(repr(value))} cannot be used, give {wanted}"):
        parse(["ebi"], {env: value})


def test_a_flag_that_cannot_be_used_is_named_as_the_flag() -> None:
    with pytest.raises(SettingsError, match=r"^--max-workers: '0'"):
        parse(["ebi", "--max-workers", "0"], {"MAX_WORKERS": "1"})


@pytest.mark.parametrize("argv", [[], ["elsewhere"], ["ebi", "--cloud", "aws"], ["ebi", "extra"]])
def test_a_command_line_that_cannot_be_used_points_at_the_help(argv: list[str]) -> None:
    with pytest.raises(SettingsError, match=r"^command line: .*see `python -m pipeline --help`"):
        parse(argv, {})


def test_every_setting_is_used_somewhere_else() -> None:
    sources = "\n".join(path.read_text() for path in sorted(PIPELINE.rglob("*.py")) if path.name != "settings.py")
    own = (PIPELINE / "settings.py").read_text()
    for setting in fields(Settings):
        is_used = re.search(rf"\.{setting.name}\b", sources) or f"self.{setting.name}" in own
        assert is_used, f"{setting.name} has no effect"


def test_the_documentation_has_the_table_of_this_version() -> None:
    document = (PIPELINE.parent / "docs/pipeline.md").read_text()
    assert document.partition("<!-- settings -->\n")[2] == table()


def test_names_are_unique() -> None:
    flags = names()
    assert len(set(flags.values())) == len(flags) == len(fields(Settings))


@pytest.mark.parametrize(
    ("flags", "source", "source_id"),
    [
        ([], "ebi", "EMPIAR-11759"),
        (["--idr-image-ids", "7,8"], "idr", "idr0086-7"),
        (["--epfl-source-id", "a/b c"], "epfl", "a-b-c"),
        ([], "openorganelle", "jrc_mus-nacc-2-recon-2-em-fibsem-int16"),
    ],
)
def test_a_source_id_is_safe_in_a_key(flags: list[str], source: str, source_id: str) -> None:
    assert parse([source, *flags], {})[1].source_id(source) == source_id


def test_every_image_of_idr_is_a_data_set() -> None:
    found = parse(["idr", "--idr-image-ids", "7, 8"], {})[1]
    assert [one.source_id("idr") for one in found.one_by_one("idr")] == ["idr0086-7", "idr0086-8"]
    assert found.one_by_one("epfl") == (found,)
