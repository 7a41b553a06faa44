from typing import Any

from django.db.models import QuerySet

SIZE = 5000


def delete_in_batches(rows: QuerySet[Any]) -> int:
    """Deletes the rows, a bounded number at a time, and answers how many went, with what goes along.

    One delete of a month would hold its locks for minutes; where other rows go along, Django reads them all into
    memory before.
    """
    deleted = 0
    while batch := list(rows.values_list("pk", flat=True)[:SIZE]):
        deleted += rows.model._base_manager.filter(pk__in=batch).delete()[0]
    return deleted
