"""`python -m tests.authorization` compares the URLconf with table.txt, without a database; `--write` writes it."""

import os
import sys

import django

from . import table


def main(arguments: list[str]) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    # What they import needs Django's apps.
    from .routes import routes  # noqa: PLC0415

    if "--write" in arguments:
        from .writing import write  # noqa: PLC0415

        write()
    problems = table.missing_from_file(route.path for route in routes())
    print("\n".join(problems) or f"{table.FILE.name} knows every route.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
