from django.apps import AppConfig


class LaddersConfig(AppConfig):
    name = "webapp.ladders"
