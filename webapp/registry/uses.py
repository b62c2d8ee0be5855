"""Who uses a version. Apps above (serving, deployments) register how they tell; the registry knows its own uses.

register_use(deployments_of)        in serving.apps: version -> sentences, one for each use; none where it is not used
"""

from __future__ import annotations

from collections.abc import Callable

from django.utils.translation import gettext as _

from webapp.registry.models import ModelVersion, Stage

Use = Callable[[ModelVersion], list[str]]
_uses: list[Use] = []


def register_use(use: Use) -> None:
    _uses.append(use)


def uses_of(version: ModelVersion) -> list[str]:
    """Return a sentence for each use that keeps the version from being deleted."""
    found = []
    if version.stage in (Stage.PRODUCTION, Stage.STAGING):
        found.append(_("It is in %(stage)s: move it to archived first.") % {"stage": version.get_stage_display()})
    found += [
        _("The alias %(alias)s points at it: move the alias or remove it first.") % {"alias": each.alias}
        for each in version.aliases.all()
    ]
    return found + [sentence for use in _uses for sentence in use(version)]
