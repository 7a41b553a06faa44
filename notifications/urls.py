from django.urls import path

from . import views

app_name = "notifications"
urlpatterns = [
    path("orders/<str:public_id>/resend/", views.resend, name="resend"),
    path("dev/mail", views.mailbox, name="mailbox"),
    path("dev/mail/<str:name>", views.mail, name="mail"),
    path("dev/mail/<str:name>/html", views.as_sent, name="as_sent"),
]
