from django.urls import path

from . import views

app_name = "orders"
urlpatterns = [
    path("track/", views.track, name="track"),
    path("account/orders/", views.index, name="list"),
    path("orders/<str:public_id>/", views.detail, name="detail"),
    path("orders/<str:public_id>/cancel/", views.cancel, name="cancel"),
    path("orders/<str:public_id>/return/", views.request_return, name="return"),
]
