from django.db import connection, transaction
from django.db.models import Q
from django.utils.text import slugify

from shop.errors import InvalidInput

from ..models import Category, Product
from .indexing import BATCH, reindex
from .prices import forget_applied

MAX_DEPTH = 10
MAX_NAME = 120
# Treebeard computes the next path by reading the present ones; two writers at once would compute the same.
TREE_LOCK = 0x63617465


def resolve_category(text: str, *, make_missing: bool = False) -> Category:
    """The category that a person or a program means: by public id, slug path, name path (`Table > Mugs`), slug or name.

    Errors: InvalidInput when there is none, or several share the name. With `make_missing` none is made anew.
    Locks: the tree's advisory lock, only when it makes a category.
    """
    names = [part.strip() for part in text.split(">")]
    found = _by_name_path(names) if len(names) > 1 else _by_one_word(text.strip())
    if found:
        return found
    if not make_missing:
        raise _unacceptable("There is no such category.")
    return make_category(names)


@transaction.atomic
def make_category(names: list[str]) -> Category:
    """The category at this path of names, made with its missing ancestors. Locks: the tree's advisory lock."""
    if len(names) > MAX_DEPTH or not all(0 < len(name) <= MAX_NAME for name in names):
        raise _unacceptable(f"At most {MAX_DEPTH} levels, each name 1 to {MAX_NAME} characters long.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [TREE_LOCK])
    parent: Category | None = None
    for depth in range(1, len(names) + 1):
        parent = _by_name_path(names[:depth]) or _add(names[depth - 1], parent)
    assert parent is not None
    return parent


def _add(name: str, parent: Category | None) -> Category:
    fresh = Category(name=name)
    slug = slugify(name)[:100] or fresh.public_id[-8:].lower()
    prefix = f"{parent.url_path}/" if parent else ""
    if Category.objects.filter(url_path=prefix + slug).exists():
        slug = f"{slug}-{fresh.public_id[-6:].lower()}"
    fresh.slug, fresh.url_path = slug, prefix + slug
    if len(fresh.url_path) > 500:
        raise _unacceptable("The path is too long.")
    return Category.objects.add_child(parent, instance=fresh) if parent else Category.objects.add_root(instance=fresh)


def _by_one_word(word: str) -> Category | None:
    path = word.strip("/").lower()
    rows = list(
        Category.objects.filter(Q(public_id=word) | Q(url_path=path) | Q(slug=path) | Q(name__iexact=word)).order_by(
            "path"
        )
    )
    certain = [row for row in rows if word == row.public_id] or [row for row in rows if path == row.url_path]
    if certain:
        return certain[0]
    if len(rows) > 1:
        paths = ", ".join(row.url_path for row in rows[:5])
        raise _unacceptable(f"Several categories are called so. Give the path of one: {paths}.")
    return rows[0] if rows else None


def _by_name_path(names: list[str]) -> Category | None:
    """Walks the tree by name in one query: fetches every namesake and keeps those that stand below each other."""
    wanted = Q()
    for depth, name in enumerate(names, start=1):
        wanted |= Q(depth=depth, name__iexact=name)
    rows = Category.objects.filter(wanted).order_by("path")
    parents = [""]
    found: list[Category] = []
    for depth in range(1, len(names) + 1):
        found = [row for row in rows if row.depth == depth and any(row.path.startswith(path) for path in parents)]
        parents = [row.path for row in found]
    return found[0] if found else None


def _unacceptable(text: str) -> InvalidInput:
    return InvalidInput(fields={"category": [text]})


@transaction.atomic
def refresh_category(category: Category) -> None:
    """Makes the addresses and the search text of everything below right again after a name, slug or place changed.

    Sales name categories by address: they are applied anew.
    Locks: the tree's advisory lock, then the row of `Repricing`, which whoever applies sales takes before products too.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [TREE_LOCK])
    forget_applied()
    parent = Category.objects.get_parent(category, update=True)
    paths = {parent.path: parent.url_path} if parent else {}
    subtree = list(Category.objects.get_tree(category))
    for node in subtree:
        above = paths.get(node.path[: -Category.steplen], "")
        node.url_path = paths[node.path] = f"{above}/{node.slug}" if above else node.slug
    Category.objects.bulk_update(subtree, ["url_path"])
    reindex(Product.objects.in_category(category).select_related("category", "brand").iterator(BATCH))
