"""Whether real CZI files are read by bioio as they were written.

    pip install -e ".[bioio]"
    python benchmarks/czi.py

Zeiss' own library, which comes with the plug-in of bioio, writes a stack of two channels with voxel size
and names, and a picture with colours; both are opened and compared, and so is half of a file, which must
be refused in words. Leaves with status 1 if anything differs.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from pylibCZIrw import czi

from napari_unet.core.errors import UserError
from napari_unet.services.files.images import open_image


def main() -> None:
    rng = np.random.default_rng(0)
    stack = rng.integers(0, 60_000, (2, 3, 64, 80), np.uint16)
    colours = rng.integers(0, 255, (64, 80, 3), np.uint8)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with czi.create_czi(str(folder / "stack.czi")) as file:
            for c, z in np.ndindex(2, 3):
                file.write(data=stack[c, z, ..., None].copy(), plane={"C": c, "Z": z})
            sizes = {"scale_x": 2e-7, "scale_y": 2e-7, "scale_z": 5e-7}
            file.write_metadata("stack", channel_names={0: "DAPI", 1: "GFP"}, **sizes)
        with czi.create_czi(str(folder / "colours.czi")) as file:
            file.write(data=colours, plane={"C": 0})
            file.write_metadata("colours")
        image, picture = (open_image(folder / f"{kind}.czi") for kind in ("stack", "colours"))
        content = (folder / "stack.czi").read_bytes()
        (folder / "half.czi").write_bytes(content[: len(content) // 2])
        results = {
            "pixels of a stack": np.array_equal(np.asarray(image.data), stack),
            "axes": (image.axes, picture.axes) == ("CZYX", "YXS"),
            "voxel size": image.unit == "micrometer"
            and np.allclose([image.scale[a] for a in "ZYX"], [0.5, 0.2, 0.2]),
            "names of channels": image.channel_names == ("DAPI", "GFP"),
            # the library takes blue first, as the format has it
            "colours": np.array_equal(picture.data[..., ::-1], colours),
            "half a file is refused": _is_refused(folder / "half.czi"),
        }
    for what, right in results.items():
        print(f"{what:24s} {'right' if right else 'WRONG'}")
    sys.exit(not all(results.values()))


def _is_refused(path: Path) -> bool:
    try:
        np.asarray(open_image(path).data[...])
    except UserError:
        return True
    return False


if __name__ == "__main__":
    main()
