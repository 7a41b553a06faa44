from django.apps import AppConfig

from shop.subscribers import subscribe


class NotificationsConfig(AppConfig):
    name = "notifications"

    def ready(self) -> None:
        from .handlers import TOPICS

        for topic, handler in TOPICS.items():
            subscribe(topic, handler)
