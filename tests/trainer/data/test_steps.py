"""The single steps: repair, language, redaction, sketches, near-duplicates, splits, the demo's source."""

from __future__ import annotations

import random
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.data.checksums import is_chinese_id, is_iban, is_luhn
from trainer.data.language import detect_language
from trainer.data.manifest import hash_file
from trainer.data.minhash import band_shape, bands, jaccard, shingle_hashes, sketches
from trainer.data.mojibake import repair
from trainer.data.normalise import normalise
from trainer.data.recipe import NormaliseStep, RedactStep, SplitStep
from trainer.data.redact import redact
from trainer.data.split import split_of_keys
from trainer.data.stdlib import write_archive

CHINESE = "今天天气很好，我们一起去公园散步，然后回家吃饭。"


@pytest.mark.parametrize(
    ("meant", "wrong"),
    [
        ("Le café est déjà fermé.", "Le café est déjà fermé.".encode().decode("latin-1")),
        (
            "It’s “fine” – really…",
            "It’s “fine” – really…".encode().decode("cp1252", "replace").replace("\ufffd", "\x9d"),
        ),
        (CHINESE, CHINESE.encode().decode("latin-1")),
        (CHINESE, CHINESE.encode("gbk").decode("latin-1")),
        ("人工智能语言模型", "人工智能语言模型".encode().decode("gb18030")),
    ],
)
def test_mojibake_is_repaired(meant: str, wrong: str) -> None:
    assert repair(wrong) == meant


@pytest.mark.parametrize(
    "text", [CHINESE, "联通", "élève à côté, Ümläut", "naïve Ångström ×2", "日本語のテキスト", "Ä Ö Ü ß", "ÀÉÎÕÜ"]
)
def test_right_text_is_left_alone(text: str) -> None:
    assert repair(text) == text


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    once, _ = normalise(text, NormaliseStep(fix_mojibake=False))
    assert normalise(once, NormaliseStep(fix_mojibake=False)) == (once, ())
    assert not set(once) & {chr(i) for i in range(32)} - {"\t", "\n"}


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", CHINESE * 3),
        ("en", "The dog that was in the house had not been seen by any of them for a week."),
        ("code", "def f(x):\n    y = x + 1\n    return y\n"),
        ("code", "int main() {\n  return 0;\n}\n"),
        ("other", "Der Hund schläft heute sehr lange und träumt von Wurst."),
        ("other", "今日はとてもいい天気ですから、公園を散歩しましょう。"),
        ("other", "Сегодня очень хорошая погода, пойдём гулять в парк."),
    ],
)
def test_language(language: str, text: str) -> None:
    assert detect_language(text) == language


def test_checksums_against_published_examples() -> None:
    assert is_chinese_id("11010519491231002X")  # GB 11643-1999, appendix
    assert not is_chinese_id("110105194912310021")
    assert not is_chinese_id("110105194902300023")  # 30 February
    assert is_luhn("4111111111111111")
    assert not is_luhn("4111111111111112")
    assert is_iban("GB82 WEST 1234 5698 7654 32")  # ISO 13616
    assert not is_iban("GB82 WEST 1234 5698 7654 33")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail bob.smith@mail.example.com, now", "mail <EMAIL>, now"),
        ("电话13812345678。", "电话<PHONE>。"),
        ("座机010-62345678转1", "座机<PHONE>转1"),
        ("座机（０２１）６２３４５６７８，热线400-123-4567", "座机<PHONE>，热线<PHONE>"),
        ("Tel.13812345678，手机：１３８１２３４５６７８", "Tel.<PHONE>，手机：<PHONE>"),
        ("身份证１１０１０５１９４９１２３１００２Ｘ a＠b.com", "身份证<CN_ID> <EMAIL>"),
        ("+86 139-1234-5678 / (415) 555-2671 / +44 20 7946 0958", "<PHONE> / <PHONE> / <PHONE>"),
        ("身份证11010519491231002X号", "身份证<CN_ID>号"),
        ("card 4111 1111 1111 1111.", "card <CARD>."),
        ("ssn 123-45-6789", "ssn <SSN>"),
        ("iban GB82 WEST 1234 5698 7654 32 ok", "iban <IBAN> ok"),
        ("host 8.8.8.8 and 2001:4860:4860::8888", "host <IP> and <IP>"),
        ("13812345678@qq.com", "<EMAIL>"),
    ],
)
def test_personal_data_is_replaced(text: str, expected: str) -> None:
    assert redact(text, RedactStep())[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-02 12:30:45", "3.14159265358979", "127.0.0.1 and 192.168.1.1 and 10.0.0.3", "version 1.2.3.4",
        "std::vector a::b", "110105194912310021", "000-12-3456 and 900-12-3456", "1700000000000", "@decorator\ndef f(): pass",
        "0x1234567890abcdef", "3.13812345678", "1234 0212 3456 7890", "x = [1, 2, 3, 4, 5, 6, 7]", "4111 1111 1111 1112",
    ],
)  # fmt: skip
def test_look_alikes_stay(text: str) -> None:
    assert redact(text, RedactStep()) == (text, [])


def test_a_kind_that_is_switched_off_stays() -> None:
    text = "bob@example.com 13812345678"
    assert redact(text, RedactStep(email=False))[0] == "bob@example.com <PHONE>"
    assert redact(text, RedactStep(phone=False))[0] == "<EMAIL> 13812345678"


def test_redaction_of_hostile_text_is_linear() -> None:
    for unit in ("a@", "a.", "1 ", "1-", "(1)", "+1", "A1", "2001:", "a@a."):
        started = time.process_time()
        redact(unit * (100_000 // len(unit)), RedactStep())
        assert time.process_time() - started < 2, unit


def test_shingles_are_those_of_the_text_alone() -> None:
    together, offsets = shingle_hashes(["abcdefg", "x", CHINESE], 5)
    for i, text in enumerate(("abcdefg", "x", CHINESE)):
        alone, _ = shingle_hashes([text], 5)
        assert np.array_equal(together[int(offsets[i]) : int(offsets[i + 1])], alone)


def test_sketches_estimate_jaccard() -> None:
    generator = random.Random(5)
    errors = []
    for share in (0.01, 0.02, 0.05, 0.1):
        for _ in range(10):
            text = "".join(generator.choice("abcdefghijklmnopqrstuvwxyz ") for _ in range(1_500))
            changed = "".join(c if generator.random() > share else "#" for c in text)
            a, b = sketches([text, changed], num_hashes=128, shingle_characters=5)
            errors.append(float((a == b).mean()) - jaccard(text, changed, shingle_characters=5))
    assert abs(np.mean(errors)) < 0.02
    assert np.std(errors) < 0.05


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9])
def test_a_pair_at_the_threshold_becomes_a_candidate(threshold: float) -> None:
    num_bands, rows = band_shape(128, threshold)
    generator = np.random.default_rng(1)
    a = generator.integers(0, 2**32, (4_000, 128), dtype=np.uint32)
    b = np.where(generator.random(a.shape) < threshold, a, a + 1).astype(np.uint32)
    hashes_a, hashes_b = (bands(x, num_bands=num_bands, rows_per_band=rows) for x in (a, b))
    assert (hashes_a == hashes_b).any(axis=0).mean() > 0.985


def test_splits_follow_the_cluster_and_the_seed() -> None:
    generator = np.random.default_rng(2)
    keys = generator.integers(0, 2**64, 50_000, dtype=np.uint64)
    roots = np.arange(50_000, dtype=np.int32) // 5 * 5
    split = split_of_keys(keys, roots, SplitStep(validation_fraction=0.1, test_fraction=0.05))
    assert np.array_equal(split, split[roots])
    assert np.bincount(split) / 50_000 == pytest.approx([0.85, 0.1, 0.05], abs=0.01)
    other = split_of_keys(keys, roots, SplitStep(validation_fraction=0.1, test_fraction=0.05, seed=2))
    assert (other != split).any()


def test_the_standard_library_becomes_the_same_zip_every_time(tmp_path: Path) -> None:
    assert write_archive(tmp_path / "a.zip") > 300
    write_archive(tmp_path / "b.zip")
    assert hash_file(tmp_path / "a.zip") == hash_file(tmp_path / "b.zip")
    names = zipfile.ZipFile(tmp_path / "a.zip").namelist()
    assert {"json/decoder.py", "abc/abc.py"} <= set(names)
    assert not [name for name in names if "/test/" in name or name.startswith("test/")]
