from django import forms
from django.conf import settings


class AddForm(forms.Form):
    sku = forms.CharField(max_length=64)
    quantity = forms.IntegerField(min_value=1, max_value=settings.SHOP_MAX_QUANTITY, initial=1)


class CouponForm(forms.Form):
    code = forms.CharField(max_length=64)


class QuantityForm(forms.Form):
    quantity = forms.IntegerField(min_value=0, max_value=settings.SHOP_MAX_QUANTITY)
