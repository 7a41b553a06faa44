"""What a deployment can change comes from the environment; `.env.example` lists each variable with its meaning."""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured

from .keys import kept_key

BASE_DIR = Path(__file__).resolve().parent.parent


class Env(environ.Env):
    def int(self, var: str, default: Any = environ.Env.NOTSET) -> Any:
        try:
            return super().int(var, default=default)
        except ValueError:
            raise ImproperlyConfigured(f"{var} must be a whole number.") from None


env = Env()
environ.Env.read_env(env.str("SHOP_ENV_FILE", default=str(BASE_DIR / ".env")))

# --- What this installation is

# `runserver` is Django's own server for development and serves static files in no other way.
DEBUG = env.bool("DEBUG", default="runserver" in sys.argv)
SHOP_BASE_URL = env.str("SHOP_BASE_URL", default="http://127.0.0.1:8000").rstrip("/")
# Over plain HTTP, as on a loopback address, cookies go without `Secure` and nobody is sent to HTTPS.
IS_HTTPS = SHOP_BASE_URL.startswith("https://")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[urlsplit(SHOP_BASE_URL).hostname or "127.0.0.1"])
CSRF_TRUSTED_ORIGINS = [SHOP_BASE_URL]
DATA_DIR = Path(env.str("SHOP_DATA_DIR", default=str(BASE_DIR / "var"))).resolve()
SECRET_KEY = env.str("SECRET_KEY", default="") or kept_key(DATA_DIR)
# How many reverse proxies append to X-Forwarded-For. A wrong number lets a visitor choose their own address.
SHOP_TRUSTED_PROXIES = env.int("SHOP_TRUSTED_PROXIES", default=0)
# The mailbox at /dev/mail. It shows every mail to anybody: never on a public address.
SHOP_DEV_PAGES = env.bool("SHOP_DEV_PAGES", default=DEBUG)

# --- The shop's own rules

SHOP_NAME = env.str("SHOP_NAME", default="Loam")
SHOP_CURRENCY = env.str("SHOP_CURRENCY", default="EUR")
SHOP_COUNTRY = env.str("SHOP_COUNTRY", default="DE")
SHOP_LOCALE = env.str("SHOP_LOCALE", default="en_IE")
SHOP_PRICES_INCLUDE_TAX = env.bool("SHOP_PRICES_INCLUDE_TAX", default=True)
SHOP_HOLD_STOCK_AT = env.str("SHOP_HOLD_STOCK_AT", default="cart")
SHOP_HOLD_MINUTES = env.int("SHOP_HOLD_MINUTES", default=15)
SHOP_MAX_QUANTITY = env.int("SHOP_MAX_QUANTITY", default=20)
SHOP_MAX_HELD_UNITS = env.int("SHOP_MAX_HELD_UNITS", default=200)
SHOP_INVOICE_DAYS = env.int("SHOP_INVOICE_DAYS", default=7)
# Where buyers who pay by bank transfer send the money: lines separated by commas, as pages and mails show them.
SHOP_BANK_ACCOUNT = env.list("SHOP_BANK_ACCOUNT", default=[])
# Who sells, as frozen on each invoice: address lines, VAT id or tax number, and what else stands at the foot of a page.
SHOP_SELLER_NAME = env.str("SHOP_SELLER_NAME", default=SHOP_NAME)
SHOP_SELLER_ADDRESS = env.list("SHOP_SELLER_ADDRESS", default=[])
SHOP_SELLER_TAX_ID = env.str("SHOP_SELLER_TAX_ID", default="")
SHOP_SELLER_FOOTER = env.list("SHOP_SELLER_FOOTER", default=[])
# How long after placing it buyers may change an order by themselves, before anything is packed.
SHOP_EDIT_MINUTES = env.int("SHOP_EDIT_MINUTES", default=30)
# How long after the last parcel's arrival buyers may ask for a return, and where they send it: lines as above.
SHOP_RETURN_DAYS = env.int("SHOP_RETURN_DAYS", default=30)
SHOP_RETURN_ADDRESS = env.list("SHOP_RETURN_ADDRESS", default=[])
# Staff without a second factor reach nothing but its enrolment. The demo's staff sign in with a password alone.
SHOP_STAFF_MFA = env.bool("SHOP_STAFF_MFA", default=not (DEBUG or SHOP_DEV_PAGES))
# How long orders keep who ordered and where it went. The law of most countries asks for six to ten years.
SHOP_KEEP_ORDER_DATA_YEARS = env.int("SHOP_KEEP_ORDER_DATA_YEARS", default=10)
# optional: sign up, then sign in. mandatory: sign-in waits for the link in a mail; nobody learns who has an account.
SHOP_VERIFY_EMAIL = env.str("SHOP_VERIFY_EMAIL", default="optional")
# moderated: a review is shown once staff have approved it. auto: at once.
SHOP_REVIEWS = env.str("SHOP_REVIEWS", default="moderated")
SHOP_STAFF_EMAIL = env.str("SHOP_STAFF_EMAIL", default="staff@example.com")

# --- Payments

# Ways to pay that are offered, in this order. Goods of a `cod` order stay promised until staff ship or cancel it.
SHOP_PAYMENT_METHODS = env.list("SHOP_PAYMENT_METHODS", default=["stripe", "invoice", "cod"])

# `automatic` takes the money of a card at once; `manual` only authorises it: staff or the first parcel take it.
SHOP_CAPTURE = env.str("SHOP_CAPTURE", default="automatic")

STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", default="")
STRIPE_WEBHOOK_SECRET = env.str("STRIPE_WEBHOOK_SECRET", default="")
# Only the stand-in of development and tests sets this; empty means Stripe itself.
STRIPE_API_BASE = env.str("STRIPE_API_BASE", default="")

# --- Faults

# Where tests arm points at which this process dies (shop/failpoints.py). Nowhere in a shop that takes real money.
SHOP_ALLOW_FAILPOINTS = env.bool("SHOP_ALLOW_FAILPOINTS", default=False)
TAKES_MONEY = IS_HTTPS or "_live_" in STRIPE_SECRET_KEY
FAILPOINTS = DATA_DIR / "failpoints" if SHOP_ALLOW_FAILPOINTS and not TAKES_MONEY else None

# --- Django

INSTALLED_APPS = [
    "config",
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_filters",
    "ninja",
    "treebeard",
    "shop",
    "accounts",
    "inventory",
    "pricing",
    "shipping",
    "catalog",
    "cart",
    "content",
    "orders",
    "reviews",
    "payments",
    "checkout",
    # Before the mails: the one that thanks for the money leads to the invoice.
    "invoices",
    "notifications",
    "webhooks",
    "recommendations",
    "demo",
]

MIDDLEWARE = [
    "shop.middleware.RequestIdMiddleware",
    "shop.middleware.ApiVersionMiddleware",
    "django.middleware.security.SecurityMiddleware",
    # Far out, so that what the others refuse carries its header too.
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "shop.middleware.ClientAddressMiddleware",
    "shop.cross_origin.CorsMiddleware",
    "shop.middleware.RateLimitMiddleware",
    "shop.conditional.ConditionalMiddleware",
    "shop.middleware.ErrorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "shop.middleware.CrossSiteMiddleware",
    "django.middleware.common.CommonMiddleware",
    "shop.middleware.AdminCsrfMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.BearerTokenMiddleware",
    "accounts.middleware.LastSeenMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "accounts.middleware.StaffSecondFactorMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["shop.templatetags.shop"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "shop.context.shop",
                "catalog.context.navigation",
                "cart.context.cart",
            ],
        },
    }
]

DATABASES = {"default": env.db_url("DATABASE_URL", default="postgres:///shop")}
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# While the database is away a request waits this long for a connection. `reconnect_timeout`: the pool's pauses between
# attempts double, and after an outage of a minute the next one would come a minute late; a new start begins at none.
POOL = {"min_size": 1, "max_size": 8, "timeout": 5, "reconnect_timeout": 1}
# One that a network drops without a word would otherwise be waited on for hours.
KEEPALIVE = {"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
DATABASES["default"].setdefault("OPTIONS", {}).update(pool=POOL, **KEEPALIVE)
# A command takes the time it needs: an index over a million rows is built for longer than a shopper waits.
IS_COMMAND = Path(sys.argv[0]).name in {"manage.py", "django-admin"} and "runserver" not in sys.argv
if not IS_COMMAND:
    # In the web server and the worker, what waits longer than a person does would take the whole pool with it.
    limits = "-c lock_timeout=5s -c statement_timeout=30s -c idle_in_transaction_session_timeout=30s"
    DATABASES["default"]["OPTIONS"]["options"] = limits

REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        "BACKEND": "shop.cache.ForgivingRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "cache",
        "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
    }
}

SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
# Browsers accept the __Host- prefix only on a Secure cookie of this very host, so no sibling subdomain can plant one.
SESSION_COOKIE_NAME = "__Host-sessionid" if IS_HTTPS else "sessionid"
CSRF_COOKIE_HTTPONLY = True
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "/account/login/"
LOGIN_REDIRECT_URL = "/account/"
LOGOUT_REDIRECT_URL = "/"
PASSWORD_RESET_TIMEOUT = 60 * 60
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "config.formats"
TIME_ZONE = env.str("TIME_ZONE", default="Europe/Berlin")
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_URL = "/media/"
MEDIA_ROOT = DATA_DIR / "media"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = DEBUG
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
FILE_UPLOAD_MAX_MEMORY_SIZE = 2_621_440

# --- The JSON API

# Reads that are everybody's: scripts of any site may make them, and caches keep the answer to ask whether it changed.
API_PUBLIC_PATHS = ("/api/products", "/api/recommendations/", "/api/openapi.json", "/api/docs")
# Sites whose scripts may use the whole API, by bearer token: https://app.example
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])
# Dear reads: they take from a bucket of their own.
API_SEARCH_PATHS = ("/api/products/search", "/api/products/suggest")

# --- Mail

if email_url := env.str("EMAIL_URL", default=""):
    vars().update(env.email_url_config(email_url))
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = DATA_DIR / "mail"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default=f"{SHOP_NAME} <shop@example.com>")

# --- Security headers

# W003 wants Django's token on every page. `CrossSiteMiddleware` stands there instead, and the token before the admin.
# W005 and W021 want HTTPS for every subdomain: the shop speaks for its own host only.
SILENCED_SYSTEM_CHECKS = ["security.W003", "security.W005", "security.W021"]

SECURE_SSL_REDIRECT = IS_HTTPS
# Probes ask this process directly, over plain HTTP, and take a redirect for an answer.
SECURE_REDIRECT_EXEMPT = ["^livez$", "^readyz$", "^health$"]
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SHOP_TRUSTED_PROXIES else None
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Chromium follows form-action through the redirect to the payment page, so its origin belongs in the list.
PAYMENT_PAGE_ORIGIN = STRIPE_API_BASE or "https://checkout.stripe.com"
CONTENT_SECURITY_POLICY = {
    "EXCLUDE_URL_PREFIXES": ("/admin/",),
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "form-action": ["'self'", PAYMENT_PAGE_ORIGIN],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "object-src": ["'none'"],
    },
}

# --- Celery


def _celery_broker(url: str) -> str:
    """Celery writes a Unix socket as redis+socket://PATH?virtual_host=N; everything else in redis-py's own form."""
    if not url.startswith("unix://"):
        return url
    parts = urlsplit(url)
    return f"redis+socket://{parts.path}?{parts.query.replace('db=', 'virtual_host=')}"


CELERY_BROKER_URL = _celery_broker(REDIS_URL)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": "celery:",
    "socket_timeout": 5,
    "socket_connect_timeout": 1,
    "visibility_timeout": 600,
    # kombu's own retries would keep the request that publishes waiting for seconds.
    "max_retries": 0,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A request must not wait for a broker that is away: the sweepers find the work in the database.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Below the visibility timeout: after it the broker hands a task that is still under way to a second worker.
# A pool of threads can't be interrupted; there every job of ours ends by itself.
CELERY_TASK_SOFT_TIME_LIMIT = 480
CELERY_TASK_TIME_LIMIT = 540
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# `expires` keeps a worker that was away from running the backlog of every missed tick.
CELERY_BEAT_SCHEDULE = {
    "show that the worker lives": {"task": "shop.tasks.heartbeat", "schedule": 10, "options": {"expires": 10}},
    "relay the outbox": {"task": "shop.tasks.relay_outbox", "schedule": 5, "options": {"expires": 5}},
    "release expired holds": {"task": "inventory.tasks.release_expired", "schedule": 10, "options": {"expires": 10}},
    "handle stored webhooks": {"task": "payments.tasks.handle_webhooks", "schedule": 5, "options": {"expires": 5}},
    "reconcile payments": {"task": "payments.tasks.reconcile", "schedule": 60, "options": {"expires": 60}},
    "find orphaned payments": {"task": "payments.tasks.find_orphans", "schedule": 3600, "options": {"expires": 3600}},
    "end unpaid orders": {"task": "checkout.tasks.end_unpaid", "schedule": 60, "options": {"expires": 60}},
    "apply sales": {"task": "catalog.tasks.apply_sales", "schedule": 60, "options": {"expires": 60}},
    "sweep low stock": {"task": "inventory.tasks.sweep_low_stock", "schedule": 300, "options": {"expires": 300}},
    "forget old carts": {"task": "cart.tasks.forget_old", "schedule": 3600, "options": {"expires": 3600}},
    "forget old tokens": {"task": "accounts.tasks.forget_old", "schedule": 3600, "options": {"expires": 3600}},
    "catch up invoices": {"task": "invoices.tasks.catch_up", "schedule": 300, "options": {"expires": 300}},
    "recommend": {"task": "recommendations.tasks.generate", "schedule": crontab(hour="2", minute="40")},
    "forget people": {"task": "shop.tasks.forget_people", "schedule": crontab(hour="3", minute="20")},
    "forget old webhooks": {"task": "payments.tasks.forget_webhooks", "schedule": 3600, "options": {"expires": 3600}},
    "send webhooks": {"task": "webhooks.tasks.deliver", "schedule": 5, "options": {"expires": 5}},
    "forget old deliveries": {"task": "webhooks.tasks.forget_old", "schedule": 3600, "options": {"expires": 3600}},
    "forget old keys": {"task": "shop.tasks.forget_old", "schedule": 3600, "options": {"expires": 3600}},
}

# --- Logging

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}

# --- Admin

UNFOLD = {
    "SITE_TITLE": SHOP_NAME,
    "SITE_HEADER": SHOP_NAME,
    "SITE_SYMBOL": "storefront",
    "SHOW_VIEW_ON_SITE": True,
    "COLORS": {
        "primary": {
            "50": "#fdf5f0", "100": "#fae7dc", "200": "#f4ccb6", "300": "#edab89", "400": "#e88a5d",
            "500": "#d9683a", "600": "#a9431e", "700": "#8f381a", "800": "#742f19", "900": "#602a19", "950": "#34130a",
        }
    },
    "SIDEBAR": {"show_search": True, "show_all_applications": False},
}  # fmt: skip
