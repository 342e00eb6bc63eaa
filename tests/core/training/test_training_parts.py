"""The small parts of a training."""

from __future__ import annotations

import itertools
import json
import os
import time

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given
from hypothesis import strategies as st
from networks import strong_network
from places import REPOSITORY
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from napari_unet.core.annotations.regions import Region
from napari_unet.core.augment.options import AugmentOptions
from napari_unet.core.device import Compute
from napari_unet.core.errors import UserError
from napari_unet.core.graph.config import LayerGraph
from napari_unet.core.image.axes import Image
from napari_unet.core.progress import finish
from napari_unet.core.training.clock import TrainingClock
from napari_unet.core.training.options import TrainingOptions
from napari_unet.core.training.plan import choose_plan, patch_shape, plans
from napari_unet.core.training.schedule import FINAL_RATE, rate_factor, validation_interval
from napari_unet.core.training.state import (
    DamagedStateError,
    TrainingState,
    load_state,
    read_status,
    save_state,
)
from napari_unet.core.training.status import TrainingStatus
from napari_unet.core.training.weight_average import WeightAverage
from napari_unet.core.unet.checkpointing_policy import KEEP_ALL
from napari_unet.core.unet.config import UNetConfig
from napari_unet.services.training.annotation_files import (
    read_annotations,
    read_regions,
    write_regions,
)
from napari_unet.services.training.options import FinetuneOptions
from napari_unet.services.training.state_files import TrainingFiles

CPU = Compute("cpu", "float32")


@given(first=st.integers(0, 500), length=st.integers(1, 3000))
def test_the_rate_rises_then_falls_to_nearly_nothing(first, length):
    rates = [rate_factor(first + i, first, first + length) for i in range(length)]
    top = int(np.argmax(rates))
    assert max(rates) <= 1
    assert min(rates) > 0
    assert all(a <= b for a, b in itertools.pairwise(rates[: top + 1]))
    assert all(a >= b for a, b in itertools.pairwise(rates[top:]))
    if length >= 10:
        assert rates[-1] < 0.2 + FINAL_RATE


@given(st.integers(1, 10**6), st.integers(1, 10**8), st.integers(0, 10**9))
def test_judging_takes_a_small_share_of_the_time(steps, step_pixels, validation_pixels):
    interval = validation_interval(steps, step_pixels, validation_pixels)
    assert interval >= 5
    # a pixel costs three times as much in training
    cheap = 8 * validation_pixels <= 3 * step_pixels * interval * (1 + 1e-9)
    assert cheap or interval == max(5, min(steps // 20, 50), steps // 4)


@given(
    step=st.floats(0.01, 0.2),
    saving=st.floats(0.001, 0.07),
    checking=st.floats(0, 0.3),
    interval=st.integers(3, 30),
    busy=st.integers(0, 20),
)
def test_a_kill_loses_no_more_than_the_time_between_two_saves(
    step, saving, checking, interval, busy
):
    now, kept, lost = 0.0, 0.0, []
    status = TrainingStatus(key="", total=1000, patch=(), chunk=1, policy=(0, 0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.monotonic", lambda: now)
        clock = TrainingClock(status, TrainingOptions(save_every=1.0, minutes=None))
        for i in range(200):
            now += step
            clock.count()
            now += 0 if i % interval else checking
            if clock.time_to_save(0 if (i + 1) % interval else checking):
                state = status.seconds
                # one of them waits, for the disk perhaps
                taken = saving + (0.25 if len(lost) == busy else 0.0)
                now += taken
                clock.saved(taken)
                # a kill just before the file was there
                lost.append(now - kept)
                kept = state
    # how long it takes to save is known from the second time on
    assert max(lost[1:]) <= 1.0 + 1e-9
    assert np.median(lost) >= 0.75 - 2 * step - 2 * saving - 3 * checking


@given(st.floats(0.11, 1.0))
def test_saving_on_a_slow_disk_takes_a_small_share_of_the_time(saving):
    now, saves, status = 0.0, 0, TrainingStatus(key="", total=999, patch=(), chunk=1, policy=(0, 0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.monotonic", lambda: now)
        clock = TrainingClock(status, TrainingOptions(save_every=1.0, minutes=None))
        while now < 100 * saving:
            now += 0.01
            clock.count()
            if clock.time_to_save():
                now += saving
                saves += 1
                clock.saved(saving)
    # the first three tell how slow it is
    assert 8 <= saves <= 3 + 12


def test_the_average_follows_the_weights():
    network = strong_network(UNetConfig.classic(base=2, depth=1))
    average = WeightAverage(network, 0.9)
    with torch.no_grad():
        network.head.bias.fill_(1.0)
    for step in range(1, 200):
        average.update(network, step)
    assert torch.allclose(average.network.head.bias, network.head.bias, atol=1e-4)


def test_the_average_soon_forgets_the_initial_weights():
    network = strong_network(UNetConfig.classic(base=2, depth=1))
    average = WeightAverage(network, 0.999)
    with torch.no_grad():
        network.head.bias += 1.0
    average.update(network, 1)
    assert torch.allclose(average.network.head.bias, network.head.bias - 0.1)


def image(*shape, **scale):
    return Image(np.zeros(shape, np.uint8), "ZYX"[3 - len(shape) :], scale)


@pytest.mark.parametrize("checkpointing", ["auto", "off", "all"])
def test_plans_shrink_by_policy_then_batch_then_patch(checkpointing):
    config = UNetConfig.classic(base=8, depth=3)
    options = TrainingOptions(use_checkpointing=checkpointing, patch=128)
    found = list(plans(config, options, CPU, [image(512, 512)]))
    keys = [(p.patch, p.chunk, -p.recompute) for p in found]
    assert keys == sorted(keys, reverse=True)
    assert found[0].patch == (128, 128)
    assert found[-1].chunk == 1
    assert {p.batch for p in found} == {4}
    for free in (found[0].memory, found[-1].memory, np.median([p.memory for p in found])):
        assert finish(choose_plan(iter(found), free)).memory <= free
    with pytest.raises(UserError, match="not enough memory"):
        finish(choose_plan(iter(found), min(p.memory for p in found) - 1))


def test_patches_fit_image_stride_and_voxels():
    flat = UNetConfig.classic(base=2, depth=4)
    deep = UNetConfig.classic(base=2, depth=2, ndim=3)
    assert patch_shape(256, flat, [(100, 300)], (1, 1)) == (112, 256)
    assert patch_shape(64, deep, [(100, 100, 100)], (4.0, 1.0, 1.0)) == (16, 64, 64)
    assert patch_shape(64, deep, [(3, 100, 100)], (1.0, 1.0, 1.0)) == (4, 64, 64)


def test_regions_from_text_and_from_shapes(tmp_path):
    volume = image(4, 50, 60)
    (box,) = read_regions("y=2:10, X=5:20,z=1:3", volume)
    assert box.spans == {"Z": (1, 3)}
    assert box.mask((50, 60)).window(slice(0, 50), slice(0, 60)).sum() == 8 * 15
    path = tmp_path / "shapes.csv"
    path.write_text(
        "index,shape-type,vertex-index,axis-0,axis-1,axis-2\n"
        + "".join(
            f"{i},{kind},{k},2,{y},{x}\n"
            for i, kind in enumerate(("rectangle", "ellipse"))
            for k, (y, x) in enumerate([(9.5, 9.5), (9.5, 29.5), (29.5, 29.5), (29.5, 9.5)])
        )
    )
    rectangle, ellipse = read_regions(str(path), volume)
    assert rectangle.spans == {"Z": (2, 3)}
    areas = [
        r.mask((50, 60)).window(slice(0, 50), slice(0, 60)).sum() for r in (rectangle, ellipse)
    ]
    assert areas[0] == 400
    assert areas[1] == pytest.approx(np.pi * 100, rel=0.03)


@pytest.mark.parametrize("text", ["nonsense", "y=5:2", "", "y=1:2,,x=1:2", "missing.csv"])
def test_regions_that_can_not_be_understood(text):
    with pytest.raises(UserError):
        read_regions(text, image(50, 60))


def test_a_folder_of_regions_is_not_passed_over(tmp_path):
    for folder in ("images", "paint"):
        (tmp_path / folder).mkdir()
        for name in "ab":
            tifffile.imwrite(tmp_path / folder / f"{name}.tif", np.ones((20, 30), np.uint8))
    regions = tmp_path / "regions"
    regions.mkdir()

    def read():
        paths = [tmp_path / "images"], [tmp_path / "paint"]
        return read_annotations(*paths, "scribbles", regions=[str(regions)])

    with pytest.raises(UserError, match="No image has regions"):
        read()
    write_regions(regions / "b.csv", [Region.box((0, 5), (0, 5))], image(20, 30))
    assert [len(annotation.regions) for annotation in read()] == [0, 1]
    (regions / "c.csv").touch()
    with pytest.raises(UserError, match=r"belong to no image.*c\.csv"):
        read()
    write_regions(regions / "a.csv", [Region.box((0, 5), (0, 5))], image(20, 30))
    assert [len(annotation.regions) for annotation in read()] == [1, 1], "c is learnt another time"
    (regions / "a.csv").unlink()
    (regions / "b.csv").unlink()
    with pytest.raises(UserError, match="No image has regions"):
        read()


def test_a_line_is_no_region():
    with pytest.raises(UserError, match="no area"):
        Region.from_shape("line", np.zeros((2, 2)), "YX")


def test_the_manual_has_every_setting_with_its_default():
    manual = (REPOSITORY / "docs" / "finetuning.md").read_text(encoding="utf-8")
    for prefix, model in (("", FinetuneOptions), ("augment.", AugmentOptions)):
        for name, field in model.model_fields.items():
            default = {None: "none", "": "empty"}.get(field.default, field.default)
            assert name == "augment" or f"| `{prefix}{name}` | {default} | {field.title}." in manual


def test_states_that_nobody_came_back_to_are_deleted(tmp_path):
    files = TrainingFiles(tmp_path)
    old, half, new, other = (
        tmp_path / name
        for name in ("a.training", ".napari-unet-0a.part", "b.training", "c.safetensors")
    )
    long_ago = time.time() - 40 * 24 * 3600
    for path in (old, half, new, other):
        path.touch()
        if path is not new:
            os.utime(path, (long_ago, long_ago))
    files.forget_old()
    assert sorted(tmp_path.iterdir()) == [new, other]
    TrainingFiles(tmp_path / "missing").forget_old()


@pytest.fixture
def state(tmp_path):
    status = TrainingStatus(key="k", total=9, patch=(32, 32), chunk=1, policy=(0, 0))
    path = tmp_path / "a.training"
    save_state(TrainingState(status, {"w": torch.ones(3)}, ()), path)
    return path


def rewritten(path, **changes):
    with safe_open(path, "pt") as file:
        (key,) = file.metadata()
        header = json.loads(file.metadata()[key]) | changes
    save_file(load_file(path), path, {key: json.dumps(header)})


def test_a_state_is_only_that_of_its_training_and_version(state):
    assert load_state(state, "k").tensors["w"].tolist() == [1, 1, 1]
    assert load_state(state, "another") is None
    for changes in ({"version": 99}, {"status": {"step": "?"}}):
        rewritten(state, **changes)
        assert load_state(state, "k") is None
        assert read_status(state) is None
    state.write_bytes(b"no state")
    with pytest.raises(DamagedStateError, match="not a complete file"):
        load_state(state, "k")
    assert load_state(state.with_name("none"), "k") is None


def test_a_network_of_layers_keeps_all_and_small_images_have_a_patch():
    window = {"kernel": (3, 3), "stride": (1, 1), "padding": (1, 1)}
    layer = {"kind": "convolution", "inputs": (0,), "channels": 1, **window}
    config = LayerGraph.model_validate({"ndim": 2, "in_channels": 1, "layers": [layer]})
    image = Image(np.zeros((8, 9)), "YX")
    options = TrainingOptions(patch=16, use_checkpointing="all")
    plan = next(plans(config, options, CPU, [image]))
    assert (plan.policy, plan.recompute) == (KEEP_ALL, 0.0)
    # of so large a stride that no usual patch is a multiple of it
    deep = UNetConfig.classic(base=2, depth=5)
    plan = next(plans(deep, TrainingOptions(patch=16, use_checkpointing="off"), CPU, [image]))
    assert plan.patch == (32, 32)
