from django.apps import AppConfig

from shop import invariants, privacy


class ReviewsConfig(AppConfig):
    name = "reviews"

    def ready(self) -> None:
        # Its module reads models, which exist only now.
        from .invariants import INVARIANTS
        from .privacy import PART

        privacy.register(PART)
        invariants.register(*INVARIANTS)
