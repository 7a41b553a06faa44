from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"

    def ready(self) -> None:
        from shop import outbox

        from .handlers import TOPICS

        for topic, handler in TOPICS.items():
            outbox.subscribe(topic, handler)
