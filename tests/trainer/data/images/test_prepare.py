"""Images prepared: planted flaws are found, labels come from folders and tables, the result depends on content alone."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.trainer.data.images.pictures import classes, encoded, picture, zip_of
from trainer.data.child import preview_in_child
from trainer.data.images.decode import BrokenImageError, decode
from trainer.data.images.prepare import prepare
from trainer.data.images.preview import preview
from trainer.data.images.recipe import ImageRecipe, ReadStep, ResizeStep
from trainer.data.shards import PreparedVersion, open_version
from trainer.data.sources import SourceSpec
from trainer.data.spec import PrepareSpec, recipe_hash
from trainer.errors import InputError

SMALL = ImageRecipe(resize=ResizeStep(side=16))


def prepared(folder: Path, *paths: Path, recipe: ImageRecipe = SMALL, **options: Any) -> tuple[PreparedVersion, Any]:
    sources = [SourceSpec(path=str(path)) for path in paths]
    _, report = prepare(PrepareSpec(sources=sources, data_kind="images", recipe=recipe, **options), folder)
    return open_version(folder), report


def sources_in(version: PreparedVersion, split: str) -> set[str]:
    opened = version.open_split(split)
    return {opened.source_of(i).partition("/")[2] for i in range(opened.num_documents)}


def everywhere(version: PreparedVersion) -> set[str]:
    return {name for split in ("train", "validation", "test") for name in sources_in(version, split)}


def test_planted_flaws_are_found_and_told(tmp_path: Path) -> None:
    members = classes()
    first = picture(5_000)
    members |= {
        "dog/a.png": encoded(first),
        "dog/a again.png": encoded(first, compress_level=1),
        "dog/a smaller file.jpg": encoded(first, "JPEG", quality=70),
        "dog/tiny.png": encoded(picture(6_000, size=(5, 40))),
        "dog/long.png": encoded(picture(6_001, size=(400, 20))),
        "dog/blank.png": encoded(Image.new("RGB", (50, 50), (9, 200, 9))),
        "dog/broken.png": encoded(first)[:200],
        "dog/no picture.jpg": b"hello",
        "notes.txt": b"hello",
        "bird/grey.png": encoded(picture(7_000).convert("L")),
        "bird/clear.png": encoded(picture(7_001).convert("RGBA")),
        "bird/palette.gif": encoded(picture(7_002).convert("P"), "GIF"),
        "bird/deep.png": encoded(Image.fromarray((np.arange(2_500).reshape(50, 50) * 26).astype(np.uint16))),
    }
    version, report = prepared(tmp_path / "v", zip_of(tmp_path / "pets.zip", members))
    kept = everywhere(version)
    assert {"bird/grey.png", "bird/clear.png", "bird/palette.gif", "bird/deep.png", "dog/a.png"} <= kept
    assert not kept & {"dog/a again.png", "dog/a smaller file.jpg", "dog/tiny.png", "dog/long.png", "dog/blank.png"}
    assert {"猫/3.png", "dog/3.png"} <= kept
    assert len(kept) == 90 + 5
    steps = {step["name"]: step for step in report["steps"]}
    assert {reason["reason"] for reason in steps["check"]["reasons"]} == {"too small", "too drawn-out", "of one colour"}
    assert report["duplicates"]["exact"]["removed"] == 1
    assert report["duplicates"]["near"]["removed"] == 1
    assert report["duplicates"]["pairs"][0]["removed"]["source"].endswith("a smaller file.jpg")
    skipped = {row["reason"]: row["count"] for row in report["skipped"]}
    assert skipped == {"broken picture": 2, "no picture (.txt)": 1}
    assert sorted(version.manifest.label_names) == ["bird", "dog", "猫"]
    assert all(sample["picture"].startswith("data:image/jpeg;base64,") for sample in report["samples"])
    version.verify()


def test_the_same_pictures_give_the_same_hash_on_any_number_of_threads(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "pets.zip", classes(num_each=10))
    one, _ = prepared(tmp_path / "one", path, num_threads=1)
    two, _ = prepared(tmp_path / "two", path, num_threads=2)
    assert one.manifest.content_hash == two.manifest.content_hash
    other, _ = prepared(tmp_path / "other", path, recipe=replace(SMALL, resize=ResizeStep(side=24)))
    assert other.manifest.content_hash != one.manifest.content_hash


def test_nearly_the_same_never_cross_splits_when_they_stay(tmp_path: Path) -> None:
    members = {}
    for i in range(60):
        members[f"a/{i}.png"] = encoded(picture(i))
        members[f"b/{i}.jpg"] = encoded(picture(i), "JPEG", quality=80)
    recipe = ImageRecipe.from_dict({"resize": {"side": 16}, "duplicates": {"near": False, "exact": False}})
    version, _ = prepared(tmp_path / "v", zip_of(tmp_path / "twins.zip", members), recipe=recipe)
    assert len(everywhere(version)) == 120
    for split in ("train", "validation", "test"):
        numbers = [name.split("/")[1].split(".")[0] for name in sources_in(version, split)]
        assert all(numbers.count(number) == 2 for number in numbers)


def test_a_table_says_the_label_before_the_folder_does(tmp_path: Path) -> None:
    members = {f"images/{i}.png": encoded(picture(i)) for i in range(20)}
    rows = ["path,label", *(f"images/{i}.png,{'odd' if i % 2 else 'even'}" for i in range(20))]
    members["labels.csv"] = "\n".join(rows).encode()
    version, report = prepared(tmp_path / "v", zip_of(tmp_path / "numbers.zip", members))
    train = version.open_split("train")
    names = version.manifest.label_names
    for i in range(train.num_documents):
        number = int(train.source_of(i).split("/")[-1].split(".")[0])
        assert names[train.label_ids[i]] == ("odd" if number % 2 else "even")
    assert report["warnings"] == []


def test_where_a_table_is_silent_no_folder_speaks(tmp_path: Path) -> None:
    """A table of bare names without endings; two pictures are not in it, one row has no picture."""
    members = {f"images/{i}.png": encoded(picture(i)) for i in range(20)}
    rows = ["Image ID,Label", *(f"{i},{'odd' if i % 2 else 'even'}" for i in range(18)), "nobody,odd"]
    members["labels.csv"] = "\n".join(rows).encode()
    version, report = prepared(tmp_path / "v", zip_of(tmp_path / "numbers.zip", members))
    assert sorted(version.manifest.label_names) == ["even", "odd"]
    assert report["warnings"] == ["2 images have no class; models that tell classes apart leave them out."]
    (row,) = report["skipped"]
    assert (row["reason"], row["examples"]) == ("in the table, but no picture is there", ["nobody"])


def test_pictures_in_two_classes_and_of_several_frames_are_told(tmp_path: Path) -> None:
    members = classes(num_each=5)
    members["bird/copy.png"] = members["dog/1.png"]
    members["bird/nearly.jpg"] = encoded(picture(1_002), "JPEG", quality=90)
    frames = [picture(8_000 + i) for i in range(3)]
    members["bird/moving.gif"] = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    _, report = prepared(tmp_path / "v", zip_of(tmp_path / "pets.zip", members))
    classes_told, frames_told = report["warnings"]
    assert classes_told.startswith("2 images are the same, or nearly the same, as one of another class")
    assert "bird/copy.png" in classes_told
    assert "bird/moving.gif: the first one is taken" in frames_told


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_photograph_is_decoded_small_and_looks_the_same(orientation: int) -> None:
    """A JPEG can be unpacked at an eighth of its size; what the model sees, and the size that is told, stay."""
    photo = picture(1, size=(1_200, 900))
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decode(encoded(photo, "JPEG", quality=95, exif=exif), SMALL)
    turned = photo if orientation == 1 else photo.rotate(-90, expand=True)
    assert (found.width, found.height) == turned.size
    assert np.abs(found.pixels.astype(int) - decode(encoded(turned), SMALL).pixels).mean() < 2


def test_folders_called_train_and_val_divide_the_pictures_and_are_no_classes(tmp_path: Path) -> None:
    """As many data sets come; the pictures for the test have no class, so that a test is drawn from training."""
    members = {f"pets/train/{name}": data for name, data in classes(num_each=20).items()}
    members |= {f"pets/val/{name}": encoded(picture(9_000 + i)) for i, name in enumerate(classes(num_each=3))}
    members |= {f"pets/test/{i}.png": encoded(picture(9_500 + i)) for i in range(4)}
    path = zip_of(tmp_path / "pets.zip", members)
    version, report = prepared(tmp_path / "v", path)
    assert sorted(version.manifest.label_names) == ["bird", "dog", "猫"]
    assert sources_in(version, "validation") == {name for name in members if "/val/" in name}
    test = sources_in(version, "test")
    assert {name for name in members if "/test/" in name} < test
    assert all("/train/" in name or "/test/" in name for name in test)
    assert sources_in(version, "train") == {name for name in members if "/train/" in name} - test
    assert any("as their folders say" in warning for warning in report["warnings"])
    anew, report = prepared(tmp_path / "w", path, recipe=ImageRecipe.from_dict({"split": {"keep_given": False}}))
    assert sources_in(anew, "validation") != sources_in(version, "validation")
    assert not any("as their folders say" in warning for warning in report["warnings"])


def test_a_class_may_be_called_train_and_classes_may_lie_above_the_splits(tmp_path: Path) -> None:
    vehicles = {
        f"{name}/{i}.png": encoded(picture(100 * j + i)) for j, name in enumerate(("train", "bus")) for i in range(9)
    }
    version, report = prepared(tmp_path / "a", zip_of(tmp_path / "vehicles.zip", vehicles))
    assert sorted(version.manifest.label_names) == ["bus", "train"]
    assert report["warnings"] == []
    above = {f"{name.replace('/', '/train/')}": data for name, data in classes(num_each=9).items()}
    above |= {f"{name}/test/{i}.png": encoded(picture(9_000 + i)) for i, name in enumerate(("猫", "dog", "bird"))}
    version, _ = prepared(tmp_path / "b", zip_of(tmp_path / "pets.zip", above))
    assert sorted(version.manifest.label_names) == ["bird", "dog", "猫"]
    assert sources_in(version, "test") == {name for name in above if "/test/" in name}


def test_folders_of_one_name_in_several_places_are_one_class_and_told(tmp_path: Path) -> None:
    members = {
        f"{place}/{name}": encoded(picture(hash(place + name) % 2**32)) for place in ("in", "out") for name in classes()
    }
    _, report = prepared(tmp_path / "v", zip_of(tmp_path / "pets.zip", members))
    assert [row["documents"] for row in report["labels"]] == [60, 60, 60]
    (told,) = report["warnings"]
    assert told.startswith("3 classes lie in several folders of one name, such as 猫 in in/猫 and out/猫")


def test_what_is_wrong_in_a_table_is_told_with_its_line(tmp_path: Path) -> None:
    """Semicolons, a picture named twice, rows without a label, and folders that decide between pictures of one name."""
    members = {f"{folder}/{i}.png": encoded(picture(100 * j + i)) for j, folder in enumerate("ab") for i in range(8)}
    rows = ["file;label", *(f"/home/me/pets/a/{i}.png;cat" for i in range(8)), *(f"b\\{i}.png;dog" for i in range(7))]
    members["labels.csv"] = "\n".join([*rows, "a/1.png;dog", "b/7.png;", "7.png;dog", "c/99.png;cat"]).encode()
    version, report = prepared(tmp_path / "v", zip_of(tmp_path / "pets.zip", members))
    assert {row["label"]: row["documents"] for row in report["labels"]} == {"cat": 8, "dog": 7, "": 1}
    told = {row["reason"]: row["examples"] for row in report["skipped"]}
    assert told == {
        "picture named twice with different classes": [
            "pets.zip/labels.csv line 17: a/1.png is dog here and cat before, which counts"
        ],
        "row of the table without a path or without a label": ["pets.zip/labels.csv line 18"],
        "row that may mean several pictures": [
            "pets.zip/labels.csv line 19: 7.png may be pets.zip/a/7.png or pets.zip/b/7.png"
        ],
        "in the table, but no picture is there": ["c/99.png"],
    }
    assert version.manifest.label_names == ["cat", "dog"]


@pytest.mark.parametrize(
    "levels",
    [
        np.linspace(0, 1, 2_500, dtype=np.float32),
        np.linspace(0, 255, 2_500, dtype=np.float32),
        np.linspace(0, 65_535, 2_500).astype(np.uint16),
        np.linspace(0, 9_000_000, 2_500).astype(np.int32),
        np.linspace(-5, 4_000, 2_500, dtype=np.float32),
    ],
    ids=["fractions", "bytes as fractions", "16 bits", "32 bits", "heights"],
)
def test_deep_pictures_keep_their_grey_levels(levels: np.ndarray[Any, Any]) -> None:
    found = decode(encoded(Image.fromarray(levels.reshape(50, 50)), "TIFF"), SMALL).pixels[..., 0].astype(int)
    assert found.min() < 16
    assert found.max() > 239
    assert (np.diff(found.mean(axis=1)) > 0).all()


@pytest.mark.parametrize(
    ("data", "name", "sentence"),
    [
        (b"file,kind\na.png,1\n", "labels.csv", "one of labels"),
        ("path,label\nä,1\n".encode("latin-1"), "labels.csv", "not UTF-8"),
        (b'{"path": "a.png", "label": 1}\n{oops\n', "labels.jsonl", "line 2 is not JSON"),
        (b'{"path": "a.png", "label": 1}\n["a.png", 1]\n', "labels.jsonl", "line 2 is no object"),
        (b"path,label\na.png," + b"x" * 200_000, "labels.csv", "line 2 is no row"),
    ],
)
def test_a_wrong_table_is_told_where(tmp_path: Path, data: bytes, name: str, sentence: str) -> None:
    path = zip_of(tmp_path / "x.zip", {"a.png": encoded(picture(1)), name: data})
    with pytest.raises(InputError, match=sentence):
        prepared(tmp_path / "v", path)


def test_damaged_pictures_of_any_form_are_counted_and_never_end_the_preparation() -> None:
    """Pillow fails at wrong lengths in other ways than at wrong pixels: a GIF that ends between frames, a TIFF without sizes."""
    chance, frames = random.Random(1), [picture(8_000 + i) for i in range(2)]
    whole = [
        encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), encoded(frames[0], "TIFF"),
        encoded(frames[0], "PNG"), encoded(frames[0].convert("CMYK"), "JPEG"), encoded(frames[0], "WEBP"),
    ]  # fmt: skip
    broken = 0
    for data in whole:
        for _ in range(120):
            damaged = bytearray(data[: chance.randrange(len(data))] if chance.random() < 0.3 else data)
            for _ in range(chance.choice([1, 5, 20])):
                if damaged:
                    damaged[chance.randrange(min(len(damaged), 400))] = chance.randrange(256)
            try:
                decode(bytes(damaged), SMALL)
            except BrokenImageError:
                broken += 1
    assert broken > 300


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_names_of_a_zip_made_on_macos_or_in_chinese_windows_are_read(tmp_path: Path, encoding: str) -> None:
    """Neither says how its names are written."""
    name = "花猫".encode(encoding)
    stand_in = "x" * len(name)
    path = zip_of(tmp_path / "pets.zip", {f"{stand_in}/{i}.png": encoded(picture(i)) for i in range(3)})
    path.write_bytes(path.read_bytes().replace(stand_in.encode() + b"/", name + b"/"))
    _, report = prepared(tmp_path / "version", path)
    assert [row["label"] for row in report["labels"]] == ["花猫"]


def test_a_picture_that_claims_too_many_pixels_is_not_unpacked(tmp_path: Path) -> None:
    flood = encoded(Image.new("1", (20_000, 20_000)), "PNG")
    members = {**classes(num_each=2), "dog/flood.png": flood}
    _, report = prepared(tmp_path / "v", zip_of(tmp_path / "x.zip", members))
    assert report["skipped"][0]["examples"] == ["x.zip/dog/flood.png: it claims more than 64,000,000 pixels"]
    none_allowed = replace(SMALL, read=ReadStep(max_broken_images=0))
    with pytest.raises(InputError, match="pixels"):
        prepared(tmp_path / "w", tmp_path / "x.zip", recipe=none_allowed)


def test_files_without_pictures_get_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    with pytest.raises(InputError, match=r"No picture was found in notes\.txt"):
        prepared(tmp_path / "v", path)
    shown = preview_in_child([SourceSpec(path=str(path))], data_kind="images")
    assert "No picture was found" in shown.error


def test_the_preview_shows_small_copies_and_classes(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "pets.zip", classes(num_each=2))
    shown = preview_in_child([SourceSpec(path=str(path))], data_kind="images")
    assert shown.error == ""
    assert {row.values["class"] for row in shown.rows} == {"猫", "dog", "bird"}
    assert shown.rows[0].values["size"] == "60 x 50"
    assert shown.rows[0].values["picture"].startswith("data:image/jpeg;base64,")
    assert (shown.num_files, shown.warnings) == (6, [])


def test_the_preview_of_many_pictures_shows_the_first_and_warns_of_nothing(tmp_path: Path) -> None:
    shown = preview([zip_of(tmp_path / "pets.zip", classes(num_each=5))], rows=4)
    assert (len(shown.rows), shown.num_files, shown.warnings) == (4, 15, [])


def test_the_recipe_hash_knows_the_kind_of_data(tmp_path: Path) -> None:
    source = SourceSpec(path="x", sha256="0" * 64)
    assert recipe_hash([source], SMALL, data_kind="images") != recipe_hash([source], SMALL)
