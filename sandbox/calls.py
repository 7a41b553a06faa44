"""What every endpoint is given and uses: the call, one object by its id, a page of a list."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox import objects
from sandbox.errors import ApiError, no_such
from sandbox.params import Check
from sandbox.store import Object, Store, Transaction

NOUNS = {"checkout.session": ("checkout session", "session"), "payment_intent": ("payment_intent", "intent")}


@dataclass(frozen=True)
class Call:
    """One request whose parameters are checked: `ident` is the id in its address, `values` are typed."""

    tx: Transaction
    store: Store
    public_url: str
    ident: str
    values: dict[str, Any]

    def find(self, kind: str, ident: str | None = None, *, param: str | None = None) -> Object:
        """The object of this kind with that id, or with the one in the address. Raises ApiError (404)."""
        wanted = self.ident if ident is None else ident
        noun, own_param = NOUNS.get(kind, (kind, kind))
        found = self.tx.get(wanted)
        if found is None or found["object"] != kind:
            raise no_such(noun, wanted, param or own_param)
        return found

    def page(self, idents: list[str], url: str, accept: Callable[[Object], bool] = lambda obj: True) -> Object:
        """Newest first, at most `limit`; `starting_after` and `ending_before` are ids of the pages next to this one."""
        values = self.values
        limit, backwards = values.get("limit", 10), "ending_before" in values
        ordered = idents if backwards else idents[::-1]
        cursor = values.get("ending_before") or values.get("starting_after")
        if cursor is not None:
            if cursor not in ordered:
                raise no_such("object", cursor, "ending_before" if backwards else "starting_after")
            ordered = ordered[ordered.index(cursor) + 1 :]
        found: list[Object] = []
        for ident in ordered:
            obj = self.tx.get(ident)
            if obj and accept(obj) and _in_range(obj["created"], values.get("created", {})):
                found.append(objects.public(obj))
            if len(found) > limit:
                break
        page = found[:limit]
        return objects.listing(page[::-1] if backwards else page, url, has_more=len(found) > limit)

    def matches(self, obj: Object, *names: str) -> bool:
        """Whether the object has what the request filters by; a filter that was not given accepts everything."""
        return all(name not in self.values or obj[name] == self.values[name] for name in names)


# An ApiError that is returned and not raised is the answer to something that happened and stays: a declined card.
Endpoint = Callable[[Call], Object | ApiError]
Route = tuple[str, str, Endpoint, Check]
IDENT = "([A-Za-z0-9_]+)"


def reader(kind: str) -> Endpoint:
    return lambda call: objects.public(call.find(kind))


def _in_range(created: int, bounds: dict[str, int]) -> bool:
    return (
        created > bounds.get("gt", -1)
        and created >= bounds.get("gte", 0)
        and ("lt" not in bounds or created < bounds["lt"])
        and ("lte" not in bounds or created <= bounds["lte"])
    )
