import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import accounts.models
import shop.ids


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="BrowserSession",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("public_id", shop.ids.PublicIdField(prefix="sess")),
                ("user_agent", models.CharField(blank=True, max_length=300)),
                (
                    "address",
                    models.CharField(blank=True, help_text="The network it came from, not the machine.", max_length=60),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("last_seen_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                "ordering": ["-last_seen_at", "-id"],
            },
        ),
        migrations.AddField(
            model_name="apitoken",
            name="hint",
            field=models.CharField(
                db_default="", default="", editable=False, help_text="How the secret begins.", max_length=16
            ),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="public_id",
            field=shop.ids.PublicIdField(
                db_default=models.Func(template="'token_' || replace(gen_random_uuid()::text, '-', '')"), prefix="token"
            ),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="scopes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=40),
                db_default=["*"],
                default=accounts.models.everything,
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="email_nonce",
            field=models.CharField(db_default="", default=accounts.models.email_nonce, editable=False, max_length=40),
        ),
        migrations.AddField(
            model_name="user",
            name="email_verified_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="email verified"),
        ),
        migrations.AddIndex(
            model_name="apitoken",
            index=models.Index(fields=["expires_at"], name="api_token_expiry"),
        ),
        migrations.AddConstraint(
            model_name="apitoken",
            constraint=models.CheckConstraint(
                condition=models.Q(("scopes", []), _negated=True), name="api_token_for_something"
            ),
        ),
        migrations.AddField(
            model_name="browsersession",
            name="session",
            field=models.OneToOneField(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="sessions.session",
            ),
        ),
        migrations.AddField(
            model_name="browsersession",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="browser_sessions",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ]
