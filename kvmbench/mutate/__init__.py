"""Checks that are themselves tested: each fact that they state is broken, and they have to notice."""

from kvmbench.mutate.bench import live, recorded
from kvmbench.mutate.kinds import held, kinds
from kvmbench.mutate.score import Row, Score, score
from kvmbench.mutate.table import table

__all__ = ["Row", "Score", "held", "kinds", "live", "recorded", "score", "table"]
