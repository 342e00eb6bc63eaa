"""Speed of augmentation beside others' elastic deformation, on one core, image and labels.

    python benchmarks/augmentation.py [--runs 15] [--draws 10000]

The others are used if they are installed: batchgeneratorsv2, albumentations, monai, kornia,
elasticdeform, torchio. All deform by a smooth random field of up to about 10 pixels, varying over about
48, labels by the nearest pixel where there is a choice. Contenders take turns, in another order each
round and three times in a row each, and the processor time they take is counted. Then: whether any
label appears that was not there, and the share of augmentation in a training step.

Sampling keeps a core's units busy, drawing random numbers for every pixel does not, so work on the
core's other thread costs us more than the others: measure on a machine that has nothing else to do.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", NO_ALBUMENTATIONS_UPDATE="1")

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional

from napari_unet.core.augment.deform import deformation_margin
from napari_unet.core.augment.draw import draw_augmentation
from napari_unet.core.augment.intensity import change_intensities
from napari_unet.core.augment.options import AugmentOptions
from napari_unet.core.augment.warp import warp
from napari_unet.core.unet.config import UNetConfig
from napari_unet.core.unet.network import UNet

REACH, GRID = 10, 48
ELASTIC = AugmentOptions(rotation=0, tilt=0, scale=0, shear=0, mirror="", elastic=REACH, grid=GRID)
OURS = "napari_unet, elastic"
Run = Callable[[], object]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--runs", type=int, default=15)
    arguments.add_argument("--draws", type=int, default=10_000)
    chosen = arguments.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one core, image and labels")
    for shape, runs in (((512, 512), 4 * chosen.runs), ((96, 96, 96), max(chosen.runs // 3, 3))):
        _compare(shape, runs)
    _look_for_invented_labels(chosen.draws)
    _share_of_a_step("cuda" if torch.cuda.is_available() else "cpu", chosen.runs)


def _compare(shape: tuple[int, ...], runs: int) -> None:
    random = np.random.default_rng(0)
    image = random.random(shape, dtype=np.float32)
    labels = random.integers(0, 200, shape).astype(np.int32)
    contenders: dict[str, Run] = {
        OURS: _ours(ELASTIC, image, labels),
        "napari_unet, affine and elastic": _ours(AugmentOptions(), image, labels),
        "napari_unet, the same with margin": _ours(
            AugmentOptions(), image, labels, with_margin=True
        ),
    }
    for name, make in OTHERS.items():
        try:
            run = make(image, labels)
        except ImportError as missing:
            print(f"  {name}: left out, {missing}")
            continue
        if run is not None:
            contenders[name] = run
    times = _take_turns(contenders, runs)
    print(f"\n{' × '.join(map(str, shape)):36s}   median  ratio     least  ratio")
    for name, seconds in times.items():
        line = f"  {name:34s}"
        for middle in (statistics.median, min):
            figure = middle(seconds)
            line += f" {1000 * figure:7.1f} ms {figure / middle(times[OURS]):5.1f} ×"
        print(line)


def _take_turns(contenders: dict[str, Run], runs: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for turn in range(runs + 1):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            for _ in range(3):
                start = time.process_time()
                contenders[name]()
                if turn:  # the first turn warms up
                    times[name].append(time.process_time() - start)
    return times


def _ours(
    options: AugmentOptions, image: np.ndarray, labels: np.ndarray, with_margin: bool = False
) -> Run:
    spacing = (1.0,) * image.ndim
    if with_margin:  # as in training: what comes from beyond the patch is there, not made up
        around = [(m, m) for m in deformation_margin(options, image.shape, spacing)]
        wide, numbers = np.pad(image, around, "reflect"), np.pad(labels, around, "reflect")
    else:
        wide, numbers = image, labels
    images, ids = torch.from_numpy(wide)[None, None], torch.from_numpy(numbers)[None]
    steps = iter(range(1 << 30))

    def run() -> object:
        one = draw_augmentation(options, image.shape, spacing, 1, (0, next(steps), 0))
        return warp(images, ids, [one], ignore=-1)

    return run


def _batchgenerators(image: np.ndarray, labels: np.ndarray) -> Run:
    from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform

    transform = SpatialTransform(
        image.shape,
        0,
        random_crop=False,
        p_elastic_deform=1,
        elastic_deform_scale=GRID / image.shape[0] if image.ndim == 2 else 0.25,
        elastic_deform_magnitude=(5, REACH),
        mode_seg="nearest",
        padding_mode_image="reflection",
    )
    images, numbers = torch.from_numpy(image)[None], torch.from_numpy(labels.astype(np.int16))[None]
    return lambda: transform(image=images, segmentation=numbers)


def _albumentations(approximate: bool) -> Callable[[np.ndarray, np.ndarray], Run | None]:
    def make(image: np.ndarray, labels: np.ndarray) -> Run | None:
        if image.ndim == 3:
            return None
        import albumentations
        import cv2

        cv2.setNumThreads(1)
        transform = albumentations.ElasticTransform(
            alpha=300, sigma=GRID / 2, approximate=approximate, p=1
        )
        both = albumentations.Compose([transform])
        mask = labels.astype(np.float32)  # it takes no 32-bit integers
        return lambda: both(image=image, mask=mask)

    return make


def _monai(image: np.ndarray, labels: np.ndarray) -> Run:
    from monai.transforms import Rand2DElasticd, Rand3DElasticd

    same = {"prob": 1, "mode": ["bilinear", "nearest"], "padding_mode": "reflection"}
    both = ["image", "labels"]
    if image.ndim == 2:
        transform = Rand2DElasticd(both, spacing=(GRID, GRID), magnitude_range=(5, REACH), **same)
    else:
        transform = Rand3DElasticd(both, sigma_range=(8, 9), magnitude_range=(100, 200), **same)
    data = {
        "image": torch.from_numpy(image)[None],
        "labels": torch.from_numpy(labels)[None].float(),
    }
    return lambda: transform(data)


def _kornia(image: np.ndarray, labels: np.ndarray) -> Run | None:
    if image.ndim == 3:
        return None
    from kornia.augmentation import AugmentationSequential, RandomElasticTransform

    field = RandomElasticTransform(kernel_size=(63, 63), sigma=(GRID / 2, GRID / 2), p=1)
    both = AugmentationSequential(field, data_keys=["input", "mask"])
    images = torch.from_numpy(image)[None, None]
    mask = torch.from_numpy(labels)[None, None].float()
    return lambda: both(images, mask)


def _elasticdeform(image: np.ndarray, labels: np.ndarray) -> Run:
    import elasticdeform

    points = [n // GRID + 3 for n in image.shape]
    return lambda: elasticdeform.deform_random_grid(
        [image, labels], sigma=REACH / 2, points=points, order=[1, 0], mode="mirror"
    )


def _torchio(image: np.ndarray, labels: np.ndarray) -> Run:
    import SimpleITK
    import torchio

    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    volume = (1, *image.shape) if image.ndim == 2 else image.shape
    transform = torchio.RandomElasticDeformation(
        num_control_points=tuple(7 if n == 1 else n // GRID + 4 for n in volume),
        max_displacement=tuple(0 if n == 1 else REACH - 2 for n in volume),
    )
    subject = torchio.Subject(
        image=torchio.ScalarImage(tensor=torch.from_numpy(image.reshape(1, *volume))),
        labels=torchio.LabelMap(tensor=torch.from_numpy(labels.reshape(1, *volume))),
    )
    return lambda: transform(subject)


OTHERS: dict[str, Callable[[np.ndarray, np.ndarray], Run | None]] = {
    "batchgeneratorsv2": _batchgenerators,
    "albumentations, approximate": _albumentations(approximate=True),
    "albumentations": _albumentations(approximate=False),
    "monai": _monai,
    "elasticdeform": _elasticdeform,
    "kornia": _kornia,
    "torchio": _torchio,
}


def _look_for_invented_labels(draws: int) -> None:
    random = np.random.default_rng(0)
    invented = 0
    for step in range(draws):
        shape = (24, 24) if step % 2 else (6, 12, 12)
        ids = torch.from_numpy(random.integers(2**24, 2**62, 5))
        labels = ids[torch.from_numpy(random.integers(0, 5, (1, *shape)))]
        one = draw_augmentation(AugmentOptions(grid=8), shape, (1.0,) * len(shape), 1, (0, step, 0))
        _, picked = warp(torch.zeros(1, 1, *shape), labels, [one], ignore=-1)
        invented += bool(set(picked.unique().tolist()) - {-1, *ids.tolist()})
    print(f"\n{invented} of {draws} draws gave a label that was not there (labels above 2^24)")


def _share_of_a_step(device: str, runs: int) -> None:
    shape, batch, options = (256, 256), 4, AugmentOptions()
    size = [
        n + 2 * m for n, m in zip(shape, deformation_margin(options, shape, (1, 1)), strict=True)
    ]
    images, labels = torch.randn(batch, 1, *size), torch.randint(0, 2, (batch, *size))
    images, labels = images.to(device), labels.to(device)
    network = UNet(UNetConfig.classic(base=32, depth=4, out_channels=2))
    network = network.to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters())
    spent: dict[str, list[float]] = {"augmentation": [], "the rest": []}
    for step in range(max(runs // 3, 3) if device == "cpu" else 10 * runs):
        start = _now(device)
        draws = [draw_augmentation(options, shape, (1, 1), 1, (0, step, i)) for i in range(batch)]
        moved, picked = warp(images, labels, draws, ignore=-1)
        moved = change_intensities(moved, draws).contiguous(memory_format=torch.channels_last)
        middle = _now(device)
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            loss = functional.cross_entropy(network(moved), picked, ignore_index=-1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        spent["augmentation"].append(middle - start)
        spent["the rest"].append(_now(device) - middle)
    one, rest = (statistics.median(seconds[1:]) for seconds in spent.values())
    print(
        f"training step on {device}, 4 × 256², base 32, depth 4: augmentation {1000 * one:.1f} ms, "
        f"the rest {1000 * rest:.0f} ms: {one / (one + rest):.1%} of the step"
    )


def _now(device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


if __name__ == "__main__":
    main()
