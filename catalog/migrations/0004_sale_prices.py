import django.db.models.deletion
from django.db import migrations, models

from shop.triggers import append_only

# What was asked so far is the beginning of each variant's history.
BEGIN_HISTORY = """
INSERT INTO catalog_pricechange (variant_id, price_minor, compare_at_minor, sale, actor, at)
SELECT variant.id, variant.price_minor, variant.compare_at_minor, '', 'system', product.updated_at
FROM catalog_variant AS variant JOIN catalog_product AS product ON product.id = variant.product_id
ORDER BY variant.id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0003_rating"),
        ("pricing", "0002_promotions"),
        ("shop", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="PriceChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("price_minor", models.PositiveBigIntegerField(verbose_name="price")),
                ("compare_at_minor", models.PositiveBigIntegerField(null=True, verbose_name="price before")),
                ("sale", models.CharField(blank=True, help_text="The sale's name as it was.", max_length=100)),
                ("actor", models.CharField(max_length=64)),
                ("at", models.DateTimeField()),
                (
                    "variant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="price_changes",
                        to="catalog.variant",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["variant", "-id"], name="price_change_latest")],
            },
        ),
        append_only("catalog_pricechange"),
        migrations.CreateModel(
            name="Repricing",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "rules",
                    models.CharField(
                        default="", help_text="SHA-256 of the sales that are being applied.", max_length=64
                    ),
                ),
                ("as_of", models.DateTimeField()),
                ("done_up_to", models.BigIntegerField(default=0)),
                ("products", models.PositiveIntegerField(default=0)),
                ("is_complete", models.BooleanField(default=False)),
            ],
        ),
        migrations.AddField(
            model_name="variant",
            name="sale_price_minor",
            field=models.PositiveBigIntegerField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="variant",
            name="sale_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="variant",
            name="sale",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="pricing.promotion",
            ),
        ),
        migrations.AddIndex(
            model_name="variant",
            index=models.Index(
                condition=models.Q(
                    ("sale_price_minor__isnull", False), ("compare_at_minor__isnull", False), _connector="OR"
                ),
                fields=["product"],
                name="variant_reduced",
            ),
        ),
        migrations.RunSQL(BEGIN_HISTORY, migrations.RunSQL.noop),
    ]
