"""What the Synth² paper reports, word for word where it is shown: Tables 2, 3, 5 and 8, and the text's own numbers.

All models there were trained on Conceptual Captions 12M and web data and tested on MS-COCO and others, so none of these
figures can be compared with another run's in absolute terms.
"""

from __future__ import annotations

from dataclasses import dataclass

CITATION = (
    "S. Sharifzadeh, C. Kaplanis, S. Pathak, D. Kumaran, A. Ilic, J. Mitrovic, C. Blundell, A. Banino: Synth²: "
    "Boosting Visual-Language Models with Synthetic Captions and Image Embeddings. Google DeepMind, 2024."
)


@dataclass(frozen=True)
class PublishedArm:
    """A row of Table 2 or Table 3: CIDEr ×100 on MS-COCO and Flickr-30k, accuracy in % on VQAv2 and OKVQA."""

    method: str
    real: str
    synthetic: str
    real_pairs: str
    synthetic_pairs: str
    coco: float
    flickr: float
    vqa: float
    okvqa: float
    concentration_5: float | None = None  # fraction in the five fullest clusters
    concentration_3: float | None = None  # Table 8
    entropy_bits: float | None = None


BASELINE = PublishedArm("Baseline", "CCv2", "", "10.1M", "", 22.1, 12.7, 29.1, 32.4)

TABLE_2 = (
    BASELINE,
    PublishedArm("Synth²", "CCv2", "LTIP", "10.1M", "330M", 28.7, 16.7, 33.5, 34.5),
    PublishedArm("Synth²", "CCv2", "WebLI", "10.1M", "350M", 27.6, 18.1, 34.1, 34.7),
    PublishedArm("Synth²", "CCv2", "WebLI+LTIP", "10.1M", "670M", 33.4, 20.8, 35.3, 36.1),
    PublishedArm("Gold", "CCv2+LTIP", "", "340.1M", "", 27.6, 20.9, 36.7, 38.1),
    PublishedArm("Gold", "CCv2+WebLI", "", "360.1M", "", 30.7, 21.1, 36.2, 38.5),
    PublishedArm("Gold", "CCv2+LTIP+WebLI", "", "690.1M", "", 35.3, 23.4, 37.9, 39.4),
)

GENPAIR = PublishedArm("Synth²", "CCv2", "GenPair", "10.1M", "1M", 25.9, 17.3, 31.1, 34.0, 0.577, 0.405, 3.81)
TABLE_3 = (
    BASELINE,
    GENPAIR,
    PublishedArm("Real WebLI", "CCv2+WebLI", "", "10.1M+1M", "", 24.4, 14.9, 30.6, 33.9, 0.698, 0.582, 3.43),
    PublishedArm("Real LTIP", "CCv2+LTIP", "", "10.1M+1M", "", 23.4, 13.8, 30.3, 32.9, 0.830, 0.765, 2.92),
)


@dataclass(frozen=True)
class PublishedSpeed:
    """A row of Table 5."""

    path: str
    steps_per_second: float
    coco: float  # CIDEr ×100, zero-shot
    vqa: float  # VQAv2 accuracy in %, finetuned


TABLE_5 = {
    "embedding": PublishedSpeed("Synth² – Embeddings", 2.08, 25.9, 50.1),
    "pixels": PublishedSpeed("Synth² – Pixels", 1.66, 26.0, 49.9),
}

CLUSTERS = 20  # appendix A.3
PARITY = "roughly 1/3 of the training steps"  # Figure 5
SEEDS = 3  # Figure 5
GENERATOR_FID = 17.1  # §4.1.2, Inception features, MS-COCO test pairs
