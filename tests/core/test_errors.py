"""What a user reads when something is wrong."""

from napari_unet.core.errors import UserError

RULE, REMEDY = "A tile needs 96 pixels.", "Choose a larger one."


def error(value):
    return UserError("The tile is too small", value=value, rule=RULE, remedy=REMEDY)


def test_an_error_reads_as_sentences():
    assert str(error("20 pixels")) == f"The tile is too small: 20 pixels. {RULE} {REMEDY}"


def test_an_error_without_a_value_has_no_colon():
    assert str(error(None)) == f"The tile is too small. {RULE} {REMEDY}"


def test_a_cause_that_is_a_sentence_keeps_one_full_stop():
    assert str(error("The disk is full.")).startswith(
        "The tile is too small: The disk is full. A tile"
    )


def test_the_four_parts_can_be_read():
    parts = error(20)
    assert (parts.problem, parts.value, parts.rule, parts.remedy) == (
        "The tile is too small",
        20,
        RULE,
        REMEDY,
    )
