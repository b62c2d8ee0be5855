from django.urls import path

from webapp.serving import views, views_chat, views_contests, views_guards, views_lists, views_tables

PLAYGROUND = "projects/<str:code>/playground/"
urlpatterns = [
    path(f"{PLAYGROUND}lists/", views_lists.lists_start, name="lists-start"),
    path("jobs/<slug:code>/recommendations/", views_lists.lists_download, name="lists-download"),
    path(PLAYGROUND, views.playground, name="playground"),
    path(f"{PLAYGROUND}history/", views.playground_history, name="playground-history"),
    path(f"{PLAYGROUND}table/", views_tables.table_upload, name="table-predict"),
    path(f"{PLAYGROUND}preferences/", views_chat.preference_add, name="preference-create"),
    path(f"{PLAYGROUND}preferences.jsonl", views_chat.preferences_download, name="preferences-download"),
    path(f"{PLAYGROUND}guards/", views_guards.guards, name="guards"),
    path(f"{PLAYGROUND}guards/new/", views_guards.guard_create, name="guard-create"),
    path(f"{PLAYGROUND}guards/change/", views_guards.guard_change, name="guard-change"),
    path(f"{PLAYGROUND}contests/", views_contests.contests, name="contests"),
    path(f"{PLAYGROUND}contests/new/", views_contests.contest_add, name="contest-create"),
    path(f"{PLAYGROUND}contests/judge/", views_contests.contest_judge, name="contest-judge"),
    path(f"{PLAYGROUND}contests/learn/", views_contests.choices_learn, name="choices-learn"),
    path(f"{PLAYGROUND}guards.json", views_guards.guards_download, name="guards-download"),
    path("jobs/<slug:code>/answers.csv", views_tables.answers_download, name="table-answers"),
    path("jobs/<slug:code>/guard-decisions.jsonl", views_tables.decisions_download, name="table-decisions"),
]
