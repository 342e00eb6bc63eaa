"""A corrected result, tuned on and judged by what was corrected."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import torch
from painted import blank, options

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.model.adapt import adapt_model
from napari_unet.core.progress import finish
from napari_unet.services.training.annotation_files import read_annotations
from napari_unet.services.training.finetune import finetune
from napari_unet.services.training.task import task_note

SIDE, DIM = 16, (2, 4, 9)


def frame(seed=0):
    """Nine squares, three of them dim; their numbers."""
    labels = np.zeros((3 * SIDE, 3 * SIDE), np.int32)
    for i in range(9):
        y, x = (SIDE * n + 3 for n in divmod(i, 3))
        labels[y : y + 10, x : x + 10] = i + 1
    brightness = np.where(labels > 0, np.where(np.isin(labels, DIM), 90, 200), 40)
    noise = np.random.default_rng(seed).normal(0, 6, labels.shape)
    return np.clip(brightness + noise, 0, 255).astype(np.uint8), labels


def tuned(annotation, start, steps=50):
    return finish(finetune([annotation], start, options(steps=steps, learning_rate=1e-2)))


@pytest.fixture(scope="module")
def result():
    """A network that knew only bright squares, tuned on a frame where three dim ones were added."""
    pixels, labels = frame()
    found = np.where(np.isin(labels, DIM), 0, labels)
    parent = tuned(Annotation(Image(pixels, "YX", name="old"), found, "objects"), blank()).model
    new, _ = frame(seed=1)
    corrected = Annotation(Image(new, "YX", name="new"), labels, "objects", result_before=found)
    return tuned(corrected, parent)


def test_three_corrections_in_a_frame_of_nine_can_be_judged(result):
    compared = result.trained.verdict.annotated
    assert (compared.n, compared.right_before, compared.right_after) == (2, 0, 2)
    assert compared.n_unchanged >= 1
    assert compared.lost == 0
    assert result.better
    assert "of 2 held-out corrected objects, 2 are right, before 0" in result.verdict
    assert "none is lost" in result.verdict


def test_held_out_is_drawn_among_what_was_corrected(result):
    assert "2 of 3 corrected objects" in str(result.trained.training_set.held)


def test_objects_make_a_network_of_pixels_tell_objects_apart():
    """Unless somebody asks for pixels."""
    pixels, labels = frame()
    annotation = Annotation(Image(pixels, "YX"), labels, "objects")
    plain = tuned(annotation, blank(task="semantic"), steps=10).model
    assert plain.spec.task == "semantic"
    new = tuned(annotation, plain, steps=2)
    assert new.model.spec.task == "objects"
    assert new.trained.verdict.annotated is not None
    job = finetune([annotation], plain, options(steps=2, task="semantic"))
    assert finish(job).model.spec.task == "semantic"
    assert "tell objects apart" in task_note(plain.spec, [annotation], options())
    assert not task_note(new.model.spec, [annotation], options())


def test_the_foreground_of_a_network_of_pixels_is_kept():
    model = blank(task="semantic").build()
    adapted = adapt_model(model, task="objects")
    pixels = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        assert torch.equal(adapted.network(pixels)[:, :1], model.network(pixels))


def test_files_of_a_correction_are_read_and_a_raw_result_is_refused(tmp_path):
    pixels, labels = frame()
    found = np.where(np.isin(labels, DIM), 0, labels)
    for name, data in (("cells", pixels), ("labels", labels), ("result", found)):
        tifffile.imwrite(tmp_path / f"{name}.tif", data)
    paths = [[tmp_path / f"{name}.tif"] for name in ("cells", "labels", "result")]
    (read,) = read_annotations(*paths[:2], "objects", result_before=paths[2], in_order=True)
    assert np.array_equal(read.result_before, found)
    raw = read_annotations(paths[0], paths[2], "objects", result_before=paths[2], in_order=True)
    with pytest.raises(UserError, match="Nothing in the result has been corrected"):
        finish(finetune(raw, blank(), options()))
