"""SynthVLM: curated captions, diffusion images, the best pairs by two scores, and a LLaVA trained on them."""
