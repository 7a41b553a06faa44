from django.apps import AppConfig

from shop import privacy
from shop.subscribers import subscribe


class NotificationsConfig(AppConfig):
    name = "notifications"

    def ready(self) -> None:
        from .handlers import TOPICS
        from .privacy import PART

        privacy.register(PART)
        for topic, handler in TOPICS.items():
            subscribe(topic, handler)
