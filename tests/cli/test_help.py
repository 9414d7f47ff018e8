"""Every command explains itself, and asking for that loads nothing heavy."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import typer

from pairsmith.cli import app


def commands() -> list[list[str]]:
    """The words of every command and group."""
    found = [[]]

    def walk(group: object, words: list[str]) -> None:
        for name, command in getattr(group, "commands", {}).items():
            found.append([*words, name])
            walk(command, [*words, name])

    walk(typer.main.get_command(app), [])
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_help(pairsmith, words):
    result = pairsmith(*words, "--help")
    assert result.exit_code == 0
    assert result.output.startswith("Usage: ")
    described = [line for line in result.output.splitlines() if line.strip()]
    assert not described[1].strip().startswith("Options")  # a sentence comes first
    assert not any(line.rstrip().endswith("...") for line in described[1:])  # nothing is cut off


def test_all_promised_commands_are_there():
    promised = (
        "run, plan, import, export, verify, repair, gc, merge, split, sample, join, captions, negatives, "
        "negative-rows, filter, balance, diversity, tokenize, render, finetune-decoder, score, select, compare, train, "
        "evaluate, report"
    )
    assert {words[0] for words in commands() if words} == set(promised.split(", "))


def test_kinds_of_generators_are_named(pairsmith):
    from pairsmith.stages.generator_kinds import KINDS, generator_kind

    trained, drawing = (pairsmith(*words, "--help").output for words in (("train", "generator"), ("render",)))
    for name in KINDS:
        assert re.search(rf"\b{name}\b", drawing), name
        assert bool(re.search(rf"\b{name}:", trained)) == (generator_kind(name).training is not None), name


def test_help_loads_no_model_library():
    heavy = ("torch", "transformers", "pyarrow", "pydantic", "rich")
    code = f"import sys, pairsmith.cli; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_version(pairsmith):
    assert pairsmith("--version").output.startswith("pairsmith ")
