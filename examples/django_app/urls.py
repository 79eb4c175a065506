"""The URLs of the views."""

from django.conf import settings
from django.urls import include, path

from examples.django_app import views
from privateshare.web.django import consent_urls

genrefy = settings.GENREFY
consent = consent_urls(
    views.client,
    secret=genrefy.secret,
    redirect_uri=genrefy.redirect_uri,
    on_token=views.remember,
    on_failure=views.explain,
    on_repeat=views.show,
)
urlpatterns = [
    path("", views.start),
    path("you", views.you),
    path("stop", views.stop),
    path("consent/", include(consent)),
]
