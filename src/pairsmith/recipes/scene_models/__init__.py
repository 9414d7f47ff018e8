"""Pre-trained parts of the built-in scenes: what SDXL and CLIP are to experiments with photographs.

A flow-matching generator, a dual encoder that scores pairs, and a vision tower, each trained on pairs of scenes without
held-out combinations. They ship trained; `pairsmith.recipes.scene_models.ship` makes the shipped weights again.
"""
