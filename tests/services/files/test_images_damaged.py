"""Cut and scrambled TIFF files: each opens or is refused, soon and with little memory."""

from __future__ import annotations

import io
import logging

import numpy as np
import pytest
import tifffile
from examples import examples
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st

from napari_unet.core.errors import UserError
from napari_unet.services.files.images import open_image

RNG = np.random.default_rng(0)
STACK = RNG.integers(0, 60000, (3, 20, 33), np.uint16)
COLOUR = RNG.integers(0, 255, (32, 33, 3), np.uint8)
GREY = {"photometric": "minisblack"}
KINDS = {
    "plain": (STACK, GREY),
    "imagej": (STACK, {"imagej": True, "metadata": {"axes": "ZYX", "spacing": 0.5}}),
    "imagej zlib": (STACK, {"imagej": True, "compression": "zlib", "metadata": {"axes": "TYX"}}),
    "ome": (STACK, {"ome": True, "metadata": {"axes": "ZYX", "PhysicalSizeX": 0.1}, **GREY}),
    "ome zlib": (STACK, {"ome": True, "compression": "zlib", "metadata": {"axes": "TYX"}, **GREY}),
    "strips": (STACK, {"compression": "zlib", "rowsperstrip": 4, **GREY}),
    "tiles": (STACK, {"compression": "lzw", "predictor": True, "tile": (16, 16), **GREY}),
    "bigtiff": (STACK, {"bigtiff": True, "byteorder": ">", "compression": "packbits", **GREY}),
    "jpeg": (COLOUR, {"compression": "jpeg", "photometric": "rgb"}),
    "float": (STACK.astype("f4"), {"compression": "zstd", "tile": (16, 16), **GREY}),
}
LARGE = 10_000_000


def written(kind):
    data, how = KINDS[kind]
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, data, **how)
    return buffer.getvalue()


WHOLE = {kind: written(kind) for kind in KINDS}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged") / "a.tif"


@pytest.fixture(scope="module", autouse=True)
def _no_log():
    # damaged files that open are remarked upon at length
    log = logging.getLogger("tifffile")
    log.setLevel(logging.CRITICAL)
    yield
    log.setLevel(logging.NOTSET)


def open_and_read(path, content):
    """Open a file and read it all, or if a scrambled header says it is huge two of its corners."""
    path.write_bytes(content)
    try:
        data = open_image(path).data
        if data.size < LARGE:
            assert data[...].shape == data.shape
            return
        for corner in (slice(0, 2), slice(-2, None)):
            assert data[(corner,) * data.ndim].size <= 2**data.ndim
    except UserError:
        pass  # said; anything else fails the test


checked = examples(
    150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@checked
@given(kind=st.sampled_from(list(KINDS)), share=st.floats(0, 1, exclude_max=True))
@example(kind="imagej zlib", share=0.7)
def test_files_cut_short(path, kind, share):
    content = WHOLE[kind]
    open_and_read(path, content[: int(len(content) * share)])


@st.composite
def scrambled(draw):
    """A file with some bytes changed, of the headers rather than of the pixels."""
    content = bytearray(WHOLE[draw(st.sampled_from(list(KINDS)))])
    ends = st.sampled_from([min(600, len(content)), len(content)])
    for _ in range(draw(st.integers(1, 8))):
        place = draw(st.integers(0, draw(ends) - 1))
        content[place] = draw(st.sampled_from([0, 1, 127, 128, 255]) | st.integers(0, 255))
    return bytes(content)


@checked
@given(content=scrambled())
def test_files_with_bytes_changed(path, content):
    open_and_read(path, content)


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_are_sound_before(path, kind):
    path.write_bytes(WHOLE[kind])
    image = open_image(path)
    assert image.data[...].shape == KINDS[kind][0].shape


@pytest.mark.parametrize("kind", ["imagej zlib", "ome zlib", "plain", "tiles"])
def test_half_a_copy_is_never_taken_for_the_whole(path, kind):
    """A stack whose copying was interrupted is refused, not read as zeros."""
    path.write_bytes(WHOLE[kind][: len(WHOLE[kind]) * 2 // 3])
    with pytest.raises(UserError, match=r"a\.tif is"):
        open_image(path)


def test_a_stack_that_lacks_a_page_is_refused(path):
    """ImageJ's description says three planes; the second page says it is the last."""
    path.write_bytes(WHOLE["imagej zlib"])
    with tifffile.TiffFile(path) as file:
        second, order = file.pages[1].offset, {"<": "little", ">": "big"}[file.byteorder]
    content = bytearray(WHOLE["imagej zlib"])
    tags = int.from_bytes(content[second : second + 2], order)
    at = second + 2 + 12 * tags
    content[at : at + 4] = bytes(4)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"2 page\(s\) for shape \(3, 20, 33\)"):
        open_image(path)


@pytest.mark.parametrize("how", [{"compression": "zlib"}, {"predictor": False}])
def test_a_page_taller_than_its_strips_is_not_filled_with_zeros(path, how):
    """A damaged header may say any height; what is not there must not be taken for dark pixels."""
    pixels = np.moveaxis(COLOUR, -1, 0)
    tifffile.imwrite(
        path, pixels, rowsperstrip=32, planarconfig="separate", photometric="rgb", **how
    )
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags["ImageLength"].overwrite(7_208_992)
    with pytest.raises(UserError, match=r"lists 3 of 675,843 strips or tiles|is truncated"):
        open_image(path)


def test_pages_in_a_circle_end(path):
    """Only the parser of the library would follow them for ever."""
    tifffile.imwrite(path, np.zeros((150, 4, 4), np.uint8), metadata=None, **GREY)
    with tifffile.TiffFile(path) as file:
        second, last = file.pages[1].offset, file.pages[149].offset
        order = {"<": "little", ">": "big"}[file.byteorder]
    content = bytearray(path.read_bytes())
    at = last + 2 + 12 * int.from_bytes(content[last : last + 2], order)
    content[at : at + 4] = second.to_bytes(4, order)
    path.write_bytes(content)
    with pytest.raises(UserError, match="in a circle"):
        open_image(path)


@pytest.mark.parametrize("before", ["SizeZ=", "PlaneCount="])
def test_an_ome_header_may_not_ask_for_all_memory(path, before):
    metadata = {"axes": "ZYX", "Description": "x" * 40}
    tifffile.imwrite(path, STACK, ome=True, metadata=metadata, **GREY)
    content = path.read_bytes()
    absurd = content.replace(f'{before}"3"'.encode(), f'{before}"3000000000000"'.encode(), 1)
    # as long as before, so that everything stays in its place
    path.write_bytes(absurd.replace(b"x" * 40, b"x" * (40 - len(absurd) + len(content)), 1))
    with pytest.raises(UserError, match="absurd sizes"):
        open_image(path)
