"""The pages of ladders and fits: who sees them, and that what they show is what economics says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from economics.scaling import FittedLaw, optimal_band, predict_loss
from tests.factories import Cast
from tests.webapp.ladders.rows import common, make_fit, make_ladder, make_seal, measured_worker
from webapp.ladders.models import Ladder

pytestmark = pytest.mark.django_db


def test_list_and_ladder_show_points_and_states(cast: Cast) -> None:
    fit = make_fit(cast)
    client = cast.client(cast.vera)
    page = client.get(reverse("ladder-list", args=[cast.project.code])).content.decode()
    assert "10 / 10" in page
    page = client.get(fit.ladder.get_absolute_url()).content.decode()
    assert page.count('data-figure="loss"') == 10
    assert 'id="ladder-points"' in page


def test_fit_page_shows_what_economics_says(cast: Cast) -> None:
    measured_worker()
    fit = make_fit(cast)
    page = cast.client(cast.vera).get(fit.get_absolute_url()).content.decode()
    fitted = FittedLaw.from_dict(fit.answer)
    for name, interval in fit.answer["intervals"].items():
        assert f'data-coefficient="{name}"' in page
        assert f'data-value="{interval["p50"]}"' in page
    assert "were not tuned" in page
    assert 'id="surface"' in page
    assert "Had the largest run not been there" in page
    assert fitted.law is not None


def test_plan_moves_with_the_budget_and_equals_the_optimal_band(cast: Cast) -> None:
    measured_worker()
    fit = make_fit(cast)
    client = cast.client(cast.vera)
    small, large = (
        client.get(reverse("fit-plan", args=[fit.code]), {"hardware": "this", "budget_usd": usd}).context["plan"]
        for usd in ("0.01", "0.1")
    )
    assert large.band.num_params.p50 > small.band.num_params.p50
    assert large.band == optimal_band(FittedLaw.from_dict(fit.answer), large.compute_flop)
    assert large.compute_flop == pytest.approx(10 * small.compute_flop)
    assert large.compute_flop == pytest.approx(0.1 / large.hardware.usd_per_hour * 3600 * 4e10)
    two = next(each for each in large.regrets if each["factor"] == 2.0)
    assert 0.1 < two["regret"] < 0.3  # the well-known flatness: off by a factor of two costs about a fifth


@pytest.mark.parametrize(("name", "text"), [("budget_usd", "1.234,5"), ("budget_usd", "-3"), ("usd_per_hour", "nan")])
def test_an_amount_that_is_none_is_refused_in_words(cast: Cast, name: str, text: str) -> None:
    measured_worker()
    fit = make_fit(cast)
    answer = cast.client(cast.vera).get(reverse("fit-plan", args=[fit.code]), {"hardware": "this", name: text})
    assert f"“{text}” is no amount" in answer.content.decode()
    assert answer.context["plan"] is not None  # the usual one, and said to be


def test_wizard_proposes_quotes_edits_and_starts(cast: Cast, django_capture_on_commit_callbacks: Any) -> None:
    measured_worker()
    version = common(cast).version
    client: Client = cast.client(cast.bob)
    values = {
        "version": version.pk, "budget_kind": "minutes", "budget": "30", "target_ratio": "10", "sequence_length": "128",
        "sequences_per_step": "16", "rate_factor": "1",
    }  # fmt: skip
    answer = client.post(reverse("ladder-propose", args=[cast.project.code]), {**values, "action": "propose"})
    proposal = answer.context["proposal"]
    assert proposal.seconds.p50 == pytest.approx(1800, rel=0.12)
    assert 'data-figure="ladder_kwh"' in answer.content.decode()
    assert proposal.hungriest.memory_bytes.p50 == max(p.quote.memory_bytes.p50 for p in proposal.rungs)
    assert proposal.sigma_after < proposal.sigma_before / 3
    assert sum(p.role == "repeat" for p in proposal.rungs) == 1
    assert {p.role for p in proposal.rungs} == {"trunk", "cooldown", "repeat"}
    rows = {
        "size-0-params": "0.2", "size-0-tokens": "1, 2, 4", "size-1-params": "0.5", "size-1-tokens": "1 2 4",
        "size-2-params": "1.1", "size-2-tokens": "1,2,4", "repeat": "on", "target_params": "4e6", "target_tokens": "8e7",
    }  # fmt: skip
    quoted = client.post(reverse("ladder-propose", args=[cast.project.code]), {**values, **rows, "action": "quote"})
    assert len(quoted.context["proposal"].rungs) == 10
    assert "hardly begun" not in quoted.content.decode()
    short = rows | {f"size-{number}-tokens": "0.03, 0.06, 0.1" for number in range(3)}
    again = client.post(reverse("ladder-propose", args=[cast.project.code]), {**values, **short, "action": "quote"})
    assert "hardly begun" in again.content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        made = client.post(reverse("ladder-create", args=[cast.project.code]), {**values, **rows})
    assert made.status_code == 302
    ladder = Ladder.objects.get()
    assert ladder.points.count() == 10
    assert ladder.quote["seconds"] == quoted.context["proposal"].seconds.to_dict()
    assert ladder.points.filter(run__isnull=False).count() == 1  # one after another
    first = ladder.points.get(position=0)
    assert first.run is not None
    assert first.run.spec["schedule"]["decay"] == "wsd"


def test_wizard_says_what_is_wrong_in_a_row(cast: Cast) -> None:
    measured_worker()
    version = common(cast).version
    values = {
        "version": version.pk, "budget_kind": "minutes", "budget": "30", "target_ratio": "10", "sequence_length": "128",
        "sequences_per_step": "16", "rate_factor": "1", "size-0-params": "many", "size-0-tokens": "1", "action": "quote",
    }  # fmt: skip
    answer = cast.client(cast.bob).post(reverse("ladder-propose", args=[cast.project.code]), values)
    assert "“many” is not a number of millions" in answer.content.decode()


def test_an_unmeasured_machine_gets_no_number(cast: Cast) -> None:
    common(cast)
    page = cast.client(cast.bob).get(reverse("ladder-create", args=[cast.project.code])).content.decode()
    assert "No basis yet" in page


def test_csv_of_a_ladder_is_what_economics_reads_and_comes_back_in(cast: Cast) -> None:
    ladder = make_ladder(cast)
    client = cast.client(cast.bob)
    text = client.get(reverse("ladder-csv", args=[ladder.code])).content
    from django.core.files.uploadedfile import SimpleUploadedFile

    file = SimpleUploadedFile("points.csv", text, content_type="text/csv")
    client.post(reverse("ladder-import", args=[cast.project.code]), {"file": file, "name": "elsewhere"})
    other = Ladder.objects.get(name="elsewhere")
    assert other.points.count() == 10
    theirs, mine = other.fits.get(), make_fit(cast, ladder)
    assert theirs.answer["coefficients"]["alpha"] == pytest.approx(mine.answer["coefficients"]["alpha"], rel=1e-3)
    bad = SimpleUploadedFile("points.csv", b"num_params,num_tokens,loss\n1e6,x,3\n", content_type="text/csv")
    page = client.post(reverse("ladder-import", args=[cast.project.code]), {"file": bad}, follow=True).content.decode()
    assert "num_tokens of row 1" in page
    noise = SimpleUploadedFile("points.csv", b"\xff\xfe\x00\x01", content_type="text/csv")
    page = client.post(
        reverse("ladder-import", args=[cast.project.code]), {"file": noise}, follow=True
    ).content.decode()
    assert "a CSV file in UTF-8" in page
    assert "/tmp" not in page  # where our copy lay is nobody's business


def test_sealed_bytes_are_what_was_hashed(cast: Cast) -> None:
    import hashlib

    seal = make_seal(cast)
    answer = cast.client(cast.vera).get(reverse("seal-json", args=[seal.code]))
    assert hashlib.sha256(answer.content).hexdigest() == seal.sha256
    content = json.loads(answer.content)
    again = predict_loss(
        FittedLaw.from_dict(seal.fit.answer),
        content["num_params"],
        content["num_tokens"],
        num_unique_tokens=content["num_unique_tokens"],
    )
    assert content["loss"] == again.loss.to_dict()
    page = cast.client(cast.vera).get(seal.run.get_absolute_url()).content.decode()
    assert 'id="sealed-prediction"' in page
    assert seal.sha256 in page
