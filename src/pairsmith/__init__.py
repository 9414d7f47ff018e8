"""Pairsmith: make image-text pairs with generative models, train vision-language models on them, measure their worth."""

__version__ = "0.1.0"
