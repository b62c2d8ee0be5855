"""What `--data` may name."""

from __future__ import annotations

from pathlib import Path

from trainer.cli.train import prepared_folder


def make_version(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    return folder


def test_prepared_version_is_itself(tmp_path: Path) -> None:
    version = make_version(tmp_path / "version")
    assert prepared_folder(version) == version


def test_folder_of_a_preparation_gives_what_its_last_attempt_made(tmp_path: Path) -> None:
    make_version(tmp_path / "attempts" / "2" / "artifacts" / "version")
    last = make_version(tmp_path / "attempts" / "10" / "artifacts" / "version")
    (tmp_path / "attempts" / "11").mkdir()
    assert prepared_folder(tmp_path) == last


def test_other_folder_is_left_for_the_reader_to_refuse(tmp_path: Path) -> None:
    assert prepared_folder(tmp_path) == tmp_path
