"""All settings, read from the environment. A wrong value stops the start with a sentence."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import environ
from cryptography.fernet import Fernet
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from helpdesk import environment as env
from mailchannel.parsing.addresses import LONGEST_DOMAIN, ascii_domain
from mailchannel.parsing.limits import DEEPEST, Limits
from mailchannel.smtp_in.places import Place, place

BASE_DIR = Path(__file__).resolve().parent.parent

environ.Env.read_env(BASE_DIR / ".env")

#: Everything this installation writes, unless a variable below moves it: database, attachments, the demo's files.
VAR_DIR = env.directory("VAR_DIR", BASE_DIR / "var")

# --- Core ---------------------------------------------------------------------------------------

DEBUG = env.flag("DEBUG")
SECRET_KEY = env.text("SECRET_KEY", "only-for-development" if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured("SECRET_KEY is not set. Put a long random value into the environment or into .env.")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
ROOT_URLCONF = "helpdesk.urls"
WSGI_APPLICATION = "helpdesk.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

#: Where people reach this installation; links in mails and redirect addresses are built from it.
PUBLIC_URL = env.web_address("PUBLIC_URL", "http://127.0.0.1:8000")
SERVED_OVER_TLS = PUBLIC_URL.startswith("https://")

INSTALLED_APPS = [
    "helpdesk.admin_app.HelpdeskAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "django_q",
    "tickets",
    "mailchannel",
    "helpdesk",
]
MIDDLEWARE = [
    "mailchannel.webhooks.doorway.Doorway",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
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
            ]
        },
    }
]

# --- Database, cache ----------------------------------------------------------------------------

DATABASES: dict[str, dict[str, Any]] = {
    "default": env.database("DATABASE_URL", f"sqlite:///{VAR_DIR / 'helpdesk.sqlite3'}")
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # IMMEDIATE takes the write lock when a transaction begins: a lock taken later cannot wait and fails with
    # "database is locked". FULL makes a commit survive a power cut; mail is acknowledged on the strength of it.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-20000;",
    }
else:
    DATABASES["default"].setdefault("CONN_MAX_AGE", 600)
    DATABASES["default"].setdefault("CONN_HEALTH_CHECKS", True)

REDIS_URL = env.redis("REDIS_URL")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

# --- Secrets ------------------------------------------------------------------------------------


def _encryption_keys() -> list[str]:
    keys = env.words("FIELD_ENCRYPTION_KEYS")
    if not keys and DEBUG:
        keys = [base64.urlsafe_b64encode(hashlib.sha256(SECRET_KEY.encode()).digest()).decode()]
    if not keys:
        raise ImproperlyConfigured(
            "FIELD_ENCRYPTION_KEYS is not set: passwords of mailboxes are stored encrypted and need a key. "
            'Make one with: python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
        )
    for number, key in enumerate(keys, start=1):
        try:
            Fernet(key)
        except ValueError:
            raise ImproperlyConfigured(
                f"FIELD_ENCRYPTION_KEYS: key {number} is not a Fernet key (32 bytes, url-safe base64)."
            ) from None
    return keys


#: Newest first: the first encrypts, every one decrypts.
FIELD_ENCRYPTION_KEYS = _encryption_keys()

# --- People -------------------------------------------------------------------------------------

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "tickets:queue"
LOGOUT_REDIRECT_URL = "login"
LANGUAGE_CODE = "en"
TIME_ZONE = env.time_zone("TIME_ZONE", "UTC")
USE_I18N = True
USE_TZ = True

# --- Browser safety -----------------------------------------------------------------------------

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SERVED_OVER_TLS
SECURE_HSTS_SECONDS = 31_536_000 if SERVED_OVER_TLS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SERVED_OVER_TLS else None
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
# A framed mail (srcdoc) inherits this policy, so what a mail may show has to be allowed here: inline styles and
# embedded images. The frame's own, tighter policy and its sandbox still decide what a mail may really do.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "style-src": [SELF, "'unsafe-inline'"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- Files --------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = Path(env.text("MEDIA_ROOT", str(VAR_DIR / "media")))
MEDIA_URL = env.text("MEDIA_URL", "/media/")
WHITENOISE_USE_FINDERS = True

# --- Background work ----------------------------------------------------------------------------

# One attempt, always acknowledged: a fetch that failed is repeated by the next tick, never by the queue.
# retry must stay above timeout × (queue_limit + 2) / workers, or a waiting task is handed out twice.
WORKERS = env.number("WORKERS", 2, minimum=1)
FETCH_TIMEOUT = 900
Q_CLUSTER = {
    "name": "helpdesk",
    "orm": "default",
    "workers": WORKERS,
    "queue_limit": WORKERS,
    "timeout": FETCH_TIMEOUT,
    "retry": FETCH_TIMEOUT * (WORKERS + 2) // WORKERS + 60,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "save_limit": 100,
    "poll": 0.5,
    "label": "Background work",
}
if REDIS_URL:
    Q_CLUSTER.pop("orm")
    Q_CLUSTER["redis"] = REDIS_URL

# --- Mail ---------------------------------------------------------------------------------------

#: System mail (error notices). Answers to customers go out through each mail server's own sending settings.
EMAIL_CONFIG = env.mail("EMAIL_URL", "consolemail://")
globals().update(EMAIL_CONFIG)

#: Reaching 127.0.0.1 or a private network is refused unless this is on: a mailbox form must not scan our network.
ALLOW_PRIVATE_HOSTS = env.flag("HELPDESK_ALLOW_PRIVATE_HOSTS")

#: What reading a hostile mail may cost (RFC 5321 leaves the limits to us): `seconds` and `child_memory_bytes` of the
#: child process that tries a mail again, the rest of the parser. How large a mail may be is set at each mail server.
MAIL_LIMITS = env.amounts(
    "MAIL_LIMITS",
    {"seconds": 20, "child_memory_bytes": 1_500_000_000, **asdict(Limits())},
    largest={"depth": DEEPEST},
)


def _domain(name: str, value: str) -> str:
    domain = ascii_domain(value)
    label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
    if value and not (len(domain) <= LONGEST_DOMAIN and re.fullmatch(rf"{label}(\.{label})*", domain)):
        raise ImproperlyConfigured(f"{name} must look like inbound.example.com, not {value!r}.")
    return domain


#: Domain of the addresses that mail is forwarded to; left empty it is the host of PUBLIC_URL.
INBOUND_DOMAIN = _domain("INBOUND_DOMAIN", env.text("INBOUND_DOMAIN"))


def _place(name: str, value: str) -> Place | None:
    try:
        return place(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} {error}") from None


def _readable(name: str, value: str) -> str:
    if value and not Path(value).is_file():
        raise ImproperlyConfigured(f"{name}: there is no file {value}.")
    return value


#: Where mail servers hand mail to us; left empty nobody listens there.
SMTP_LISTEN = _place("HELPDESK_SMTP_LISTEN", env.text("HELPDESK_SMTP_LISTEN"))
LMTP_LISTEN = _place("HELPDESK_LMTP_LISTEN", env.text("HELPDESK_LMTP_LISTEN"))
#: Files (PEM). With them encryption is offered there (STARTTLS).
SMTP_CERTIFICATE = _readable("HELPDESK_SMTP_CERTIFICATE", env.text("HELPDESK_SMTP_CERTIFICATE"))
SMTP_KEY = _readable("HELPDESK_SMTP_KEY", env.text("HELPDESK_SMTP_KEY"))
if SMTP_KEY and not SMTP_CERTIFICATE:
    raise ImproperlyConfigured(
        "HELPDESK_SMTP_KEY is set and HELPDESK_SMTP_CERTIFICATE is not: nothing would be encrypted. Set both or "
        "neither."
    )
SMTP_CONNECTIONS = env.number("HELPDESK_SMTP_CONNECTIONS", 20, minimum=1)
#: Days after which the original bytes of a settled mail are removed; 0: never.
KEEP_RAW_MAIL_DAYS = env.number("KEEP_RAW_MAIL_DAYS", 0, minimum=0, maximum=36_500)

# --- Logging ------------------------------------------------------------------------------------

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.choice("LOG_LEVEL", LOG_LEVELS, "WARNING")},
}
