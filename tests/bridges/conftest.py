"""lmms-eval's names are there before the plug-in is imported, whether it is installed or not."""

from __future__ import annotations

from tests.bridges import stand_in

stand_in.install()
