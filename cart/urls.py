from django.urls import path

from . import views

app_name = "cart"
urlpatterns = [
    path("", views.detail, name="detail"),
    path("items/", views.add, name="add"),
    path("items/<str:item_id>/", views.update, name="update"),
    path("items/<str:item_id>/remove/", views.remove, name="remove"),
    path("coupon/", views.add_coupon, name="coupon"),
    path("coupon/remove/", views.remove_coupon, name="coupon_remove"),
    path("destination/", views.destination, name="destination"),
    path("clear/", views.clear, name="clear"),
]
