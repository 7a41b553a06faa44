"""What a bearer token may do: `<resource>:read`, `<resource>:write`, which includes reading, or `*` for everything.

A scope narrows; it never gives what its person may not do. Which one a request needs follows from its route and
method alone, here and nowhere else, so that no endpoint can forget to ask.
"""

from collections.abc import Iterable

EVERYTHING = "*"

# The resource that a literal part of a route stands for. The last one counts: `/users/{id}/orders` is about orders.
RESOURCES = {
    "products": "products",
    "inventory": "inventory",
    "cart": "cart",
    "orders": "orders",
    "reviews": "reviews",
    "shipping": "cart",
    "users": "account",
    "webhooks": "webhooks",
}
WORDS = {
    "account": "your details, addresses, tokens and sessions",
    "orders": "your orders",
    "cart": "your cart",
    "reviews": "your reviews",
    "products": "products",
    "inventory": "stock",
    "webhooks": "what other systems are told",
}
# Below these, everybody reads without signing in.
PUBLIC = frozenset({"products", "reviews", "recommendations"})
# A password or the token itself is what these ask for.
WITHOUT_SCOPE = frozenset({"users/register", "users/login", "users/logout", "docs", "openapi.json"})
# What reaches across everything a person has, no part of it opens.
WHOLE = frozenset({"export", "erase"})
READING = frozenset({"GET", "HEAD", "OPTIONS"})

SCOPES = tuple(f"{resource}:{verb}" for resource in WORDS for verb in ("read", "write"))
# The rest names what only staff do, or what everybody reads.
OF_SHOPPERS = tuple(scope for scope in SCOPES if not scope.startswith(("products:", "inventory:", "webhooks:")))


def scope_needed(method: str, route: str) -> str:
    """What a request to this route below `api/` needs; empty: nothing. A route that nobody has thought of needs `*`."""
    parts = [part for part in route.strip("/").split("/") if not part.startswith("<")]
    literal = parts[1:]
    if "/".join(literal) in WITHOUT_SCOPE:
        return ""
    if not literal or literal[-1] in WHOLE:
        return EVERYTHING
    if method in READING and literal[0] in PUBLIC:
        return ""
    resource = next((RESOURCES[part] for part in reversed(literal) if part in RESOURCES), None)
    if resource is None:
        return EVERYTHING
    return f"{resource}:{'read' if method in READING else 'write'}"


def allows(scopes: Iterable[str], needed: str) -> bool:
    granted = set(scopes)
    return not needed or bool(granted & {EVERYTHING, needed, needed.replace(":read", ":write")})


def beyond(wanted: Iterable[str], granted: Iterable[str]) -> list[str]:
    """Those of `wanted` that whoever holds `granted` can't pass on."""
    held = list(granted)
    return sorted(scope for scope in wanted if not allows(held, scope))


def in_words(scope: str) -> str:
    if scope == EVERYTHING:
        return "Everything you may do yourself"
    resource, _, verb = scope.partition(":")
    return f"{'See and change' if verb == 'write' else 'See'} {WORDS[resource]}"
