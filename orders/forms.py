from django import forms


class TrackForm(forms.Form):
    number = forms.CharField(
        label="Order number",
        max_length=30,
        help_text="As in the mail about your order, for example 7K2M-9QXA.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
    )
    # Any text: what is no address is no order's address either.
    email = forms.CharField(
        label="E-mail address",
        max_length=254,
        help_text="The one that you ordered with.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
