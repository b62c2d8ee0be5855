"""`make doctor` finds what was broken on purpose, and says what to do."""

from __future__ import annotations

from collections import namedtuple
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from tests.factories import make_team
from webapp.jobs.models import Job, Lease, State, Worker
from webapp.ops import doctor
from webapp.ops.home import Home

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.from_environ({"ISOCOST_HOME": str(tmp_path / "home")}).ensure()


def texts(findings: object, level: str = "wrong") -> str:
    return "\n".join(finding.text for finding in findings if finding.level == level)  # type: ignore[attr-defined]


def test_a_sound_home_has_nothing_wrong(home: Home) -> None:
    home.secret_key()
    assert texts(doctor.home_and_permissions(home)) == ""
    assert texts(doctor.disk(home)) == ""


def test_a_device_that_torch_cannot_use_is_found(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(doctor, "_installed_version", lambda name: "2.13.0+cpu" if name == "torch" else "")
    assert any("torch is the processor's alone" in finding.text for finding in doctor.versions(home))


def test_open_permissions_are_found(home: Home) -> None:
    home.secret_key()
    (home.path / "secret_key").chmod(0o644)
    home.files.chmod(0o755)
    home.path.chmod(0o777)
    found = texts(doctor.home_and_permissions(home))
    assert "others may write to" in found
    assert "chmod 600" in found
    assert "chmod 700" in found


@pytest.mark.parametrize(("free", "level"), [(10**8, "wrong"), (3 * 10**9, "look"), (10**11, "ok")])
def test_little_room_is_found(home: Home, monkeypatch: pytest.MonkeyPatch, free: int, level: str) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: Usage(10**12, 0, free))
    assert f"{free / 1e9:.1f} GB free" in texts(doctor.disk(home), level)


@pytest.mark.django_db
def test_a_queue_without_a_worker_and_a_lapsed_lease_are_found() -> None:
    cast = make_team()
    assert texts(doctor.workers_and_leases()) == ""
    waiting = Job.objects.create(project=cast.project, team=cast.team, kind="train", spec={})
    assert "Nobody takes the queue cpu, in which 1 job must wait" in texts(doctor.workers_and_leases())
    worker = Worker.objects.create(name="here/cpu", host="here", queue="cpu")
    assert texts(doctor.workers_and_leases()) == ""
    past = timezone.now() - timedelta(minutes=5)
    Job.objects.filter(pk=waiting.pk).update(state=State.RUNNING)
    Lease.objects.create(job=waiting, fence=1, worker=worker, until=past, renewed_at=past)
    assert "Nobody took back 1 job whose lease lapsed" in texts(doctor.workers_and_leases())


@pytest.mark.django_db
def test_migrations_that_wait_and_migrations_from_the_future_are_found(home: Home) -> None:
    from django.db import connection

    given = Home.from_environ({"ISOCOST_HOME": str(home.path), "DATABASE_URL": "in use by this test"})
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions'")
        assert "1 migrations wait (sessions.0001_initial)" in texts(doctor.database(given), "look")
        cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('teams', '9999_later', now())")
    assert "newer than the code (teams.9999_later)" in texts(doctor.database(given))


def test_a_check_that_fails_is_itself_a_finding(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Home) -> list[doctor.Finding]:
        raise OSError("the disk is on fire")

    monkeypatch.setattr(doctor, "CHECKS", (broken,))
    assert texts(doctor.examine(home)) == "broken could not be looked at: the disk is on fire"
