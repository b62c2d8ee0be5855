"""Metrics in blocks with levels: one row a series, and its blocks."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("runs", "0001_initial")]

    operations = [
        migrations.DeleteModel(name="MetricBlock"),
        migrations.CreateModel(
            name="MetricSeries",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=120)),
                ("num_points", models.BigIntegerField(default=0)),
                ("num_nan", models.BigIntegerField(default=0)),
                ("first_step", models.BigIntegerField(default=0)),
                ("last_step", models.BigIntegerField(default=-1)),
                ("last", models.FloatField(null=True)),
                ("lowest", models.FloatField(null=True)),
                ("lowest_step", models.BigIntegerField(null=True)),
                ("highest", models.FloatField(null=True)),
                ("highest_step", models.BigIntegerField(null=True)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="series", to="runs.run"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "metric series",
                "ordering": ("key",),
                "constraints": [models.UniqueConstraint(fields=("run", "key"), name="metric_series_once")],
            },
        ),
        migrations.CreateModel(
            name="MetricBlock",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("level", models.SmallIntegerField()),
                ("first_step", models.BigIntegerField()),
                ("last_step", models.BigIntegerField()),
                ("size", models.IntegerField()),
                ("steps", models.BinaryField(default=b"")),
                ("last", models.BinaryField()),
                ("low", models.BinaryField(default=b"")),
                ("high", models.BinaryField(default=b"")),
                ("mean", models.BinaryField(default=b"")),
                ("finite", models.BinaryField(default=b"")),
                ("nan", models.BinaryField(default=b"")),
                (
                    "series",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="blocks", to="runs.metricseries"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("series", "level", "first_step"), include=("last_step",), name="metric_block_once"
                    )
                ],
            },
        ),
        # Measured numbers do not shrink; trying to compress them costs more than writing them.
        migrations.RunSQL(
            [
                f"ALTER TABLE runs_metricblock ALTER COLUMN {name} SET STORAGE EXTERNAL"
                for name in ("steps", "last", "low", "high", "mean", "finite", "nan")
            ],
            migrations.RunSQL.noop,
        ),
    ]
