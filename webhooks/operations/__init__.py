"""Every verb on endpoints and on what is sent to them."""

from .deliveries import forget, replay, send_test, subscribers_of, write
from .endpoints import check_address, create_endpoint, disable, rotate_secret, save_endpoint
from .sending import deliver

__all__ = [
    "check_address",
    "create_endpoint",
    "deliver",
    "disable",
    "forget",
    "replay",
    "rotate_secret",
    "save_endpoint",
    "send_test",
    "subscribers_of",
    "write",
]
