"""The settings of Django. There is no database; sessions are in signed cookies."""

from urllib.parse import urlsplit

from examples.genrefy.pages import TEMPLATES as FOLDER
from examples.genrefy.settings import from_environment

GENREFY = from_environment()

SECRET_KEY = GENREFY.secret
ALLOWED_HOSTS = [urlsplit(GENREFY.address).hostname]
ROOT_URLCONF = "examples.django_app.urls"
WSGI_APPLICATION = "examples.django_app.wsgi.application"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.jinja2.Jinja2", "DIRS": [FOLDER]}]
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = GENREFY.secure
