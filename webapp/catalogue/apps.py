from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


def _seed(*, using: str = "default", **_kwargs: Any) -> None:
    """Take in what a release brings; not while the app's own tables are being taken down."""
    from django.db import connections

    from webapp.catalogue.seed import catalogue_seed

    if "catalogue_price" in connections[using].introspection.table_names():
        catalogue_seed()


class CatalogueConfig(AppConfig):
    name = "webapp.catalogue"

    def ready(self) -> None:
        from auditlog.registry import auditlog

        from webapp.catalogue.models import Accelerator, Contract, OwnHardware
        from webapp.ui.sections import Section, register_section

        post_migrate.connect(_seed, sender=self)
        for model in (Accelerator, Contract, OwnHardware):
            auditlog.register(model)
        register_section(Section(name="prices", title=_("Prices"), url_name="prices", order=85, in_project=False))
