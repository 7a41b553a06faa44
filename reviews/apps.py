from django.apps import AppConfig

from shop import invariants


class ReviewsConfig(AppConfig):
    name = "reviews"

    def ready(self) -> None:
        from .invariants import INVARIANTS

        invariants.register(*INVARIANTS)
