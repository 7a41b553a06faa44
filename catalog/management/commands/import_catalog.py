import json
import sys
from argparse import RawDescriptionHelpFormatter
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, DjangoHelpFormatter
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from catalog.imports.importer import Importer, Outcome, Result
from catalog.imports.mapping import BadMap, FieldMap
from catalog.imports.readers import Source, UnreadableFile

HELP = """Imports products from a CSV, JSON or JSONL file, plain or gzipped.

Each row has the shape of POST /api/products and is checked like it. Products are known by SKU (that of the first
variant): new ones are made, with categories and brands that don't exist yet; known ones are changed where the row
differs; rows that are the same as last time are passed over. An import that was cut off goes on where it stopped.
Stock is set when the file's number changed, so that importing a file again doesn't undo what was sold since.

Names other than the API's are translated by a map:
  {"fields": {"sku": "id", "stock": "current_stock", "attributes.style": "style", "images": ["photo"]},
   "defaults": {"brand": "House"}, "ignore": ["rating"]}
Each field of ours names the one of the file that it comes from; a dot nests, a list collects. Every other name of the
file is taken as it is; one that the API doesn't know is an error of its row, unless it is ignored.
In CSV, columns nest by dots too (attributes.color, variants.0.sku) and | separates pictures.

Exit code: 0, or 1 when a row failed; all others are imported all the same."""

LINE_EVERY = 500


class AsWritten(RawDescriptionHelpFormatter, DjangoHelpFormatter):
    """Keeps the paragraphs of the help."""


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=AsWritten, **options)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--map", type=Path, metavar="MAP.json", help="how the file's names translate")
        parser.add_argument("--images", type=Path, metavar="DIR", help="folder of the pictures that rows name by file")
        parser.add_argument("--errors", type=Path, metavar="FILE", help="write failed rows as JSONL: row, sku, fields")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["images"] and not options["images"].is_dir():
            raise CommandError(f"{options['images']} is not a folder.")
        try:
            field_map = FieldMap.load(options["map"]) if options["map"] else None
            source = Source(options["file"])
        except (BadMap, UnreadableFile) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{options['file']} can't be read.") from error
        counts: Counter[Result] = Counter()
        try:
            self._import(source, Importer(field_map, options["images"]), options["errors"], counts)
        except KeyboardInterrupt:
            raise CommandError("Stopped. The same command goes on from here.") from None
        finally:
            self.stdout.write(", ".join(f"{counts[result]} {result}" for result in Result))
        if counts[Result.FAILED]:
            sys.exit(1)

    def _import(self, source: Source, importer: Importer, errors_to: Path | None, counts: Counter[Result]) -> None:
        with ExitStack() as stack:
            stack.enter_context(source)
            errors = stack.enter_context(errors_to.open("w")) if errors_to else None
            report = stack.enter_context(Report())
            for outcome in importer.run(source.rows()):
                counts[outcome.result] += 1
                report.advance(source.progress, counts)
                if outcome.result == Result.FAILED:
                    report.complain(outcome)
                    if errors:
                        print(
                            json.dumps({"row": outcome.row, "sku": outcome.sku, "fields": outcome.fields}), file=errors
                        )


class Report:
    """How far the import is: a bar on a terminal, now and then a line elsewhere. Both on stderr, like the errors."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, markup=False, highlight=False, emoji=False, soft_wrap=True)
        columns = [BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeRemainingColumn()]
        self._has_bar = self._console.is_terminal
        self._bar = Progress(*columns, console=self._console)
        self._task = self._bar.add_task("", total=1.0)

    def __enter__(self) -> "Report":
        if self._has_bar:
            self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._has_bar:
            self._bar.stop()

    def advance(self, progress: float, counts: Counter[Result]) -> None:
        self._bar.update(self._task, completed=progress, description=f"{counts.total()} rows")
        if not self._has_bar and counts.total() % LINE_EVERY == 0:
            self._console.print(f"{counts.total()} rows, {progress:.0%} of the file")

    def complain(self, outcome: Outcome) -> None:
        problems = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in outcome.fields.items())
        line = f"row {outcome.row} {outcome.sku}: {problems}"
        # A file's text must not steer the terminal that it is shown on.
        self._console.print("".join(character if character.isprintable() else "?" for character in line))
