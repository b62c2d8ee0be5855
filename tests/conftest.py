"""For all tests: the marks that a folder gives, the installation that they share, and what counts as a pass in CI."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

MARK_OF_FOLDER = {"stack": "stack", "browser": "browser"}
ALLOWED_SKIP = "no CUDA device"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of tests/stack and tests/browser, so that no test there can forget to."""
    for item in items:
        parts = item.path.relative_to(item.config.rootpath).parts
        if len(parts) > 1 and parts[1] in MARK_OF_FOLDER:
            item.add_marker(MARK_OF_FOLDER[parts[1]])


@pytest.fixture(scope="session")
def stack() -> Iterator[Any]:
    """One running installation that the tests of a session share; leave it running."""
    from tests.stack.installation import Installation

    installation = Installation()
    try:
        yield installation.start()
    finally:
        installation.remove()


def _counted(reporter: Any, mark: str) -> int:
    passed = reporter.stats.get("passed", [])
    return sum(1 for report in passed if report.when == "call" and mark in report.keywords)


def _forbidden_skips(reporter: Any) -> list[str]:
    """Return the skips that CI does not allow: a test that did not run proves nothing."""
    found = []
    for report in reporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if ALLOWED_SKIP not in reason:
            found.append(f"{report.nodeid}: {reason}")
    return found


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In CI a forbidden skip fails the session, and so does one that was to drive the browser and did not."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("CI") or not reporter or exitstatus != pytest.ExitCode.OK:
        return
    asked_for_browser = "or browser" in (session.config.option.markexpr or "")
    if _forbidden_skips(reporter) or (asked_for_browser and not _counted(reporter, "browser")):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how many tests ran against real processes and in the browser."""
    terminalreporter.write_line(
        f"{_counted(terminalreporter, 'stack')} stack tests and "
        f"{_counted(terminalreporter, 'browser')} browser tests passed."
    )
    if os.environ.get("CI"):
        for line in _forbidden_skips(terminalreporter):
            terminalreporter.write_line(f"A skip that fails in CI: {line}", red=True)
