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
# Where a semantic axis goes: its name ("lighting") and the value asked for ("at dusk").
AXIS, VALUE = "[axis]", "[value]"
_PLACES = re.compile(r"\[(?:object|axis|value)\]")


class Prompt(Settings):
    """A template and the form of a good answer."""

    name: str = Field(min_length=1, description="short name, kept with every caption")
    template: str = Field(
        description=f"text of the prompt; {PLACEHOLDER}, {AXIS}, {VALUE}: where these go, if anywhere"
    )
    prefix: str = Field(default="", description="how a caption must begin; empty asks for nothing")
    min_words: int = Field(default=1, ge=0, description="fewest words of an accepted caption, its prefix included")
    max_words: int = Field(default=100, ge=1, description="most words of an accepted caption, its prefix included")
    sentence: bool = Field(default=True, description="whether a caption must end as a sentence does")
    in_context: bool = Field(
        default=False,
        description="the template is worked examples and an open line, which a local model goes on with; not a request",
    )

    @model_validator(mode="after")
    def _check(self) -> Prompt:
        for found in re.findall(r"\[[A-Za-z_ ]+\]|\{[A-Za-z_ ]*\}|<[A-Za-z_ ]+>", self.template):
            if found not in (PLACEHOLDER, AXIS, VALUE):
                raise ValueError(f"the template holds {found}; the placeholders are {PLACEHOLDER}, {AXIS} and {VALUE}")
        if self.min_words > self.max_words:
            raise ValueError(f"min_words {self.min_words} is above max_words {self.max_words}")
        return self

    @property
    def head(self) -> str:
        """What comes before the first place: the same in every row."""
        return _PLACES.split(self.template, maxsplit=1)[0]

    @property
    def uses_concept(self) -> bool:
        """Whether the template names a concept."""
        return PLACEHOLDER in self.template

    @property
    def uses_axis(self) -> bool:
        """Whether the template names a value of a semantic axis."""
        return VALUE in self.template

    def fill(self, concept: str | None, axis: str = "", value: str = "") -> str:
        """The text for one row.

        Args:
            concept: for [object].
            axis, value: for [axis] and [value].

        Raises:
            InputError: the template needs a concept or a value and there is none.
        """
        if self.uses_concept and not concept:
            raise InputError(f"the prompt {self.name!r} needs a concept for {PLACEHOLDER}")
        if self.uses_axis and not value:
            raise InputError(f"the prompt {self.name!r} needs a value of an axis for {VALUE}")
        places = {PLACEHOLDER: concept or "", AXIS: axis, VALUE: value}
        return _PLACES.sub(lambda found: places[found[0]], self.template)


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

# SynthCLIP §3.1 asks for one caption about a concept, a single sentence of at most 15 words, without notes (Mistral-7B
# at temperature 0.7, top-p 0.95). Its very words are not at hand; these are ours.
SYNTHCLIP_PROMPT = Prompt(
    name="synthclip",
    template=(
        "Write one caption of an image about [object]. It must be a single sentence of at most 15 words that describes "
        "what can be seen. Respond only with the caption, without notes."
    ),
    min_words=4,
    max_words=15,
)

# SynCLR's three in-context ways: a concept, a concept with a background, a concept with a relation, each after worked
# examples (Llama 2 7B at temperature 0.8). The examples here are ours.
SYNCLR_CONCEPT_PROMPT = Prompt(
    name="synclr-concept",
    template=(
        "Each line gives a concept and a caption of a photo that shows it.\n"
        "fire truck => A red fire truck is parked outside a brick station.\n"
        "barn owl => A barn owl sits on a mossy branch and looks at the camera.\n"
        "tomato soup => A woman eats a bowl of tomato soup at a kitchen table.\n"
        "wool hat => A smiling boy in a wool hat throws a snowball.\n"
        "power drill => Two men fix a wooden fence with a power drill.\n"
        "botanical garden => People walk along a path in a botanical garden.\n"
        "[object] =>"
    ),
    min_words=5,
    max_words=40,
    in_context=True,
)
SYNCLR_BACKGROUND_PROMPT = Prompt(
    name="synclr-background",
    template=(
        "Each line gives a concept, a background, and a caption of a photo that shows the concept before it.\n"
        "fire truck, a city street => A red fire truck is parked on a city street.\n"
        "barn owl, a forest => A barn owl sits on a mossy branch in a dark forest.\n"
        "tomato soup, a kitchen => A pot of tomato soup stands on the stove of a tidy kitchen.\n"
        "wool hat, a snowy field => A smiling boy in a wool hat runs across a snowy field.\n"
        "power drill, a workshop => Two men look at a power drill in a workshop.\n"
        "[object], [value] =>"
    ),
    min_words=5,
    max_words=40,
    in_context=True,
)
SYNCLR_RELATION_PROMPT = Prompt(
    name="synclr-relation",
    template=(
        "Each line gives a concept, a relation, and a caption of a photo that shows both.\n"
        "fire truck, next to something else => A red fire truck is parked next to a green mailbox.\n"
        "barn owl, on top of something else => A barn owl sits on top of an old fence post.\n"
        "tomato soup, held by a person => A woman holds a steaming bowl of tomato soup.\n"
        "wool hat, under something else => A wool hat lies under a wooden bench.\n"
        "power drill, inside something else => A power drill lies inside a blue toolbox.\n"
        "[object], [value] =>"
    ),
    min_words=5,
    max_words=40,
    in_context=True,
)

# PolyGen's base caption, from a concept and a semantic axis; its words are not published. The hard negative's prompts
# are in `negatives.editor`.
POLYGEN_PROMPT = Prompt(
    name="polygen-base",
    template=(
        "Write one factual image caption of a single sentence about [object]. The caption must show this [axis]: "
        "[value]. "
        "Name the [object] and keep to what can be seen. Respond only with the caption."
    ),
    min_words=5,
    max_words=30,
)

PROMPTS = {
    prompt.name: prompt
    for prompt in (
        SYNTH2_CLASS_PROMPT,
        FREE_PROMPT,
        SYNTHCLIP_PROMPT,
        SYNCLR_CONCEPT_PROMPT,
        SYNCLR_BACKGROUND_PROMPT,
        SYNCLR_RELATION_PROMPT,
        POLYGEN_PROMPT,
    )
}
# The axes that a published prompt goes with; all others take every axis.
PROMPT_AXES = {"synclr-background": ("background",), "synclr-relation": ("relation",)}
