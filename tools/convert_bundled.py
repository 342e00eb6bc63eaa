"""Make the bundled model `nuclei-broad` from the bioimage.io package `unet2d_nuclei_broad`.

    python tools/convert_bundled.py PACKAGE_FOLDER

The package is put to its own test on the way; equal packages give equal files.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from napari_unet.core.importers import load_foreign
from napari_unet.core.model.file import save_model
from napari_unet.services.library import bundled_folder

NAME = "nuclei-broad"
DESCRIPTION = (
    "Nuclei in fluorescence images, 2-D: foreground against background. Touching nuclei are not told "
    "apart. Trained by others on data of the 2018 Data Science Bowl."
)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("package", type=Path)
    model = load_foreign(arguments.parse_args().package)
    changes = {
        "name": NAME,
        "description": DESCRIPTION,
        "channels": ("fluorescence",),
        "classes": ("nucleus",),
    }
    model = replace(model, spec=model.spec.model_copy(update=changes))
    path = bundled_folder() / f"{NAME}.safetensors"
    save_model(model, path)
    print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")
    print(f"largest difference from its test output: {model.spec.provenance.verified_error:.1e}")


if __name__ == "__main__":
    main()
