"""What our modules must not do: WebGL charts need eval, which the content policy forbids; so does inline code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trainer.families import families

ROOT = Path(__file__).resolve().parents[3]
MODULES = sorted((ROOT / "static" / "js").glob("*.js"))
TEMPLATES = sorted((ROOT / "templates" / "runs").glob("*.html"))
WEBGL_TRACES = re.compile(r"scattergl|splom|parcoords|scatter3d|mesh3d|heatmapgl|pointcloud|scatterpolargl|mapbox")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_no_module_draws_with_webgl_or_runs_text(path: Path) -> None:
    text = path.read_text()
    assert not WEBGL_TRACES.search(text)
    assert not re.search(r"\beval\(|new Function\(", text)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_of_runs_has_code_or_style_in_it(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"\son[a-z]+=|\sstyle=", text)


def test_no_page_of_runs_knows_a_family_by_name() -> None:
    """Families reach the pages through their registry, and economics through a module of each, in a folder of its own."""
    names = "|".join(families())
    named = re.compile(rf"[\"']({names})[\"']")
    for path in [*(ROOT / "webapp" / "runs").glob("*.py"), *TEMPLATES, *MODULES]:
        assert not named.search(path.read_text()), path
