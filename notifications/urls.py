from django.urls import path

from . import views

app_name = "notifications"
urlpatterns = [
    path("mail", views.mailbox, name="mailbox"),
    path("mail/<str:name>", views.mail, name="mail"),
]
