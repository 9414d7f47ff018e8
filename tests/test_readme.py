"""The README's examples do what they say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pairsmith.cli import app
from pairsmith.pairs import PairStore
from tests.pairs.rows import make_pairs

TEXT = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
PYTHON = [code for language, code in BLOCKS if language == "python"]
SHELL = "\n".join(code for language, code in BLOCKS if language == "bash").replace("\\\n", " ")
CALLS = [shlex.split(line, comments=True)[1:] for line in SHELL.splitlines() if line.startswith("pairsmith ")]
COMMANDS = sorted(set(re.findall(r"`pairsmith ([a-z-]+)", TEXT)))


def test_there_are_examples() -> None:
    assert len(PYTHON) >= 2
    assert len(CALLS) >= 4
    assert len(COMMANDS) >= 6


@pytest.mark.parametrize("code", PYTHON, ids=lambda code: code.split()[1])
def test_python(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.chdir(tmp_path)
    PairStore.write("runs/tiny/synthetic", make_pairs(2), settings={})
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [*([*call, "--dry-run"] for call in CALLS), *([name, "--help"] for name in COMMANDS)]
)
def test_commands(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
