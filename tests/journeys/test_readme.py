"""The README's commands for programs, run as they stand there."""

import json
import os
import re
import subprocess
from pathlib import Path

from tests.stack import PASSWORD, ROOT, Stack

SECTION = re.compile(r"^## Sell and buy as a program$(.*?)^## ", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands() -> str:
    section = SECTION.search((ROOT / "README.md").read_text())
    assert section
    blocks = COMMANDS.findall(section[1])
    assert len(blocks) == 2
    return "\n".join(blocks)


def test_the_commands_for_programs_work(shop: Stack, tmp_path: Path) -> None:
    script = commands().replace("http://127.0.0.1:8000", shop.base_url)
    assert shop.base_url in script
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"password": PASSWORD},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    placed = json.loads((tmp_path / "order.json").read_text())["data"]
    assert (placed["status"], placed["items"][0]["sku"], placed["items"][0]["quantity"]) == ("pending", "OS-101-TEA", 2)
    assert placed["discounts"][0]["code"] == "WELCOME10"
    assert placed["payment"]["redirectUrl"] in done.stdout
    assert "Thrown in one piece, glazed twice." in done.stdout
    assert shop.broken_invariants() == []
