"""Hypothesis settings without a clock: on a busy machine a slow example says nothing about the code."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

PATIENT = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
