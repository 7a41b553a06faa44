from django.urls import path

from . import views

app_name = "payments"
urlpatterns = [
    path("orders/<str:public_id>/pay/", views.pay, name="pay"),
    path("orders/<str:public_id>/pay/start/", views.start, name="start"),
    path("orders/<str:public_id>/paid/", views.return_, name="return_"),
    path("webhooks/stripe", views.stripe_webhook, name="stripe_webhook"),
]
