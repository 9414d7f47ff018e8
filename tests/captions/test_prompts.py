"""Prompts: the paper's, word for word, and users' own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from pairsmith.captions import FREE_PROMPT, PROMPTS, SYNTH2_CLASS_PROMPT, Prompt
from pairsmith.errors import InputError
from pairsmith.settings import load_settings

# Synth² §3.1; the paper sets it in two paragraphs, around a figure.
PAPER = (
    "Make up a human-annotated description of an image that contains the following object: [object]. The caption "
    "should be around 30-40 words long. Describe the different components of the scene in an objective and unbiased "
    "way. Do not add subjective judgments about the image, it should be as factual as possible. Do not use fluffy, "
    "poetic language. Respond only with the caption itself, beginning with “This is an image of”."
)


def test_the_papers_prompt_is_word_for_word() -> None:
    assert SYNTH2_CLASS_PROMPT.template == PAPER
    assert SYNTH2_CLASS_PROMPT.fill("racing car") == PAPER.replace("[object]", "racing car")
    assert SYNTH2_CLASS_PROMPT.prefix == "This is an image of"
    assert SYNTH2_CLASS_PROMPT.min_words <= 30
    assert SYNTH2_CLASS_PROMPT.max_words >= 40


def test_the_papers_prompt_stands_in_the_paper(shared: Path) -> None:
    paper = (shared / "papers" / "synth2.txt").read_text()
    section = paper[paper.index("3.1. Synthetic Caption Generation") : paper.index("3.2. Image Generation")]
    kept = [line for line in section.splitlines() if line.startswith(("Make up", "The caption should"))]
    assert " ".join(" ".join(kept).split()) == SYNTH2_CLASS_PROMPT.template


def test_a_prompt_that_names_a_concept_needs_one() -> None:
    with pytest.raises(InputError, match="synth2-class"):
        SYNTH2_CLASS_PROMPT.fill(None)
    assert FREE_PROMPT.fill(None) == ""
    assert not FREE_PROMPT.uses_concept


@pytest.mark.parametrize("template", ["a {object}", "a [Object]", "a [concept] photo", "a <object>", "[object] and {}"])
def test_unknown_placeholders_are_refused(template: str) -> None:
    with pytest.raises(ValidationError, match=re.escape("the placeholders are [object], [axis] and [value]")):
        Prompt(name="mine", template=template)


def test_users_write_prompts_in_yaml(tmp_path: Path) -> None:
    path = tmp_path / "prompt.yaml"
    path.write_text("name: short\ntemplate: 'A photo of [object] and [object], [1] {1}'\nmin_words: 3\nmax_words: 9\n")
    prompt = load_settings(Prompt, file=path)
    assert prompt.fill("an owl") == "A photo of an owl and an owl, [1] {1}"
    with pytest.raises(InputError, match="above max_words"):
        load_settings(Prompt, file=path, overrides=["max_words=2"])


def test_published_kinds_of_prompts_ask_for_concept_and_value() -> None:
    assert set(PROMPTS) >= {"synth2-class", "synthclip", "synclr-concept", "synclr-background", "polygen-base"}
    for prompt in PROMPTS.values():
        if prompt.name != "free":
            text = prompt.fill("barn owl", "lighting", "at dusk")
            assert "barn owl" in text
            assert ("at dusk" in text) == prompt.uses_axis
            assert "[" not in text
    assert PROMPTS["synthclip"].max_words == 15
    with pytest.raises(InputError, match=r"needs a value"):
        PROMPTS["polygen-base"].fill("owl")


def test_a_concept_that_looks_like_a_placeholder_is_not_filled_again() -> None:
    prompt = Prompt(name="mine", template="[object] / [value]")
    assert prompt.fill("[value]", "x", "dusk") == "[value] / dusk"


def test_the_head_is_what_all_rows_begin_with() -> None:
    for prompt in PROMPTS.values():
        assert prompt.fill("barn owl", "lighting", "at dusk").startswith(prompt.head)
    assert Prompt(name="mine", template="a [value] of [object]").head == "a "
    assert FREE_PROMPT.head == ""
    assert {name for name, prompt in PROMPTS.items() if prompt.in_context} == {
        "synclr-concept", "synclr-background", "synclr-relation",
    }  # fmt: skip
