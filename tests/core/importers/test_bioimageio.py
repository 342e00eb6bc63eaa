from __future__ import annotations

import shutil
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import yaml
from foreign_networks import BrainUNet, PytorchUNet, TorchEm, Unet2d
from model_packages import PackageWriter, sha256, sigmoid, softmax, zipped

from napari_unet.core.errors import UserError
from napari_unet.core.importers import MissingWeightsError, load_foreign

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_unet.core.model.spec import Model

WEIGHTS = "unet2d_nuclei_broad_weights.torch"
DESCRIPTIONS = ["bioimageio.yaml", "v0_4_9.bioimageio.yaml"]


@pytest.fixture
def broad(shared_data: Path, tmp_path: Path) -> Path:
    """A copy of the real package."""
    source = shared_data / "networks" / "unet2d_nuclei_broad"
    target = tmp_path / "unet2d_nuclei_broad"
    target.mkdir()
    for file in source.iterdir():
        if file.suffix != ".onnx":
            shutil.copyfile(file, target / file.name)
    return target


def verified(model: Model) -> float:
    error = model.spec.provenance.verified_error
    assert error is not None
    return error


@pytest.mark.each_value
@pytest.mark.parametrize("description", DESCRIPTIONS)
@pytest.mark.parametrize("form", ["folder", "yaml", "zip", "zip with folder"])
def test_real_package(description: str, form: str, broad: Path, tmp_path: Path) -> None:
    for other in set(DESCRIPTIONS) - {description}:
        (broad / other).unlink()
    path = {"folder": broad, "yaml": broad / description}.get(form)
    if path is None:
        inside = "nuclei/" if form == "zip with folder" else ""
        path = zipped(broad, tmp_path / "package.zip", inside)
        shutil.rmtree(broad)
    model = load_foreign(path)
    assert verified(model) <= 1e-4
    spec = model.spec
    assert spec.name == "UNet 2D Nuclei Broad"
    assert spec.config.encoder == ((16, 16), (32, 32), (64, 64), (128, 128))
    assert (spec.config.relu, spec.config.upsampling) == ("last", "linear")
    assert (spec.activation, spec.normalization.kind) == ("sigmoid", "zscore")
    assert spec.license == "MIT"
    assert spec.authors == ("Constantin Pape", "Fynn Beuttenmueller")
    assert "10.1007/978-3-319-24574-4_28" in spec.citation[0]


def test_folder_with_both_descriptions_takes_the_standard_name(broad: Path) -> None:
    assert "0.5.4" in load_foreign(broad).spec.provenance.format


def test_weights_by_themselves(broad: Path) -> None:
    spec = load_foreign(broad / WEIGHTS).spec
    assert spec.provenance.verified_error is None
    assert (spec.config.relu, spec.config.upsampling) == ("last", "linear")
    assert (spec.activation, spec.normalization.kind) == ("sigmoid", "zscore")


@pytest.mark.parametrize("description", DESCRIPTIONS)
def test_changed_weights(description: str, broad: Path) -> None:
    data = bytearray((broad / WEIGHTS).read_bytes())
    data[-1000] ^= 1
    (broad / WEIGHTS).write_bytes(data)
    with pytest.raises(UserError, match="SHA-256"):
        load_foreign(broad / description)


def test_changed_test_tensor(broad: Path) -> None:
    np.save(broad / "test_output.npy", np.load(broad / "test_output.npy") + 1)
    with pytest.raises(UserError, match="SHA-256"):
        load_foreign(broad)


@pytest.mark.parametrize("form", ["folder", "yaml", "zip"])
def test_missing_weights_are_named_not_fetched(form: str, broad: Path, tmp_path: Path) -> None:
    saved = (broad / WEIGHTS).read_bytes()
    (broad / WEIGHTS).unlink()
    path = {"folder": broad, "yaml": broad / DESCRIPTIONS[0]}.get(form)
    if path is None:
        (tmp_path / "zips").mkdir()
        path = zipped(broad, tmp_path / "zips" / "package.zip")
    with pytest.raises(MissingWeightsError) as caught:
        load_foreign(path)
    error = caught.value
    assert error.url == "http://files.ilastik.org/bioimageio_test/" + WEIGHTS
    assert error.url in str(error)
    assert str(error.target) in error.remedy
    # saved under the name the message tells, it works
    error.target.write_bytes(saved)
    assert verified(load_foreign(path)) <= 1e-4


def test_truncated_weights(broad: Path) -> None:
    data = (broad / WEIGHTS).read_bytes()[:100_000]
    (broad / WEIGHTS).write_bytes(data)
    text = (broad / DESCRIPTIONS[1]).read_text(encoding="utf-8")
    old = "e4d3885bccbe41cbf6c1d825f3cd2b707c7021ead5593156007e407a16b27cf2"
    (broad / DESCRIPTIONS[1]).write_text(
        text.replace(old, sha256(broad / WEIGHTS)), encoding="utf-8"
    )
    with pytest.raises(UserError, match="damaged"):
        load_foreign(broad / DESCRIPTIONS[1])


def test_a_test_output_that_is_missed(tmp_path: Path) -> None:
    path = PackageWriter(activate=lambda x: sigmoid(1.01 * x)).write(tmp_path)
    with pytest.raises(UserError, match=r"differs from the test output by 0\.\d+ at best"):
        load_foreign(path)


NETWORKS = {
    "unet2d": Unet2d(channels=2),
    "unet2d-aligned": Unet2d(aligned=True),
    "unet2d-up-first": Unet2d(up_first=True),
    "unet2d-both": Unet2d(up_first=True, aligned=True),
    "unet3d": Unet2d(ndim=3, channels=2),
    "pytorch-unet": PytorchUNet(base=4),
    "pytorch-unet-bilinear": PytorchUNet(base=4, bilinear=True),
    "pytorch-unet-3d": PytorchUNet(base=4, depth=2, ndim=3),
    "brain": BrainUNet(),
    "torch-em": TorchEm(classes=1),
}


@pytest.mark.each_value
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("version", ["0.4.10", "0.5.4"])
def test_what_shapes_can_not_tell_is_settled_by_the_test(
    network: Any, version: str, tmp_path: Path
) -> None:
    model = load_foreign(PackageWriter(network, version).write(tmp_path))
    assert verified(model) <= 1e-4
    given, _ = PackageWriter(network).tensors()
    with torch.inference_mode():
        x = torch.from_numpy(given)
        expected = network.forward(network.state(), x)
        difference = (model.network(x) - expected).abs().max()
    assert difference <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("axes", ["bcyx", "byxc", "cyx", "xybc", "yxc"])
@pytest.mark.parametrize("version", ["0.4.10", "0.5.4"])
def test_axes_in_any_order(axes: str, version: str, tmp_path: Path) -> None:
    path = PackageWriter(Unet2d(channels=3), version, axes=axes).write(tmp_path)
    assert verified(load_foreign(path)) <= 1e-4


def test_names_and_pixel_size(tmp_path: Path) -> None:
    spec = load_foreign(PackageWriter(Unet2d(channels=2, ndim=3)).write(tmp_path)).spec
    assert spec.channels == ("input0", "input1")
    assert spec.classes == ("output0",)
    assert spec.pixel_size == pytest.approx((0.3, 0.2, 0.1))
    assert spec.authors == ("Ada",)
    assert spec.citation == ("A paper 10.1/2",)


def zscore(axes: tuple[int, ...], eps: float = 1e-6) -> Callable[[NDArray[Any]], NDArray[Any]]:
    def apply(x: NDArray[Any]) -> NDArray[Any]:
        return (x - x.mean(axes, keepdims=True)) / (x.std(axes, keepdims=True) + eps)

    return apply


def scale_range(low: float, high: float, axes: tuple[int, ...]) -> Any:
    def apply(x: NDArray[Any]) -> NDArray[Any]:
        bottom, top = np.percentile(x, (low, high), axis=axes, keepdims=True)
        return (x - bottom) / (top - bottom + 1e-6)

    return apply


def step(version: str, name: str, **kwargs: Any) -> dict[str, Any]:
    return {"name" if version == "0.4" else "id": name, "kwargs": kwargs}


DTYPE = step("0.5", "ensure_dtype", dtype="float32")
ZSCORE, RANGE, LINEAR = "zero_mean_unit_variance", "scale_range", "scale_linear"
PREPROCESSING: dict[str, tuple[str, list[dict[str, Any]], Any]] = {
    "zscore per channel": ("0.5", [DTYPE, step("0.5", ZSCORE, axes=["y", "x"])], zscore((2, 3))),
    "zscore of all channels": (
        "0.5",
        [step("0.5", ZSCORE, axes=["channel", "y", "x"], eps=0.01), DTYPE],
        zscore((1, 2, 3), 0.01),
    ),
    "zscore of the batch": ("0.5", [step("0.5", ZSCORE)], zscore((0, 1, 2, 3))),
    "zscore without kwargs": ("0.5", [{"id": ZSCORE}], zscore((0, 1, 2, 3))),
    "zscore per sample, 0.4": (
        "0.4",
        [step("0.4", ZSCORE, mode="per_sample", axes="cyx")],
        zscore((1, 2, 3)),
    ),
    "zscore per dataset, 0.4": (
        "0.4",
        [step("0.4", ZSCORE, mode="per_dataset", axes="yx")],
        zscore((0, 2, 3)),
    ),
    "fixed, 0.4": (
        "0.4",
        [step("0.4", ZSCORE, mode="fixed", axes="yx", mean=[90.0, 180.0], std=[70.0, 140.0])],
        lambda x: (x - np.reshape([90, 180], (2, 1, 1))) / np.reshape([70, 140], (2, 1, 1)),
    ),
    "fixed": (
        "0.5",
        [step("0.5", "fixed_zero_mean_unit_variance", mean=103.5, std=13.7)],
        lambda x: (x - 103.5) / 13.7,
    ),
    "percentiles": (
        "0.5",
        [step("0.5", RANGE, axes=["y", "x"], min_percentile=1.0, max_percentile=99.8)],
        scale_range(1, 99.8, (2, 3)),
    ),
    "percentiles, 0.4": (
        "0.4",
        [step("0.4", RANGE, mode="per_sample", axes="cyx", min_percentile=5, max_percentile=95)],
        scale_range(5, 95, (1, 2, 3)),
    ),
    "minimum and maximum": (
        "0.5",
        [step("0.5", RANGE, axes=["x", "y"], reference_tensor="input")],
        scale_range(0, 100, (2, 3)),
    ),
    "percentiles, clipped": (
        "0.5",
        [
            step("0.5", RANGE, axes=["y", "x"], min_percentile=2.0, max_percentile=98.0),
            step("0.5", "clip", min=0.0, max=1.0),
            DTYPE,
        ],
        lambda x: scale_range(2, 98, (2, 3))(x).clip(0, 1),
    ),
    "linear": (
        "0.5",
        [step("0.5", LINEAR, gain=1 / 255, offset=-0.5)],
        lambda x: x / 255 - 0.5,
    ),
    "linear per channel": (
        "0.5",
        [step("0.5", LINEAR, axis="channel", gain=[0.01, 0.02], offset=[-0.5, 0.5])],
        lambda x: x * np.reshape([0.01, 0.02], (2, 1, 1)) + np.reshape([-0.5, 0.5], (2, 1, 1)),
    ),
    "linear twice, clipped below": (
        "0.5",
        [
            step("0.5", LINEAR, gain=0.1),
            step("0.5", LINEAR, gain=0.1, offset=-1.0),
            step("0.5", "clip", min=0.0),
        ],
        lambda x: (x * 0.01 - 1).clip(0, None),
    ),
    "linear, then zscore": (
        "0.5",
        [
            step("0.5", LINEAR, gain=0.001, offset=3.0),
            step("0.5", ZSCORE, axes=["y", "x"], eps=0.1),
        ],
        lambda x: zscore((2, 3), 0.1)(x * 0.001 + 3),
    ),
    "none": ("0.5", [], lambda x: x),
}


@pytest.mark.each_value
@pytest.mark.parametrize("dtype", ["float32", "uint16"])
@pytest.mark.parametrize(
    ("version", "pre", "preprocess"), PREPROCESSING.values(), ids=PREPROCESSING
)
def test_preprocessing(
    version: str, pre: list[dict[str, Any]], preprocess: Any, dtype: str, tmp_path: Path
) -> None:
    writer = PackageWriter(
        Unet2d(channels=2),
        f"{version}.4",
        pre=pre,
        preprocess=preprocess,
        post=[step(version, "sigmoid")],
        batch=2,
        dtype=dtype,
    )
    assert verified(load_foreign(writer.write(tmp_path))) <= 1e-4


POSTPROCESSING: dict[str, tuple[list[dict[str, Any]], Any, str]] = {
    "softmax": ([step("0.5", "softmax", axis="channel"), DTYPE], softmax, "softmax"),
    "softmax within": ([DTYPE], softmax, "softmax"),
    "sigmoid within": ([], sigmoid, "sigmoid"),
}


@pytest.mark.parametrize(("post", "apply", "kind"), POSTPROCESSING.values(), ids=POSTPROCESSING)
def test_activation(post: list[dict[str, Any]], apply: Any, kind: str, tmp_path: Path) -> None:
    writer = PackageWriter(Unet2d(classes=3), post=post, activate=apply)
    model = load_foreign(writer.write(tmp_path))
    assert verified(model) <= 1e-4
    assert model.spec.activation == kind


def change(path: Path, **entries: Any) -> Path:
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump({**raw, **entries}), encoding="utf-8")
    return path


def refused(path: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        load_foreign(path)
    assert caught.value.remedy
    return caught.value


REFUSED_STEPS = {
    "binarize": ([step("0.5", "binarize", threshold=3.0)], []),
    "sigmoid before": ([step("0.5", "sigmoid")], []),
    "unknown": ([step("0.5", "fourier")], []),
    "rows": ([step("0.5", ZSCORE, axes=["x"])], []),
    "clip first": ([step("0.5", "clip", min=0, max=9), step("0.5", ZSCORE)], []),
    "clip by percentile": ([step("0.5", "clip", max_percentile=99.0)], []),
    "twice": ([step("0.5", ZSCORE), step("0.5", RANGE)], []),
    "linear after": ([step("0.5", RANGE), step("0.5", LINEAR, gain=2.0)], []),
    "other tensor": ([step("0.5", RANGE, reference_tensor="other")], []),
    "text for a number": ([step("0.5", LINEAR, gain="much")], []),
    "infinite": ([step("0.5", LINEAR, gain=float("inf"))], []),
    "binarize after": ([], [step("0.5", "sigmoid"), step("0.5", "binarize", threshold=0.5)]),
    "matched": ([], [step("0.5", "scale_mean_variance", reference_tensor="input")]),
    "to whole numbers": ([], [step("0.5", "ensure_dtype", dtype="uint8")]),
    "softmax over rows": ([], [step("0.5", "softmax", axis="x")]),
}


@pytest.mark.parametrize(("pre", "post"), REFUSED_STEPS.values(), ids=REFUSED_STEPS)
def test_processing_that_we_can_not_do(
    pre: list[dict[str, Any]], post: list[dict[str, Any]], tmp_path: Path
) -> None:
    path = PackageWriter(pre=pre, post=post).write(tmp_path)
    assert "not supported" in refused(path).problem


def test_output_that_is_no_probability(tmp_path: Path) -> None:
    path = PackageWriter(activate=lambda x: x).write(tmp_path)
    error = refused(path)
    assert "not a probability" in error.problem
    assert "weights file by itself" in error.remedy


SPATIAL = [{"type": "space", "id": "y", "size": 8}, {"type": "space", "size": 8}]
BROKEN_DESCRIPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "format 0.3": ({"format_version": "0.3.2"}, "format 0.3.2"),
    "format 0.6": ({"format_version": "0.6.0"}, "format 0.6.0"),
    "a number for a format": ({"format_version": 0.5}, "format 0.5"),
    "data set": ({"type": "dataset"}, "a dataset"),
    "no inputs": ({"inputs": []}, "inputs"),
    "inputs of another kind": ({"inputs": "raw"}, "inputs"),
    "no name": ({"name": None}, "name"),
    "weights of another kind": ({"weights": 3}, "weights"),
    "two inputs": (
        {"inputs": [{"id": "a", "axes": SPATIAL}, {"id": "b", "axes": SPATIAL}]},
        "one input and one output",
    ),
    "time": ({"inputs": [{"axes": [{"type": "time"}, *SPATIAL]}]}, "one input and one output"),
    "one axis twice": ({"inputs": [{"axes": [*SPATIAL, *SPATIAL]}]}, "one input and one output"),
    "no test tensor": ({"inputs": [{"axes": [{"type": "batch"}, *SPATIAL]}]}, "no test tensor"),
    "other weights": (
        {"weights": {"torchscript": {"source": "w.pt"}, "keras_hdf5": {"source": "w.h5"}}},
        "keras_hdf5, torchscript",
    ),
    "weights elsewhere": (
        {"weights": {"pytorch_state_dict": {"source": "../weights.pt"}}},
        "outside itself",
    ),
    "weights not there": (
        {"weights": {"pytorch_state_dict": {"source": "gone.pt"}}},
        "gone.pt",
    ),
    "weights without a name": (
        {"weights": {"pytorch_state_dict": {"source": "https://example.com/"}}},
        "outside itself",
    ),
}


@pytest.mark.parametrize(("entries", "what"), BROKEN_DESCRIPTIONS.values(), ids=BROKEN_DESCRIPTIONS)
def test_broken_descriptions(entries: dict[str, Any], what: str, tmp_path: Path) -> None:
    path = change(PackageWriter().write(tmp_path), **entries)
    assert what in str(refused(path))


@pytest.mark.parametrize(
    "text",
    ["", "{", "- 1\n- 2", "a: &a [*a]", "[" * 2000, "t: 2019-13-45", "\x00", "k: v\n" * 300_000],
    ids=["empty", "open", "list", "loop", "deep", "date", "null", "long"],
)
def test_files_that_are_no_description(text: str, tmp_path: Path) -> None:
    (tmp_path / "bioimageio.yaml").write_text(text, encoding="utf-8")
    assert "not a model description" in refused(tmp_path).problem


def test_test_tensors_that_do_not_fit(tmp_path: Path) -> None:
    path = PackageWriter(version="0.4.10").write(tmp_path)
    for array in (
        np.zeros((1, 2, 16, 16), "float32"),
        np.zeros((1, 1, 16), "float32"),
        np.zeros((1, 1, 0, 16), "float32"),
        np.array([["a"]]),
    ):
        np.save(tmp_path / "test_input.npy", array)
        assert "own test" in refused(path).problem
    (tmp_path / "test_input.npy").write_bytes(b"\x93NUMPY")
    assert "own test" in refused(path).problem


def test_pickled_test_tensor_is_not_opened(tmp_path: Path) -> None:
    path = PackageWriter(version="0.4.10").write(tmp_path)
    np.save(tmp_path / "test_input.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert "own test" in refused(path).problem


def test_output_of_another_size(tmp_path: Path) -> None:
    path = PackageWriter(version="0.4.10").write(tmp_path)
    output = np.load(tmp_path / "test_output.npy")
    np.save(tmp_path / "test_output.npy", output[..., 4:-4, 4:-4])
    assert "test output (1, 1, 24, 40)" in str(refused(path))


def test_code_in_a_package_is_not_run(tmp_path: Path) -> None:
    path = PackageWriter().write(tmp_path / "package")
    trap = tmp_path / "sprung"
    code = f"import pathlib; pathlib.Path({str(trap)!r}).touch()"
    for name in ("evil.py", "setup.py", "__init__.py"):
        (path.parent / name).write_text(code, encoding="utf-8")
    assert verified(load_foreign(path)) <= 1e-4
    assert not trap.exists()


def test_zip_with_passwords_is_refused(broad: Path, tmp_path: Path) -> None:
    path = zipped(broad, tmp_path / "package.zip")
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.start_dir
    data[start + 8] |= 1
    path.write_bytes(data)
    assert "passwords" in str(refused(path))
