"""Who handles which topic of the outbox. Apart from `shop.outbox`, whose models no `AppConfig` can import."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

Handler = Callable[[dict[str, Any]], None]

_handlers: dict[str, list[Handler]] = defaultdict(list)


def subscribe(topic: str, handler: Handler) -> None:
    """Called from `AppConfig.ready()`; a second call with the same handler changes nothing."""
    if handler not in _handlers[topic]:
        _handlers[topic].append(handler)


def handlers_of(topic: str) -> list[Handler]:
    return list(_handlers[topic])
