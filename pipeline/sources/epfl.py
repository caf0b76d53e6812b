"""EPFL CVLab hippocampus: one multi-page TIFF behind HTTP ranges.

The page of the data set states the voxel size, 5 x 5 x 5 nm; the file does not. Only the rows that a region needs are fetched.
"""

from __future__ import annotations

from pipeline.sources.base import Description, Level, Region, Voxels
from pipeline.sources.reading import Access
from pipeline.sources.tiff_stack import TiffStack
from pipeline.transfer import RemoteFile

PUBLIC_URL = "https://documents.epfl.ch/groups/c/cv/cvlab-unit/www/data"
# The blank at the beginning is part of the directory's name.
FILE_PATH = "%20ElectronMicroscopy_Hippocampus/volumedata.tif"
VOXEL_SIZE_NM = (5.0, 5.0, 5.0)


class Epfl:
    def __init__(self, url: str, *, source_id: str, access: Access) -> None:
        self._url = f"{url.rstrip('/')}/{FILE_PATH}"
        self._source_id = source_id
        self._http = access.http()
        self._stack: TiffStack | None = None

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
        return self._stack.read(region)

    def close(self) -> None:
        self._http.close()

    def _open(self, file: RemoteFile) -> TiffStack:
        self._stack = TiffStack(lambda a, b: self._http.get_range(file, a, b), file.size_bytes, self._url)
        return self._stack
