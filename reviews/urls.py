from django.urls import path

from . import views

app_name = "reviews"
urlpatterns = [
    path("products/<slug:slug>/reviews/", views.index, name="list"),
    path("products/<slug:slug>/reviews/mine/", views.edit, name="edit"),
    path("account/reviews/", views.own, name="own"),
    path("reviews/<str:public_id>/delete/", views.delete, name="delete"),
    path("reviews/<str:public_id>/report/", views.report, name="report"),
]
