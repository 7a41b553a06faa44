import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.api import api

PATH = "docs/openapi.json"


class Command(BaseCommand):
    help = f"Write the API's description to {PATH}, where a change of the contract is seen in review."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="Write nothing; fail when the file is not up to date.")

    def handle(self, *args: Any, **options: Any) -> None:
        file = Path(settings.BASE_DIR) / PATH
        # The shop's own name is its owner's, and no part of the contract.
        schema = api.get_openapi_schema()
        text = (
            json.dumps(schema | {"info": schema["info"] | {"title": "Shop API"}}, indent=2, ensure_ascii=False) + "\n"
        )
        if not options["check"]:
            file.write_text(text, encoding="utf-8")
            self.stdout.write(f"Wrote {PATH}.")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            raise CommandError(f"{PATH} is not up to date. Run: bin/manage openapi")
