"""What people say: the task that their words ask for; what they have in mind, put right kindly: which kind of model reads
what, and how much data a size wants."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webapp.planning.advisor.tasks import TASKS
from webapp.ui.templatetags.figures import count

KINDS = {
    "detector": ("yolo", "detr", "faster r-cnn", "r-cnn", "rcnn", "fcos", "retinanet", "centernet", "检测器", "目标检测"),
    "recommender": ("two-tower", "two tower", "sasrec", "dlrm", "deepfm", "bert4rec", "matrix factori", "collaborative filter",
                    "wide & deep", "als", "推荐", "双塔", "协同过滤", "矩阵分解"),
    "translator": ("t5", "mt5", "bart", "mbart", "marian", "nllb", "m2m", "pegasus", "seq2seq", "sequence-to-sequence",
                   "encoder-decoder", "opus-mt", "翻译模型", "编码器-解码器"),
    "encoder": ("bert", "roberta", "minilm", "electra", "deberta", "modernbert", "e5", "bge"),
    "decoder": ("gpt", "llama", "qwen", "mistral", "gemma", "deepseek", "claude", "llm", "chatgpt", "phi", "glm",
                "通义", "千问", "文心", "智谱", "豆包", "大模型"),
    "vision": ("resnet", "vgg", "vit", "efficientnet", "convnext", "cnn", "convolutional", "unet", "u-net", "卷积"),
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
    ends = r"(?![a-z])" if len(name) <= 3 else ""  # `als` is not in `also`
    return re.search(rf"(?<![a-z]){re.escape(name)}{ends}", text) is not None


SAID = {
    "no pictures": gettext_lazy(
        "%(model)s reads text, not pictures. Its nearest relative for pictures is a ViT, the same Transformer over patches; "
        "with few pictures a ResNet does better than either."
    ),
    "no text": gettext_lazy(
        "%(model)s looks at pictures. For text, an encoder such as BERT is what it is for pictures."
    ),
    "does not translate": gettext_lazy(
        "%(model)s looks at pictures, and does not translate or summarise. That takes a model that reads one text and writes "
        "another: an encoder-decoder, or a language model."
    ),
    "makes pictures": gettext_lazy("%(model)s makes pictures; none of these tasks is about making them."),
    "does not write": gettext_lazy(
        "%(model)s does not write: it reads a whole text at once. Writing takes a decoder, such as a GPT or a Llama."
    ),
    "larger than needed": gettext_lazy(
        "%(model)s can do this, and an encoder of a hundredth of its size does it about as well once it has your labels, "
        "at a hundredth of the cost of an answer."
    ),
    "larger than a translator": gettext_lazy(
        "%(model)s can do this from the first day; with some hundred thousand pairs of your own an encoder-decoder of a "
        "hundredth of its size does, at a hundredth of the cost of an answer."
    ),
    "no order": gettext_lazy("%(model)s forgets the order of words, which this task lives on."),
    "what, not where": gettext_lazy(
        "%(model)s says what a picture shows, not where. A detector stands on such a network: begin it from those weights."
    ),
    "where, not what": gettext_lazy(
        "%(model)s draws boxes around things. To tell whole pictures apart a classifier is enough: it needs labels, no boxes, "
        "and answers several times as fast."
    ),
    "reads descriptions": gettext_lazy(
        "%(model)s reads what is written about items, and never who took them. Its vectors help with new items, as a feature "
        "of a recommender; by themselves they recommend what sounds alike."
    ),
    "knows no customers": gettext_lazy(
        "%(model)s does not know your catalogue, nor who took what. It can put a short list in order; the list comes from a "
        "recommender, at a thousandth of the cost."
    ),
    "sees items alone": gettext_lazy(
        "%(model)s sees what items look like, and never who took them. Its vectors help with new items, as a feature of a "
        "recommender."
    ),
    "knows who took what": gettext_lazy(
        "%(model)s learns from who took what. It reads no texts and sees no pictures; this task takes a model that does."
    ),
    "writes, reads dearly": gettext_lazy(
        "%(model)s can be made to write the label, word by word; an encoder says it in one pass, with less data and time."
    ),
    "makes one of another": gettext_lazy(
        "%(model)s makes one text of another. To go on with a text, or to answer freely, takes a decoder, such as a GPT."
    ),
}
READS_LABELS = ("classify", "entities", "embed")
SUITS: dict[str, dict[str, str]] = {
    "encoder": {"images": "no pictures", "detect": "no pictures", "generate": "does not write",
                "translate": "does not write", "recommend": "reads descriptions"},
    "decoder": {"images": "no pictures", "detect": "no pictures", "recommend": "knows no customers",
                "translate": "larger than a translator", **dict.fromkeys(READS_LABELS, "larger than needed")},
    "translator": {"images": "no pictures", "detect": "no pictures", "recommend": "knows no customers",
                   "generate": "makes one of another", **dict.fromkeys(READS_LABELS, "writes, reads dearly")},
    "words": {"images": "no pictures", "detect": "no pictures", "recommend": "reads descriptions",
              "generate": "does not write", "translate": "does not write", "entities": "no order", "embed": "no order"},
    "vision": {"detect": "what, not where", "recommend": "sees items alone", "translate": "does not translate",
               "generate": "no text", **dict.fromkeys(READS_LABELS, "no text")},
    "detector": {"images": "where, not what", "recommend": "sees items alone", "translate": "does not translate",
                 "generate": "no text", **dict.fromkeys(READS_LABELS, "no text")},
    "recommender": {name: "knows who took what" for name in TASKS if name != "recommend"},
    "diffusion": dict.fromkeys(TASKS, "makes pictures"),
}  # fmt: skip
"""Kind of model -> task -> the sentence that it calls for; nothing where it suits. As in docs/numbers/advisor.md."""


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
    return SUITS.get(kind, {}).get(task, "")


PICTURE = r"(picture|photo|image|camera|video|screenshot|x-ray|scan|图片|图像|照片|相片|图中|画面|视频|监控|x光)"
FINDS = r"(find|detect|locat|count|spot|where|draw|box|mark|outline|检测|定位|框出|找出|找到|数出|标出|位置|哪里)"
ASKED: dict[str, str] = {
    "recommend": r"recommend|personali[sz]|what to (buy|watch|read|listen)|(buy|watch|read) next|推荐|猜你喜欢|个性化",
    "translate": r"translat|summar|paraphras|transliterat|simplif|rewrit|rephras|headline|"
    r"into (english|chinese|german|french|spanish|japanese)|翻译|译成|译为|摘要|总结|概括|改写|缩写|转写",
    "detect": rf"bounding box|object detection|目标检测|物体检测|{FINDS}.*{PICTURE}|{PICTURE}.*{FINDS}",
    "images": PICTURE,
    "entities": r"entit|named|names in|extract|\bner\b|mark (names|places|dates)|redact|实体|人名|地名|机构名|抽取|提取",
    "embed": r"similar|alike|semantic search|duplicate|retriev|embed|nearest|look up|相似|检索|语义|去重|查重|近义",
    "classify": r"classif|categor|\bsort|label|spam|sentiment|tell .* apart|route|triage|toxic|topic|moderat|"
    r"分类|归类|情感|好坏|标签|垃圾|判断|识别",
    "generate": r"writ|generat|chat|complet|story|poem|answer|\bcode|draft|compos|写|生成|聊天|对话|续写|回答|问答|作文",
}
"""What people say -> the task; the first that is found is meant."""


def task_of(text: str) -> str:
    """Return the task that somebody's words ask for, in English or Chinese; empty where none is recognised.

    >>> task_of("find cars in photos"), task_of("给用户推荐商品"), task_of("把合同翻译成英文")
    ('detect', 'recommend', 'translate')
    """
    found = text.lower()
    return next((task for task, pattern in ASKED.items() if re.search(pattern, found)), "")
