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
    found: list[Hypothesis] = field(default_factory=list)

    def add(self, hypothesis: Hypothesis) -> None:
        self.found = sorted([*self.found, hypothesis], key=lambda each: -each.score)[: self.most]

    def is_settled(self, best_open: float) -> bool:
        """Say whether nothing that is still open can get in."""
        return len(self.found) == self.most and self.found[-1].score >= best_open


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
) -> list[list[Hypothesis]]:
    """Return for each source (B, S) its best hypotheses, best first. One beam: always the likeliest token."""
    B, N = len(source), num_beams
    num_tokens = min(num_tokens, model.context_length - 1)
    state = model.begin(source, source_mask)
    state.reorder(torch.arange(B, device=source.device).repeat_interleave(N))
    tokens = torch.full((B * N,), end, device=source.device)
    scores = torch.full((B, N), float("-inf"), device=source.device)
    scores[:, 0] = 0.0  # all beams are the same at first: one of them counts
    written = torch.empty(B * N, 0, dtype=torch.long, device=source.device)
    done = [Finished(N) for _ in range(B)]
    for length in range(1, num_tokens + 1):
        logits = model.step(tokens, state).float().log_softmax(dim=-1)  # (B N, V)
        total = scores.view(B * N, 1) + logits
        best, places = total.view(B, -1).topk(2 * N, dim=-1)  # twice as many: at most N of them end
        beams, chosen = places // logits.size(-1), places % logits.size(-1)  # (B, 2N) each
        rows, tokens, scores = next_beams(
            best, beams, chosen, done, written, end=end, length=length, exponent=length_penalty
        )
        state.reorder(rows)
        written = torch.cat([written[rows], tokens[:, None]], dim=1)
        bound = penalty(num_tokens if length_penalty > 0 else length, length_penalty)
        if all(each.is_settled(float(scores[i, 0]) / bound) for i, each in enumerate(done)):
            break
    for i, each in enumerate(done):
        if not each.found:  # nothing came to its end: what stands there is the answer
            score = float(scores[i, 0])
            each.add(Hypothesis(written[i * N].tolist(), score / penalty(written.size(1), length_penalty), score))
    return [each.found for each in done]


def next_beams(
    best: Tensor, beams: Tensor, chosen: Tensor, done: list[Finished], written: Tensor, *, end: int, length: int,
    exponent: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Put aside what has ended; return rows (B N,), tokens (B N,) and scores (B, N) of the hypotheses that go on."""
    B, N = len(done), best.size(1) // 2
    ends = (chosen == end).cpu()
    for i, rank in ends.nonzero().tolist():
        if rank < N and torch.isfinite(best[i, rank]):
            value = float(best[i, rank])
            row = i * N + int(beams[i, rank])
            done[i].add(Hypothesis(written[row].tolist(), value / penalty(length, exponent), value))
    order = (chosen == end).long().argsort(dim=1, stable=True)[:, :N]  # those that go on, best first
    rows = torch.arange(B, device=best.device)[:, None] * N + beams.gather(1, order)
    return rows.flatten(), chosen.gather(1, order).flatten(), best.gather(1, order)


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
