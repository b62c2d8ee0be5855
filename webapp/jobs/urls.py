"""Addresses of the queue and of jobs."""

from django.urls import path

from webapp.jobs import views, views_log, views_queue

urlpatterns = [
    path("queue/", views_queue.queue, name="queue"),
    path("queue/table/", views_queue.queue_table, name="queue-table"),
    path("queue/<slug:name>/pause/", views_queue.pause, name="queue-pause"),
    path("teams/<slug:code>/job-limits/", views_queue.limits, name="job-limits"),
    path("jobs/<slug:code>/", views.detail, name="job-detail"),
    path("jobs/<slug:code>/open/", views.open_work, name="job-open"),
    path("jobs/<slug:code>/status/", views.status, name="job-status"),
    path("jobs/<slug:code>/events/", views.events, name="job-events"),
    path("jobs/<slug:code>/log/", views_log.log, name="job-log"),
    path("jobs/<slug:code>/log/download/", views_log.download, name="job-log-download"),
    path("jobs/<slug:code>/stop/", views.stop, name="job-stop"),
    path("jobs/<slug:code>/cancel/", views.cancel, name="job-cancel"),
    path("jobs/<slug:code>/retry/", views.retry, name="job-retry"),
    path("jobs/<slug:code>/move/", views_queue.move, name="job-move"),
    path("jobs/<slug:code>/priority/", views_queue.priority, name="job-priority"),
]
