"""Objects found by blocks are those of the whole frame, to the last pixel and number."""

from __future__ import annotations

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from shapes import ellipses

from napari_unet.core.blocks.divided import BlockReader, DividedTable, divide_part
from napari_unet.core.blocks.grid import BlockGrid, widened
from napari_unet.core.blocks.join import join
from napari_unet.core.blocks.numbers import block_labels, number_objects
from napari_unet.core.blocks.pieces import find_class_pieces, find_pieces
from napari_unet.core.model.object_options import ObjectOptions
from napari_unet.core.objects.find import DISTANCE, MASK_HALO, connected_objects, find_objects


def by_blocks(values, options, spacing, block, classes=False):
    """Objects by blocks, and how many parts were divided over several of them."""
    shape = values.shape if classes else values.shape[1:]
    grid = BlockGrid(tuple(map(int, shape)), block)
    pieces, cores = np.zeros(shape, np.uint32), np.zeros(shape, np.uint32)
    tables = []
    for number in range(len(grid)):
        box = grid.box(number)
        window, _ = widened(box, MASK_HALO, grid.shape)
        if classes:
            found = find_class_pieces(values[box], grid, number)
        else:
            maps = values[(slice(None), *window)]
            found = find_pieces(maps, window, grid, number, options, spacing)
        pieces[box], cores[box] = found.pieces, found.cores
        tables.append(found.table)
    joined = join(tables, grid)
    reader = BlockReader(
        grid, lambda box: pieces[box], lambda box: cores[box], lambda box: values[DISTANCE][box]
    )
    fill = options.fill_holes
    divided = {
        part: divide_part(joined, part, reader, fill=fill) for part in joined.contested.tolist()
    }
    numbers = number_objects(joined, DividedTable.of(divided.items()), options, spacing)
    labels = np.zeros(shape, np.uint32)
    for number in range(len(grid)):
        box = grid.box(number)
        labels[box] = block_labels(
            pieces[box], grid, number, joined, numbers, divided.items(), fill=fill
        )
    assert numbers.n == labels.max(initial=0)
    return labels, len(divided)


OPTIONS = st.builds(
    ObjectOptions,
    foreground=st.floats(0.2, 0.7),
    seed=st.floats(0.1, 0.7),
    smallest=st.sampled_from([None, 0, 1, 5, 30]),
    fill_holes=st.booleans(),
)


@st.composite
def frames_in_blocks(draw):
    """Shape, block and pixel size of a small plane or volume."""
    ndim = draw(st.sampled_from([2, 2, 3]))
    shape = draw(st.tuples(*[st.integers(1, 40 if ndim == 2 else 14)] * ndim))
    block = tuple(draw(st.integers(1, n + 1)) for n in shape)
    spacing = draw(st.just(()) | st.tuples(*[st.sampled_from([0.5, 1.0, 2.0, 5.0])] * ndim))
    return shape, block, spacing


def noise(shape, blur, seed):
    """Maps full of objects of all kinds: larger than blocks, with holes, one in another's hole."""
    maps = np.random.default_rng(seed).random((3, *shape))
    maps = ndimage.gaussian_filter(maps, (0, *[blur] * len(shape)))
    return (255 * (maps - maps.min()) / max(np.ptp(maps), 1e-9)).astype(np.uint8)


@examples(200)
@given(
    place=frames_in_blocks(),
    options=OPTIONS,
    blur=st.sampled_from([0, 0.5, 1, 2]),
    boundary=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_objects_by_blocks_are_those_of_the_whole(place, options, blur, boundary, seed):
    shape, block, spacing = place
    maps = noise(shape, blur, seed)
    if not boundary:
        maps[1] = 0
    labels, _ = by_blocks(maps, options, spacing, block)
    np.testing.assert_array_equal(labels, find_objects(maps, options, spacing))


@examples(100)
@given(place=frames_in_blocks(), options=OPTIONS, n=st.integers(1, 3), seed=st.integers(0, 10_000))
def test_parts_of_classes_by_blocks_are_those_of_the_whole(place, options, n, seed):
    shape, block, spacing = place
    classes = np.random.default_rng(seed).integers(0, n + 1, shape).astype(np.uint8)
    labels, _ = by_blocks(classes, options, spacing, block, classes=True)
    np.testing.assert_array_equal(labels, connected_objects(classes, options, spacing))


@pytest.mark.parametrize("block", [(13, 17), (64, 5), (200, 200)])
def test_touching_cells_are_divided_over_the_faces_of_blocks(block):
    cells = ellipses(3, n=30) > 0
    distance = ndimage.distance_transform_edt(cells)
    maps = np.stack([cells, np.zeros(cells.shape), np.minimum(distance / distance.max() * 2, 1)])
    maps = (255 * maps).astype(np.uint8)
    labels, divided = by_blocks(maps, ObjectOptions(), (), block)
    assert divided > 0 or block == (200, 200)
    assert labels.max() > ndimage.label(cells)[1]
    np.testing.assert_array_equal(labels, find_objects(maps))


def test_an_object_around_many_blocks_has_its_hole_filled_but_not_what_lies_in_it():
    classes = np.zeros((60, 60), np.uint8)
    classes[5:55, 5:55] = 1
    classes[10:30, 10:50] = 0
    classes[35:50, 10:50] = 0
    classes[40:45, 20:25] = 1
    labels, _ = by_blocks(classes, ObjectOptions(), (), (7, 7), classes=True)
    assert (labels[10:30, 10:50] == 1).all()
    assert (labels[40:45, 20:25] == 2).all()
    assert labels[36, 11] == 0
