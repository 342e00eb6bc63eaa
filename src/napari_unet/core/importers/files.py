"""Identifying a file by its bytes, before anything opens it."""

from __future__ import annotations

import re
import zipfile
from enum import Enum
from typing import BinaryIO

from napari_unet.core.errors import UserError

HEAD_BYTES = 4096
"""Bytes from the start of a file that identify it."""

MAX_ENTRIES = 20_000
"""Largest number of files in a zip."""

MAX_UNPACKED_BYTES = 16 << 30
"""Largest size of all files in a zip, unpacked."""

MAX_RATIO = 100
"""Largest compression ratio of a zip. Weights hardly compress, test images by a factor of about ten;
zip bombs start in the thousands."""

DESCRIPTION_NAMES = ("bioimageio.yaml", "rdf.yaml", "model.yaml")
DESCRIPTION_SUFFIX = ".bioimageio.yaml"
# the number 0x1950a86a20f9469cfc6c, which torch.save wrote first up to torch 1.6
LEGACY_MAGIC = b"\x8a\n\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
# PNG, JPEG, TIFF and BigTIFF of either order of bytes, GIF, CZI and ND2
IMAGE_STARTS = (
    *(b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"ZISRAWFILE", b"\xda\xce\xbe\n"),
    *(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
)
LFS_POINTER = b"version https://git-lfs.github.com/spec/"

SAVE_STATE_DICT = (
    "In the program that trained the network, run torch.save(network.state_dict(), 'weights.pth') and "
    "open that file."
)
DOWNLOAD_AGAIN = "Download or copy it again, and compare its size with the original."

_NO_TENSORFLOW = (
    "Networks of Keras, StarDist and TensorFlow are not read. Look for a PyTorch version of the model, "
    "or segment with its own program and save the labels: a U-Net can learn the same from them here."
)


class Kind(Enum):
    """What a file is; `refuse` says what to do about kinds that can't be used."""

    SAFETENSORS = "a safetensors file"
    TORCH = "weights saved by PyTorch"
    PACKAGE = "a zipped bioimage.io package"
    TORCHSCRIPT = "a TorchScript program"
    KERAS = "a Keras network"
    TENSORFLOW = "a TensorFlow network"
    ZIP = "a zip archive without a bioimage.io description"
    BROKEN_ZIP = "a zip archive (or PyTorch file) that is cut short"
    PICKLE = "a Python pickle"
    ONNX = "an ONNX network"
    HDF5 = "an HDF5 file, such as weights of Keras or StarDist"
    NUMPY = "a NumPy array"
    LFS = "a Git LFS pointer instead of the real file"
    HTML = "a web page"
    TEXT = "a text file"
    IMAGE = "an image"
    EMPTY = "an empty file"
    UNKNOWN = "a file of unknown kind"


REMEDIES = {
    Kind.TORCHSCRIPT: "TorchScript is a program, which is never run. " + SAVE_STATE_DICT,
    Kind.ZIP: "Choose a zip that contains bioimageio.yaml or rdf.yaml, or unpack it and open the "
    "weights inside.",
    Kind.BROKEN_ZIP: DOWNLOAD_AGAIN,
    Kind.PICKLE: "A pickle can run any code, so it is never opened. " + SAVE_STATE_DICT,
    Kind.HDF5: _NO_TENSORFLOW,
    Kind.KERAS: _NO_TENSORFLOW,
    Kind.TENSORFLOW: _NO_TENSORFLOW,
    Kind.NUMPY: "Choose the file with the network's weights.",
    Kind.LFS: "Fetch the real file with 'git lfs pull', or download it from the repository's page.",
    Kind.HTML: "A web page was saved instead of the file: open the page in a browser and use its "
    "download button.",
    Kind.TEXT: "Choose the file with the network's weights, or the .yaml description of a "
    "bioimage.io package.",
    Kind.IMAGE: "Open it as an image, and choose a U-Net to segment it with.",
    Kind.EMPTY: DOWNLOAD_AGAIN,
    Kind.UNKNOWN: SAVE_STATE_DICT,
}


def identify(stream: BinaryIO, name: str) -> Kind:
    """Identify a file by its first bytes and, for a zip, its table of contents.

    Parameters
    ----------
    stream
        The file, which must be seekable; it is left at its start.
    name
        Its name, for messages.

    Returns
    -------
    Kind
        A kind that can be used: `SAFETENSORS`, `TORCH`, `ONNX` or `PACKAGE`.

    Raises
    ------
    UserError
        When it is anything else, or a zip that is not safe to unpack.
    """
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    kind = _zip_kind(stream, name) if re.match(rb"PK(\x03\x04|\x05\x06)", head) else _kind(head)
    stream.seek(0)
    if kind in REMEDIES:
        raise refuse(kind, name)
    return kind


def _kind(head: bytes) -> Kind:
    if not head:
        return Kind.EMPTY
    if head.startswith(LFS_POINTER):
        return Kind.LFS
    if head.startswith(IMAGE_STARTS):
        return Kind.IMAGE
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32:
        return Kind.SAFETENSORS
    if LEGACY_MAGIC in head[:64]:
        return Kind.TORCH
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return Kind.HDF5
    if head.startswith(b"\x93NUMPY"):
        return Kind.NUMPY
    # the protocol number of pickle 2 or later
    if re.match(rb"\x80[\x02-\x05]", head):
        return Kind.PICKLE
    # protobuf: field 1 is the version of the ONNX format, followed by a field with a length
    if re.match(rb"\x08[\x01-\x20][\x12\x1a\x22\x32\x3a\x42]", head):
        return Kind.ONNX
    return _text_kind(head)


def _text_kind(head: bytes) -> Kind:
    if re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", head):
        return Kind.UNKNOWN
    if re.search(rb"<(!doctype|html|head|body)\b", head, re.IGNORECASE):
        return Kind.HTML
    try:
        # the head may end inside a character
        head.decode("utf-8", errors="strict" if len(head) < HEAD_BYTES else "ignore")
    except UnicodeDecodeError:
        return Kind.UNKNOWN
    return Kind.TEXT


def _zip_kind(stream: BinaryIO, name: str) -> Kind:
    try:
        with zipfile.ZipFile(stream) as archive:
            check_zip(archive, name)
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError):
        return Kind.BROKEN_ZIP
    if find_description(names):
        return Kind.PACKAGE
    last = {_base(entry) for entry in names}
    if {"config.json", "model.weights.h5"} <= last:
        return Kind.KERAS
    if "saved_model.pb" in last:
        return Kind.TENSORFLOW
    # torch.save and torch.jit.save put everything into one folder
    inside = {entry.partition("/")[2] for entry in names}
    if "data.pkl" not in inside:
        return Kind.ZIP
    return Kind.TORCHSCRIPT if "constants.pkl" in inside else Kind.TORCH


def find_description(names: list[str]) -> list[str]:
    """Return the descriptions of a bioimage.io package among file names, the best one first.

    They lie at the top, or in a folder of the package's own within a zip.
    """
    by_name = [n for wanted in DESCRIPTION_NAMES for n in names if _base(n) == wanted]
    others = [n for n in names if n.endswith(DESCRIPTION_SUFFIX) and n not in by_name]
    descriptions = [n for n in by_name + others if n.count("/") <= 1]
    return sorted(descriptions, key=lambda n: n.count("/"))


def _base(name: str) -> str:
    return name.rpartition("/")[2]


def refuse(kind: Kind, name: str) -> UserError:
    """Return the error for a file that can't be used."""
    return UserError(
        f"{name} can't be opened as a network",
        value=kind.value,
        rule="Networks can be opened from model files of U-Net Studio, PyTorch weights (a state dict in "
        "a .pth, .pt or .safetensors file), ONNX files and bioimage.io packages.",
        remedy=REMEDIES[kind],
    )


def check_zip(archive: zipfile.ZipFile, name: str) -> None:
    """Check that a zip is safe to unpack.

    Parameters
    ----------
    archive
        The open zip.
    name
        Its name, for messages.

    Raises
    ------
    UserError
        When it would unpack to far more than a model, is encrypted, or has names that lead out of it.
    """
    entries = archive.infolist()
    unpacked = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    bomb = (
        len(entries) > MAX_ENTRIES
        or unpacked > MAX_UNPACKED_BYTES
        or unpacked > MAX_RATIO * max(packed, 1 << 20)
    )
    outside = [n for n in archive.namelist() if n.startswith("/") or ".." in n.split("/")]
    if bomb or outside or any(entry.flag_bits & 1 for entry in entries):
        raise UserError(
            f"{name} is not safe to unpack",
            value=f"{len(entries)} files, {packed:,} bytes that unpack to {unpacked:,}"
            + (f", one of them named {outside[0]!r}" if outside else ""),
            rule=f"A zip may have {MAX_ENTRIES:,} files and {MAX_UNPACKED_BYTES >> 30} GiB at most, "
            f"compressed by a factor of {MAX_RATIO} at most, without passwords or names that lead out "
            "of it.",
            remedy="Get the model from its original source. Nothing was unpacked.",
        )
