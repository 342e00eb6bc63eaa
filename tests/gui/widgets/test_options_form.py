"""Forms made from options: what is put is what comes back, what is typed is what is set."""

from __future__ import annotations

from types import NoneType
from typing import Annotated, Literal, get_args, get_origin

import pytest
from gui_kit import library as library
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from qtpy.QtWidgets import QFormLayout, QWidget

from napari_unet.core.augment.options import AugmentOptions
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.model.object_options import ObjectOptions
from napari_unet.core.training.options import TrainingOptions
from napari_unet.gui.widgets.options_form import OptionsForm
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.training.options import FinetuneOptions

DECLARED = [SegmentOptions, TrainingOptions, FinetuneOptions, ObjectOptions, AugmentOptions]
WORDS = st.tuples(st.sampled_from(["DAPI", "a, b", "1", ""])) | st.just(())


def values(info):
    """All values that a field allows."""
    annotation = info.annotation
    kinds = (annotation,) if get_origin(annotation) is Literal else get_args(annotation)
    kinds = kinds if NoneType in kinds else (annotation,)
    return st.one_of([values_of(kind, info) for kind in kinds])


def values_of(kind, info):
    if kind is NoneType:
        return st.none()
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return options(kind) if kind is not Normalization else NORMALIZATIONS
    if get_origin(kind) is tuple:
        return st.just(((1, 10),)) if info.title == "Recorded schedule" else WORDS
    if kind is str:
        return st.sampled_from(["ZYX", "X", ""])
    if kind is float:
        return st.from_type(Annotated[(float, *info.metadata)]).filter(lambda x: abs(x) < 1e300)
    if kind is int:
        return st.from_type(Annotated[(int, *info.metadata)])
    return st.from_type(kind)


def options(declared):
    fields = {name: values(info) for name, info in declared.model_fields.items()}
    return st.builds(declared, **fields)


NORMALIZATIONS = st.builds(
    Normalization,
    kind=st.sampled_from(["linear", "zscore", "percentile"]),
    low=st.floats(0, 50),
)


@pytest.mark.parametrize("declared", DECLARED)
def test_the_defaults_come_back(qapp, declared):
    assert OptionsForm(declared).value() == declared()


@pytest.mark.parametrize("declared", DECLARED)
def test_any_options_come_back(qapp, declared):
    form = OptionsForm(declared)

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(options(declared))
    def comes_back(wanted):
        form.put(wanted)
        assert form.value() == wanted

    comes_back()


@pytest.mark.parametrize("declared", DECLARED)
def test_each_value_can_be_set_from_the_console_and_none_too(qapp, declared):
    form = OptionsForm(declared)

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(options(declared))
    def can_be_set(wanted):
        for row in form:
            value = getattr(wanted, row.name)
            if isinstance(row, OptionsForm):
                row.put(value)
            else:
                row.value = value
                assert row.value == value
        hidden = {name: getattr(wanted, name) for name in {"pace"} & set(declared.model_fields)}
        assert form.value().model_copy(update=hidden) == wanted

    can_be_set()


@pytest.mark.parametrize(
    ("name", "value"),
    [("threshold", 7), ("threshold", "high"), ("device", "cudo"), ("tile", 0), ("memory", -1.0)],
)
def test_what_is_not_allowed_is_refused_and_changes_nothing(qapp, name, value):
    form = OptionsForm(SegmentOptions)
    with pytest.raises(ValidationError, match=name):
        form[name].value = value
    assert form.value() == SegmentOptions()


def test_none_has_a_word_and_is_a_step_below_the_lowest_number(qapp):
    form = OptionsForm(SegmentOptions)
    tile, smallest = form.tile.native, form.smallest.native
    assert (tile.text(), smallest.text()) == ("automatic", "10 pixels")
    tile.stepBy(1)
    assert (tile.text(), form.tile.value) == ("64 px", 64)
    tile.stepBy(-1)
    assert form.tile.value is None
    smallest.stepBy(1)
    assert (smallest.text(), form.smallest.value) == ("0.00", 0)
    form.objects.native.setCurrentIndex(1)
    assert form.objects.value is True
    form.objects.native.setCurrentText("as trained")
    assert form.objects.value is None


def test_a_slider_shows_for_none_what_is_used(qapp):
    threshold = OptionsForm(SegmentOptions).threshold
    threshold.automatic = 0.7
    assert threshold.value is None
    moved = []
    threshold.changed.connect(moved.append)
    threshold.value = 0.123456
    assert threshold.value == 0.123456
    threshold.value = None
    assert moved == [0.123456, None]


def test_a_form_tells_once_of_what_is_put_and_its_rows_do_not(qapp):
    form, told = OptionsForm(FinetuneOptions), []
    form.changed.connect(lambda: told.append("form"))
    form.steps.changed.connect(lambda: told.append("steps"))
    form.augment.strength.changed.connect(lambda: told.append("strength"))
    form.put(FinetuneOptions(steps=3, augment=AugmentOptions(strength=0.5)))
    assert told == ["form"]
    form.augment.strength.value = 1.5
    assert sorted(told) == ["form", "form", "strength"]


def test_rows_have_the_titles_and_tips_of_the_declaration(qtbot):
    inside = QWidget()
    qtbot.addWidget(inside)
    rows = QFormLayout(inside)
    form = OptionsForm(SegmentOptions, ("tile", "separation"), parent=inside)
    form.add_rows(rows)
    for i, name in enumerate(("tile", "separation")):
        info = SegmentOptions.model_fields[name]
        assert rows.itemAt(i, QFormLayout.ItemRole.LabelRole).widget().text() == info.title
        assert form[name].tooltip == info.description
    form.explain("separation", "Only for objects.")
    assert not form.separation.enabled
    assert form.separation.tooltip == "Only for objects."
    form.explain("separation")
    assert form.separation.enabled
