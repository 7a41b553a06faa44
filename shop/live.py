"""Hints to whoever looks at a page at this moment: something changed, ask again. Nothing may depend on one arriving.

A hint about the same subject goes out at most once a second, at the first change; whoever gets it asks a second later
and so sees the changes of that second too.
"""

from collections.abc import Iterable
from functools import partial

from django.db import transaction
from redis.exceptions import RedisError

from .redis import client

TELL = """
for _, subject in ipairs(ARGV) do
    if redis.call('SET', KEYS[1] .. ':told:' .. subject, 1, 'NX', 'PX', 1000) then
        redis.call('PUBLISH', KEYS[1], subject)
    end
end
"""


def hint(topic: str, subjects: Iterable[str]) -> None:
    """Publishes each subject on the Redis channel `live:<topic>` after the commit, if Redis is there."""
    transaction.on_commit(partial(_tell, topic, sorted(set(subjects))), robust=True)


def _tell(topic: str, subjects: list[str]) -> None:
    try:
        client().eval(TELL, 1, f"live:{topic}", *subjects)
    except RedisError:
        # Who looks sees the change at the next page.
        return
