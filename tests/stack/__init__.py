"""Tests against real processes: one `manage.py up` on a home of its own."""
