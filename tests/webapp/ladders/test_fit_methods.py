"""The same points by four methods, and the hardware whose isocost lines are drawn: the catalogue's and the team's own."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from economics.verbs.fit import fit as fit_verb
from tests.factories import Cast
from tests.webapp.ladders.rows import TRUTH, make_fit, make_ladder, measured_worker
from webapp.catalogue.freshness import today
from webapp.catalogue.models import Accelerator, OwnHardware, Price
from webapp.catalogue.ownership import hardware_hour
from webapp.ladders.fits import fit_by, fit_points, fit_refresh
from webapp.ladders.models import LadderPoint, ScalingFit
from webapp.ladders.seals import fit_for

pytestmark = pytest.mark.django_db


def make_profiles(cast: Cast) -> ScalingFit:
    """Return the fit of a ladder that went over four sizes at each of three computes."""
    ladder = make_ladder(cast, landed=False)
    ladder.points.all().delete()
    grid = [(compute, compute**0.5 * share) for compute in (2e12, 8e12, 3.2e13) for share in (0.015, 0.03, 0.06, 0.12)]
    for position, (compute, num_params) in enumerate(grid):
        num_tokens = compute / 6 / num_params
        LadderPoint.objects.create(
            ladder=ladder, role="trunk", position=position, num_params=num_params, num_tokens=num_tokens, flop=compute,
            loss=float(TRUTH.loss(num_params, num_tokens)), landed_at=timezone.now(),
        )  # fmt: skip
    return make_fit(cast, ladder)


@pytest.mark.parametrize("method", ["isoflop", "envelope"])
def test_another_method_is_fitted_by_a_button_and_says_what_the_command_line_says(cast: Cast, method: str) -> None:
    fit = make_profiles(cast)
    answer = cast.client(cast.bob).post(reverse("fit-method", args=[fit.code]), {"method": method}, follow=True)
    made = fit.ladder.fits.filter(method=method).first()
    assert made is not None
    expected = fit_verb(fit_points(fit), method=method, num_resamples=400)  # type: ignore[arg-type]
    assert made.answer["coefficients"] == pytest.approx(expected["coefficients"])
    page = answer.content.decode()
    assert f'data-method="{method}" class="is-here"' in page
    assert fit.get_absolute_url() in page


def test_points_that_do_not_allow_a_method_are_told_why(cast: Cast) -> None:
    fit = make_fit(cast)
    page = cast.client(cast.bob).post(reverse("fit-method", args=[fit.code]), {"method": "isoflop"}, follow=True)
    assert "budgets" in page.content.decode()
    assert not fit.ladder.fits.filter(method="isoflop").exists()


def test_data_that_never_repeat_have_no_law_of_repeated_data_and_it_is_said(cast: Cast) -> None:
    fit = make_fit(cast)
    page = cast.client(cast.bob).post(
        reverse("fit-method", args=[fit.code]), {"method": "data-constrained"}, follow=True
    )
    assert "repeated data" in page.content.decode()
    assert not fit.ladder.fits.filter(method="data-constrained").exists()


def test_repeated_data_are_fitted(cast: Cast) -> None:
    ladder = make_ladder(cast)
    for point in ladder.points.all():
        point.num_unique_tokens = min(point.num_tokens, 8e6)
        point.save()
    fit = fit_refresh(ladder)
    assert fit is not None
    made = fit_by(fit, "data-constrained")
    assert made.answer["coefficients"]["R_D_star"] > 0
    assert cast.client(cast.vera).get(made.get_absolute_url()).status_code == 200


def test_predictions_stay_with_the_method_that_predicts(cast: Cast) -> None:
    fit = make_fit(cast)
    ScalingFit.objects.create(
        ladder=fit.ladder, number=9, method="envelope", num_points=fit.num_points, has_law=True, answer=fit.answer,
        point_ids=fit.point_ids,
    )  # fmt: skip
    assert fit.ladder.dataset_version is not None
    assert fit_for(fit.ladder.dataset_version) == fit
    assert fit_refresh(fit.ladder) == fit


def test_hardware_comes_from_the_catalogues_tables_the_teams_own_first(cast: Cast) -> None:
    measured_worker()
    accelerator = Accelerator.objects.get(name="H100 SXM")
    rack = OwnHardware.objects.create(
        team=cast.team, name="Rack 1", accelerator=accelerator, purchase_usd=30_000, watts=1_000
    )
    Price.objects.create(
        provider="Newcomer", accelerator=accelerator, accelerator_name="H100 SXM", amount=1, usd_per_hour=1, source="test",
        seen_on=today() - timedelta(days=1),
    )  # fmt: skip
    fit = make_fit(cast)
    page = cast.client(cast.vera).get(fit.get_absolute_url() + f"?hardware=own:{rack.code}").content.decode()
    assert page.index("this machine") < page.index("Rack 1 (own)") < page.index("market:H100 SXM")
    assert "by the formula of owning" in page
    assert f'placeholder="{hardware_hour(rack).usd_per_hour:.4f}"' in page
