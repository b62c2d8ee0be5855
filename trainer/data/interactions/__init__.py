"""Interactions of users with items: read from tables, checked, divided by time, packed by user."""
