"""EPFL CVLab hippocampus: one multi-page TIFF behind HTTP ranges.

The page of the data set states the voxel size, 5 x 5 x 5 nm; the file does not. Only the rows that a region needs are fetched, and gaps
between them that are cheaper than another request. Where the pages are is kept in the index, and checked page by page as they are read.
"""

from __future__ import annotations

from pipeline.errors import UnsupportedFile
from pipeline.sources.base import Description, Level, Region, Voxels
from pipeline.sources.index import SourceIndex
from pipeline.sources.reading import Access
from pipeline.sources.tiff_layout import TiffLayout
from pipeline.sources.tiff_stack import TiffStack
from pipeline.transfer import RemoteFile

PUBLIC_URL = "https://documents.epfl.ch/groups/c/cv/cvlab-unit/www/data"
# The blank at the beginning is part of the directory's name.
FILE_PATH = "%20ElectronMicroscopy_Hippocampus/volumedata.tif"
VOXEL_SIZE_NM = (5.0, 5.0, 5.0)


class Epfl:
    def __init__(self, url: str, *, source_id: str, access: Access, index: SourceIndex) -> None:
        self._url = f"{url.rstrip('/')}/{FILE_PATH}"
        self._source_id = source_id
        self._http = access.http()
        self._index = index
        self._listing: dict[str, str | int] = {}
        self._stack: TiffStack | None = None
        self._is_from_index = False
        self._kept_pages: object = None

    def describe(self) -> Description:
        file = self._http.head(self._url)
        stack = self._open(file)
        dtype = stack.dtype.newbyteorder("=").name
        level = Level(
            shape=stack.shape,
            dtype=dtype,
            voxel_size_nm=VOXEL_SIZE_NM,
            # Pages follow one another: whole pages need a request for many of them, parts of pages one for each.
            read_unit=(1, *stack.shape[1:]),
        )
        return Description(
            source="epfl",
            source_id=self._source_id,
            version={
                "file": FILE_PATH,
                "size_bytes": file.size_bytes,
                "etag": file.etag,
                "last_modified": file.last_modified,
                "shape": list(stack.shape),
                "dtype": dtype,
            },
            levels=(level,),
            title="EPFL CVLab electron microscopy, hippocampus",
            description="Section of the CA1 hippocampus region of a mouse brain, FIB-SEM, 5 nm isotropic",
            modality="FIB-SEM",
            download_url=f"{PUBLIC_URL}/{FILE_PATH}",
            provenance={
                "file_size_bytes": file.size_bytes,
                "etag": file.etag,
                "last_modified": file.last_modified,
                "byte_order": "big" if stack.dtype.byteorder == ">" else "little",
            },
        )

    def read(self, level: int, region: Region) -> Voxels:  # noqa: ARG002 - the archive offers one level
        if self._stack is None:
            raise RuntimeError("Epfl.read before Epfl.describe")
        try:
            voxels = self._stack.read(region)
        except UnsupportedFile as error:
            if self._is_from_index:
                self._index.forget(str(error))
            raise
        self._keep(self._stack)
        return voxels

    def close(self) -> None:
        self._http.close()

    def _open(self, file: RemoteFile) -> TiffStack:
        self._listing = {
            "file": FILE_PATH,
            "size_bytes": file.size_bytes,
            "etag": file.etag,
            "last_modified": file.last_modified,
        }
        known = self._index.load(self._listing, lambda layout: TiffLayout.from_json(layout, file.size_bytes))
        self._stack = TiffStack(lambda a, b: self._http.get_range(file, a, b), file.size_bytes, self._url, layout=known)
        self._is_from_index = known is not None
        self._kept_pages = known.pages if known is not None else None
        self._keep(self._stack)
        return self._stack

    def _keep(self, stack: TiffStack) -> None:
        """Where the pages are, when that is news."""
        if stack.layout.pages is not self._kept_pages:
            self._kept_pages = stack.layout.pages
            self._index.save(self._listing, stack.layout.to_json())
