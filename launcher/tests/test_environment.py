from pathlib import Path

import pytest

from launcher.environment import kept_secret, names_in, parse_dotenv, personal_environment
from launcher.terminal import Problem


def test_dotenv_lines() -> None:
    text = """
# a comment
PLAIN=one
export EXPORTED = two
QUOTED="three # not a comment" # a comment
SINGLE='four'
COMMENTED=five # why
HASH=si#x
EMPTY=
URL=postgres://shop@/shop?host=/a&port=5432
"""
    assert parse_dotenv(text) == {
        "PLAIN": "one",
        "EXPORTED": "two",
        "QUOTED": "three # not a comment",
        "SINGLE": "four",
        "COMMENTED": "five",
        "HASH": "si#x",
        "EMPTY": "",
        "URL": "postgres://shop@/shop?host=/a&port=5432",
    }


@pytest.mark.parametrize("line", ["no assignment", 'OPEN="half'])
def test_a_bad_line_is_named(line: str) -> None:
    with pytest.raises(Problem, match="line 2"):
        parse_dotenv(f"GOOD=1\n{line}")


def test_the_real_environment_wins_and_empty_means_unset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("PORT=1\nSHOP_NAME=File\nREDIS_URL=\n")
    monkeypatch.setenv("PORT", "2")
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.delenv("REDIS_URL", raising=False)
    environment = personal_environment(tmp_path)
    assert environment["PORT"] == "2"
    assert environment["SHOP_NAME"] == "File"
    assert "REDIS_URL" not in environment
    assert "DATABASE_URL" not in environment


def test_names_in_an_example_count_when_commented_out(tmp_path: Path) -> None:
    file = tmp_path / ".env.example"
    file.write_text("# Prose, with an = sign\nFIRST=1\n# SECOND=\n")
    assert names_in(file) == {"FIRST", "SECOND"}


def test_a_kept_secret_stays_and_is_private(tmp_path: Path) -> None:
    first = kept_secret(tmp_path, "key")
    assert kept_secret(tmp_path, "key") == first
    assert len(first) >= 64
    assert (tmp_path / "secrets" / "key").stat().st_mode & 0o777 == 0o600
