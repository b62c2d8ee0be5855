"""What models must know of prepared data is kept with the version; of versions made before, from their manifests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import migrations, models


def read_manifests(apps: Any, schema_editor: Any) -> None:
    version_type = apps.get_model("datasets", "DatasetVersion")
    for version in version_type.objects.exclude(stored_path="").only("pk", "stored_path"):
        path = Path(settings.ISOCOST_FILES) / version.stored_path / "manifest.json"
        if path.exists():
            manifest = json.loads(path.read_text(encoding="utf-8"))
            facts = {**manifest.get("facts", {}), "num_labels": len(manifest.get("label_names", []))}
            version_type.objects.filter(pk=version.pk).update(facts=facts)


class Migration(migrations.Migration):
    dependencies = [("datasets", "0003_data_kind")]

    operations = [
        migrations.AddField(model_name="datasetversion", name="facts", field=models.JSONField(default=dict)),
        migrations.RunPython(read_manifests, migrations.RunPython.noop),
    ]
