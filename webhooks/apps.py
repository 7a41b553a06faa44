from django.apps import AppConfig

from shop import invariants, privacy
from shop.subscribers import observe


class WebhooksConfig(AppConfig):
    name = "webhooks"

    def ready(self) -> None:
        from .handlers import tell
        from .invariants import INVARIANTS
        from .privacy import PART
        from .topics import TOPICS

        privacy.register(PART)
        invariants.register(*INVARIANTS)
        for topic in TOPICS:
            observe(topic, tell)
