"""The models that come with the package, and those that are passed on apart from it."""

from __future__ import annotations

import importlib.util
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from places import REPOSITORY, RESEARCH

from napari_unet.core.evaluation.matching import ObjectScores
from napari_unet.core.evaluation.overlaps import Overlaps
from napari_unet.core.model.file import load_model, read_spec
from napari_unet.core.progress import finish
from napari_unet.services.evaluation.evaluate import evaluate
from napari_unet.services.files.images import open_image
from napari_unet.services.library import DEFAULT, Library, bundled_folder
from napari_unet.services.model_packages import GROUP
from napari_unet.services.samples import sample_path
from napari_unet.services.segmentation.segment import segment

if TYPE_CHECKING:
    from pathlib import Path

MODELS = {
    path.stem: path
    for folder in (bundled_folder(), RESEARCH)
    for path in sorted(folder.glob("*.safetensors"))
}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path)


@pytest.fixture
def script(monkeypatch) -> Any:
    """Import a script that trained one of them, by its name."""
    folder = REPOSITORY / "training"
    monkeypatch.syspath_prepend(str(folder))

    def load(name: str) -> Any:
        spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_intact_and_says_what_it_is(name):
    load_model(MODELS[name])
    spec = Library(MODELS[name].parent).spec(name)
    assert spec.name == name
    assert spec.description
    assert spec.license
    assert spec.citation
    card = MODELS[name].with_suffix(".md").read_text()
    assert all(word in card for word in ("Licence", "Please cite", "Limits", "Trained on"))


def test_together_they_are_small_enough_for_the_package():
    assert sum(path.stat().st_size for path in bundled_folder().iterdir()) <= 45e6


@pytest.mark.parametrize(
    "path", sorted(bundled_folder().glob("*.safetensors")), ids=lambda p: p.stem
)
def test_what_comes_with_the_package_may_be_passed_on(path):
    licence = read_spec(path).license
    assert licence.startswith(("CC0", "CC-BY-4.0", "MIT", "BSD"))


@pytest.mark.skipif(not RESEARCH.is_dir(), reason="only the repository has networks for research")
def test_the_package_for_research_is_found_by_its_entry_point():
    project = tomllib.loads((RESEARCH.parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["entry-points"][GROUP] == {"research": RESEARCH.name}
    assert (RESEARCH / "__init__.py").is_file()
    told = (RESEARCH.parents[1] / "README.md").read_text("utf-8")
    assert all(f"`{path.stem}`" in told for path in RESEARCH.glob("*.safetensors"))


def test_the_first_one_tells_the_nuclei_of_the_sample_apart(library):
    model = finish(library.load(DEFAULT))
    image = open_image(sample_path())
    labels = finish(segment(image, model)).labels
    counts = [len(set(plane.ravel().tolist())) - 1 for plane in labels]
    assert min(counts) >= 5
    assert labels.max() == sum(counts), "each number is one object"


def test_membranes_of_slices_that_were_set_aside_are_found(library, script, shared_data):
    membranes = script("membranes_2d")
    pixels, truth = membranes.slices(shared_data)
    model = for_research("membranes-em")
    found = finish(segment(membranes.image(pixels[-2:]), model)).labels > 0
    known = truth[-2:]
    assert (found & known).sum() / (found | known).sum() > 0.6
    assert (found[1] == known[1]).mean() > 0.88


def test_nuclei_of_a_volume_whose_rows_were_set_aside_are_found(library, script, shared_data):
    nuclei = script("nuclei_3d")
    image, truth = nuclei.volume(shared_data)
    found = finish(segment(image, finish(library.load("nuclei-3d")))).labels
    aside = slice(nuclei.ASIDE, None)
    scores = ObjectScores.of(Overlaps.of(found[:, aside], truth[:, aside]))
    assert scores.pooled.ap[0, 0] > 0.5


def for_research(name):
    if name not in MODELS:
        pytest.skip("only the repository has networks for research")
    return load_model(MODELS[name])


def set_aside(script, shared_data, name):
    sets = script("sets")
    return [annotation for _, annotation in sets.set_aside(shared_data, name)]


def test_nuclei_in_tissue_of_other_patients_are_found(library, script, shared_data):
    some = set_aside(script, shared_data, "histology-tnbc")[:2]
    found = finish(evaluate(some, finish(library.load("nuclei-histology"))))
    assert found.objects.scores.pooled.ap[0, 0] > 0.5


def test_cells_of_fields_that_were_set_aside_are_found(library, script, shared_data):
    some = set_aside(script, shared_data, "phase-usiigaci")[:2]
    found = finish(evaluate(some, finish(library.load("cells-phase"))))
    assert found.objects.scores.pooled.ap[0, 0] > 0.5


def test_cells_of_frames_that_were_set_aside_are_found(script, shared_data):
    cells = script("cells_phase_u373")
    learnt, aside = cells.split(shared_data)
    assert not {each.image.name for each in learnt} & {each.image.name for each in aside}
    found = finish(evaluate(aside[:2], for_research("cells-phase-u373")))
    assert found.objects.scores.pooled.ap[0, 0] > 0.7
    assert found.objects.scores.pooled.seg[0] > 0.75


def test_nuclei_that_were_set_aside_are_found(library, script, shared_data):
    nuclei = script("nuclei_2d")
    folder = shared_data / "nuclei-dsb2018"
    learnt, aside = nuclei.split(folder)
    assert len(aside) == 80
    assert not set(learnt) & set(aside)
    some = [nuclei.annotation(folder, name) for name in aside[::8]]
    found = finish(evaluate(some, finish(library.load("nuclei-fluorescence"))))
    assert found.objects.scores.pooled.ap[0, 0] > 0.7
