# ruff: noqa: RUF009 - the fields are the table, built by one small function.
"""Settings: one table, from which the environment, the command line and the documentation are read.

Each setting is an environment variable and a flag (the flag wins), and each has an effect. A value that cannot be used
is refused before anything is started, by a SettingsError that names the variable, the value and what was wanted.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from pipeline.errors import SettingsError

LOADERS: Final = ("ebi", "epfl", "flyem", "idr", "openorganelle")
SERVICES: Final = (*LOADERS, "consolidate")


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("a value that is not empty")
    return value.strip()


def _url(value: str) -> str:
    if "://" not in value:
        raise ValueError("a URL with its scheme")
    return value.rstrip("/")


def _at_least_one(value: str) -> int:
    number = int(value) if value.isdecimal() else 0
    if number < 1:
        raise ValueError("a whole number of at least 1")
    return number


def _seed(value: str) -> int:
    if not value.isdecimal():
        raise ValueError("a whole number of at least 0")
    return int(value)


def _number(value: str, wanted: str, is_good: Callable[[float], bool]) -> float:
    try:
        number = float(value)
    except ValueError:
        raise ValueError(wanted) from None
    if not is_good(number) or number == float("inf"):
        raise ValueError(wanted)
    return number


def _positive(value: str) -> float:
    return _number(value, "a number above 0", lambda number: number > 0)


def _not_negative(value: str) -> float:
    return _number(value, "a number of at least 0", lambda number: number >= 0)


def _names(value: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    if not names:
        raise ValueError("names with commas between them")
    return names


def _loaders(value: str) -> tuple[str, ...]:
    names = _names(value)
    if any(name not in LOADERS for name in names):
        raise ValueError(f"names out of {', '.join(LOADERS)}, with commas between them")
    return names


def _crop(value: str) -> tuple[int, int, int]:
    parts = [part.strip() for part in value.split(",")]
    if len(parts) == 1:
        parts *= 3
    if len(parts) != 3 or any(not part.isdecimal() or int(part) < 1 for part in parts):
        raise ValueError("one edge, or z,y,x with commas between them, in voxels")
    return (int(parts[0]), int(parts[1]), int(parts[2]))


def _setting(env: str, default: str, parse: Callable[[str], Any], text: str) -> Any:
    return dataclasses.field(metadata={"env": env, "default": default, "parse": parse, "help": text})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting of every service, parsed and checked."""

    data_dir: Path = _setting("EM_DATA_DIR", "./data", Path, "shared directory: records, index, catalogue, metrics")
    sink_url: str = _setting("EM_SINK_URL", "./data/store", _text, "s3://bucket[/prefix], or a local directory")
    scratch_dir: Path = _setting("TMPDIR", "/tmp", Path, "where a source may keep temporary files")
    zarr_chunk_size_mb: float = _setting("ZARR_CHUNK_SIZE_MB", "64", _positive, "upper bound of a shard, uncompressed")
    max_workers: int = _setting("MAX_WORKERS", "1", _at_least_one, "transfers at once")
    memory_limit_gb: float = _setting("MEMORY_LIMIT_GB", "0.3", _positive, "upper bound of the private memory")
    retry_attempts: int = _setting("EM_RETRY_ATTEMPTS", "5", _at_least_one, "tries of one request")
    retry_backoff_s: float = _setting("EM_RETRY_BACKOFF_S", "1", _not_negative, "wait before the second try; doubles")
    timeout_s: float = _setting("EM_TIMEOUT_S", "60", _positive, "silence after which a connection is lost")
    expected_sources: tuple[str, ...] = _setting(
        "EM_EXPECTED_SOURCES", ",".join(LOADERS), _loaders, "sources that consolidate wants complete"
    )

    source_ebi_api_url: str = _setting("EM_SOURCE_EBI_API_URL", "https://www.ebi.ac.uk/empiar/api", _url, "EMPIAR API")
    source_ebi_ftp_url: str = _setting("EM_SOURCE_EBI_FTP_URL", "ftp://ftp.ebi.ac.uk", _url, "EMPIAR files")
    source_epfl_url: str = _setting(
        "EM_SOURCE_EPFL_URL", "https://documents.epfl.ch/groups/c/cv/cvlab-unit/www/data", _url, "EPFL files"
    )
    source_flyem_url: str = _setting("EM_SOURCE_FLYEM_URL", "https://hemibrain-dvid.janelia.org", _url, "DVID server")
    source_idr_api_url: str = _setting(
        "EM_SOURCE_IDR_API_URL", "https://idr.openmicroscopy.org/api/v0", _url, "IDR API"
    )
    source_idr_ftp_url: str = _setting("EM_SOURCE_IDR_FTP_URL", "ftp://ftp.ebi.ac.uk", _url, "IDR files")
    source_openorganelle_url: str = _setting(
        "EM_SOURCE_OPENORGANELLE_URL", "https://s3.us-east-1.amazonaws.com", _url, "S3 endpoint of OpenOrganelle"
    )
    ebi_entry_id: str = _setting("EBI_ENTRY_ID", "11759", _text, "EMPIAR entry")
    epfl_source_id: str = _setting("EPFL_SOURCE_ID", "EPFL-Hippocampus", _text, "id of the EPFL volume")
    flyem_uuid: str = _setting("FLYEM_UUID", "a89eb3af216a46cdba81204d8f954786", _text, "DVID node")
    flyem_instance: str = _setting("FLYEM_INSTANCE", "grayscale", _text, "DVID data instance")
    flyem_crop_size: tuple[int, int, int] = _setting(
        "FLYEM_CROP_SIZE", "1000,1000,1000", _crop, "crop z,y,x in voxels, clipped to the extents"
    )
    flyem_seed: int = _setting("FLYEM_SEED", "42", _seed, "chooses the origin of the crop")
    idr_dataset_id: str = _setting("IDR_DATASET_ID", "idr0086", _text, "IDR study")
    idr_image_ids: tuple[str, ...] = _setting("IDR_IMAGE_IDS", "9846137", _names, "IDR images, one data set each")
    openorganelle_uri: str = _setting(
        "OPENORGANELLE_URI",
        "s3://janelia-cosem-datasets/jrc_mus-nacc-2/jrc_mus-nacc-2.zarr/recon-2/em/fibsem-int16",
        _url,
        "multiscale group",
    )

    def source_id(self, source: str) -> str:
        """The id of the one data set that these settings name for a source (for idr, the first image)."""
        uri = [part for part in self.openorganelle_uri.removeprefix("s3://").split("/")[1:] if part]
        named = {
            "ebi": f"EMPIAR-{self.ebi_entry_id}",
            "epfl": self.epfl_source_id,
            "flyem": f"{self.flyem_uuid}-{self.flyem_instance}",
            "idr": f"{self.idr_dataset_id}-{self.idr_image_ids[0]}",
            "openorganelle": "-".join((*uri[:1], *uri[2:])) or "openorganelle",
        }[source]
        return "".join(
            letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in named
        )

    def one_by_one(self, source: str) -> tuple[Settings, ...]:
        """These settings once for every data set that they name."""
        if source != "idr":
            return (self,)
        return tuple(dataclasses.replace(self, idr_image_ids=(image_id,)) for image_id in self.idr_image_ids)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"command line: {message}, see `python -m pipeline --help`")


def names() -> dict[str, str]:
    """Environment variable -> flag, of every setting."""
    return {field.metadata["env"]: _flag(field) for field in dataclasses.fields(Settings)}


def table() -> str:
    """All settings as a Markdown table, for the documentation."""
    lines = ["| environment | flag | default | meaning |", "|---|---|---|---|"]
    for field in dataclasses.fields(Settings):
        env, default, text = (field.metadata[key] for key in ("env", "default", "help"))
        lines.append(f"| `{env}` | `{_flag(field)}` | `{default}` | {text} |")
    return "\n".join(lines) + "\n"


def parse(argv: Sequence[str], environ: Mapping[str, str]) -> tuple[str, Settings]:
    """The service and the settings that a command line and an environment name."""
    parser = _Parser(prog="pipeline", description="Ingest one public archive, or consolidate what was ingested.")
    parser.add_argument("service", choices=SERVICES)
    for field in dataclasses.fields(Settings):
        env, default, text = (field.metadata[key] for key in ("env", "default", "help"))
        parser.add_argument(
            _flag(field), dest=field.name, metavar="VALUE", help=f"{text} ({env}, default {default or 'none'})"
        )
    given = parser.parse_args(list(argv))
    values = {}
    for field in dataclasses.fields(Settings):
        flag_value = getattr(given, field.name)
        env = field.metadata["env"]
        # An empty variable is what compose passes for one that is not set.
        value = flag_value if flag_value is not None else environ.get(env) or field.metadata["default"]
        try:
            values[field.name] = field.metadata["parse"](value)
        except ValueError as error:
            place = _flag(field) if flag_value is not None else env
            raise SettingsError(f"{place}: {value!r} cannot be used, give {error}") from None
    return str(given.service), Settings(**values)


def _flag(field: dataclasses.Field[Any]) -> str:
    return "--" + field.name.replace("_", "-")
