"""Write the samples with other programs: ome-zarr, ngff-zarr and bioio-ome-zarr.

python make_samples.py FOLDER
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import ngff_zarr
import numpy as np
import zarr
from bioio_ome_zarr.writers import Channel, OMEZarrWriter
from ome_zarr.format import FormatV04, FormatV05
from ome_zarr.writer import write_multiscale

PIXELS = (np.arange(2 * 3 * 16 * 20).reshape(2, 3, 16, 20) % 251).astype(np.uint16)
COLOURS = {"DAPI": "0000FF", "GFP": "00FF00"}


def ome_zarr_py(path, version):
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": a, "type": "space", "unit": "micrometer"} for a in "zyx"]
    scales = [[1, 2.0, 0.5 * n, 0.5 * n] for n in (1, 2)]
    write_multiscale(
        [PIXELS, PIXELS[:, :, ::2, ::2]],
        group,
        fmt=FormatV04() if version == "0.4" else FormatV05(),
        axes=axes,
        coordinate_transformations=[[{"type": "scale", "scale": s}] for s in scales],
        metadata={"omero": {"channels": [{"label": n, "color": c} for n, c in COLOURS.items()]}},
    )


def ngff(path, version):
    image = ngff_zarr.to_ngff_image(
        PIXELS[None],
        dims=list("tczyx"),
        scale={"t": 1.0, "c": 1.0, "z": 2.0, "y": 0.5, "x": 0.5},
        translation={"t": 0.0, "c": 0.0, "z": 0.0, "y": 3.0, "x": 4.0},
        axes_units=dict.fromkeys("zyx", "micrometer") | {"t": "second"},
    )
    scales = ngff_zarr.to_multiscales(image, scale_factors=[{"z": 1, "y": 2, "x": 2}], chunks=8)
    ngff_zarr.to_ngff_zarr(path, scales, version=version)


def bioio(path, version):
    OMEZarrWriter(
        path,
        level_shapes=[(1, 2, 3, 16, 20), (1, 2, 3, 8, 10)],
        dtype=np.uint16,
        zarr_format=2 if version == "0.4" else 3,
        axes_names=list("tczyx"),
        axes_types=["time", "channel", "space", "space", "space"],
        axes_units=[None, None, *["micrometer"] * 3],
        physical_pixel_size=[1.0, 1.0, 2.0, 0.5, 0.5],
        channels=[Channel(label=n, color=c) for n, c in COLOURS.items()],
    ).write_full_volume(PIXELS[None])


if __name__ == "__main__":
    for name, write in {"ome-zarr-py": ome_zarr_py, "ngff-zarr": ngff, "bioio": bioio}.items():
        for version in ("0.4", "0.5"):
            folder = Path(sys.argv[1]) / f"{name}-{version}.zarr"
            write(str(folder), version)
            with zipfile.ZipFile(f"{folder}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
                for path in sorted(p for p in folder.rglob("*") if p.is_file()):
                    archive.write(path, path.relative_to(folder))
