"""`napari-unet evaluate` as a user types it, and from Python."""

from __future__ import annotations

import json

import imagecodecs
import numpy as np
import pytest
import tifffile
from painted import blank, numbered
from typer.testing import CliRunner

from napari_unet import Image, LabelPair, UserError, finish
from napari_unet.cli import app
from napari_unet.core.annotations.regions import Region
from napari_unet.core.image.normalization import Normalization
from napari_unet.core.model.file import save_model
from napari_unet.jobs import compare_labels, evaluate, segment
from napari_unet.services.evaluation.mistakes import (
    COLOURS,
    EXTRA,
    HIT,
    MERGE,
    MISS,
    OTHER,
    SPLIT,
    mark_mistakes,
)
from napari_unet.services.segmentation.options import SegmentOptions


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(
        "napari_unet.services.library.user_data_path", lambda *a, **k: tmp_path / "data"
    )

    def call(*arguments):
        return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])

    return call


TRUTH = np.zeros((60, 100), np.uint16)
for i, left in enumerate(range(5, 95, 15), 1):
    TRUTH[10:20, left : left + 10] = i
TRUTH[40:50, 40:60] = 9

FOUND = TRUTH.copy()
FOUND[FOUND == 1] = 0  # missed
FOUND[10:20, 20:45] = 30  # 2 and 3 merged
FOUND[40:50, 50:60] = 31  # 9 split
FOUND[30:35, 5:15] = 32  # made up


@pytest.fixture
def files(tmp_path):
    """An image with each mistake and a perfect one: images, predictions and truths in folders."""
    grey = np.random.default_rng(0).integers(0, 99, TRUTH.shape, np.uint8)
    for name, found in (("a", FOUND), ("b", TRUTH)):
        for folder, pixels in (("images", grey), ("found", found), ("truth", TRUTH)):
            (tmp_path / folder).mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / folder / f"{name}.tif", pixels)
    return tmp_path


def folders(files):
    return "--predicted", files / "found", "--labels", files / "truth"


def test_objects_of_label_files(run, files):
    result = run(*folders(files), "--objects", "--json", files / "scores.json")
    assert result.exit_code == 0, result.output
    assert "0.95" in result.output
    assert (
        "14 true objects in 2 plane(s) or volume(s): 1 split; 1 predictions merge" in result.output
    )
    found = json.loads((files / "scores.json").read_text())["objects"]
    first, second = found["images"]
    assert (first["name"], second["name"]) == ("a", "b")
    # of the split object one half is at exactly 0.5
    assert [first[name][0] for name in ("tp", "fp", "fn")] == [4, 3, 3]
    assert [first[name][1] for name in ("tp", "fp", "fn")] == [3, 4, 4]
    assert (first["splits"], first["merges"]) == (1, 1)
    assert set(second["ap"]) == {1.0}
    assert second["seg"] == 1
    assert found["pooled"]["ap"][0] == pytest.approx(11 / 17)
    assert found["image_mean"]["ap"][0] == pytest.approx((4 / 10 + 1) / 2)


def test_an_overlay_shows_each_mistake_in_its_colour(run, files):
    drawn = files / "overlay"
    for images in ((), ("--images", files / "images")):
        result = run(*folders(files), "--objects", "--overlay", drawn, "--overwrite", *images)
        assert result.exit_code == 0, result.output
        assert sorted(path.name for path in drawn.iterdir()) == ["a.png", "b.png"]
        picture, factor = imagecodecs.imread(drawn / "a.png"), 7
        for y, x, state in (
            (10, 5, MISS),
            (30, 5, EXTRA),
            (10, 20, MERGE),
            (40, 40, SPLIT),
            (10, 50, HIT),
        ):
            edge = picture[y * factor, (x + 3) * factor]
            assert np.abs(edge.astype(int) - COLOURS[state]).max() <= 1, state
    assert picture.shape[1] == 700
    again = run(*folders(files), "--objects", "--overlay", drawn)
    assert again.exit_code == 1
    assert "already exists" in again.output


def test_stacks_are_compared_plane_by_plane_and_volumes_as_such(run, files):
    for axes, names, objects in (("TYX", ["s T=0", "s T=1"], 14), ("ZYX", ["s"], 7)):
        for folder, last in (("found", FOUND), ("truth", TRUTH)):
            stack = np.stack([TRUTH, last])
            tifffile.imwrite(files / folder / "s.tif", stack, imagej=True, metadata={"axes": axes})
        pair = ("--predicted", files / "found" / "s.tif", "--labels", files / "truth" / "s.tif")
        result = run(*pair, "--objects", "--overlay", files / axes, "--json", "-")
        found = json.loads(result.output)["objects"]
        assert [image["name"] for image in found["images"]] == names
        assert found["pooled"]["n_true"] == objects
    # the plane with the mistakes is the second one
    assert [path.name for path in (files / "ZYX").iterdir()] == ["s Z1.png"]


def test_in_planes_or_in_volumes_as_is_asked_for():
    true = np.stack([TRUTH, TRUTH])
    # numbered plane by plane, as a 2-D network does
    found = np.stack([TRUTH, np.where(TRUTH > 0, TRUTH + 20, 0)])
    for spatial, hits in (("YX", 14), ("ZYX", 7)):
        pair = LabelPair(Image(found, "ZYX"), true, spatial=spatial)
        scores = finish(compare_labels([pair], "objects")).objects.scores.pooled
        assert scores.tp[0, 0] == hits, spatial


def test_only_regions_count_where_some_are_given():
    stack = np.stack([FOUND, FOUND, FOUND])
    region = Region.box((0, 25), (15, 48), T=(1, 2))
    pair = LabelPair(Image(stack, "TYX"), np.stack([TRUTH] * 3), regions=(region,))
    scores = finish(compare_labels([pair], "objects")).objects.scores
    # the two that are merged, in one plane
    assert scores.n_true.tolist() == [2]
    assert scores.pooled.merges == [1]
    volume = LabelPair(
        Image(stack, "ZYX"),
        np.stack([TRUTH] * 3),
        regions=(Region.box((0, 25), (15, 48), Z=(1, 2)),),
    )
    assert finish(compare_labels([volume], "objects")).objects.scores.n_true.tolist() == [2]


def marked(kind, found=FOUND, true=TRUTH, axes="YX", names=None):
    """Scores, and what each pixel is."""
    out = np.full(found.shape, 9, np.uint8)
    pair = LabelPair(Image(found, axes), true)
    job = mark_mistakes(compare_labels([pair], kind, names), pair, out)
    return finish(job), out


def test_each_pixel_is_told_what_it_is():
    scores, out = marked("objects")
    assert (
        scores.as_dict()
        == finish(compare_labels([LabelPair(Image(FOUND, "YX"), TRUTH)], "objects")).as_dict()
    )
    for y, x, state in (
        (15, 8, MISS),
        (32, 8, EXTRA),
        (15, 30, MERGE),
        (45, 45, SPLIT),
        (45, 55, SPLIT),
        (15, 52, HIT),
        (0, 0, 0),
    ):
        assert out[y, x] == state
    stack, states = marked("objects", np.stack([TRUTH, FOUND]), np.stack([TRUTH, TRUTH]), "TYX")
    assert np.array_equal(states[1], out)
    assert set(np.unique(states[0])) == {0, HIT}
    assert len(stack.objects.names) == 2


def test_each_pixel_of_classes_is_told_what_it_is():
    true, found = np.array([[0, 0, 1, 1, 2, 2, 7]]), np.array([[0, 1, 1, 0, 1, 2, 7]])
    true[0, -1] = -1
    scores, out = marked("classes", found, true, names={0: "background", 1: "cell", 2: "wall"})
    assert out.tolist() == [[0, EXTRA, HIT, MISS, OTHER, HIT, 0]]
    assert [score.name for score in scores.classes] == ["background", "cell", "wall"]
    # one class, with two numbers
    scores, out = marked("classes", (FOUND > 0) * 1, (TRUTH > 0) * 255, names={0: "", 1: "cell"})
    assert set(np.unique(out)) == {0, HIT, MISS, EXTRA}
    assert [score.name for score in scores.classes] == ["background", "cell"]
    # strokes: 0 says nothing, 1 is background
    _, out = marked("scribbles", np.array([[0, 1, 0, 1, 1]]), np.array([[0, 0, 1, 1, 2]]))
    assert out.tolist() == [[0, 0, 0, EXTRA, HIT]]


def test_classes_of_label_files(run, files):
    for name in "ab":
        truth = (TRUTH > 0).astype(np.int16) * 255
        truth[:, 50:] = -1
        tifffile.imwrite(files / "truth" / f"{name}.tif", truth)
        tifffile.imwrite(files / "found" / f"{name}.tif", (FOUND > 0).astype(np.uint8))
    result = run(*folders(files), "--json", "-")
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    true, predicted = TRUTH[:, :50] > 0, FOUND[:, :50] > 0
    iou = (true & predicted).sum() / (true | predicted).sum()
    assert [score["name"] for score in found["classes"]] == ["background", "foreground"]
    assert found["iou"] == found["classes"][1]["iou"] == pytest.approx(iou)
    assert "objects" not in found
    several = run("--predicted", files / "images", "--labels", files / "images")
    assert "The labels are not classes" in several.output


def test_another_class_is_not_the_right_one():
    truth = (TRUTH > 0).astype(np.uint8)
    for value, names, iou in (
        (1, ["background", "foreground"], 1),
        (2, ["background", "class 1", "class 2"], 0),
        (255, ["background", "foreground"], 1),
    ):
        pair = LabelPair(Image(truth * value, "YX"), truth)
        found = finish(compare_labels([pair], "classes"))
        assert [score.name for score in found.classes] == names
        assert found.classes[1].iou == iou


def test_scribbles_say_what_they_say(run, files):
    truth = np.zeros(TRUTH.shape, np.uint8)
    truth[12, :], truth[30, :] = 2, 1
    for name, found in (("a", truth == 2), ("b", truth >= 1)):
        tifffile.imwrite(files / "truth" / f"{name}.tif", truth)
        tifffile.imwrite(files / "found" / f"{name}.tif", found.astype(np.uint8))
    found = json.loads(run(*folders(files), "--kind", "scribbles", "--json", "-").output)
    assert [score["pixels"] for score in found["classes"]] == [200, 200]
    assert found["iou"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        (lambda f: f[:-1], ("--objects",), "has another shape than"),
        (lambda f: f.astype(np.float32) + 0.5, ("--objects",), "does not hold whole numbers"),
        (lambda f: f.astype(np.int16) - 1, ("--objects",), "are negative"),
        (lambda f: f.astype(np.int16) - 1, (), "are negative"),
        (lambda f: f + 256, (), "The labels are not classes"),
        (None, ("--overlay", "x"), "There are no objects to draw"),
        (None, ("--model", "m", "--threshold", "0.5"), "--predicted and --model, --threshold"),
        (None, ("--separation", "0.3"), "--predicted and --separation"),
        (None, ("--no-rescale", "--resample"), "--predicted and --resample, --no-rescale"),
        (None, ("--pixel-size", "1", "--smallest", "0"), "and --pixel-size, --smallest"),
        (None, ("--device", "cpu", "--no-fill-holes"), "and --no-fill-holes, --device"),
        (
            None,
            ("--mirror", "--tile", "96", "--normalization", "zscore"),
            "--normalization, --mirror",
        ),
        (None, ("--images", "truth/a.tif"), "don't pair up"),
        (None, ("--labels", "nowhere"), "Nothing to open at nowhere"),
        (None, ("--json", "truth/a.tif"), "already exists"),
    ],
)
def test_mistakes_are_explained(run, files, monkeypatch, change, arguments, message):
    monkeypatch.chdir(files)
    if change is not None:
        tifffile.imwrite(files / "found" / "a.tif", change(FOUND))
    result = run(*folders(files), *arguments)
    assert result.exit_code == 1, result.output
    assert message in result.output


def test_files_must_pair(run, files):
    (files / "found" / "b.tif").rename(files / "found" / "c.tif")
    assert "no prediction – b.tif" in run(*folders(files)).output
    (files / "found" / "c.tif").unlink()
    assert "Predictions and labels don't pair up" in run(*folders(files)).output
    nothing = run("--labels", files / "truth", "--objects")
    assert nothing.exit_code == 1
    assert "no --model, no --images" in nothing.output


def test_a_model_prints_tables_and_json(run, tmp_path):
    for i in range(2):
        painted = numbered(seed=i)
        for folder, pixels in (("images", painted.image.data), ("objects", painted.paint)):
            (tmp_path / folder).mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / folder / f"im{i}.tif", pixels.astype(np.uint16))
    save_model(blank().build(), tmp_path / "parent.safetensors")
    paths = ("--images", tmp_path / "images", "--labels", tmp_path / "objects")
    arguments = (*paths, "--kind", "objects", "--model", tmp_path / "parent.safetensors")
    table = run(*arguments, "--overlay", tmp_path / "drawn")
    assert table.exit_code == 0, table.output
    assert "foreground" in table.output
    assert "AP by image" in table.output
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["im0.png", "im1.png"]
    found = json.loads(run(*arguments, "--json", "-").output)
    assert found["classes"][1]["pixels"] == 2 * 64 * 64 // 2
    assert found["iou"] == pytest.approx(found["classes"][1]["iou"])
    assert found["objects"]["pooled"]["n_true"] == 2 * 8
    # within a region without objects nothing is true
    found = json.loads(run(*arguments, "--json", "-", "--region", "y=0:16,x=16:32").output)
    assert found["classes"][1]["pixels"] == found["objects"]["pooled"]["n_true"] == 0


@pytest.mark.parametrize(
    ("shape", "axes", "ndim"), [((3, 64, 64), "TYX", 2), ((8, 64, 64), "ZYX", 3)]
)
def test_a_model_scores_as_the_labels_that_it_gives(shape, axes, ndim):
    annotation = numbered(shape, axes)
    model = blank(ndim=ndim).build()
    objects = finish(segment(annotation.image, model, SegmentOptions(objects=True))).labels
    truth = annotation.paint if ndim == 3 else annotation.read(*annotation.whole((0,)))[None]
    pair = LabelPair(Image(objects, axes, name="board"), np.broadcast_to(truth, shape))
    compared, evaluated = (
        finish(compare_labels([pair], "objects")),
        finish(evaluate([annotation], model)),
    )
    assert compared.objects.scores.fp.sum() > 0
    assert evaluated.as_dict() == compared.as_dict()


def test_a_model_is_run_as_segment_would(run, tmp_path):
    annotation = numbered((2, 64, 64), "TYX")
    model = blank().build()
    tifffile.imwrite(tmp_path / "board.tif", annotation.image.data, metadata={"axes": "TYX"})
    tifffile.imwrite(tmp_path / "true.tif", annotation.paint, metadata={"axes": "TYX"})
    save_model(model, tmp_path / "m.safetensors")
    paths = "--images", tmp_path / "board.tif", "--labels", tmp_path / "true.tif", "--objects"
    words = "--mirror", "--normalization", "percentile", "--tile", "80", "--precision", "float32"
    shown = run(*paths, "--model", tmp_path / "m.safetensors", *words, "--json", "-")
    normalization = Normalization(kind="percentile")
    options = SegmentOptions(mirror=True, normalization=normalization, tile=80, precision="float32")
    expected = finish(evaluate([annotation], model, options)).as_dict()
    found = json.loads(shown.output)
    assert found.pop("made_by")["by"] == "evaluate"
    assert found == json.loads(json.dumps(expected))
    assert expected != finish(evaluate([annotation], model)).as_dict()


@pytest.mark.parametrize("kind", ["objects", "classes"])
@pytest.mark.parametrize("stacked", [False, True])
def test_what_is_found_where_nothing_is_true_counts_as_wrong(run, tmp_path, kind, stacked):
    """In a model's labels as in files, in an image of its own as in a plane of a stack."""
    annotation = numbered()
    truth, nothing = (annotation.paint > 0).astype(np.uint16), np.zeros((64, 64), np.uint16)
    pixels = np.asarray(annotation.image.data)
    model = blank().build()
    options = SegmentOptions(objects=kind == "objects")
    found = finish(segment(annotation.image, model, options)).labels
    assert found.any()
    files = {"images": (pixels, pixels), "found": (found, found), "truth": (truth, nothing)}
    for folder, planes in files.items():
        (tmp_path / folder).mkdir()
        names = {"stack": np.stack(planes)} if stacked else dict(zip("ab", planes, strict=True))
        for name, plane in names.items():
            axes = {"axes": "TYX" if stacked else "YX"}
            tifffile.imwrite(tmp_path / folder / f"{name}.tif", plane, metadata=axes)
    save_model(model, tmp_path / "m.safetensors")
    common = ("--labels", tmp_path / "truth", "--kind", kind, "--json", "-")
    by_model = ("--model", tmp_path / "m.safetensors", "--images", tmp_path / "images")
    scores = [
        json.loads(run(*which, *common).output) for which in (by_model, folders(tmp_path)[:2])
    ]
    assert scores[0]["classes"][1]["iou"] == pytest.approx(scores[1]["classes"][1]["iou"])
    assert [score["empty"] for score in scores] == [1, 1]
    if kind == "objects":
        assert scores[0]["objects"]["images"][1]["fp"] == scores[1]["objects"]["images"][1]["fp"]
        assert scores[0]["objects"]["images"][1]["fp"][0] > 0
    assert "1 plane(s) have no true label" in run(*by_model, *common[:-2]).output


def test_labels_of_another_shape_are_refused():
    with pytest.raises(UserError, match="true labels of image"):
        LabelPair(Image(FOUND, "YX"), TRUTH[1:])


def test_masks_are_divided_before_they_are_compared_as_objects(run, files):
    for name in "ab":
        mask = (TRUTH > 0).astype(np.uint8) * 255
        tifffile.imwrite(files / "truth" / f"{name}.tif", mask)
        tifffile.imwrite(files / "found" / f"{name}.tif", TRUTH)
    result = run(*folders(files), "--objects")
    assert result.exit_code == 0, result.output
    assert "a.tif: one value (255) lies in 7 parts, so it is a mask" in result.output
    assert "b.tif: one value (255)" in result.output
