"""Run the same twelve jobs by two checkouts and say whether their outputs are equal to the byte.

    python tools/same_outputs.py OTHER            this checkout against another one
    python tools/same_outputs.py OTHER --only 3d  those whose name has "3d" in it

Both run in this interpreter's environment, on one thread and the processor, with the real images
beside the repository (../shared/data). Pixels, weights and tables are compared, metadata are not.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tifffile
from safetensors.numpy import load_file

HERE = Path(__file__).resolve().parents[1]
DATA = HERE.parent / "shared" / "data"
RESEARCH = HERE / "packaging/napari-unet-models-research/src/napari_unet_models_research"
MEMBRANES = RESEARCH / "membranes-em.safetensors"
EXACT = "--device cpu --precision float32"
NUCLEI = f"segment IN/nuclei.tif --model nuclei-fluorescence -o OUT/labels.tif {EXACT}"
TUNE = f"finetune -o OUT/tuned.safetensors {EXACT} --steps 20 --minutes 0 --batch 2 --seed 3"
JOBS = {
    "objects 2d": [NUCLEI],
    "objects of a time series": [
        f"segment IN/phase.tif --model cells-phase -o OUT/labels.tif {EXACT}"
    ],
    "classes with probabilities": [
        "segment IN/em.tif --model IN/membranes-em.safetensors -o OUT/labels.tif "
        f"--probabilities OUT/probabilities.tif {EXACT}"
    ],
    "objects 3d": [f"segment IN/volume.tif --model nuclei-3d -o OUT/labels.tif {EXACT}"],
    "small tiles, mirror, uncertainty": [
        f"{NUCLEI} --tile 224 --mirror --uncertainty OUT/unsure.tif"
    ],
    "imported network": [
        f"segment IN/nuclei.tif --model IN/unet2d_nuclei_broad -o OUT/labels.tif {EXACT}"
    ],
    "batch": [f"segment IN/batch --model nuclei-fluorescence -o OUT/results {EXACT}"],
    "relabel": [
        f"{NUCLEI} --probabilities OUT/probabilities.tif",
        "relabel OUT/probabilities.tif --model nuclei-fluorescence -o OUT/again.tif "
        "--separation 0.3 --smallest 20 --no-fill-holes",
    ],
    "measure": ["measure --image IN/nuclei.tif --labels IN/nuclei-labels.tif -o OUT/table.csv"],
    "tuned on objects": [
        f"{TUNE} --images IN/batch --labels IN/batch-labels --kind objects "
        "--model nuclei-fluorescence --patch 64"
    ],
    "tuned on classes 3d": [
        f"{TUNE} --images IN/volume.tif --labels IN/volume-classes.tif --kind classes "
        "--model nuclei-3d --task semantic --patch 32 --region z=20:60,y=0:64,x=0:64"
    ],
    "evaluate": [
        "evaluate --images IN/batch --labels IN/batch-labels --kind objects "
        f"--model nuclei-fluorescence --json OUT/scores.json {EXACT}"
    ],
}
"""Command lines of each job; IN is the folder of the inputs, OUT the one of the outputs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("other", type=Path, help="the other checkout")
    parser.add_argument("--only", default="", help="part of the names of the jobs to run")
    given = parser.parse_args()
    different = 0
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        write_inputs(folder / "in")
        for number, (name, commands) in enumerate(JOBS.items()):
            if given.only not in name:
                continue
            outputs = []
            for side, checkout in (("before", given.other.resolve()), ("after", HERE)):
                out = folder / str(number) / side
                out.mkdir(parents=True)
                for command in commands:
                    run(command, checkout, folder / "in", out)
                outputs.append(digests(out))
            same = outputs[0] == outputs[1] and bool(outputs[0])
            different += not same
            print(
                f"{'equal    ' if same else 'DIFFERENT'} {name}: {', '.join(outputs[1])}",
                flush=True,
            )
            for file in {**outputs[0], **outputs[1]}:
                if outputs[0].get(file) != outputs[1].get(file):
                    print(f"          {file}")
    sys.exit(different > 0)


def write_inputs(folder: Path) -> None:
    """Cut small inputs from the real images."""
    shutil.copytree(DATA / "networks" / "unet2d_nuclei_broad", folder / "unet2d_nuclei_broad")
    shutil.copy(MEMBRANES, folder)
    (folder / "batch").mkdir()
    (folder / "batch-labels").mkdir()
    images = sorted((DATA / "nuclei-dsb2018" / "images").glob("*.tif"))[:3]
    for path in images:
        mask = path.parents[1] / "masks" / path.name
        tifffile.imwrite(folder / "batch" / path.name, tifffile.imread(path))
        tifffile.imwrite(folder / "batch-labels" / path.name, tifffile.imread(mask))
    tifffile.imwrite(folder / "nuclei.tif", tifffile.imread(images[0]))
    mask = tifffile.imread(images[0].parents[1] / "masks" / images[0].name)
    tifffile.imwrite(folder / "nuclei-labels.tif", mask)
    phase = tifffile.imread(DATA / "phase-u373" / "stack.tif")[:2]
    tifffile.imwrite(folder / "phase.tif", phase, imagej=True, metadata={"axes": "TYX"})
    em = tifffile.imread(DATA / "em-isbi2012" / "volume.tif")[:2, :300, :300]
    tifffile.imwrite(folder / "em.tif", em, imagej=True, metadata={"axes": "ZYX"})
    (folder / "volume.tif").write_bytes((DATA / "nuclei-3d" / "volume.tif").read_bytes())
    classes = (tifffile.imread(DATA / "nuclei-3d" / "objects.tif") > 0).astype(np.uint8)
    tifffile.imwrite(folder / "volume-classes.tif", classes, imagej=True, metadata={"axes": "ZYX"})


def run(command: str, checkout: Path, given: Path, out: Path) -> None:
    """Run one command line by the code of a checkout."""
    words = [w.replace("OUT/", f"{out}/").replace("IN/", f"{given}/") for w in command.split()]
    variables = {**os.environ, "PYTHONPATH": str(checkout / "src"), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, "-m", "napari_unet", *words], env=variables, capture_output=True, text=True
    )
    if ended.returncode:
        sys.exit(f"{checkout}: {' '.join(words)}\n{ended.stdout}{ended.stderr}")


def digests(folder: Path) -> dict[str, str]:
    """Return a digest of what each file of a folder holds, metadata left out."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if path.suffix == ".tif":
            pixels = tifffile.imread(path)
            content = f"{pixels.dtype}{pixels.shape}".encode() + pixels.tobytes()
        elif path.suffix == ".safetensors":
            weights = load_file(path)
            content = b"".join(k.encode() + weights[k].tobytes() for k in sorted(weights))
        elif path.suffix in (".csv", ".json"):
            content = path.read_bytes()
        else:
            continue
        found[path.relative_to(folder).as_posix()] = hashlib.sha256(content).hexdigest()
    return found


if __name__ == "__main__":
    main()
