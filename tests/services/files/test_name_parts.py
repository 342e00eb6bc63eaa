"""Plate, well, field and condition from the names of files."""

from pathlib import Path

import pytest

from napari_unet.core.errors import UserError
from napari_unet.services.files.name_parts import (
    NamePattern,
    describe_matches,
    guess_pattern,
    read_names,
)

PATHS = [Path(f"exp/drug/P1_{well}_f{field}.ome.tif") for well in ("B2", "C11") for field in (1, 2)]


def test_a_name_is_read_by_its_parts_and_wells_are_written_alike():
    first, *_, last = read_names(NamePattern("{plate}_{well}_f{field}"), PATHS)
    assert first == {"plate": "P1", "well": "B02", "field": "1"}
    assert last == {"plate": "P1", "well": "C11", "field": "2"}


@pytest.mark.parametrize(
    ("pattern", "name", "parts"),
    [
        ("{condition}/*_{well}_*", "drug/P1_a07_x", {"condition": "drug", "well": "A07"}),
        ("{line}-{dose}nM_*", "HeLa-10nM_3", {"line": "HeLa", "dose": "10"}),
        ("r{row}c{column}*", "r02c03f01", {"row": "02", "column": "03"}),
        ("{well}", "A1_2", None),
        ("a.b_{n}", "axb_1", None),
    ],
)
def test_patterns(pattern, name, parts):
    assert NamePattern(pattern).match(Path(f"data/{name}.tif")) == parts


@pytest.mark.parametrize("text", ["", "plain", "{well", "{a}{a}", "{image}_{well}", "{1}"])
def test_a_pattern_that_says_nothing_is_refused(text):
    with pytest.raises(UserError, match="pattern of names"):
        NamePattern(text)


def test_names_that_do_not_fit_are_named():
    pattern = NamePattern("{plate}_{well}_f{field}")
    with pytest.raises(UserError, match="overview"):
        read_names(pattern, [*PATHS, Path("overview.tif")])
    told = describe_matches(pattern, [*PATHS, Path("overview.tif")])
    assert "P1_B2_f1.ome.tif: plate P1, well B02, field 1" in told
    assert "4 of 5 names fit: 1 plate, 2 wells, 2 fields." in told
    assert "Not: overview.tif" in told


def test_a_common_pattern_is_guessed():
    assert guess_pattern(PATHS).text == "{plate}_{well}_f{field}*"
    assert guess_pattern([Path("cells one.tif")]) is None
