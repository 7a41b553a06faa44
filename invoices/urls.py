from django.urls import path

from . import views

app_name = "invoices"
urlpatterns = [path("orders/<str:public_id>/invoices/<str:number>.pdf", views.pdf, name="pdf")]
