from django.urls import path

from . import views

app_name = "checkout"
urlpatterns = [
    path("", views.start, name="start"),
    path("contact/", views.contact, name="contact"),
    path("delivery/", views.delivery, name="delivery"),
    path("review/", views.review, name="review"),
    path("change/<str:public_id>/", views.change, name="change"),
    path("edit/<str:public_id>/", views.edit, name="edit"),
]
