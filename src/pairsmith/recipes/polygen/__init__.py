"""PolyGen (arXiv 2602.01370): several unlike generators a caption, hard negatives with pictures, and a CLIP."""
