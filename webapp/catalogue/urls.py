from django.urls import path

from webapp.catalogue import views, views_import, views_team

urlpatterns = [
    path("prices/", views.prices, name="prices"),
    path("prices/prices.csv", views.prices_csv, name="prices-csv"),
    path("prices/apis/", views.api_prices, name="api-prices"),
    path("prices/import/", views_import.price_import, name="price-import"),
    path("prices/import/refresh/", views_import.price_refresh, name="price-refresh"),
    path("prices/import/<int:batch_id>/", views_import.price_batch, name="price-batch"),
    path("prices/import/<int:batch_id>/take/", views_import.price_batch_take, name="price-batch-take"),
    path("accelerators/", views.accelerators, name="accelerators"),
    path("accelerators/<int:accelerator_id>/", views.accelerator_detail, name="accelerator-detail"),
    path("teams/<str:code>/own/", views_team.own, name="team-own"),
    path("teams/<str:code>/hardware/new/", views_team.hardware_new, name="hardware-new"),
    path("hardware/<str:code>/", views_team.hardware_detail, name="hardware-detail"),
    path("teams/<str:code>/contracts/new/", views_team.contract_new, name="contract-new"),
    path("contracts/<str:code>/", views_team.contract_detail, name="contract-detail"),
    path("contracts/<str:code>/use/", views_team.contract_use, name="contract-use"),
]
