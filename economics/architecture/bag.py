"""A bag of words: the mean of the tokens' vectors, then one matrix. The smallest architecture there is."""

from __future__ import annotations

from dataclasses import dataclass

from economics.architecture.base import Parameters


@dataclass(frozen=True, kw_only=True, slots=True)
class BagOfWords:
    """A classifier of texts that ignores their order.

    Its table is looked up and its one matrix multiplied once per text: V w + w C + C parameters, 2 w C FLOP per text
    and about 2 w per token for the mean.

    >>> BagOfWords(vocabulary_size=1000, width=16, num_labels=4).parameters().total
    16068
    """

    vocabulary_size: int
    width: int
    num_labels: int
    name: str = ""

    @property
    def kind(self) -> str:
        """Always bag-of-words."""
        return "bag-of-words"

    def parameters(self) -> Parameters:
        """Count the parameters by part."""
        matrix = self.width * self.num_labels
        parts = {"embedding": self.vocabulary_size * self.width, "output_head": matrix + self.num_labels}
        return Parameters(by_part=parts, active_by_part=dict(parts), matmul=matrix, active_matmul=matrix)

    def training_flop_per_token(self, tokens_per_text: float) -> float:
        """FLOP of one token, forward and backward, texts having so many tokens on average.

        >>> BagOfWords(vocabulary_size=1000, width=16, num_labels=4).training_flop_per_token(100)
        67.84
        """
        return 3.0 * (2.0 * self.width * self.num_labels / tokens_per_text) + 4.0 * self.width
