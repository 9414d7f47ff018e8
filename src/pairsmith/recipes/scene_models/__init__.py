"""Pre-trained parts of the built-in scenes: what SDXL, CLIP and Vicuna are to experiments with photographs.

A flow-matching generator, a dual encoder that scores pairs, a vision tower and a language model that reads, each
trained on scenes without held-out combinations. They ship trained; `pairsmith.recipes.scene_models.ship` makes the
shipped weights again.
"""
