"""Events: what happened, and whether the shop has taken the news of it."""

from sandbox import params
from sandbox.calls import IDENT, Call, Route
from sandbox.params import boolean, group, items, text
from sandbox.store import Object

EVENTS = group({**params.PAGE, "delivery_success": boolean, "type": text, "types": items(text, at_most=20)})


def list_(call: Call) -> Object:
    values = call.values
    wanted = set(values.get("types", ())) | ({values["type"]} if "type" in values else set())
    delivered = values.get("delivery_success")

    def accept(event: Object) -> bool:
        is_delivered = event["id"] not in call.store.undelivered
        return (not wanted or event["type"] in wanted) and delivered in (None, is_delivered)

    page = call.page(call.store.ids["event"], "/v1/events", accept)
    page["data"] = [_with_pending(call, event) for event in page["data"]]
    return page


def get(call: Call) -> Object:
    return _with_pending(call, call.find("event"))


def _with_pending(call: Call, event: Object) -> Object:
    return event | {"pending_webhooks": int(event["id"] in call.store.owed)}


ROUTES: tuple[Route, ...] = (
    ("GET", "/v1/events", list_, EVENTS),
    ("GET", f"/v1/events/{IDENT}", get, params.ONE),
)
