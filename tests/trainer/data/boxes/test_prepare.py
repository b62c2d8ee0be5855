"""Boxes of COCO and YOLO files move with their pictures; bad ones are named with file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.trainer.data.images.pictures import encoded, picture, zip_of
from trainer.data.boxes.preview import preview
from trainer.data.boxes.reading import read_boxed_images
from trainer.data.boxes.recipe import BoxRecipe
from trainer.data.images.prepare import prepare
from trainer.data.images.store import ImageSplit
from trainer.data.shards import open_version
from trainer.data.skipped import SkipCounter
from trainer.data.sources import SourceSpec
from trainer.data.spec import PrepareSpec
from trainer.errors import InputError

WIDTH, HEIGHT, SIDE = 80, 40, 64
BOX = (20, 10, 60, 30)
PLACES = {"pad": (16, 24, 48, 40), "stretch": (16, 16, 48, 48), "crop": (0, 16, 64, 48)}
"""Where `BOX` of a picture of 80 x 40 lies in the square of 64, by how it is made square."""


def pictures(num: int = 12) -> dict[str, bytes]:
    return {f"images/{i}.png": encoded(picture(i, size=(WIDTH, HEIGHT))) for i in range(num)}


def coco(annotations: list[dict[str, Any]], num: int = 12) -> bytes:
    images = [{"id": i, "file_name": f"{i}.png", "width": WIDTH, "height": HEIGHT} for i in range(num)]
    categories = [{"id": 7, "name": "cat"}, {"id": 9, "name": "狗"}]
    return json.dumps({"images": images, "annotations": annotations, "categories": categories}, indent=1).encode()


def annotation(number: int, picture: int = 0, **changes: Any) -> dict[str, Any]:
    bbox = [BOX[0], BOX[1], BOX[2] - BOX[0], BOX[3] - BOX[1]]
    return {"id": number, "image_id": picture, "category_id": 7, "bbox": bbox, **changes}


def prepared(folder: Path, members: dict[str, bytes], **resize: Any) -> tuple[list[ImageSplit], dict[str, Any]]:
    folder.mkdir(exist_ok=True)
    source = SourceSpec(path=str(zip_of(folder / "data.zip", members)))
    recipe = BoxRecipe.from_dict({"resize": {"side": SIDE, **resize}})
    _, report = prepare(
        PrepareSpec(sources=[source], data_kind="boxes", recipe=recipe), folder / "version", reader=read_boxed_images
    )
    version = open_version(folder / "version")
    return [version.open_split(name) for name in ("train", "validation", "test")], report


def all_boxes(splits: list[ImageSplit]) -> list[list[float]]:
    return [row for split in splits for i in range(split.num_documents) for row in split.boxes_of(i).tolist()]


@pytest.mark.parametrize("method", sorted(PLACES))
def test_coco_boxes_move_with_their_pictures(tmp_path: Path, method: str) -> None:
    marked = [annotation(i, picture=i, category_id=9 if i % 2 else 7) for i in range(12)]
    splits, report = prepared(tmp_path, {**pictures(), "a/instances.json": coco(marked)}, method=method)
    found = all_boxes(splits)
    assert len(found) == 12
    assert {tuple(row[:4]) for row in found} == {PLACES[method]}
    assert sorted(row["label"] for row in report["labels"]) == ["cat", "狗"]
    assert report["skipped"] == []


def test_yolo_text_says_the_same_as_coco(tmp_path: Path) -> None:
    line = f"1 {(BOX[0] + BOX[2]) / 2 / WIDTH} {(BOX[1] + BOX[3]) / 2 / HEIGHT} {40 / WIDTH} {20 / HEIGHT}\n".encode()
    members = {
        **pictures(),
        **{f"labels/{i}.txt": line for i in range(11)},
        "data.yaml": b"nc: 2\nnames:\n  0: cat\n  1: '\xe7\x8b\x97'\n",
    }
    splits, report = prepared(tmp_path, members)
    assert {tuple(row[:4]) for row in all_boxes(splits)} == {PLACES["pad"]}
    assert report["labels"] == [{"label": "狗", "documents": 11}]
    assert report["warnings"] == ["1 image has no box; a model learns from them what is nothing."]


def test_bad_boxes_are_left_out_and_named_with_file_and_line(tmp_path: Path) -> None:
    bad = [
        annotation(50, bbox=[1, 1, 0, 5]), annotation(51, picture=99), annotation(52, category_id=1),
        annotation(53, bbox=[500, 500, 5, 5]), annotation(54, bbox="none"),
    ]  # fmt: skip
    members = {
        **pictures(),
        "instances.json": coco([annotation(1), *bad]),
        "labels/3.txt": b"0 0.5 0.5 0.2 0.2\n0 0.5 0.5\n0 9 9 1 1\n",
    }
    splits, report = prepared(tmp_path, members)
    assert len(all_boxes(splits)) == 1  # what a COCO file says of a picture comes before a text file
    skipped = {row["reason"]: row for row in report["skipped"]}
    assert skipped["bad box"]["count"] == 7
    lines = members["instances.json"].decode().splitlines()
    line = next(number for number, content in enumerate(lines, start=1) if '"id": 50' in content)
    told = " | ".join(skipped["bad box"]["examples"])
    assert f"instances.json line {line}, annotations[1] (id 50): bbox is [1, 1, 0, 5]" in told
    assert "image_id 99 is not among the images" in told
    with pytest.raises(InputError, match=r"labels/3.txt line 2: bad box: it has 3 values"):  # of 3.png, which is there
        prepare_with_none_allowed(tmp_path)


def test_words_about_the_data_are_no_boxes_and_classes_without_a_name_are_told(tmp_path: Path) -> None:
    members = {
        **pictures(),
        "data.yaml": "names:\n  0: 猫\n  1: dog\n".encode(),
        "labels/0.txt": b"0 0.5 0.5 0.2 0.2\r\n1 0.5 0.5 0.3 0.3\r\n7 0.5 0.5 0.2 0.2\r\n",
        "labels/1.txt": b"",
        "labels/gone.txt": b"0 0.5 0.5 0.2 0.2\n",
        "notes.txt": b"taken in March\n" * 200,
    }
    splits, report = prepared(tmp_path, members)
    assert len(all_boxes(splits)) == 2
    assert {row["label"] for row in report["labels"]} == {"猫", "dog"}
    skipped = {row["reason"]: row for row in report["skipped"]}
    assert skipped["bad box"]["examples"] == [
        "data.zip/labels/0.txt line 3: class 7 has no name; the named ones are 0 to 1"
    ]
    assert {name.rpartition("/")[2] for name in skipped["text file without a picture of its name"]["examples"]} == {
        "gone.txt", "notes.txt",
    }  # fmt: skip


def prepare_with_none_allowed(folder: Path) -> None:
    source = SourceSpec(
        path=str(zip_of(folder / "b.zip", {**pictures(), "labels/3.txt": b"0 0.5 0.5 0.2 0.2\n0 0.5 0.5\n"}))
    )
    recipe = BoxRecipe.from_dict({"read": {"max_broken_images": 0}})
    prepare(PrepareSpec(sources=[source], data_kind="boxes", recipe=recipe), folder / "none", reader=read_boxed_images)


def test_pictures_without_any_box_are_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No picture in data.zip has a box"):
        prepared(tmp_path, pictures())


def test_preview_draws_boxes_and_counts_them(tmp_path: Path) -> None:
    both = [annotation(1), annotation(2, category_id=9), annotation(3, category_id=9, bbox=[1, 1, 9, 9])]
    seen = preview([zip_of(tmp_path / "a.zip", {**pictures(3), "instances.json": coco(both, 3)})])
    assert seen.error == ""
    assert [row.values["boxes"] for row in seen.rows] == ["2 狗, 1 cat", "none", "none"]
    assert seen.rows[0].values["picture"] != seen.rows[1].values["picture"]


def test_the_same_files_give_the_same_content(tmp_path: Path) -> None:
    marked = [annotation(i, picture=i) for i in range(12)]
    hashes = set()
    source = SourceSpec(path=str(zip_of(tmp_path / "a.zip", {**pictures(), "c.json": coco(marked)})))
    for threads in (1, 3):
        spec = PrepareSpec(sources=[source], data_kind="boxes", recipe=BoxRecipe(), num_threads=threads)
        hashes.add(prepare(spec, tmp_path / f"v{threads}", reader=read_boxed_images)[0].content_hash)
    assert len(hashes) == 1
    assert np.isfinite(open_version(tmp_path / "v1").open_split("train").boxes).all()


def test_bare_names_mean_the_pictures_beside_their_file(tmp_path: Path) -> None:
    """Two folders hold pictures of the same names, each with a COCO file of its own, as some tools export them."""
    members = {f"train/{i}.png": encoded(picture(i, size=(WIDTH, HEIGHT))) for i in range(6)}
    members |= {f"valid/{i}.png": encoded(picture(100 + i, size=(WIDTH, HEIGHT))) for i in range(6)}
    members["train/_annotations.coco.json"] = coco([annotation(i, picture=i) for i in range(6)], 6)
    members["valid/_annotations.coco.json"] = coco([annotation(i, picture=i, category_id=9) for i in range(6)], 6)
    splits, report = prepared(tmp_path, members)
    names = [row["label"] for row in report["labels"]]
    assert sorted(names) == ["cat", "狗"]
    train, validation = ({int(row[4]) for row in all_boxes([split])} for split in splits[:2])
    assert len(train) == len(validation) == 1
    assert train != validation
    assert {splits[1].source_of(i).split("/")[1] for i in range(splits[1].num_documents)} == {"valid"}
    members["train/7.png"] = members["train/0.png"]
    members["labels.json"] = coco([], 1)
    _, report = prepared(tmp_path / "b", {f"x/{name}": data for name, data in members.items()})
    told = {row["reason"]: row["examples"] for row in report["skipped"]}
    assert (
        "0.png may be data.zip/x/train/0.png or data.zip/x/valid/0.png; say its folder, too"
        in told["picture that is not clear"][0]
    )


def test_coco_files_add_up_and_pictures_that_none_lists_were_never_looked_at(tmp_path: Path) -> None:
    """The published COCO has files for things, for poses (the persons again) and for captions (no boxes)."""
    said = [{"id": 1, "image_id": 0, "caption": "a cat"}]
    members = {
        **pictures(),
        "annotations/instances.json": coco([annotation(i, picture=i) for i in range(9)], 9),
        "annotations/person_keypoints.json": coco([annotation(77), annotation(78, category_id=9)], 9),
        "annotations/captions.json": json.dumps({"images": [{"id": 0, "file_name": "0.png"}], "annotations": said}).encode(),
        "package.json": b'{"name": "tools"}',
    }  # fmt: skip
    splits, report = prepared(tmp_path, members)
    assert sum(split.num_documents for split in splits) == 9
    assert len(all_boxes(splits)) == 10
    told = {row["reason"]: row["count"] for row in report["skipped"]}
    assert told == {
        "box told twice": 1,
        "COCO file without boxes, such as one of captions": 1,
        "JSON that is no COCO file: it has no list of images": 1,
        "picture that no COCO file lists": 3,
    }


def test_two_uploads_keep_the_boxes_of_pictures_of_one_name_apart(tmp_path: Path) -> None:
    """Also texts in a zip of their own, outlines as data for segmentation have them, and names that contradict each other."""
    line = {"train": b"0 0.5 0.5 0.4 0.4\n", "val": b"1 0.3 0.3 0.7 0.3 0.7 0.7 0.3 0.7\n"}
    names = {"data.yaml": b"names: [cat, dog]"}
    paths = [
        zip_of(tmp_path / f"{part}.zip", {"images/0.png": encoded(picture(1)), "labels/0.txt": line[part], **names})
        for part in line
    ]
    skips = SkipCounter(0)
    found = [raw.boxes for raw in read_boxed_images([SourceSpec(path=str(path)) for path in paths], skips)]
    assert [[box.label for box in boxes or ()] for boxes in found] == [["cat"], ["dog"]]
    assert [box.corners for boxes in found for box in boxes or ()] == [pytest.approx((0.3, 0.3, 0.7, 0.7))] * 2
    bare = zip_of(tmp_path / "bare.zip", {"images/0.png": encoded(picture(1))})
    texts = zip_of(tmp_path / "texts.zip", {"labels/0.txt": line["val"], **names})
    (apart,) = read_boxed_images([SourceSpec(path=str(path)) for path in (bare, texts)], skips)
    assert [box.label for box in apart.boxes or ()] == ["dog"]
    other = zip_of(tmp_path / "other.zip", {"classes.txt": b"horse\n"})
    with pytest.raises(InputError, match=r"other.zip/classes.txt calls class 0 horse, and another file cat"):
        list(read_boxed_images([SourceSpec(path=str(path)) for path in (paths[0], other)], skips))
