"""rows.txt names for each attack the tests that show what becomes of it, and those tests are there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEST = re.compile(r"[\w/]+\.py(?:::\w+)?")


def rows() -> dict[str, str]:
    lines = (ROOT / "tests/abuse/rows.txt").read_text().splitlines()
    return dict(line.split(" | ", 1) for line in lines if line and not line.startswith("#"))


def is_there(test: str) -> bool:
    file, _, name = test.partition("::")
    path = ROOT / file
    return path.exists() and (not name or bool(re.search(rf"def {name}\b", path.read_text())))


def test_each_attack_has_a_test_that_exists_or_a_reason() -> None:
    found = {}
    for attack, proof in rows().items():
        tests = TEST.findall(proof)
        gone = [test for test in tests if not is_there(test)]
        if gone or not (tests or proof.startswith("- ")):
            found[attack] = gone or proof
    assert found == {}


def test_all_attacks_are_here() -> None:
    attacks = list(rows())
    assert [f"A{number}" for number in range(1, 51)] == [each.split()[0] for each in attacks if each[0] == "A"]
    assert len(attacks) == 23 + 50
