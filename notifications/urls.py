from django.urls import path

from . import views

app_name = "notifications"
urlpatterns = [
    path("mail", views.mailbox, name="mailbox"),
    path("mail/<str:name>", views.mail, name="mail"),
    path("mail/<str:name>/html", views.as_sent, name="as_sent"),
]
