"""What people have in mind, put right kindly: which kind of model reads what, and how much data a size wants."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webapp.ui.templatetags.figures import count

KINDS = {
    "encoder": ("bert", "roberta", "minilm", "electra", "deberta", "modernbert", "e5", "bge"),
    "decoder": ("gpt", "llama", "qwen", "mistral", "gemma", "deepseek", "claude", "llm", "chatgpt", "phi", "glm",
                "通义", "千问", "文心", "智谱", "豆包", "大模型"),
    "vision": ("resnet", "vgg", "vit", "yolo", "efficientnet", "convnext", "cnn", "unet", "u-net", "卷积"),
    "words": ("tf-idf", "tfidf", "bag of words", "naive bayes", "svm", "logistic", "词袋"),
    "diffusion": ("diffusion", "sdxl", "flux", "midjourney", "扩散"),
}  # fmt: skip
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([bm亿万])(?![a-z])", re.IGNORECASE)
UNITS = {"b": 1e9, "m": 1e6, "亿": 1e8, "万": 1e4}
TOKENS_PER_PARAMETER = 20


def kind_of(text: str) -> str:
    """Return which kind of model a text names; empty where none is known."""
    found = text.lower()
    return next((kind for kind, names in KINDS.items() if any(_named(name, found) for name in names)), "")


def _named(name: str, text: str) -> bool:
    return re.search(rf"(?<![a-z]){re.escape(name)}", text) is not None


SAID = {
    "no pictures": gettext_lazy(
        "%(model)s reads text, not pictures. Its nearest relative for pictures is a ViT, the same Transformer over patches; "
        "with few pictures a ResNet does better than either."
    ),
    "no text": gettext_lazy(
        "%(model)s looks at pictures. For text, an encoder such as BERT is what it is for pictures."
    ),
    "makes pictures": gettext_lazy("%(model)s makes pictures; none of these tasks is about making them."),
    "does not write": gettext_lazy(
        "%(model)s does not write: it reads a whole text at once. Writing takes a decoder, such as a GPT or a Llama."
    ),
    "larger than needed": gettext_lazy(
        "%(model)s can do this, and an encoder of a hundredth of its size does it about as well once it has your labels, "
        "at a hundredth of the cost of an answer."
    ),
    "no order": gettext_lazy("%(model)s forgets the order of words, which this task lives on."),
}


def corrections(in_mind: str, task: str, *, num_tokens: float) -> list[str]:
    """Return what to say about a model that somebody has in mind for a task; nothing where it suits."""
    about = said_of(kind_of(in_mind), task)
    found = [str(SAID[about]) % {"model": in_mind}] if about else []
    size = SIZE.search(in_mind)
    wanted = TOKENS_PER_PARAMETER * float(size[1]) * UNITS[size[2].lower()] if size else 0.0
    if num_tokens and wanted > 10 * num_tokens:
        much = _("From random weights a model of that size wants about %(n)s tokens; you have %(have)s.")
        found.append(much % {"n": count(wanted, 2), "have": count(num_tokens, 2)})
        found.append(_("Begin with one that has read before, or take a smaller one."))
    return found


def said_of(kind: str, task: str) -> str:
    """Return which sentence a kind of model calls for at a task; empty where it suits."""
    if kind == "diffusion":
        return "makes pictures"
    if task == "images":
        return "no pictures" if kind in ("encoder", "decoder", "words") else ""
    if kind == "vision":
        return "no text"
    if task == "generate":
        return "does not write" if kind in ("encoder", "words") else ""
    if kind == "decoder":
        return "larger than needed"
    return "no order" if kind == "words" and task in ("entities", "embed") else ""
