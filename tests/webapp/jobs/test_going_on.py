"""What goes on by itself: every one that waits gets its step, and one that stumbles stops no other."""

from __future__ import annotations

from webapp.jobs.going_on import GoingOn


def test_one_that_stumbles_stops_no_other() -> None:
    seen: list[int] = []

    def step(pk: int) -> None:
        seen.append(pk)
        if pk == 1:
            raise RuntimeError("this one is broken")

    work = GoingOn(name="thing", step=step, of_job=lambda job: None, waiting=lambda: [1, 2, 2, 3])
    assert work.all() == 3
    assert sorted(seen) == [1, 2, 3]
