"""Settings. One file; every value comes from the environment, and a wrong one is refused by name.

What differs between a laptop, a test and a team's server is the environment alone. `ISOCOST_HOME` is where everything
lies that the product keeps; the table of all variables is in the README.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import django_stubs_ext
import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from webapp.ops.home import Home

django_stubs_ext.monkeypatch()  # so that ModelAdmin[Run] and ModelForm[Run] work at run time too
BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
home = Home.from_environ()

# --- who may reach it ---------------------------------------------------------------------------------------------
DEBUG = env.bool("ISOCOST_DEBUG", default=False)
ISOCOST_URL = env.str("ISOCOST_URL", default="http://localhost:8000").rstrip("/")
_url = urlsplit(ISOCOST_URL)
_https = _url.scheme == "https"
ALLOWED_HOSTS = env.list(
    "ISOCOST_ALLOWED_HOSTS", default=[_url.hostname or "localhost", "localhost", "127.0.0.1", "[::1]"]
)
CSRF_TRUSTED_ORIGINS = [f"{_url.scheme}://{_url.netloc}"]
SECRET_KEY = env.str("ISOCOST_SECRET_KEY", default="") or home.secret_key()

# --- apps ---------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "servestatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "auditlog",
    "channels",
    "csp",
    "django_htmx",
    "webapp.ui",
    "django.forms",
    "webapp.teams",
    "webapp.projects",
    "webapp.jobs",
    "webapp.catalogue",
    "webapp.costs",
    "webapp.quotes",
    "webapp.budgets",
    "webapp.datasets",
    "webapp.runs",
    "webapp.ladders",
    "webapp.sweeps",
    "webapp.registry",
    "webapp.serving",
    "webapp.planning",
    "webapp.ops",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "auditlog.middleware.AuditlogMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "webapp.ui.middleware.NulMiddleware",
    "webapp.teams.middleware.AccessMiddleware",
    "webapp.budgets.middleware.BudgetMiddleware",
]
ROOT_URLCONF = "webapp.urls"
ASGI_APPLICATION = "webapp.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "webapp.projects.context.navigation",
            ],
            "builtins": ["webapp.ui.templatetags.figures", "webapp.ui.templatetags.places"],
        },
    }
]
FORM_RENDERER = "webapp.ui.forms.FieldRenderer"

# --- PostgreSQL and Valkey ----------------------------------------------------------------------------------------
# The pool is for the web process, which opens many short connections; workers hold few long ones.
_database = env.db_url_config(home.database_url)
_pooled = env.bool("ISOCOST_DATABASE_POOL", default=False)
_lease_seconds = env.float("ISOCOST_LEASE_SECONDS", default=60.0)
_options = {
    **_database.get("OPTIONS", {}),
    # A process that freezes inside a transaction would hold its locks, and the reaper could not take its job away.
    "options": f"-c idle_in_transaction_session_timeout={int(max(8.0, _lease_seconds) * 1000)}",
    **({"pool": {"min_size": 1, "max_size": 10}} if _pooled else {}),
}
DATABASES = {
    "default": {
        **_database,
        "ENGINE": "django.db.backends.postgresql",
        "OPTIONS": _options,
        "CONN_HEALTH_CHECKS": True,
        "CONN_MAX_AGE": 0 if _pooled else env.int("ISOCOST_DATABASE_MAX_AGE_SECONDS", default=60),
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = home.redis_url
CHANNEL_LAYERS = {
    "default": {
        # Pub/sub, not the queue-like default: that one drops the 101st message to a slow reader without a word.
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "isocost"},
    }
}
VALKEY_TIMEOUT_SECONDS = 5  # nobody waits longer for what is only a convenience
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_timeout": VALKEY_TIMEOUT_SECONDS, "socket_connect_timeout": VALKEY_TIMEOUT_SECONDS},
    }
}

# --- background work: the row in PostgreSQL is the job, the message only wakes a worker ---------------------------
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://")
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 2 * VALKEY_TIMEOUT_SECONDS,  # longer than a worker's blocking wait for a message
    "socket_connect_timeout": VALKEY_TIMEOUT_SECONDS,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_DISABLE_PREFETCH = True  # a busy worker must not sit on a wake-up that an idle one could take
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = "light"
CELERY_TIMEZONE = "UTC"

ISOCOST_LEASE_SECONDS = _lease_seconds
ISOCOST_RENEW_SECONDS = env.float("ISOCOST_RENEW_SECONDS", default=ISOCOST_LEASE_SECONDS / 6)
ISOCOST_SWEEP_SECONDS = env.float("ISOCOST_SWEEP_SECONDS", default=15.0)
ISOCOST_REAP_SECONDS = env.float("ISOCOST_REAP_SECONDS", default=15.0)
ISOCOST_REAP_GRACE_SECONDS = env.float("ISOCOST_REAP_GRACE_SECONDS", default=ISOCOST_LEASE_SECONDS)
"""After PostgreSQL started nothing is reaped for so long: workers must first be able to renew."""
ISOCOST_HANG_SECONDS = env.float("ISOCOST_HANG_SECONDS", default=1800.0)
"""A job that says nothing for so long is ended and tried again."""
ISOCOST_WARM_SECONDS = env.float("ISOCOST_WARM_SECONDS", default=120.0)
"""A process with PyTorch loaded waits so long for the next job, which then starts at once; 0: each job loads it anew."""


def _plotly_folder() -> Path:
    """Return the folder of plotly's wheel that holds plotly.min.js, without importing plotly, which takes a second."""
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:
        raise ImproperlyConfigured("plotly is not installed; run `make setup`")
    return Path(spec.origin).parent / "package_data"


# --- files --------------------------------------------------------------------------------------------------------
ISOCOST_HOME = home.path
ISOCOST_FILES = home.files
ISOCOST_SERVE_SOCKET = home.serve_socket
"""Where the inference process listens; `serving.client` is the only one who calls it."""
ISOCOST_TEAM_QUOTA_BYTES = env.int("ISOCOST_TEAM_QUOTA_BYTES", default=50 * 10**9)
ISOCOST_MAX_UPLOAD_BYTES = env.int("ISOCOST_MAX_UPLOAD_BYTES", default=20 * 10**9)
ISOCOST_SERVER_FOLDERS = [Path(folder) for folder in env.list("ISOCOST_SERVER_FOLDERS", default=[])]
"""Folders of this machine that datasets may be read from; none by default."""
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20
STATIC_URL = "static/"
STATIC_ROOT = home.path / "static"
STATICFILES_DIRS = [BASE_DIR / "static", ("vendor", _plotly_folder())]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": home.files}},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}
if env.bool("ISOCOST_TESTING", default=False):
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    SERVESTATIC_USE_FINDERS = SERVESTATIC_AUTOREFRESH = True  # tests collect nothing

# --- people -------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "teams.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_REDIRECT_URL = "/?enter"
LOGIN_URL = "account_login"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "webapp.teams.adapter.AccountAdapter"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_SESSION_REMEMBER = True
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _https
EMAIL_BACKEND = env.str("ISOCOST_EMAIL_BACKEND", default="django.core.mail.backends.console.EmailBackend")
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_NAME = "isocost_session"
CSRF_COOKIE_NAME = "isocost_csrf"

# --- security -----------------------------------------------------------------------------------------------------
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SECURE_SSL_REDIRECT = False  # the proxy in front does it
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _https
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        # Plotly and htmx set styles on elements they make; no style comes from a template's text.
        "style-src": [SELF, "'unsafe-inline'"],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "manifest-src": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
    }
}
AUDITLOG_INCLUDE_ALL_MODELS = False

# --- language, time, logs -----------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.str("ISOCOST_TIME_ZONE", default="UTC")
USE_I18N = USE_TZ = True
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("ISOCOST_LOG_LEVEL", default="INFO")},
}
SILENCED_SYSTEM_CHECKS = ["security.W008"]  # the proxy in front redirects to https
