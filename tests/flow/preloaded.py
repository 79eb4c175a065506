"""The last import of the process that commands are forked from.

It imports and prepares what a command or a server would only import once it needs it, so that this is done once and not
in each of them. What was imported is exempt from garbage collections from then on. Otherwise each command would look
through all of it several times, and the memory would be copied, because that changes it.
"""

import gc
import pkgutil
from importlib import import_module

import httpcore2
import pandas  # noqa: F401
from sqlalchemy.orm import configure_mappers

import tests.certificates  # noqa: F401 - clients share what they load
from privateshare import cli
from privateshare.platform.consent import rendering
from privateshare.platform.consent.locales import FALLBACK, LANGUAGES, translations
from privateshare.sources import archive_sources

for module in pkgutil.iter_modules(cli.__path__, f"{cli.__name__}."):
    import_module(module.name)
for package in set(archive_sources.package_of_source().values()):
    import_module(f"{package}.source")
configure_mappers()
for language in LANGUAGES:
    translations(language)
rendering._languages()
pages = rendering._environment(FALLBACK)
for name in pages.list_templates(filter_func=lambda name: name.endswith(".html")):
    pages.get_template(name)
for trusts_environment in (True, False):
    httpcore2.default_ssl_context(_trust_env=trusts_environment)

gc.collect()
gc.freeze()
