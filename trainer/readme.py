"""The README of an exported model: what it is, how good it was found to be, and the lines that load it."""

from __future__ import annotations

from trainer.families import get_family
from trainer.training.checkpoint import StoredCheckpoint
from trainer.training.task import Task

WITH_TRANSFORMERS = """\
With Hugging Face transformers:

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("{name}")
tokenizer = AutoTokenizer.from_pretrained("{name}")
tokens = tokenizer("Once", return_tensors="pt")
print(tokenizer.decode(model.generate(**tokens, max_new_tokens=40)[0]))
```
"""
WITH_OURS = """\
With Isocost, from the folder that holds this one:

```python
from pathlib import Path
from trainer.export import load_exported

task, model = load_exported(Path("{name}"))
```
"""
GENERATE = """\
or on the command line:

```
python -m trainer generate {name} --prompt "Once"
```
"""


def readme_text(*, name: str, stored: StoredCheckpoint, task: Task, has_config: bool) -> str:
    """Return the text."""
    manifest, spec = stored.manifest, task.spec
    facts = [
        f"# {name}",
        "",
        f"{get_family(spec.family).title}, {manifest.facts.get('num_parameters', 0):,} parameters, step {manifest.step:,}.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {key} | {value:.6g} |" for key, value in sorted(manifest.metrics.items()) if value is not None),
        *([f"| vocabulary | {task.assets.tokenizer.vocab_size:,} |"] if task.assets.has_tokenizer else []),
        f"| data, sha256 | `{manifest.facts.get('content_hash', 'not recorded')}` |",
        f"| checkpoint, sha256 | `{stored.sha256}` |",
        "",
        "## Load it",
        "",
    ]
    blocks = [WITH_TRANSFORMERS.format(name=name)] if has_config else []
    blocks.append(WITH_OURS.format(name=name))
    if "generate" in task.abilities:
        blocks.append(GENERATE.format(name=name))
    return "\n".join(facts) + "\n" + "\n".join(blocks)
