"""Captions: concepts, prompts, language models that write, checks, and the stage that joins them."""

from pairsmith.captions.axes import AXES, Axis, AxisPlan, coverage
from pairsmith.captions.causal_model import CausalModel
from pairsmith.captions.concept_sources import CorpusSettings, corpus_concepts, wordnet_concepts
from pairsmith.captions.concepts import ConceptBank
from pairsmith.captions.language_model_writer import LanguageModelWriter, LanguageModelWriterSettings
from pairsmith.captions.prompts import FREE_PROMPT, PROMPTS, SYNTH2_CLASS_PROMPT, Prompt
from pairsmith.captions.sampling import SamplingSettings
from pairsmith.captions.server_settings import ServerConnection, ServerWriterSettings
from pairsmith.captions.server_writer import ServerWriter
from pairsmith.captions.settings import CaptionSettings, CheckSettings
from pairsmith.captions.stage import preview, reason_counts, write_captions
from pairsmith.captions.transformers_writer import TransformersWriter, TransformersWriterSettings
from pairsmith.captions.writer import Request, WriteFailure, Writer, WriterUnavailable

__all__ = [
    "AXES",
    "FREE_PROMPT",
    "PROMPTS",
    "SYNTH2_CLASS_PROMPT",
    "Axis",
    "AxisPlan",
    "CaptionSettings",
    "CausalModel",
    "CheckSettings",
    "ConceptBank",
    "CorpusSettings",
    "LanguageModelWriter",
    "LanguageModelWriterSettings",
    "Prompt",
    "Request",
    "SamplingSettings",
    "ServerConnection",
    "ServerWriter",
    "ServerWriterSettings",
    "TransformersWriter",
    "TransformersWriterSettings",
    "WriteFailure",
    "Writer",
    "WriterUnavailable",
    "corpus_concepts",
    "coverage",
    "preview",
    "reason_counts",
    "wordnet_concepts",
    "write_captions",
]
