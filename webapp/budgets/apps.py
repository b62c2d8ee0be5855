from django.apps import AppConfig


class BudgetsConfig(AppConfig):
    name = "webapp.budgets"

    def ready(self) -> None:
        from auditlog.registry import auditlog

        from webapp.budgets.models import Budget
        from webapp.budgets.panels import (
            banner_panel,
            costs_nav_panel,
            job_panel,
            project_costs_panel,
            team_costs_panel,
        )
        from webapp.budgets.services import encumber, release
        from webapp.budgets.watch import stop_reason
        from webapp.jobs.kinds import register_end_hook, register_made_hook, register_stop_reason
        from webapp.ui.panels import register_panel

        register_made_hook(encumber)
        register_end_hook(release)
        register_stop_reason(stop_reason)
        auditlog.register(Budget)
        register_panel("banner", banner_panel, order=10)
        register_panel("costs-nav", costs_nav_panel, order=10)
        register_panel("project-costs", project_costs_panel, order=10)
        register_panel("team-costs", team_costs_panel, order=10)
        register_panel("job-detail", job_panel, order=40)
