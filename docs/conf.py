"""Sphinx builds the documentation site with this: `make docs`. ADR 12 says why Sphinx."""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "site"))

import docstrings  # noqa: E402 - it is in the folder that was just added
import markdown  # noqa: E402
import references  # noqa: E402
from sphinx.application import Sphinx  # noqa: E402
from sphinx.environment import BuildEnvironment  # noqa: E402
from sphinx.util import logging  # noqa: E402

from privateshare.version import VERSION  # noqa: E402

project = "PrivateShare"
author = "PrivateShare contributors"
copyright = author
release = version = VERSION
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["site"]
nitpicky = False
suppress_warnings = [
    "config.cache",
    "ref.python",
]  # the latter: many models have a field `type`, which is a builtin too

# --- Markdown ---

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3

# --- docstrings ---

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
toc_object_entries_show_parents = "hide"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 90

# --- the site ---

COLOURS = {"color-api-name": "var(--color-brand-content)", "color-api-pre-name": "var(--color-foreground-muted)"}

html_theme = "furo"
html_title = "PrivateShare"
html_static_path = ["site/static"]
html_css_files = ["privateshare.css"]
html_favicon = "site/static/icon.svg"
html_copy_source = True
html_show_sourcelink = False
html_show_sphinx = False
html_extra_path = ["../llms.txt", "../llms-full.txt"]
html_theme_options = {
    "sidebar_hide_name": False,
    "light_logo": "icon.svg",
    "dark_logo": "icon.svg",
    "light_css_variables": COLOURS | {"color-brand-primary": "#0b6b5d", "color-brand-content": "#0b6b5d"},
    "dark_css_variables": COLOURS | {"color-brand-primary": "#5cc9b5", "color-brand-content": "#5cc9b5"},
}
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True


def setup(app: Sphinx) -> None:
    """Connect what makes the documents of this repository into pages."""
    app.connect("source-read", markdown.prepare)
    app.connect("autodoc-process-docstring", docstrings.prepare)
    app.connect("autodoc-process-signature", docstrings.shorten_signature)
    app.connect("autodoc-skip-member", docstrings.skip_inherited)
    app.connect("env-check-consistency", check_completeness)


def check_completeness(_app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of public names that the reference lacks; warnings are errors."""
    for name in references.undocumented(env.domains.python_domain.objects):
        logging.getLogger(__name__).warning("%s is public, and no page of the reference describes it", name)
