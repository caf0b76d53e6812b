"""Rules of the sources that need no archive: names, places, sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import SourceError, UnsupportedFile
from pipeline.sources.dm3 import Dm3Image
from pipeline.sources.ebi import order_slices, slice_distance_nm
from pipeline.sources.ebi import voxel_size as ebi_voxel_size
from pipeline.sources.flyem import place_crop
from pipeline.sources.idr import voxel_size as idr_voxel_size
from pipeline.sources.openorganelle import ngff_scales, scales_of_shapes
from pipeline.sources.reading import member
from pipeline.sources.units import nanometres


@settings(deadline=None)
@given(
    low=st.integers(-500, 500),
    extent=st.integers(1, 5000),
    size=st.integers(1, 6000),
    block=st.sampled_from([1, 32, 64]),
    identity=st.text(max_size=5),
)
def test_a_crop_lies_inside_on_a_block_boundary_where_one_leaves_room(
    low: int, extent: int, size: int, block: int, identity: str
) -> None:
    origin, found = place_crop(low, low + extent, size, block, identity)
    assert found == min(size, extent)
    assert low <= origin <= origin + found <= low + extent
    has_room = any(place % block == 0 for place in range(low, low + extent - found + 1))
    assert origin % block == 0 if has_room else origin == low
    assert place_crop(low, low + extent, size, block, identity) == (origin, found)


def test_crops_of_different_seeds_differ_and_the_far_end_can_be_reached() -> None:
    origins = {place_crop(0, 64 * 40, 64, 64, str(seed))[0] for seed in range(2000)}
    assert origins == set(range(0, 64 * 40, 64))


@pytest.mark.parametrize(
    ("details", "distance"),
    [
        ("Section thickness 50 nm.", 50),
        ("Voxel size 8 x 8 x 50 nm", 50),
        ("voxels of 8nm x 8nm x 70nm", 70),
        ("pixel size 8 nm, z 50 nm", 50),
        ("Slice images at 8 nm in xy and 50 nm in z", 50),
        ("8 nm pixels, 40 nm thick sections", 40),
        ("imaged at 8 nm/pixel, 30.5 nm sections", 30.5),
        ("a slice every 25 nm", 25),
        ("pixel size 8 nm", None),
        ("5500 x 5496 pixels", None),
        ("", None),
    ],
)
def test_the_distance_of_slices_is_read_from_words(details: str, distance: float | None) -> None:
    assert slice_distance_nm(details) == distance


def test_slices_are_ordered_by_number_and_what_is_no_image_is_left_out() -> None:
    names = ["a_slice_10.dm3", "a_slice_9.DM3", "notes.xml.gz", "trakem2.1433.1411", "a_slice_11.dm3"]
    assert order_slices(names, "ftp://h/d") == ["a_slice_9.DM3", "a_slice_10.dm3", "a_slice_11.dm3"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["s_1.dm3", "s_2.mrc"], "ftp://h/d/s_2.mrc: an image of a kind that is not read; only .dm3 slices are"),
        (["s_1.dm3", "t_1.dm3"], "ftp://h/d/t_1.dm3: its name does not end in a number of its own, its z is unknown"),
        (["first.dm3"], "ftp://h/d/first.dm3: its name does not end in a number of its own, its z is unknown"),
        (["s_1.dm3", "s_2.dm3", "s_4.dm3"], "ftp://h/d: slice 3 is missing between 1 and 4"),
    ],
)
def test_slices_that_cannot_be_stacked_are_refused(names: list[str], words: str) -> None:
    with pytest.raises(UnsupportedFile) as raised:
        order_slices(names, "ftp://h/d")
    assert str(raised.value) == words


CALIBRATED = Dm3Image(0, (2, 3), np.dtype("u1"), (7.0, 6.0))
BARE = Dm3Image(0, (2, 3), np.dtype("u1"), None)


@pytest.mark.parametrize(
    ("image_set", "image", "expected", "origin"),
    [
        (
            {"pixel_width": "80", "pixel_height": 90.0, "details": "z 25 nm"},
            BARE,
            (25, 9, 8),
            "API, slice distance: details",
        ),
        ({"pixel_width": 80, "pixel_height": 80}, CALIBRATED, (50, 8, 8), "API, slice distance: default"),
        ({"pixel_width": None}, CALIBRATED, (50, 7, 6), "DM3 calibration, slice distance: default"),
    ],
)
def test_the_voxel_size_of_an_entry_says_where_it_was_found(
    image_set: dict[str, Any], image: Dm3Image, expected: Any, origin: str
) -> None:
    assert ebi_voxel_size(image_set, image, "u") == (expected, f"pixel size: {origin}")


def test_an_entry_without_any_pixel_size_is_refused() -> None:
    with pytest.raises(SourceError, match="neither the API nor the slices say the size of a pixel"):
        ebi_voxel_size({}, BARE, "u")


def length(value: float, unit: str) -> dict[str, Any]:
    return {"Value": value, "Unit": unit}


MICRO = {
    "PhysicalSizeX": length(0.02, "MICROMETER"),
    "PhysicalSizeY": length(30, "NANOMETER"),
    "PhysicalSizeZ": length(400, "ANGSTROM"),
}


@pytest.mark.parametrize(
    ("pixels", "name", "expected"),
    [
        (MICRO, "a.tif", (40, 30, 20)),
        ({}, "U2OS_10x20x30nm_xy.tif", (30, 20, 10)),
        ({**MICRO, "PhysicalSizeZ": None}, "a_5x5x7.5nm.tif", (7.5, 5, 5)),
        ({**MICRO, "PhysicalSizeZ": length(3, "PIXEL")}, "a_5x5x7nm.tif", (7, 5, 5)),
    ],
)
def test_the_voxel_size_of_an_image_is_in_its_document_or_in_its_name(
    pixels: dict[str, Any], name: str, expected: Any
) -> None:
    assert idr_voxel_size(pixels, name, "u") == expected


def test_an_image_that_says_no_voxel_size_is_refused() -> None:
    with pytest.raises(SourceError, match="neither the document nor the file name says the voxel size"):
        idr_voxel_size({}, "a.tif", "u")


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [(0.02, "MICROMETER", 20), (8, "nanometers", 8), (80, "\u00c5", 8), (1.1, "\u00b5m", 1100), (1, "PIXEL", None)],
)
def test_lengths_in_nanometres(value: float, unit: str, expected: Any) -> None:
    assert nanometres(value, unit) == expected


def test_scales_without_metadata_follow_the_halvings_not_the_rounded_sizes() -> None:
    shapes = [(564, 2520, 2596), (282, 1260, 1298), (141, 630, 649), (70, 315, 324), (35, 157, 162), (17, 78, 81)]
    shapes += [(8, 39, 40), (4, 19, 20), (2, 9, 10)]
    scales = scales_of_shapes([f"s{n}" for n in range(9)], shapes)
    for number, scale in enumerate(scales):
        assert scale.voxel_size_nm == pytest.approx([size * 2**number for size in (2.96, 4, 4)])
        assert scale.translation_nm == pytest.approx([size * (2**number - 1) / 2 for size in (2.96, 4, 4)])


def test_an_axis_that_is_not_scaled_keeps_its_voxels() -> None:
    scales = scales_of_shapes(["s0", "s1"], [(10, 100, 100), (10, 33, 50)])
    assert scales[1].voxel_size_nm == pytest.approx((2.96, 12, 8))
    assert scales[1].translation_nm == pytest.approx((0, 4, 2))


def multiscales(
    *, unit: str = "nanometer", axes: Sequence[str] = ("z", "y", "x"), outer: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    transformations = [{"type": "scale", "scale": [2, 4, 4]}, {"type": "translation", "translation": [1, 0, 3]}]
    return {
        "multiscales": [
            {
                "axes": [{"name": name, "type": "space", "unit": unit} for name in axes],
                "coordinateTransformations": list(outer),
                "datasets": [{"path": "s0", "coordinateTransformations": transformations}],
            }
        ]
    }


@pytest.mark.parametrize(
    ("attributes", "size", "shift"),
    [
        (multiscales(), (2, 4, 4), (1, 0, 3)),
        (multiscales(unit="micrometer"), (2000, 4000, 4000), (1000, 0, 3000)),
        (multiscales(outer=[{"type": "scale", "scale": [10, 10, 10]}]), (20, 40, 40), (10, 0, 30)),
    ],
)
def test_scales_come_from_the_transformations(
    attributes: dict[str, Any], size: tuple[float, ...], shift: tuple[float, ...]
) -> None:
    (scale,) = ngff_scales(attributes)
    assert (scale.path, scale.voxel_size_nm, scale.translation_nm) == ("s0", size, shift)


@pytest.mark.parametrize("attributes", [{}, {"multiscales": []}, {"multiscales": [{"datasets": [{"path": "s0"}]}]}])
def test_without_known_transformations_there_are_no_scales(attributes: dict[str, Any]) -> None:
    assert ngff_scales(attributes) == []


@pytest.mark.parametrize("attributes", [multiscales(axes=("c", "z", "y", "x")), multiscales(unit="second")])
def test_axes_that_are_no_volume_are_refused(attributes: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedFile, match="multiscales"):
        ngff_scales(attributes)


def test_a_document_without_what_is_needed_says_which_member() -> None:
    with pytest.raises(SourceError, match=r"no 'a\.b\.c' \(missing 'c'\)"):
        member({"a": {"b": {}}}, "a.b.c", str, "u")
    with pytest.raises(SourceError, match="'a' is True"):
        member({"a": True}, "a", int, "u")
