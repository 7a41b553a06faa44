"""Rows into products: known ones are changed only where they differ, unchanged ones are not touched at all.

Rows are stored in batches, each in one transaction with a savepoint for every row: a bad row costs only itself, and an
import that is killed leaves whole batches. What a batch stored is remembered in `ImportedRow`, so the next run passes
over it without reading the product.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.db import DatabaseError, transaction
from pydantic import ValidationError

from inventory import operations as inventory
from inventory.models import StockItem
from shop.api import fields_of
from shop.errors import DomainError

from .. import images
from ..models import Attribute, ImportedRow, Product, Variant
from ..operations import ImageDraft, ProductChanges, ProductDraft, VariantChanges, create_product, replace_product
from ..schemas import ProductBody, VariantBody, picture_at
from .comparison import differs
from .mapping import FieldMap, typed_values
from .readers import Row

log = logging.getLogger(__name__)

BATCH = 100
ACTOR = "import"
# Stands for a picture of the folder while the row is checked as the API checks it. Nobody can own a name in .invalid.
LOCAL = "https://local.invalid/"


class Result(StrEnum):
    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """What became of a row. `fields` says by field why it failed; the name `row` stands for the row as a whole."""

    row: int
    sku: str
    result: Result
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)


class RowError(Exception):
    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.fields = {name: [text]}


@dataclass(frozen=True)
class Task:
    """A row that can be read. `pictures` are files of the folder by the address that stands for each in the body.

    `digest` is of all that the row brings, its pictures' content too: another one under the same name is a change.
    """

    row: int
    sku: str
    body: dict[str, Any]
    pictures: Mapping[str, Path]
    digest: str

    def outcome(self, result: Result, fields: Mapping[str, Sequence[str]] | None = None) -> Outcome:
        return Outcome(self.row, self.sku, result, fields or {})


class Importer:
    """One run over one file. `pictures` is the folder that picture names without an address refer to."""

    def __init__(self, field_map: FieldMap | None = None, pictures: Path | None = None) -> None:
        self._field_map = field_map or FieldMap()
        self._pictures = pictures.resolve() if pictures else None
        self._rows_by_sku: dict[str, int] = {}

    def run(self, rows: Iterable[Row]) -> Iterator[Outcome]:
        """Imports the rows and yields what became of each, once it is committed."""
        batch = []
        for row in rows:
            batch.append(row)
            if len(batch) == BATCH:
                yield from self._import(batch)
                batch = []
        yield from self._import(batch)

    def _import(self, rows: Sequence[Row]) -> list[Outcome]:
        kinds = dict(Attribute.objects.filter(kind__in=["number", "boolean"]).values_list("code", "kind"))
        tasks, outcomes = [], []
        for row in rows:
            try:
                tasks.append(self._task(row, kinds))
            except RowError as error:
                outcomes.append(Outcome(row.number, "", Result.FAILED, error.fields))
        outcomes += Batch(tasks).run()
        return sorted(outcomes, key=lambda outcome: outcome.row)

    def _task(self, row: Row, kinds: Mapping[str, str]) -> Task:
        if row.error:
            raise RowError("row", row.error)
        body = self._field_map.apply(row.data, is_flat=row.is_flat)
        variants = [variant for variant in _listed(body.get("variants")) if isinstance(variant, dict)]
        if row.is_flat:
            for holder, name in [(body, "attributes"), *((variant, "options") for variant in variants)]:
                if name in holder:
                    holder[name] = typed_values(holder[name], kinds)
        sku = self._key(row.number, variants[0] if variants else body)
        pictures: dict[str, tuple[Path, str]] = {}
        for holder in (body, *variants):
            if isinstance(holder.get("images"), list):
                holder["images"] = [self._address(name, pictures) for name in holder["images"]]
        text = json.dumps([body, [digest for _, digest in sorted(pictures.values())]], sort_keys=True, default=str)
        files = {address: path for address, (path, _) in pictures.items()}
        return Task(row.number, sku, body, files, hashlib.sha256(text.encode()).hexdigest())

    def _key(self, number: int, holder: Mapping[str, Any]) -> str:
        sku = holder.get("sku")
        if not isinstance(sku, str) or not sku.strip():
            raise RowError("sku", "Each row needs a SKU, as text.")
        sku = sku.strip()
        if self._rows_by_sku.setdefault(sku, number) != number:
            raise RowError("sku", f"Row {self._rows_by_sku[sku]} has the same SKU.")
        return sku

    def _address(self, name: Any, pictures: dict[str, tuple[Path, str]]) -> Any:
        """Puts an address in the place of a file's name. Without a folder the name stays, for the schema to refuse."""
        if not self._pictures or not isinstance(name, str) or name.startswith(("http://", "https://")):
            return name
        try:
            path = (self._pictures / name).resolve()
            # Nothing is said of a file outside: whether it exists is nobody's business.
            is_there = path.is_relative_to(self._pictures) and path.is_file()
            is_small = is_there and path.stat().st_size <= images.MAX_BYTES
            digest = hashlib.sha256(path.read_bytes()).hexdigest() if is_small else ""
        # A name too long, a file that may not be read; links that lead in a circle are a RuntimeError.
        except (OSError, RuntimeError):
            is_there = False
        if not is_there:
            raise RowError("images", f"There is no picture called {name[:200]} in the folder.")
        if not is_small:
            raise RowError("images", f"{name[:200]} is larger than {images.MAX_BYTES // 1_000_000} MB.")
        address = LOCAL + quote(str(path.relative_to(self._pictures)))
        pictures[address] = path, digest
        return address


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


# --- Storing


@dataclass(frozen=True)
class Plan:
    """A task that was found valid: what to make if the product is new, what to change if it is known."""

    task: Task
    draft: ProductDraft
    changes: ProductChanges
    is_simple: bool


def plan_of(task: Task) -> Plan:
    """Checks the row as the API checks a body, and stores its pictures. Raises ValidationError, DomainError."""
    body = ProductBody.model_validate(task.body)
    stored = {address: _stored(path) for address, path in task.pictures.items()}
    draft = body.draft(lambda address: stored.get(address) or picture_at(address))
    return Plan(task, draft, _named(draft.changes(), body), is_simple=not body.variants)


def _stored(path: Path) -> ImageDraft:
    picture = images.store(path.read_bytes())
    return ImageDraft(file=picture.file, digest=picture.digest, width=picture.width, height=picture.height)


def _named(changes: ProductChanges, body: ProductBody) -> ProductChanges:
    """The changes without what the row doesn't name: texts and pictures that staff added to a product stay."""
    rows: Sequence[VariantBody | ProductBody] = body.variants or [body]
    variants = [_named_of_variant(variant, row) for variant, row in zip(changes["variants"], rows, strict=True)]
    kept: Any = {name: value for name, value in changes.items() if name in body.model_fields_set}
    return {**kept, "variants": variants}


def _named_of_variant(variant: VariantChanges, row: VariantBody | ProductBody) -> VariantChanges:
    # A price always comes with the one before: a sale that is over in the file is over in the shop.
    names = {"sku", "price_minor", "compare_at_minor", *row.model_fields_set}
    kept: Any = {name: value for name, value in variant.items() if name in names}
    if isinstance(row, ProductBody):
        kept.pop("images", None)
    return kept


class Batch:
    """Rows that are stored together."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks
        skus = [task.sku for task in tasks]
        self._before = {row.sku: row for row in ImportedRow.objects.filter(sku__in=skus)}
        self._product_ids = dict(Variant.objects.filter(sku__in=skus).values_list("sku", "product_id"))
        self._outcomes: dict[str, Outcome] = {}
        # Stock of known SKUs that has to change, with the task that says so.
        self._stock: dict[str, tuple[int, Task]] = {}

    def run(self) -> list[Outcome]:
        plans = [plan for task in self._tasks if not self._is_unchanged(task) and (plan := self._plan(task))]
        with transaction.atomic():
            for plan in plans:
                self._attempt(plan.task, lambda plan=plan: self._store(plan))
            self._set_stock()
            self._remember(plans)
        return list(self._outcomes.values())

    def _is_unchanged(self, task: Task) -> bool:
        before = self._before.get(task.sku)
        if before and before.digest == task.digest and task.sku in self._product_ids:
            self._outcomes[task.sku] = task.outcome(Result.UNCHANGED)
            return True
        return False

    def _plan(self, task: Task) -> Plan | None:
        try:
            return plan_of(task)
        except ValidationError as error:
            self._fail(task, fields_of([dict(problem) for problem in error.errors()]))
        except DomainError as error:
            self._fail(task, error.fields or {"row": [error.text]})
        return None

    def _attempt(self, task: Task, store: Any) -> None:
        try:
            with transaction.atomic():
                store()
        except DomainError as error:
            self._fail(task, error.fields or {"row": [error.text]})
        except DatabaseError:
            # Somebody else wrote the same rows at the same moment. A lost connection fails again outside of this.
            log.exception("row %s (%s) could not be stored", task.row, task.sku)
            self._fail(task, {"row": ["Could not be stored. Import the file again."]})

    def _store(self, plan: Plan) -> None:
        task = plan.task
        product_id = self._product_ids.get(task.sku)
        if product_id is None:
            create_product(plan.draft, actor=ACTOR, make_missing=True)
            self._outcomes[task.sku] = task.outcome(Result.CREATED)
            return
        product = Product.objects.with_details().get(pk=product_id)
        if plan.is_simple:
            self._keep_other_variants(product, plan)
        is_stock_new = self._take_stock(product, plan)
        is_different = differs(product, plan.changes)
        if is_different:
            replace_product(product, plan.changes, actor=ACTOR, make_missing=True)
        self._outcomes[task.sku] = task.outcome(Result.CHANGED if is_different or is_stock_new else Result.UNCHANGED)

    def _keep_other_variants(self, product: Product, plan: Plan) -> None:
        """A row without `variants` speaks of its own SKU alone; those that staff added beside it stay on sale."""
        (own,) = plan.changes["variants"]
        others: dict[str, VariantChanges] = {variant.sku: {"sku": variant.sku} for variant in product.active_variants}
        plan.changes["variants"] = list({**others, own["sku"]: own}.values())

    def _take_stock(self, product: Product, plan: Plan) -> bool:
        """Moves new stock of known SKUs out of the changes, to be set last; what the file said before was sold from."""
        before = self._before.get(plan.task.sku)
        said = before.stock if before else {}
        known = set(product.variants.values_list("sku", flat=True))
        there = StockItem.objects.available_by_sku(list(known - said.keys()))
        is_new = False
        for variant in plan.changes["variants"]:
            sku, stock = variant["sku"], variant.get("stock")
            if sku in known and stock is not None:
                variant["stock"] = None
                if stock != said.get(sku, there.get(sku, 0)):
                    self._stock[sku] = (stock, plan.task)
                    is_new = True
        return is_new

    def _set_stock(self) -> None:
        """Last and in the order of SKUs, as every checkout does it: else the two could wait for each other."""
        for sku, (quantity, task) in sorted(self._stock.items()):
            if self._outcomes[task.sku].result != Result.FAILED:
                self._attempt(
                    task,
                    lambda sku=sku, quantity=quantity: inventory.set_available(
                        sku, quantity, reason="import", actor=ACTOR
                    ),
                )

    def _remember(self, plans: Sequence[Plan]) -> None:
        rows = [
            ImportedRow(
                sku=plan.task.sku,
                digest=plan.task.digest,
                stock={v.sku: v.stock for v in plan.draft.variants if v.stock is not None},
            )
            for plan in plans
            if self._outcomes[plan.task.sku].result != Result.FAILED
        ]
        ImportedRow.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["sku"], update_fields=["digest", "stock"]
        )

    def _fail(self, task: Task, fields: Mapping[str, Sequence[str]]) -> None:
        self._outcomes[task.sku] = task.outcome(Result.FAILED, fields)
