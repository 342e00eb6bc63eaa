"""Opens thousands of broken files: each must be read or refused in words, soon and in little memory.

    python tools/fuzz.py [--seed 0] [--share 1.0] [headers packages weights tiffs states]

Sound files are changed at random: bytes flipped, cut, repeated or exchanged, values of headers replaced
by others of any kind. A case is named by its kind and seed, which make the same file again. Prints
every traceback and every case of more than 10 s of processor time or a minute, and leaves with status
1 if there are any.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import json
import logging
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
import yaml

from napari_unet.core.errors import UserError
from napari_unet.core.importers import load_foreign
from napari_unet.core.model.file import load_model, read_spec, save_model
from napari_unet.core.model.spec import Model, ModelSpec
from napari_unet.core.training.state import TrainingState, load_state, read_status, save_state
from napari_unet.core.training.status import TrainingStatus
from napari_unet.core.unet.config import UNetConfig
from napari_unet.core.unet.network import UNet
from napari_unet.services.files.images import open_image
from napari_unet.services.files.labels import read_labels

LIMIT_S = 10
ODD = (
    *(None, True, "", "x" * 5000, "\ud800", 0, -1, 1e9, 10**9, 2**63, 10**30, 1e308, -0.5),
    *(float("nan"), float("inf"), [], {}, [[]], [0], {"a": 1}, "../../x", "NaN", b"\xff".hex()),
)
"""Values that headers don't expect."""
DEEP, BRACKETS = "@DEEP@", "[" * 50_000 + "]" * 50_000
"""A value that is nested so deeply, and what stands for it until it is text."""
Rng = np.random.Generator


class HangError(BaseException):
    """A case took too long."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("kinds", nargs="*", help=", ".join(CASES))
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--share", type=float, default=1.0, help="of the number of cases")
    chosen = arguments.parse_args()
    logging.disable()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    bad = 0
    for number in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(number, _hang)
    with tempfile.TemporaryDirectory() as name:
        for kind in chosen.kinds or CASES:
            count, make, read = CASES[kind]
            bad += _run(
                kind,
                range(chosen.seed, chosen.seed + int(count * chosen.share)),
                make,
                read,
                Path(name),
            )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")
    sys.exit(bad > 0)


def _hang(*_: object) -> None:
    # of two alarms only the first counts
    signal.alarm(0)
    signal.setitimer(signal.ITIMER_PROF, 0)
    raise HangError


def _run(kind: str, seeds: range, make: Callable, read: Callable, folder: Path) -> int:
    results: Counter[str] = Counter()
    slowest = 0.0
    for seed in seeds:
        path = make(np.random.default_rng([seed, len(kind)]), folder)
        began = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
        # what waits takes no processor time
        signal.alarm(6 * LIMIT_S)
        try:
            read(path)
            results["read"] += 1
        except UserError:
            results["refused"] += 1
        except HangError:
            results["hangs"] += 1
            print(f"{kind} {seed}: more than {LIMIT_S} s", flush=True)
        except Exception as error:  # noqa: BLE001
            results["tracebacks"] += 1
            where = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__}: {str(error)[:90]}"
            print(f"{kind} {seed}: {what} ({where.filename}:{where.lineno})", flush=True)
        finally:
            signal.alarm(0)
            signal.setitimer(signal.ITIMER_PROF, 0)
        slowest = max(slowest, time.process_time() - began)
    told = ", ".join(
        f"{results[name]} {name}" for name in ("read", "refused", "tracebacks", "hangs")
    )
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{kind}: {len(seeds)} cases, {told}, slowest {slowest:.2f} s, {memory:.2f} GiB", flush=True
    )
    return results["tracebacks"] + results["hangs"]


def _changed(data: bytes, rng: Rng, *, within: int | None = None) -> bytes:
    """Change some bytes, mostly in the first part."""
    content = bytearray(data)
    within = min(within or len(content), len(content))
    for _ in range(int(rng.integers(1, 6))):
        at, way = int(rng.integers(0, max(within, 1))), int(rng.integers(0, 5))
        if way == 0:
            content[at : at + 1] = bytes([int(rng.integers(0, 256))])
        elif way == 1:
            content[at : at + 4] = struct.pack("<I", int(rng.choice([0, 1, 2**31, 2**32 - 1])))
        elif way == 2:
            content[at : at + 8] = rng.bytes(8)
        elif way == 3:
            n = int(rng.integers(1, 30))
            content[at:at] = content[at : at + n]
        elif rng.random() < 0.3:
            del content[at:]
        within = min(within, len(content))
    return bytes(content)


def _replaced(value: Any, rng: Rng) -> Any:
    """Replace one value somewhere inside by an odd one, or leave it out."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = list(value)[int(rng.integers(len(value)))]
        if rng.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: _replaced(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = int(rng.integers(len(value)))
        return [*value[:at], _replaced(value[at], rng), *value[at + 1 :]]
    if rng.random() < 0.03:
        return DEEP
    return ODD[int(rng.integers(len(ODD)))]


def _json(value: Any) -> str:
    return json.dumps(value).replace(f'"{DEEP}"', BRACKETS)


def _model() -> Model:
    spec = ModelSpec(name="m", config=UNetConfig.classic(base=2, depth=1, out_channels=2))
    torch.manual_seed(0)
    return Model(spec, UNet(spec.config).eval())


def _sound(name: str, folder: Path, write: Callable[[Path], object]) -> bytes:
    path = folder / f"sound-{name}"
    if not path.exists():
        write(path)
    return path.read_bytes()


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def make_header(rng: Rng, folder: Path) -> Path:
    data = _sound("m.safetensors", folder, lambda path: save_model(_model(), path))
    (size,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    if rng.random() < 0.3:
        return _written(folder / "x.safetensors", _changed(data, rng, within=8 + size))
    meta = json.loads(header["__metadata__"]["napari_unet"])
    for _ in range(int(rng.integers(1, 4))):
        if rng.random() < 0.8:
            meta = _replaced(meta, rng)
        else:
            header = _replaced(header, rng)
    if isinstance(header, dict) and isinstance(header.get("__metadata__"), dict):
        header["__metadata__"]["napari_unet"] = _json(meta)
    text = _json(header).encode("utf-8", "replace")
    return _written(folder / "x.safetensors", struct.pack("<Q", len(text)) + text + body)


def read_header(path: Path) -> None:
    with contextlib.suppress(UserError):
        read_spec(path)
    load_model(path)


def _conv_block(prefix: str, inside: int, outside: int) -> dict[str, torch.Tensor]:
    """Return two convolutions with batch norm as Pytorch-UNet names them."""
    block = torch.nn.Sequential(
        *(torch.nn.Conv2d(inside, outside, 3, bias=False), torch.nn.BatchNorm2d(outside)),
        *(torch.nn.ReLU(), torch.nn.Conv2d(outside, outside, 3, bias=False)),
        torch.nn.BatchNorm2d(outside),
    )
    return {f"{prefix}.double_conv.{key}": value for key, value in block.state_dict().items()}


def _foreign() -> dict[Any, Any]:
    """Return the weights of a small Pytorch-UNet with transposed convolutions."""
    torch.manual_seed(0)
    widths = [2, 4, 8, 16, 32]
    state = _conv_block("inc", 1, widths[0])
    for i in range(1, 5):
        state |= _conv_block(f"down{i}.maxpool_conv.1", widths[i - 1], widths[i])
        below, above = widths[5 - i], widths[4 - i]
        up = torch.nn.ConvTranspose2d(below, above, 2, stride=2).state_dict()
        state |= {f"up{i}.up.{key}": value for key, value in up.items()}
        state |= _conv_block(f"up{i}.conv", below, above)
    head = torch.nn.Conv2d(widths[0], 1, 1).state_dict()
    return state | {f"outc.conv.{key}": value for key, value in head.items()}


def _saved(state: dict[Any, Any]) -> bytes:
    packed = io.BytesIO()
    torch.save(state, packed)
    return packed.getvalue()


@functools.cache
def _package(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    weights = _sound("w.pt", folder, lambda path: path.write_bytes(_saved(_foreign())))
    network = load_foreign(folder / "sound-w.pt").network
    source = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        target = network(source).sigmoid()
    arrays = {}
    for name, array in (("a.npy", source), ("b.npy", target)):
        packed = io.BytesIO()
        np.save(packed, array.numpy())
        arrays[name] = packed.getvalue()
    tensor = {"name": "t", "axes": "bcyx", "data_type": "float32"}
    description = {
        "format_version": "0.4.9",
        "type": "model",
        "name": "fuzz",
        "authors": [{"name": "nobody"}],
        "inputs": [{**tensor, "preprocessing": []}],
        "outputs": [{**tensor, "postprocessing": [{"name": "sigmoid"}]}],
        "test_inputs": ["a.npy"],
        "test_outputs": ["b.npy"],
        "weights": {"pytorch_state_dict": {"source": "w.pt", "architecture": "x.py:UNet"}},
    }
    return description, {**arrays, "w.pt": weights}


def make_package(rng: Rng, folder: Path) -> Path:
    description, files = _package(folder)
    for _ in range(int(rng.integers(0, 4))):
        description = _replaced(description, rng)
    text = yaml.safe_dump(description, allow_unicode=False).encode("utf-8", "replace")
    text = text.replace(f"'{DEEP}'".encode(), BRACKETS.encode())
    if rng.random() < 0.3:
        text = _changed(text, rng)
    if rng.random() < 0.05:
        levels = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9) if i else 'x'}]" for i in range(9)]
        text += ("\n" + "\n".join(levels)).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rdf.yaml", text)
        for name, data in files.items():
            archive.writestr(name, _changed(data, rng, within=200) if rng.random() < 0.3 else data)
    data = packed.getvalue()
    return _written(folder / "x.zip", _changed(data, rng) if rng.random() < 0.4 else data)


def make_weights(rng: Rng, folder: Path) -> Path:
    state = {key: value.clone() for key, value in _foreign().items()}
    keys = list(state)
    types = (torch.bfloat16, torch.float8_e4m3fn, torch.int8, torch.complex64, torch.float16)
    for _ in range(int(rng.integers(0, 3))):
        key, way = keys[int(rng.integers(len(keys)))], int(rng.integers(0, 7))
        if way == 0:
            state[key] = torch.ones(3).to(types[int(rng.integers(len(types)))])
        elif way == 1:
            state[key] = torch.full((2, 2), float("nan"))
        elif way == 2:
            state[key] = torch.zeros(1).expand(10**6, 10**3)
        elif way == 3:
            shared = torch.rand(1000)
            state |= {f"s{i}": shared for i in range(500)}
        elif way == 4:
            state = {"state_dict": state, "epoch": 3}
        elif way == 5:
            state[key] = ODD[int(rng.integers(len(ODD)))]
        else:
            state[key] = torch.rand(2, 3).to_sparse()
    packed = io.BytesIO()
    torch.save(state, packed, _use_new_zipfile_serialization=bool(rng.random() < 0.7))
    data = packed.getvalue()
    return _written(folder / "x.pth", _changed(data, rng) if rng.random() < 0.6 else data)


def make_tiff(rng: Rng, folder: Path) -> Path:
    kinds: tuple[dict[str, Any], ...] = (
        {},
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"ome": True, "metadata": {"axes": "ZYX", "PhysicalSizeX": 0.2}},
        {"tile": (16, 16), "compression": "zlib"},
        {"bigtiff": True, "compression": "lzw"},
        {"compression": "zlib", "predictor": True, "byteorder": ">"},
    )
    which = int(rng.integers(len(kinds)))
    dtype = (np.uint8, np.uint16, np.float32)[which % 3]
    stack = np.random.default_rng(which).integers(0, 99, (3, 32, 40)).astype(dtype)
    name = f"{which}.tif"
    data = _sound(name, folder, lambda path: tifffile.imwrite(path, stack, **kinds[which]))
    ifd = struct.unpack_from("<I", data, 4)[0] if data[:2] == b"II" and data[2] == 42 else 8
    if rng.random() < 0.5:
        # where the tags are
        start = min(ifd, len(data) - 10)
        return _written(folder / "x.tif", data[:start] + _changed(data[start:], rng, within=300))
    return _written(
        folder / "x.tif", _changed(data, rng, within=400 if rng.random() < 0.7 else None)
    )


def read_tiff(path: Path) -> None:
    image = open_image(path)
    if np.prod(image.data.shape, dtype=object) < 1 << 26:
        np.asarray(image.data[...])
    read_labels(path, image)


def make_state(rng: Rng, folder: Path) -> Path:
    def write(path: Path) -> None:
        status = TrainingStatus(key="k", paint="p", total=9, patch=(32, 32), chunk=1, policy=(0, 0))
        save_state(TrainingState(status, {"a": torch.rand(40, 40)}, [{}]), path)

    data = _sound("s.training", folder, write)
    (size,) = struct.unpack("<Q", data[:8])
    if rng.random() < 0.5:
        return _written(folder / "x.training", _changed(data, rng))
    header = json.loads(data[8 : 8 + size])
    inner = json.loads(header["__metadata__"]["napari_unet_training"])
    header["__metadata__"]["napari_unet_training"] = _json(_replaced(inner, rng))
    text = _json(header).encode("utf-8", "replace")
    return _written(folder / "x.training", struct.pack("<Q", len(text)) + text + data[8 + size :])


def read_state(path: Path) -> None:
    read_status(path)
    load_state(path, "k")


CASES: dict[str, tuple[int, Callable, Callable]] = {
    "headers": (5000, make_header, read_header),
    "packages": (2000, make_package, load_foreign),
    "weights": (1000, make_weights, load_foreign),
    "tiffs": (3000, make_tiff, read_tiff),
    "states": (1000, make_state, read_state),
}
"""Number of cases of each kind, how a file is made and how it is read."""


if __name__ == "__main__":
    main()
