"""CSV, JSON and JSONL files, plain or gzipped, as a stream of rows. The largest row bounds the memory, not the file.

A row that can't be read is a row with an error, so that one bad line doesn't end an import of a hundred thousand.
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, cast

from shop import strict_json
from shop.strict_json import refuse_broken_text

# As large as a product that may be posted.
MAX_ROW = 1_048_576
CHUNK = 65_536
GZIP_MAGIC = b"\x1f\x8b"
NOT_SPACE = re.compile(r"\S")


class UnreadableFile(Exception):
    """The text says what is wrong with the file as a whole."""


@dataclass(frozen=True)
class Row:
    """`number` is the line of a JSONL file, the row of a spreadsheet (its header is row 1) or the place in a JSON list.

    `is_flat` rows, of a CSV file, hold nothing but text.
    """

    number: int
    data: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    is_flat: bool = False


class Source:
    """An open catalogue file. `progress` is the share of its bytes that were read, 0 to 1."""

    def __init__(self, path: Path) -> None:
        self._rows = _reader_for(path)
        self._size = path.stat().st_size
        self._raw = path.open("rb")

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *exc: object) -> None:
        self._raw.close()

    @property
    def progress(self) -> float:
        return self._raw.tell() / self._size if self._size else 1.0

    def rows(self) -> Iterator[Row]:
        """Every row. Where nothing more can be read, the last one says why."""
        number = 0
        zipped = self._raw.peek(2).startswith(GZIP_MAGIC)
        stream = cast(IO[bytes], gzip.GzipFile(fileobj=self._raw)) if zipped else self._raw
        # Bytes that aren't UTF-8 become lone surrogates, which `refuse_broken_text` finds in their row.
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
        try:
            for row in self._rows(text):
                number = row.number
                yield row
        except UnreadableFile as error:
            yield Row(number + 1, error=str(error))
        except (OSError, EOFError, zlib.error):
            yield Row(number + 1, error="The compressed file is damaged or ends early.")
        finally:
            # Else the wrapper, once forgotten, would close the file whose progress is still asked for.
            text.detach()


def _reader_for(path: Path) -> Any:
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    readers = {".csv": _csv_rows, ".json": _json_rows, ".jsonl": _jsonl_rows, ".ndjson": _jsonl_rows}
    if suffix not in readers:
        raise UnreadableFile("The name has to end in .csv, .json or .jsonl, or one of these and .gz.")
    return readers[suffix]


# --- JSONL


def _jsonl_rows(text: IO[str]) -> Iterator[Row]:
    for number, line in enumerate(_lines(text), start=1):
        if len(line) > MAX_ROW:
            yield Row(number, error=f"The line is longer than {MAX_ROW} characters.")
        elif line.strip():
            yield _row(number, line)


def _lines(text: IO[str]) -> Iterator[str]:
    """Lines cut off at one character more than a row may have: a file without line ends must not fill the memory."""
    while line := text.readline(MAX_ROW + 1):
        rest = line
        while len(rest) > MAX_ROW and not rest.endswith("\n"):
            rest = text.readline(MAX_ROW + 1)
        yield line


def _row(number: int, text: str) -> Row:
    try:
        data = strict_json.decoder().decode(text)
        return _checked(number, data)
    except (ValueError, RecursionError):
        return Row(number, error="Not valid JSON.")


def _checked(number: int, data: Any) -> Row:
    if not isinstance(data, dict):
        return Row(number, error="Not a JSON object.")
    try:
        refuse_broken_text(data)
    except ValueError as error:
        return Row(number, error=str(error))
    return Row(number, data)


def _json_rows(text: IO[str]) -> Iterator[Row]:
    scanner = _Scanner(text)
    opening = scanner.take()
    if opening == "{":
        scanner.find_list("products")
    elif opening != "[":
        raise UnreadableFile("Expected a JSON list, or an object with a list called products.")
    number = 0
    while not scanner.skip_if("]"):
        if number:
            scanner.expect(",")
        number += 1
        yield _checked(number, scanner.value())


class _Scanner:
    """Reads one JSON value after another from a stream, holding no more than one of them."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self._buffer = ""
        self._at_end = False
        self._decoder = strict_json.decoder()

    def take(self) -> str:
        character = self._peek()
        self._buffer = self._buffer[1:]
        return character

    def expect(self, character: str) -> None:
        if self.take() != character:
            raise UnreadableFile("Not valid JSON.")

    def skip_if(self, character: str) -> bool:
        found = self._peek() == character
        if found:
            self.take()
        return found

    def find_list(self, name: str) -> None:
        """Moves behind the `[` of the list called `name`, past whatever stands before it."""
        while True:
            key = self.value()
            self.expect(":")
            if key == name:
                return self.expect("[")
            self.value()
            if self.take() != ",":
                raise UnreadableFile(f"The object has no list called {name}.")

    def value(self) -> Any:
        self._peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer)
            except (ValueError, RecursionError) as error:
                if self._at_end or len(self._buffer) > MAX_ROW:
                    raise UnreadableFile("Not valid JSON, or a value of more than 1 MB.") from error
            else:
                # A number at the end of the buffer may go on in the next chunk.
                if end < len(self._buffer) or self._at_end:
                    self._buffer = self._buffer[end:]
                    return value
            self._read()

    def _peek(self) -> str:
        """The next character that isn't white space; it stays at the start of the buffer."""
        while not (found := NOT_SPACE.search(self._buffer)):
            if self._at_end:
                raise UnreadableFile("The file ends early.")
            self._buffer = ""
            self._read()
        self._buffer = self._buffer[found.start() :]
        return self._buffer[0]

    def _read(self) -> None:
        chunk = self._text.read(CHUNK)
        self._at_end = not chunk
        self._buffer += chunk


# --- CSV


def _csv_rows(text: IO[str]) -> Iterator[Row]:
    lines = _lines(text)
    header_line = next(lines, "")
    delimiter = max(",;\t", key=header_line.count)
    header = [name.strip() for name in next(csv.reader([header_line], delimiter=delimiter), [])]
    if not header or not all(header) or len(set(header)) != len(header) or _checked(1, dict.fromkeys(header)).error:
        raise UnreadableFile("The first row has to name the columns in UTF-8, each once.")
    cells_by_row = csv.reader(lines, delimiter=delimiter)
    number = 1
    while True:
        number += 1
        try:
            cells = next(cells_by_row)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(number, error=f"Not a CSV row: {error}.")
            continue
        if len(cells) > len(header):
            yield Row(number, error="The row has more cells than the header.")
        elif any(cells):
            values = {name: cell for name, cell in zip(header, cells, strict=False) if cell.strip()}
            yield replace(_checked(number, values), is_flat=True)
