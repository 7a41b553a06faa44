from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from . import operations
from .errors import UnusableAddress
from .models import Endpoint
from .topics import TOPICS


class EndpointForm(forms.ModelForm):
    """What staff choose. The secret is the shop's own making: a chosen one may be a guessed one."""

    topics = forms.MultipleChoiceField(
        choices=[(name, topic.says) for name, topic in TOPICS.items()],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        label="What it is told",
    )

    class Meta:
        model = Endpoint
        fields = ("url", "description", "topics", "is_enabled")
        widgets = {
            "url": UnfoldAdminTextInputWidget,
            "description": UnfoldAdminTextInputWidget,
            "is_enabled": UnfoldBooleanSwitchWidget,
        }

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"].strip()
        try:
            operations.check_address(url)
        except UnusableAddress as error:
            raise forms.ValidationError(error.reason) from error
        return url


class ReplayForm(forms.Form):
    endpoint = forms.ModelChoiceField(
        Endpoint.objects.filter(is_enabled=True),
        required=False,
        empty_label="All that are switched on",
        widget=UnfoldAdminSelectWidget,
    )
    since = forms.SplitDateTimeField(
        label="Given up of what happened since", widget=UnfoldAdminSplitDateTimeWidget, help_text="In UTC."
    )

    def wanted(self) -> dict[str, Any]:
        endpoint: Endpoint | None = self.cleaned_data["endpoint"]
        return {"endpoint_id": endpoint.public_id if endpoint else "", "since": self.cleaned_data["since"]}
