"""What a language model is asked: templates with a place for the concept, and what an answer must look like.

A prompt is a setting like any other, so users write their own in YAML: a name, a template, the expected opening and the
band of words.
"""

from __future__ import annotations

import re

from pydantic import Field, model_validator

from pairsmith.errors import InputError
from pairsmith.settings import Settings

PLACEHOLDER = "[object]"


class Prompt(Settings):
    """A template and the form of a good answer."""

    name: str = Field(min_length=1, description="short name, kept with every caption")
    template: str = Field(description=f"text of the prompt; {PLACEHOLDER} stands where the concept goes, or nowhere")
    prefix: str = Field(default="", description="how a caption must begin; empty asks for nothing")
    min_words: int = Field(default=1, ge=0, description="fewest words of an accepted caption, its prefix included")
    max_words: int = Field(default=100, ge=1, description="most words of an accepted caption, its prefix included")
    sentence: bool = Field(default=True, description="whether a caption must end as a sentence does")

    @model_validator(mode="after")
    def _check(self) -> Prompt:
        for found in re.findall(r"\[[A-Za-z_ ]+\]|\{[A-Za-z_ ]*\}|<[A-Za-z_ ]+>", self.template):
            if found != PLACEHOLDER:
                raise ValueError(f"the template holds {found}; the only placeholder is {PLACEHOLDER}")
        if self.min_words > self.max_words:
            raise ValueError(f"min_words {self.min_words} is above max_words {self.max_words}")
        return self

    @property
    def uses_concept(self) -> bool:
        """Whether the template names a concept."""
        return PLACEHOLDER in self.template

    def fill(self, concept: str | None) -> str:
        """The text for one row.

        Raises:
            InputError: the template needs a concept and there is none.
        """
        if not self.uses_concept:
            return self.template
        if not concept:
            raise InputError(f"the prompt {self.name!r} needs a concept for {PLACEHOLDER}")
        return self.template.replace(PLACEHOLDER, concept)


# Synth² §3.1, word for word. It asks for "around 30-40 words": the band of accepted captions leaves a quarter on each
# side, a choice of ours.
SYNTH2_CLASS_PROMPT = Prompt(
    name="synth2-class",
    template=(
        "Make up a human-annotated description of an image that contains the following object: [object]. "
        "The caption should be around 30-40 words long. "
        "Describe the different components of the scene in an objective and unbiased way. "
        "Do not add subjective judgments about the image, it should be as factual as possible. "
        "Do not use fluffy, poetic language. "
        "Respond only with the caption itself, beginning with “This is an image of”."
    ),
    prefix="This is an image of",
    min_words=23,
    max_words=50,
)

# For a language model that was trained on captions and nothing else: it writes from the start token alone.
FREE_PROMPT = Prompt(name="free", template="", min_words=1, max_words=64, sentence=False)

PROMPTS = {prompt.name: prompt for prompt in (SYNTH2_CLASS_PROMPT, FREE_PROMPT)}
