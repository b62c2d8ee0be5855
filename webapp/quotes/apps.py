from django.apps import AppConfig


class QuotesConfig(AppConfig):
    name = "webapp.quotes"

    def ready(self) -> None:
        from webapp.jobs.kinds import register_end_hook, register_made_hook
        from webapp.quotes.services import quote_ended, quote_made

        register_made_hook(quote_made)
        register_end_hook(quote_ended)
