"""A training on several devices: what one device would learn, and what happens when one is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
import tifffile
import torch
from painted import blank, checkers, numbered, options
from thread_ranks import several

from napari_unet.core.annotations.annotation import Annotation
from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import Image
from napari_unet.core.progress import finish
from napari_unet.core.training.state import read_status
from napari_unet.core.unet.shared_batch_norm import SharedBatchNorm
from napari_unet.services.library import Library
from napari_unet.services.training.devices import joined
from napari_unet.services.training.finetune import finetune, follow_training

CLOSE = 1e-5


def sparse(seed=0):
    """One pixel of a hundred is labelled."""
    pixels, squares = checkers(seed=seed)
    labelled = np.random.default_rng(seed).random(squares.shape) < 0.01
    return Annotation(
        Image(pixels, "YX", name=f"board {seed}"), labelled * (1 + squares), "scribbles"
    )


def learnt(annotations, model, given, size=1):
    """The learner's state after a training on some devices."""
    if size == 1:
        return finish(finetune(annotations, model, given)).trainer._learner.state()
    others = lambda ranks: finish(follow_training(annotations, model, given, ranks))  # noqa: E731
    with several(size, others) as ranks:
        return finish(finetune(annotations, model, given, ranks=ranks)).trainer._learner.state()


def furthest(one, other, prefix):
    return max(
        float((one[name] - other[name]).abs().max()) for name in one if name.startswith(prefix)
    )


def same_gradients(one, other):
    """Whether the moments after a first step agree.

    Weights need not: a gradient as small as its rounding error may have either sign, which Adam follows.
    """
    largest = max(float(value.abs().max()) for name, value in one.items() if "exp_avg/" in name)
    return furthest(one, other, "exp_avg/") <= CLOSE * largest


@pytest.fixture(scope="module")
def nuclei():
    return finish(Library().load("nuclei-fluorescence"))


@pytest.fixture(scope="module")
def parent():
    """A small network that has learnt something: its batch norms keep their statistics."""
    boards = [numbered(seed=i) for i in range(2)]
    return finish(finetune(boards, blank(task="objects", base=8), options(steps=20))).model


@pytest.mark.parametrize("what", ["dense", "sparse"])
def test_two_devices_learn_what_one_does(parent, what):
    boards = [numbered(seed=i) if what == "dense" else sparse(i) for i in (5, 6)]
    given = options(steps=20, batch=4)
    one, two = (learnt(boards, parent, given, n) for n in (1, 2))
    assert furthest(one, two, "network/") <= CLOSE
    assert furthest(one, two, "average/") <= CLOSE
    first = parent.network.state_dict()
    moved = max(float((one[f"network/{k}"] - first[k]).abs().max()) for k in first)
    assert moved > 100 * CLOSE


def test_what_is_rehearsed_is_shared_even_where_a_device_gets_none_of_it(nuclei):
    boards, given = [numbered(seed=5)], options(steps=1, batch=3)
    assert same_gradients(*(learnt(boards, nuclei, given, n) for n in (1, 3)))


@pytest.mark.parametrize("size", [2, 4])
def test_statistics_of_batch_norms_are_those_of_the_whole_batch(size):
    boards, given = [numbered(seed=i) for i in range(2)], options(steps=1, batch=4)
    one, more = (learnt(boards, blank(task="objects"), given, n) for n in (1, size))
    running = [name for name in one if "running_" in name and name.startswith("network/")]
    assert running
    for name in running:
        torch.testing.assert_close(more[name], one[name], rtol=1e-5, atol=1e-6)
    assert same_gradients(one, more)


def test_a_shared_batch_norm_alone_is_an_ordinary_one():
    x = 10 + 3 * torch.randn(4, 5, 9, 7, generator=torch.manual_seed(0))
    norm = torch.nn.BatchNorm2d(5)
    shared = SharedBatchNorm(torch.nn.BatchNorm2d(5), lambda values: values)
    for each, given in ((norm, x.clone()), (shared, x.clone())):
        each.gradient = given.requires_grad_()
        (each(given) ** 3).mean().backward()
    torch.testing.assert_close(shared.gradient.grad, norm.gradient.grad, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(shared.running_var, norm.running_var)
    torch.testing.assert_close(shared.weight.grad, norm.weight.grad)


class Unmet:
    """Ranks whose others never come: enough to be refused."""

    rank, size = 0, 2

    def least(self, value):
        return value


def test_devices_that_can_t_share_a_step_are_told():
    with pytest.raises(UserError, match=r"2 devices can't share .* evenly: 3 patches"):
        finish(finetune([numbered()], blank(), options(batch=3), ranks=Unmet()))


@pytest.mark.parametrize(
    ("devices", "said"), [("7", "no graphics card"), ("cpu,gpu", "no graphics card")]
)
def test_devices_that_are_not_there_are_told(devices, said, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UserError, match=said), joined(devices, ()):
        pass


def test_another_number_of_devices_goes_on_with_the_training(tmp_path):
    state, given = tmp_path / "new.training", options(steps=6, batch=4)
    boards = [numbered(seed=i) for i in range(2)]
    more = {"state": state}

    def follow(ranks):
        finish(follow_training(boards, blank(), given, ranks))

    with several(2, follow) as ranks:
        job = finetune(boards, blank(), given, ranks=ranks, **more)
        while next(job).done < 3:
            pass
        job.close()
    assert read_status(state).step == 3
    began = [step.done for step in finetune(boards, blank(), given, **more)]
    assert 3 in began
    assert 2 not in began
    assert began[-1] == 6


def test_what_is_learnt_before_a_device_is_lost_is_kept(tmp_path):
    for i in range(2):
        board = numbered(seed=i)
        tifffile.imwrite(tmp_path / f"im{i}.tif", board.image.data)
        tifffile.imwrite(tmp_path / f"im{i}_masks.tif", board.paint.astype(np.uint16))
    out = tmp_path / "new.safetensors"
    command = [sys.executable, "-m", "napari_unet", "finetune", "-o", out, "--kind", "objects"]
    command += ["--images", tmp_path / "im?.tif", "--labels", tmp_path / "im?_masks.tif"]
    command += ["--minutes", 0, "--patch", 32, "--base", 4, "--depth", 2, "--batch", 4]
    command = [str(word) for word in command]
    state = out.with_suffix(".training")
    long = ["--steps", "5000", "--option", "save_every=0.2", "--devices", "cpu,cpu"]
    with subprocess.Popen(
        [*command, *long], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as leader:
        until = time.monotonic() + 60
        while read_status(state) is None and time.monotonic() < until:
            time.sleep(0.05)
        (other,) = psutil.Process(leader.pid).children()
        os.kill(other.pid, signal.SIGKILL)
        said, _ = leader.communicate(timeout=60)
    assert leader.returncode == 1
    assert "A device was lost" in said
    assert "on 2 devices" in said
    assert read_status(state).step > 0
