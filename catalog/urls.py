from django.urls import path

from . import views

app_name = "catalog"
urlpatterns = [
    path("products/", views.product_list, name="list"),
    path("products/<slug:slug>/", views.product, name="product"),
    path("category/<path:url_path>/", views.category, name="category"),
    path("search/", views.search, name="search"),
]
