"""Every address under /v1, by noun: the shape of its parameters and what it does."""

from sandbox.calls import Route
from sandbox.endpoints import disputes, events, intents, refunds, sessions

ROUTES: tuple[Route, ...] = (
    *sessions.ROUTES,
    *intents.ROUTES,
    *refunds.ROUTES,
    *disputes.ROUTES,
    *events.ROUTES,
)
