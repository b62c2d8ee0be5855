from django.urls import path

from webapp.costs import views, views_entries, views_invoices

urlpatterns = [
    path("projects/<str:code>/costs/", views.project_costs, name="project-costs"),
    path("projects/<str:code>/costs/ledger.csv", views.project_ledger_csv, name="project-ledger-csv"),
    path("projects/<str:code>/costs/views.csv", views.project_breakdown_csv, name="project-breakdown-csv"),
    path("projects/<str:code>/calibrate/", views.calibration_start, name="calibration-start"),
    path("teams/<str:code>/costs/", views.team_costs, name="team-costs"),
    path("teams/<str:code>/costs/ledger.csv", views.team_ledger_csv, name="team-ledger-csv"),
    path("teams/<str:code>/costs/views.csv", views.team_breakdown_csv, name="team-breakdown-csv"),
    path("teams/<str:code>/costs/entries/new/", views_entries.entry_new, name="entry-new"),
    path("teams/<str:code>/costs/entries/<int:entry_id>/", views_entries.entry_correct, name="entry-correct"),
    path("teams/<str:code>/commitments/", views_entries.commitments, name="team-commitments"),
    path("teams/<str:code>/invoices/", views_invoices.invoices, name="team-invoices"),
    path("invoice-files/<str:code>/", views_invoices.invoice_preview, name="invoice-preview"),
    path("invoice-files/<str:code>/take/", views_invoices.invoice_take, name="invoice-take"),
    path("invoice-files/<str:code>/discard/", views_invoices.invoice_discard, name="invoice-discard"),
    path("invoices/<str:code>/", views_invoices.invoice_detail, name="invoice-detail"),
    path("invoices/<str:code>/book/", views_invoices.invoice_book, name="invoice-book"),
    path("invoices/<str:code>/lines.csv", views_invoices.invoice_lines_csv, name="invoice-lines-csv"),
    path("invoices/<str:code>/differences.csv", views_invoices.invoice_differences_csv, name="invoice-differences-csv"),
    path("machines/<int:machine_id>/", views.machine_detail, name="machine-detail"),
]
