"""Labels are paired with their images by the names that people give them."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.core.errors import UserError
from napari_unet.services.files.names import labels_apart
from napari_unet.services.files.pairs import pair_files


def in_folder(folder, *names):
    return [Path(folder) / name for name in names]


def named(images, labels, **how):
    pairs = pair_files(images, labels, **how)
    return [(image.name, label.name) for image, label in pairs.pairs]


AFFIXES = (
    "{}_masks",
    "{}_mask",
    "{}-mask",
    "{} mask",
    "{}_label",
    "{}_labels",
    "{}_seg",
    "{}_cp_masks",
    "{}_gt",
    "{}_ground_truth",
    "{}.labels",
    "mask_{}",
    "labels-{}",
    "man_seg_{}",
    "{}Mask",
    "{}",
)


@given(
    st.sampled_from(AFFIXES),
    st.sampled_from(("{}", "{}_img", "image_{}", "{}.ome", "raw_{}")),
    st.lists(
        st.from_regex(r"[a-d]{1,3}_[0-9]{1,3}", fullmatch=True),
        min_size=2,
        max_size=6,
        unique_by=lambda x: (x.split("_")[0], int(x.split("_")[1])),
    ),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_the_affixes_of_the_field_pair_in_any_order(label, image, names, together, rng):
    folder = "l" if label == "{}" or not together else "i"
    images = in_folder("i", *(image.format(name) + ".tif" for name in names))
    labels = in_folder(folder, *(label.format(name) + ".tif" for name in names))
    wanted = set(zip(images, labels))
    rng.shuffle(labels)
    if folder == "i":
        images = labels = random.Random(0).sample([*images, *labels], 2 * len(images))
    pairs = pair_files(images, labels)
    assert set(pairs.pairs) == wanted
    assert pairs.by_name


def test_one_folder_given_twice_holds_images_and_their_labels():
    files = in_folder("d", "a_00.tif", "a_00_masks.tif", "a_01.tif", "a_01_masks.tif")
    assert named(files, files) == [("a_00.tif", "a_00_masks.tif"), ("a_01.tif", "a_01_masks.tif")]
    with pytest.raises(UserError, match="given as both"):
        pair_files(files[::2], files[::2])


def test_label_files_are_no_images():
    files = in_folder("d", "x.tif", "x_seg.npy", "mask_x.tif", "label_free_1.tif", "y_mask.tif")
    images, labels = labels_apart(files)
    assert [p.name for p in images] == ["x.tif", "label_free_1.tif", "y_mask.tif"]
    assert [p.name for p in labels] == ["x_seg.npy", "mask_x.tif"]


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (["f0", "f1", "f2"], ["f1_mask", "f2_mask", "f3_mask"]),
        (["cell1", "cell2"], ["truth_2", "truth_3"]),
        (["im_1", "im_2", "im_3"], ["m4", "m5", "m6"]),
        (["a", "b"], ["a", "c"]),
        (["a", "b", "c"], ["a_mask", "x_mask"]),
    ],
)
def test_names_that_contradict_the_order_are_refused_with_the_pairs(images, labels):
    images = in_folder("i", *(f"{name}.tif" for name in images))
    labels = in_folder("l", *(f"{name}.tif" for name in labels))
    with pytest.raises(UserError, match="don't pair up by their names") as told:
        pair_files(images, labels)
    assert f"no image – {labels[-1].name}" in str(told.value)
    if len(images) == len(labels):
        assert pair_files(images, labels, in_order=True).pairs == tuple(zip(images, labels))


def test_parts_that_differ_pair_names_of_other_words():
    images = in_folder("i", "DAPI_s1_w1.tif", "DAPI_s2_w1.tif", "DAPI_s10_w1.tif")
    labels = in_folder("l", "nuclei10.tif", "nuclei01.tif", "nuclei02.tif")
    assert [b[-6:-4] for _, b in named(images, labels)] == ["01", "02", "10"]
    frames = in_folder("i", *(f"t{i:03}.tif" for i in (0, 4, 12)))
    pairs = pair_files(frames, in_folder("l", "man_seg012.tif", "man_seg000.tif", "man_seg004.tif"))
    assert all(a.stem[1:] == b.stem[-3:] for a, b in pairs.pairs)


def test_images_without_labels_are_left_out_of_one_folder_and_refused_of_two():
    files = in_folder("d", "a.tif", "b.tif", "c.tif", "b_masks.tif", "c_seg.npy")
    pairs = pair_files(files, files)
    assert [b.name for _, b in pairs.pairs] == ["b_masks.tif", "c_seg.npy"]
    assert "Left out, without labels: a.tif" in str(pairs)
    with pytest.raises(UserError, match=r"a.tif – no labels; b.tif – b_masks.tif"):
        pair_files(files[:3], files[3:])


def test_names_that_say_nothing_are_paired_in_order_and_that_is_told():
    images, labels = in_folder("i", "north.tif", "south.tif"), in_folder("l", "x.tif", "y.tif")
    pairs = pair_files(images, labels)
    assert "paired in their order" in str(pairs)
    assert "south.tif – y.tif" in str(pairs)
    assert pair_files(images[:1], labels[:1]).by_name  # one of each can only mean each other


def test_the_same_names_in_several_folders_pair_in_order():
    images = in_folder("e1", "img.tif") + in_folder("e2", "img.tif")
    labels = in_folder("e1", "mask.tif") + in_folder("e2", "mask.tif")
    pairs = pair_files(images, labels)
    assert pairs.pairs == tuple(zip(images, labels))


def test_predictions_are_never_left_out():
    truth = in_folder("t", "a_gt.tif", "b_gt.tif")
    assert named(in_folder("p", "a_masks.tif", "b_masks.tif"), truth, noun="predictions")
    for found in (["a", "b", "c"], ["a"]):
        with pytest.raises(UserError, match="Predictions and labels"):
            pair_files(in_folder("p", *(f"{x}_masks.tif" for x in found)), truth, "predictions")
