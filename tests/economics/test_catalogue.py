"""The catalogue: sources and dates on every row, a forgiving lookup, and old prices kept apart."""

from __future__ import annotations

import datetime as dt
import re

import pytest

import economics.constants as constants
from economics.catalogue.accelerators import accelerators, find_accelerator
from economics.catalogue.prices import offers, offers_of, typical_price
from economics.constants import Constant
from economics.errors import UnknownNameError
from economics.units import parse_quantity, readable
from economics.verbs import catalogue
from economics.verbs._options import device_of

DAY = dt.date(2026, 11, 23)


def test_sizes_of_the_catalogue() -> None:
    assert len(accelerators()) >= 40
    assert len(offers()) >= 150
    assert len(catalogue("models")["rows"]) >= 50
    apis = catalogue("apis", on_day=DAY)
    assert len(apis["rows"]) >= 4
    assert len(apis["rows"] + apis["old_rows"]) >= 10


def test_every_row_has_a_source() -> None:
    assert all(a.source for a in accelerators().values())
    assert all(o.source for o in offers())
    apis = catalogue("apis", on_day=DAY)
    assert all(row["source"] and row["date"] for row in apis["rows"] + apis["old_rows"])


def test_old_prices_of_apis_stand_apart_from_fresh_ones() -> None:
    apis = catalogue("apis", on_day=DAY)
    assert all((DAY - dt.date.fromisoformat(row["date"])).days <= 180 for row in apis["rows"])
    assert all(row["state"] != "fresh" for row in apis["old_rows"])
    assert catalogue("apis", on_day=dt.date(2028, 1, 1))["rows"] == []


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("h100", "H100 SXM"), ("H100-80GB SXM", "H100 SXM"), ("NVIDIA H100 SXM5 80GB", "H100 SXM"),
        ("GB200", "GB200"), ("A100 80GB SXM", "A100 80GB SXM"), ("a100_40gb", "A100 40GB SXM"), ("a100", "A100 80GB SXM"),
        ("h100 pcie", "H100 PCIe"), ("RTX4090", "RTX 4090"), ("Google TPU v4", "TPU v4"), ("mi300x", "MI300X"),
        ("NVIDIA Tesla V100 DGXS 32 GB", "V100 SXM2 32GB"), ("a100-40g", "A100 40GB SXM"), ("ironwood", "TPU v7x"),
        ("TPUv4", "TPU v4"), ("TPU v5 lite", "TPU v5e"), ("Intel Xeon 8480", "Xeon 8480+"), ("m1 max", "Apple M1 Max"),
        ("NVIDIA A10", "A10"), ("RTX 6000 Ada", "RTX 6000 Ada"),
    ],
)  # fmt: skip
def test_lookup_forgives_spelling(said: str, taken: str) -> None:
    assert find_accelerator(said).name == taken


@pytest.mark.parametrize(
    ("said", "gigabytes"),
    [
        ("h100 96gb", 96),
        ("H100-80GB SXM", 80),
        ("b200 192GB", 180),
        ("a100 64 GB", 64),
        ("h100", 80),
        ("a10g", 24),
        ("h100 96g", 96),
        ("NVIDIA GH200 480GB", 96),
        ("gh200", 141),
    ],
)
def test_memory_that_a_name_says_is_not_lost(said: str, gigabytes: int) -> None:
    assert device_of(said).memory_bytes == gigabytes * 1e9


def test_a_name_without_a_usual_form_is_refused_with_the_list() -> None:
    with pytest.raises(UnknownNameError, match="Apple M4 Max"):
        find_accelerator("apple")


def test_old_prices_never_stand_among_fresh_ones() -> None:
    result = catalogue("prices", name="h100", on_day=DAY)
    assert {row["state"] for row in result["rows"]} == {"fresh"}
    assert all("refresh to compare" in row["state"] for row in result["old_rows"])
    assert any(row["state"] == "prices of March 2025: refresh to compare" for row in result["old_rows"])
    later = catalogue("prices", name="h100", on_day=DAY + dt.timedelta(days=400))
    assert later["rows"] == []
    assert len(later["old_rows"]) == len(result["rows"]) + len(result["old_rows"])


def test_fresh_offers_are_sorted_by_price() -> None:
    fresh, _ = offers_of("H100 SXM", today=DAY, term="on-demand")
    prices = [offer.usd_per_accelerator_hour for offer in fresh]
    assert prices == sorted(prices)
    assert prices


def test_a_stale_price_says_how_old_it_is() -> None:
    typical = typical_price("V100 SXM2 16GB", today=DAY)
    assert typical is not None
    assert "refresh to compare" in typical.note


def test_constants_are_few_sourced_dated_and_name_nobody() -> None:
    found = {name: value for name, value in vars(constants).items() if isinstance(value, Constant)}
    assert 10 <= len(found) <= 25
    names = re.compile(
        r"llama|gpt|megatron|mosaic|nvidia|meta\b|google|torchtitan|deepseek|mlperf|arxiv|et al", re.IGNORECASE
    )
    for name, constant in found.items():
        assert constant.source, name
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", constant.date), name
        assert not names.search(name + constant.meaning + constant.source), name


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [("7B", "count", 7e9), ("2T", "count", 2e12), ("1e12", "count", 1e12), ("300000000000.0", "count", 3e11),
     ("80GB", "bytes", 80e9), ("96GiB", "bytes", 96 * 2**30), ("3d", "seconds", 259200), ("30%", "fraction", 0.3),
     ("900GB/s", "bandwidth", 9e11), ("1_000", "count", 1000), ("$2.50", "usd", 2.5)],
)  # fmt: skip
def test_units(text: str, kind: str, value: float) -> None:
    assert parse_quantity(text, field="x", kind=kind) == pytest.approx(value)  # type: ignore[arg-type]


def test_numbers_are_written_with_few_digits() -> None:
    assert readable(3.14159e12) == "3.14 T"
