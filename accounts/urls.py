from django.urls import path

from . import views

app_name = "accounts"
urlpatterns = [
    path("", views.profile, name="profile"),
    path("login/", views.login, name="login"),
    path("login/code/", views.second_step, name="second_step"),
    path("login/passkey/", views.passkey_login, name="passkey_login"),
    path("login/passkey/question/", views.passkey_question, name="passkey_question"),
    path("confirm/", views.confirm, name="confirm"),
    path("security/", views.security, name="security"),
    path("security/app/", views.app_new, name="app_new"),
    path("security/codes/", views.recovery_codes, name="recovery_codes"),
    path("security/passkeys/", views.passkey_new, name="passkey_new"),
    path("security/passkeys/<slug:public_id>/", views.passkey_rename, name="passkey_rename"),
    path("security/<slug:public_id>/remove/", views.factor_remove, name="factor_remove"),
    path("sessions/end/", views.sessions_end, name="sessions_end"),
    path("sessions/<slug:public_id>/end/", views.session_end, name="session_end"),
    path("tokens/", views.tokens, name="tokens"),
    path("tokens/<slug:public_id>/rotate/", views.token_rotate, name="token_rotate"),
    path("tokens/<slug:public_id>/end/", views.token_end, name="token_end"),
    path("verify/", views.verification_send, name="verification_send"),
    path("verify/sent/", views.verification_sent, name="verification_sent"),
    path("verify/<str:secret>/", views.verify_email, name="verify_email"),
    path("logout/", views.logout, name="logout"),
    path("register/", views.register, name="register"),
    path("addresses/", views.addresses, name="addresses"),
    path("addresses/new/", views.address_new, name="address_new"),
    path("addresses/<slug:public_id>/", views.address_edit, name="address_edit"),
    path("addresses/<slug:public_id>/delete/", views.address_delete, name="address_delete"),
    path("password/", views.password_change, name="password_change"),
    path("password/reset/", views.password_reset, name="password_reset"),
    path("password/reset/sent/", views.password_reset_sent, name="password_reset_sent"),
    path("password/reset/<slug:uidb64>/<slug:token>/", views.password_reset_confirm, name="password_reset_confirm"),
]
