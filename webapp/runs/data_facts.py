"""What a form tells a family of the data that it shall learn from."""

from __future__ import annotations

from trainer.families import DataFacts
from webapp.datasets.models import DatasetVersion


def data_facts(version: DatasetVersion) -> DataFacts:
    """Return the labels of a version, and whether they are those of entities in its texts."""
    labels = [str(row["label"]) for row in version.report.get("labels", []) if row.get("label")]
    sources = version.job.spec.get("sources") or []
    return DataFacts(
        data_kind=version.data_kind,
        label_names=labels,
        has_entities=any(source.get("entity_column") for source in sources),
    )
