"""The public archives. Each source says what it offers and reads a region of it; none of them writes."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import SettingsError
from pipeline.settings import Settings
from pipeline.sources.base import Source
from pipeline.sources.index import SourceIndex
from pipeline.sources.reading import Access
from pipeline.transfer import RetryPolicy

__all__ = ["open_source"]


def open_source(service: str, settings: Settings, scratch_dir: Path) -> Source:
    """The source of a service; its modules are imported only when they are needed."""
    access = Access(
        RetryPolicy(attempts=settings.retry_attempts, base_s=settings.retry_backoff_s),
        settings.timeout_s,
        settings.max_workers,
    )
    source_id = settings.source_id(service)
    index = SourceIndex(settings.data_dir, service, source_id)
    match service:
        case "ebi":
            from pipeline.sources.ebi import Ebi

            return Ebi(
                settings.source_ebi_api_url,
                settings.source_ebi_ftp_url,
                entry_id=settings.ebi_entry_id,
                source_id=source_id,
                scratch_dir=scratch_dir,
                access=access,
                index=index,
            )
        case "epfl":
            from pipeline.sources.epfl import Epfl

            return Epfl(settings.source_epfl_url, source_id=source_id, access=access, index=index)
        case "flyem":
            from pipeline.sources.flyem import FlyEm

            return FlyEm(
                settings.source_flyem_url,
                uuid=settings.flyem_uuid,
                instance=settings.flyem_instance,
                crop_size=settings.flyem_crop_size,
                seed=settings.flyem_seed,
                source_id=source_id,
                access=access,
            )
        case "idr":
            from pipeline.sources.idr import Idr

            return Idr(
                settings.source_idr_api_url,
                settings.source_idr_ftp_url,
                dataset_id=settings.idr_dataset_id,
                image_id=settings.idr_image_ids[0],
                source_id=source_id,
                scratch_dir=scratch_dir,
                access=access,
                index=index,
            )
        case "openorganelle":
            from pipeline.sources.openorganelle import OpenOrganelle

            return OpenOrganelle(
                settings.source_openorganelle_url, settings.openorganelle_uri, source_id=source_id, access=access
            )
    raise SettingsError(f"service {service!r} reads no archive, use one of ebi, epfl, flyem, idr, openorganelle")
