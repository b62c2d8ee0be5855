from django.apps import AppConfig


class UiConfig(AppConfig):
    name = "webapp.ui"

    def ready(self) -> None:
        from webapp.ui import admin_filters

        admin_filters.register()
