"""No page has a text that was not marked for translation, in whichever state of it."""

import ast
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from jinja2 import Environment, nodes
from lxml import html
from tests.untranslated import untranslated

FOLDER = files("privateshare.platform.consent")
TEMPLATES = sorted(file.name for file in FOLDER.joinpath("templates").iterdir())
SCRIPTS = sorted(file.name for file in FOLDER.joinpath("static").iterdir() if file.name.endswith(".js"))
PLACE = "\ue000"  # Stands for what a template inserts; it is not a letter.
ATTRIBUTE = re.compile(r'[\w-]+="[^"]*"')  # A macro may write the attributes of an element.
TRANSLATING = {"_", "gettext", "ngettext"}


def page(body: str, title: str = "⟦T⟧ · PrivateShare") -> str:
    return f'<html lang="en-XA"><head><title>{title}</title></head><body>{body}</body></html>'


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("<p>⟦One ⟦2⟧ <bdi>three</bdi> four⟧ · <b>⟦5⟧</b></p>", []),
        ("<p>⟦One⟧ two</p>", ["two"]),
        ("<p>⟦One⟧ 2</p>", ["2"]),
        ("<p>⟦One⟧ <bdi>2</bdi> \u2068three\u2069 <code>x</code> <i translate=no>y</i></p>", []),
        ("<p lang=de>Zwei</p><p lang=en-XA>drei</p>", ["drei"]),
        ('<img alt="Logo"><input placeholder="⟦Name⟧">', ["Logo"]),
        ("<p>PrivateShare</p>", []),
        ('<span aria-hidden="true">⟦</span><button aria-hidden="true">Go</button>', ["Go"]),
    ],
)
def test_text_outside_the_brackets_is_found(body: str, found: list[str]) -> None:
    """Words, numbers and attributes, but not what other people wrote."""
    assert untranslated(page(body)) == found


def test_titles_are_translated_or_names() -> None:
    """A title that only repeats the heading, which is someone else's text, has no translation."""
    assert untranslated(page("<h1>⟦A⟧</h1>", "Plain · PrivateShare")) == ["Plain"]
    assert untranslated(page("<h1><bdi>Genrefy</bdi></h1>", "Genrefy · PrivateShare")) == []


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_have_no_words_of_their_own(name: str) -> None:
    """In no branch: every word of a template is translated or inserted."""
    environment = Environment(autoescape=True, extensions=["jinja2.ext.i18n"], trim_blocks=True, lstrip_blocks=True)
    parsed = environment.parse(FOLDER.joinpath("templates", name).read_text())
    skeleton = ""
    for text in _skeleton(parsed):
        is_in_a_tag = skeleton.rfind("<") > skeleton.rfind(">")
        skeleton += "" if text == PLACE and is_in_a_tag else text
    shown = html.fragment_fromstring(skeleton, create_parent=True)
    texts = [text for element in shown.iter() if element.tag != "style" for text in (element.text, element.tail)]
    attributes = [
        element.get(told) for element in shown.iter() for told in ("alt", "title", "aria-label", "placeholder")
    ]
    allowed = shown.text_content() if name == "layout.html" else ""
    shown_texts = [ATTRIBUTE.sub("", text).replace(PLACE, "").strip() for text in (*texts, *attributes) if text]
    words = [text for text in shown_texts if re.search(r"\w", text)]
    assert [word for word in words if "PrivateShare" not in word or not allowed] == []


def _skeleton(node: nodes.Node) -> Iterator[str]:
    """Yield a template's own text in its order, with a mark for each expression, and the words inside expressions."""
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.TemplateData):
            yield child.data
        elif isinstance(child, nodes.Block) and child.name == "page":
            continue  # The page's name, which only programs read.
        elif isinstance(node, nodes.Output):
            yield "".join(_words(child)) or PLACE
        else:
            yield from _skeleton(child)


def _words(expression: nodes.Node) -> Iterator[str]:
    """Yield strings of an expression that look like words for people: three, or one that begins with a capital."""
    if isinstance(expression, nodes.Call) and getattr(expression.node, "name", "") in TRANSLATING:
        return
    if isinstance(expression, nodes.Const) and isinstance(expression.value, str):
        if re.search(r"^[A-Z][a-z]|[a-z] [a-z]+ [a-z]", expression.value):
            yield expression.value
        return
    for child in expression.iter_child_nodes():
        yield from _words(child)


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_have_no_words_of_their_own(name: str) -> None:
    """A script shows only what the page gives it."""
    code = re.sub(r"//[^\n]*|/\*.*?\*/", "", FOLDER.joinpath("static", name).read_text(), flags=re.DOTALL)
    quoted = [text for found in re.findall(r'"([^"\n]*)"|\'([^\'\n]*)\'|`([^`]*)`', code) for text in found]
    assert [text for text in quoted if re.search(r"^[A-Z][a-z]+ |[a-z]+ [a-z]+ [a-z]+", text)] == []


SENTENCE = re.compile(r"[A-Z][a-z]+ [a-z]+|[a-z]+ [a-z]+ [a-z]+")
MARKED = {"N_", "say", "count", "gettext", "ngettext", "Broken", "Reason"}
FOR_PROGRAMS = {
    "sign-in under way",  # Separates what different keys are for.
    "sign-in on the own pages",
    "This form was not sent by its own page",  # A page of its own says it in the person's language.
    "kept until everything is erased",  # The certificate of an erasure, which a program can check.
    "files of an app",
}


@pytest.mark.parametrize("package", ["privateshare.platform.consent", "privateshare.platform.me"])
def test_texts_in_code_are_marked_for_translation(package: str) -> None:
    """Every sentence that code creates for a page is marked. Errors and logs are for programs."""
    modules = Path(str(files(package))).rglob("*.py")
    found = {text for module in modules for text in _sentences(ast.parse(module.read_text()))}
    assert found - FOR_PROGRAMS == set()


def _sentences(node: ast.AST) -> Iterator[str]:
    """Yield the texts of code that look like words for people, and are not marked."""
    if isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        return
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        if called.rpartition(".")[2] in MARKED or called.startswith("log."):
            return
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and SENTENCE.search(node.value):
        yield node.value
    for child in ast.iter_child_nodes(node):
        yield from _sentences(child)
