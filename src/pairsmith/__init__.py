"""Pairsmith: make image-text pairs with generative models, train vision-language models, measure the pairs' worth."""

__version__ = "0.1.0"
