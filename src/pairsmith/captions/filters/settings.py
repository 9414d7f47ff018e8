"""Settings of the filters: each is one small object, None switches it off.

The values of `published()` are SynthVLM's (arXiv 2407.20756, supplement, table 1). They were set for sentences of the
web, with blanks counted as special characters; the defaults are looser where that would drop good short captions.
"""

from __future__ import annotations

from pydantic import Field

from pairsmith.settings import Settings


class RatioBand(Settings):
    """A number about a text must lie in a band."""

    least: float = Field(default=0.0, description="smallest value kept")
    most: float = Field(default=1.0, description="largest value kept")


class RepetitionLimit(Settings):
    """How much of a text may be repeated n-grams."""

    length: int = Field(default=10, ge=1, description="n: characters or words")
    most: float = Field(ge=0, le=1, description="largest share kept")


class FlaggedWords(Settings):
    """Words that a caption must not hold."""

    words: tuple[str, ...] = Field(default=(), description="the words; empty takes the built-in list")
    most: float = Field(default=0.0, ge=0, le=1, description="largest share of flagged words kept")


class PerplexityLimit(Settings):
    """How surprised a language model may be."""

    most: float = Field(default=5500.0, gt=0, description="largest perplexity kept; its scale is the model's own")


class VerdictRequest(Settings):
    """A language model's yes or no. SynthVLM names the criteria (detail, coherence, clarity), not its words."""

    prompt: str = Field(
        default=(
            'Here is a caption: "[caption]" Is it detailed, logically coherent, and clear enough to be used as '
            "a prompt for a text-to-image model? Answer with one word, Yes or No."
        ),
        description="template with [caption]",
    )


class ScoreRule(Settings):
    """A score kept beside the pairs must reach a value, or belong to the best."""

    name: str = Field(min_length=1, description="name of the score, such as clip")
    least: float | None = Field(default=None, description="smallest value kept")
    most: float | None = Field(default=None, description="largest value kept")
    keep_top: float | None = Field(
        default=None, gt=0, le=1, description="share of the rows left by all other filters that is kept, best first"
    )


class NgramCap(Settings):
    """How many captions may share a run of words."""

    length: int = Field(default=6, ge=1, description="n, in words")
    most: int = Field(ge=1, description="captions that may hold one and the same n-gram; later ones are dropped")


class NearDuplicates(Settings):
    """Captions that nearly repeat an earlier one."""

    jaccard: float | None = Field(
        default=0.8, gt=0, le=1, description="least overlap of words and word pairs (MinHash finds them); None is off"
    )
    cosine: float | None = Field(
        default=None, gt=0, le=1, description="least cosine of the captions' embeddings; None is off, needs an embedder"
    )
    permutations: int = Field(default=128, ge=16, description="of MinHash; more find pairs near the limit more surely")


class FilterSettings(Settings):
    """Which captions are dropped, in the order in which the filters look at them."""

    alphanumeric: RatioBand | None = Field(default=RatioBand(least=0.60), description="letters and digits")
    special: RatioBand | None = Field(
        default=RatioBand(most=0.42023757), description="digits, blanks, punctuation, symbols"
    )
    character_repetition: RepetitionLimit | None = Field(
        default=RepetitionLimit(most=0.09373663), description="repeated runs of characters"
    )
    word_repetition: RepetitionLimit | None = Field(
        default=RepetitionLimit(most=0.03085751), description="repeated runs of words"
    )
    flagged: FlaggedWords | None = Field(default=FlaggedWords(), description="flagged words")
    advertising: bool = Field(default=True, description="drop prices, calls to buy, addresses, phone numbers")
    perplexity: PerplexityLimit | None = Field(default=None, description="by a language model; needs one")
    verdict: VerdictRequest | None = Field(default=None, description="a language model's yes or no; needs one")
    exact_duplicates: bool = Field(default=True, description="drop captions that repeat an earlier one")
    ngrams: NgramCap | None = Field(default=None, description="drop captions after too many with the same words")
    near_duplicates: NearDuplicates | None = Field(default=NearDuplicates(), description="near repetitions")
    scores: tuple[ScoreRule, ...] = Field(default=(), description="scores of the store, such as clip")


def published(original_image: bool = False) -> FilterSettings:
    """SynthVLM's filters with its thresholds.

    Args:
        original_image: with the filters by scores against the caption's original image (`ORIGINAL_IMAGE`); the store
            must have these scores.
    """
    return FilterSettings(
        alphanumeric=RatioBand(least=0.60),
        special=RatioBand(least=0.16534802, most=0.42023757),
        character_repetition=RepetitionLimit(most=0.09373663),
        word_repetition=RepetitionLimit(most=0.03085751),
        flagged=FlaggedWords(most=0.0),
        advertising=True,
        perplexity=PerplexityLimit(most=5500.0),
        verdict=VerdictRequest(),
        scores=ORIGINAL_IMAGE if original_image else (),
    )


# SynthVLM's filters by scores against the caption's original image; the pairs' scores must be there.
ORIGINAL_IMAGE = (
    ScoreRule(name="clip", least=0.28),
    ScoreRule(name="blip_itm", least=0.8, most=1.0),
    ScoreRule(name="clip", keep_top=0.40),
)
