"""Seeded random draws."""

from __future__ import annotations

import random


class Draw(random.Random):
    """A seeded source of chance. Seeds of one text draw alike, in every process."""

    def happens(self, share: float) -> bool:
        """True in a share of the cases."""
        return self.random() < share
