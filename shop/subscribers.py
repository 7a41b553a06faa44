"""Who handles which topic of the outbox. Apart from `shop.outbox`, whose models no `AppConfig` can import."""

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .models import OutboxEvent

Handler = Callable[[dict[str, Any]], None]
Observer = Callable[["OutboxEvent"], None]

_handlers: dict[str, list[Handler]] = defaultdict(list)
_observers: dict[str, list[Observer]] = defaultdict(list)


def subscribe(topic: str, handler: Handler) -> None:
    """Called from `AppConfig.ready()`; a second call with the same handler changes nothing."""
    if handler not in _handlers[topic]:
        _handlers[topic].append(handler)


def handlers_of(topic: str) -> list[Handler]:
    return list(_handlers[topic])


def observe(topic: str, observer: Observer) -> None:
    """The same for who needs the whole event, to tell it on: its topic, its key, when it happened."""
    if observer not in _observers[topic]:
        _observers[topic].append(observer)


def observers_of(topic: str) -> list[Observer]:
    return list(_observers[topic])
