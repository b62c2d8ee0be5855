"""Beam search: the most probable text, as far as a few hypotheses at a time can find it.

Hypotheses compete by their log-probability over ((5 + length) / 6) ** length_penalty (Wu et al. 2016, equation 14).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from trainer.inference.operations.translate import SearchSettings
from trainer.models.transformer.model import Transformer


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A finished text: its tokens without the end, and its score (higher is better)."""

    tokens: list[int]
    score: float
    log_probability: float


@dataclass(slots=True)
class Finished:
    """The best finished hypotheses of one source."""

    most: int
    num_wanted: int
    """How many of them must be sure."""

    found: list[Hypothesis] = field(default_factory=list)

    def add(self, hypothesis: Hypothesis) -> None:
        self.found = sorted([*self.found, hypothesis], key=lambda each: -each.score)[: self.most]

    def is_settled(self, best_open: float) -> bool:
        """Say whether nothing that is still open can get among those wanted; one beam ends where its first text does."""
        if self.most == 1:
            return bool(self.found)
        return len(self.found) >= self.num_wanted and self.found[self.num_wanted - 1].score >= best_open


def penalty(length: int, exponent: float) -> float:
    return float(((5 + length) / 6) ** exponent)


@torch.no_grad()
def beam_search(
    model: Transformer,
    source: Tensor,
    source_mask: Tensor,
    *,
    end: int,
    num_beams: int,
    num_tokens: int,
    length_penalty: float,
    num_wanted: int = 0,
) -> list[list[Hypothesis]]:
    """Return for each source (B, S) its best hypotheses, best first. One beam: always the likeliest token.

    A source is done once nothing can change its first `num_wanted` hypotheses (0: as many as there are beams); fewer may be
    known of the others then. Those that are done leave the batch.
    """
    N = num_beams
    num_tokens = min(num_tokens, model.context_length - 1)
    state = model.begin(source, source_mask)
    state.keep(torch.arange(len(source), device=source.device).repeat_interleave(N))
    tokens = torch.full((len(source) * N,), end, device=source.device)
    scores = torch.full((len(source), N), float("-inf"), device=source.device)
    scores[:, 0] = 0.0  # all beams are the same at first: one of them counts
    written = torch.empty(len(source) * N, 0, dtype=torch.long, device=source.device)
    every = [Finished(N, min(num_wanted or N, N)) for _ in range(len(source))]
    going = every
    for length in range(1, num_tokens + 1):
        logits = model.step(tokens, state).float().log_softmax(dim=-1)  # (B N, V), B: sources that are going on
        total = scores.view(-1, 1) + logits
        best, places = total.view(len(going), -1).topk(2 * N, dim=-1)  # twice as many: at most N of them end
        beams, chosen = places // logits.size(-1), places % logits.size(-1)  # (B, 2N) each
        put_aside(best, beams, chosen == end, going, written, length=length, exponent=length_penalty)
        order = (chosen == end).long().argsort(dim=1, stable=True)[:, :N]  # those that go on, best first
        first_rows = torch.arange(len(going), device=source.device)[:, None] * N
        rows = (first_rows + beams.gather(1, order)).flatten()
        tokens, scores = chosen.gather(1, order).flatten(), best.gather(1, order)
        written = torch.cat([written[rows], tokens[:, None]], dim=1)
        bound = penalty(num_tokens if length_penalty > 0 else length, length_penalty)
        best_open = (scores[:, 0] / bound).tolist()
        still = [i for i, each in enumerate(going) if not each.is_settled(best_open[i])]
        if not still:
            return [each.found for each in every]
        state.reorder(rows)
        if len(still) < len(going):
            kept = torch.tensor(still, device=source.device)
            rows = (kept[:, None] * N + torch.arange(N, device=source.device)).flatten()
            state.keep(rows)
            tokens, scores, written, going = tokens[rows], scores[kept], written[rows], [going[i] for i in still]
    for i, each in enumerate(going):
        if not each.found:  # nothing came to its end: what stands there is the answer
            score = float(scores[i, 0])
            each.add(Hypothesis(written[i * N].tolist(), score / penalty(written.size(1), length_penalty), score))
    return [each.found for each in every]


def put_aside(
    best: Tensor, beams: Tensor, ends: Tensor, going: list[Finished], written: Tensor, *, length: int, exponent: float
) -> None:
    """Keep the hypotheses that have ended: best, beams, ends (B, 2N), of which the first N count."""
    N = best.size(1) // 2
    sources, ranks = (ends[:, :N] & torch.isfinite(best[:, :N])).nonzero(as_tuple=True)
    if not len(sources):
        return
    texts = written[sources * N + beams[sources, ranks]].tolist()
    values = best[sources, ranks].tolist()
    for i, text, value in zip(sources.tolist(), texts, values, strict=True):
        going[i].add(Hypothesis(text, value / penalty(length, exponent), value))


@torch.no_grad()
def draw_text(
    model: Transformer, source: Tensor, source_mask: Tensor, *, end: int, settings: SearchSettings
) -> Hypothesis:
    """Return a text drawn token by token at the settings' temperature, for one source (1, S)."""
    random = torch.Generator().manual_seed(settings.seed)
    state = model.begin(source, source_mask)
    most = min(settings.num_tokens or model.context_length - 1, model.context_length - 1)
    tokens: list[int] = []
    total, token = 0.0, end
    while len(tokens) < most:
        logits = model.step(torch.tensor([token], device=source.device), state)[0].float().cpu() / settings.temperature
        token = int(torch.multinomial(logits.softmax(dim=-1), 1, generator=random))
        total += float(logits.log_softmax(dim=-1)[token])
        if token == end:
            break
        tokens.append(token)
    return Hypothesis(tokens, total / penalty(len(tokens) + 1, settings.length_penalty), total)
