"""axe-core over the main pages, light and dark: names, labels, roles, contrast, sizes of targets (WCAG 2.2 AA)."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.urls import reverse
from playwright.sync_api import Browser, Page

from tests.factories import Cast, make_team
from tests.webapp.datasets.helpers import add_file, prose
from tests.webapp.datasets.live import live_server
from tests.webapp.datasets.test_versions import make, prepare_as_a_worker
from tests.webapp.runs.rows import make_run
from tests.webapp.sweeps.rows import make_sweep
from webapp.datasets.models import Dataset
from webapp.registry.services import model_version_create
from webapp.runs.metrics import metrics_append
from webapp.runs.models import Checkpoint, Run, Sample

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN_AXE = """async (tags) => {
  const { violations } = await axe.run(document, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] });
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")} – ${node.failureSummary}`));
}"""


@pytest.fixture
def pages(transactional_db: None, tmp_path: Path, settings: Any) -> tuple[Cast, list[str]]:
    """Return a team at work, and the addresses to look at."""
    settings.ISOCOST_FILES = tmp_path
    cast = make_team()
    cast.alice.is_staff = cast.alice.is_superuser = True
    cast.alice.save()
    dataset = Dataset.objects.create(project=cast.project, name="Help articles 语料", created_by=cast.bob)
    file = add_file(dataset, "articles.jsonl", prose(300))
    version = make(dataset, cast)
    prepare_as_a_worker(version)
    run = make_run(cast, name="客服 small", state="failed", reason="The loss became NaN at step 90. Start again.")
    metrics_append(run=run, steps=range(100), values={"train/loss": [5 - i / 50 for i in range(100)]})
    Sample.objects.create(run=run, step=50, prompt="今天", output="天气很好")
    Checkpoint.objects.create(
        run=run, job=run.latest_job, fence=1, step=50, stored_path="x", sha256="a" * 64, size_bytes=9_000, is_best=True
    )
    make_run(cast, name="the next one", state="queued")
    sweep = make_sweep(cast)
    kept = model_version_create(checkpoint=kept_checkpoint(tmp_path, run), name="客服 assistant", created_by=cast.bob)
    project, team = [cast.project.code], [cast.team.code]
    named = [
        ("dataset-list", project), ("dataset-detail", [dataset.code]), ("file-detail", [file.code]),
        ("version-new", [dataset.code]), ("version-detail", [version.code]), ("run-list", project),
        ("run-create", project), ("playground", project), ("project-costs", project), ("project-settings", project),
        ("sweep-list", project), ("sweep-create", project), ("sweep-detail", [sweep.code]),
        ("team-detail", team), ("account", []), ("queue", []), ("admin:index", []), ("admin:jobs_job_changelist", []),
    ]  # fmt: skip
    addresses = ["/", *(reverse(name, args=args) for name, args in named)]
    addresses += [f"{kept.get_absolute_url()}?tab={tab}" for tab in ("compress", "exports")]
    tabs = ("overview", "logs", "config", "checkpoints", "evaluation", "cost", "events")
    return cast, [*addresses, *(f"{run.get_absolute_url()}?tab={tab}" for tab in tabs)]


def kept_checkpoint(files: Path, run: Run) -> Checkpoint:
    """Return a checkpoint of the run whose folder is there, so that a version can be made of it."""
    (files / "x").mkdir()
    return Checkpoint.objects.get(run=run)


def violations(page: Page, address: str) -> list[str]:
    page.goto(address)
    page.wait_for_load_state("load")
    page.evaluate(AXE)
    return [f"{address} {found}" for found in page.evaluate(RUN_AXE, RULES)]


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 1440), ("light", 390)])
def test_no_page_breaks_a_rule(chromium: Browser, pages: tuple[Cast, list[str]], theme: Any, width: int) -> None:
    cast, addresses = pages
    session = cast.client(cast.alice).cookies[django_settings.SESSION_COOKIE_NAME].value
    found: list[str] = []
    with live_server() as base:
        context = chromium.new_context(base_url=base, color_scheme=theme, viewport={"width": width, "height": 900})
        context.add_init_script(
            "for (const name of ['overview', 'run']) localStorage.setItem(`tour-seen:${name}`, '1')"
        )
        context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": session, "url": base}])
        page = context.new_page()
        for address in addresses:
            found += violations(page, address)
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found.append(f"{address} is wider than the window")
        context.close()
    assert found == [], "\n".join(found)
