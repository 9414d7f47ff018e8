"""Hostile and damaged inputs by the thousand: what they are made of, what reads them, and what may not happen."""
