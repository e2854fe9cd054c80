"""``roilessons book``: the lessons as a site, from the notebooks as they are stored. Nothing is run, nothing is fetched."""

import contextlib
import io
import json
import os
import shutil
from pathlib import Path

import nbformat

from roilessons import __version__
from roilessons.app.book.live import Store, code, export, live_still
from roilessons.app.book.pages import (
    book_page,
    front_page,
    glossary_terms,
    judged_by_page,
    table_of_contents,
    title_of,
    with_capitals,
)
from roilessons.app.book.weight import lighten
from roilessons.app.editions import student, write
from roilessons.app.slides import slides
from roilessons.files import draft_folder, publish

STATIC = Path(__file__).resolve().parent / "static"
REPOSITORY = "https://github.com/roilessons/roilessons"
PAGES = ("instructor_guide", "hub", "bids", "inference", "accessibility")  # of docs/, for teachers
SETTINGS = {
    "project": "roilessons",
    "author": "The roilessons contributors",
    "copyright": "The roilessons contributors. Text and figures CC BY 4.0, code BSD 3-Clause",
    "extensions": ["myst_nb"],
    "html_theme": "sphinx_book_theme",
    "html_title": "roilessons",
    "html_css_files": ["book.css", "explorer.css"],
    "html_js_files": [("questions.js", {"type": "module"}), ("live.js", {"type": "module"})],
    "html_favicon": str(STATIC / "favicon.svg"),
    "html_context": {"default_mode": "auto"},
    "html_extra_path": [str(STATIC / "worker.js")],
    "html_copy_source": True,  # the notebooks, to be downloaded
    "html_show_sourcelink": False,
    "html_last_updated_fmt": None,
    "html_use_index": False,
    "myst_heading_anchors": 3,
    "nb_execution_mode": "off",
    "nb_merge_streams": True,
    "nb_mime_priority_overrides": [("html", "text/html", 0)],
    "suppress_warnings": ["myst.header"],
    "html_theme_options": {
        "repository_url": REPOSITORY, "repository_branch": f"v{__version__}", "path_to_docs": "notebooks", "use_issues_button": True,
        "use_edit_page_button": True, "use_download_button": True, "home_page_in_toc": True, "show_toc_level": 2, "navbar_persistent": [],
        "launch_buttons": {"binderhub_url": "https://mybinder.org", "notebook_interface": "jupyterlab"},
    },
}  # fmt: skip


def build_book(source, out, docs=None, say=print):
    """Build the site.

    Parameters
    ----------
    source : path
        The folder of the lessons, stored executed.
    out : path
        A new folder, or one that this function made: it is replaced.
    docs : path, optional
        A folder with pages for teachers.
    say : function
        Gets a line of text for each page.

    Raises
    ------
    FileExistsError
        If there is something else at `out`. It is kept.
    ValueError
        If a page has a fault, such as a link that leads nowhere.
    """
    source, out = Path(source), Path(out).resolve()
    ours = (out / "worker.js").is_file() and (out / "index.html").is_file()
    if out.exists() and not ours and not (out.is_dir() and not any(out.iterdir())):
        raise FileExistsError(f"{out} is there already and is kept; choose another name.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with draft_folder(out.parent) as drafts:
        assemble(source, drafts / "source", docs, say)
        faults = run_sphinx(drafts / "source", drafts / "site")
        if faults:
            raise ValueError(f"The book was not built:\n{faults}")
        lighten(drafts / "site")
        point_to_sources(drafts / "site")
        slides(source, drafts / "site/slides", say)
        shutil.make_archive(drafts / "site/student", "zip", student_edition(source, drafts / "student"))
        if ours:
            shutil.rmtree(out)
        publish(drafts / "site", out)


def assemble(source, folder, docs, say):
    """Write the pages that Sphinx reads: the notebooks with their questions, the glossary, the front page."""
    shared = folder.parent / "static"
    store = Store(shared / "explorers")
    for name, text in zip(("explorer.js", "explorer.css"), code(), strict=True):
        (shared / name).write_text(text, encoding="utf-8")
    folder.mkdir(parents=True)
    glossary = (source / "glossary.md").read_text(encoding="utf-8")
    terms = glossary_terms(glossary)
    opened = {}
    for path in sorted(source.glob("*.ipynb")):
        opened[path.stem] = nbformat.read(path, as_version=4)
        say(f"{path.stem}: {title_of(opened[path.stem])}")
        nbformat.write(book_page(opened[path.stem], path.stem, terms, store), folder / path.name)
    (shared / "asked.js").write_text(f"export default {json.dumps(judged_by_page(opened))};\n", encoding="utf-8")
    (folder / "glossary.md").write_text(with_capitals(glossary), encoding="utf-8")
    shutil.copytree(source / "images", folder / "images", ignore=shutil.ignore_patterns(".*"))
    teaching = []
    for name in PAGES if docs else ():
        text = (Path(docs) / f"{name}.md").read_text(encoding="utf-8")
        (folder / f"{name}.md").write_text(text.replace("](../notebooks/", "]("), encoding="utf-8")
        teaching.append(name)
    name, picture = export(
        store,
        "explore",
        ["threshold", "intersection", "iterations"],
        {"connectivity": 6, "layers": ["mask_vt", "log_p", "dilated", "mask", "labels"]},
    )
    front = front_page(opened, table_of_contents(opened, teaching), live_still(picture, name))
    (folder / "index.md").write_text(front, encoding="utf-8")


def point_to_sources(site):
    """Lead links that propose a change to the newest state, and those of pages that are no lessons to where these come from."""
    elsewhere = {"index": "roilessons/app/book/pages.py"} | {name: f"docs/{name}.md" for name in PAGES}
    for page in site.glob("*.html"):
        html = page.read_text(encoding="utf-8").replace(f"/edit/v{__version__}/", "/edit/main/")
        html = html.replace(f"/edit/main/notebooks/{page.stem}.md", f"/edit/main/{elsewhere.get(page.stem, f'notebooks/{page.stem}.md')}")
        page.write_text(html, encoding="utf-8")


def student_edition(source, folder):
    """Write the lessons without solutions, to be downloaded; returns their folder."""
    for path in sorted(source.glob("*.ipynb")):
        write(student(nbformat.read(path, as_version=4)), folder / path.name)
    shutil.copyfile(source / "glossary.md", folder / "glossary.md")
    shutil.copytree(source / "images", folder / "images", ignore=shutil.ignore_patterns(".*"))
    return folder


def run_sphinx(source, site):
    """Build the pages; returns what Sphinx complains of, or nothing."""
    from sphinx.application import Sphinx

    said, faults = io.StringIO(), io.StringIO()
    settings = SETTINGS | {"html_static_path": [str(STATIC), str(source.parent / "static")]}
    where = Path.cwd()
    try:
        with contextlib.redirect_stderr(faults):  # of docutils
            app = Sphinx(
                source,
                None,
                site,
                source.parent / "read",
                "html",
                confoverrides=settings,
                status=said,
                warning=faults,
                parallel=os.cpu_count() or 1,
            )
            app.build()
    finally:
        os.chdir(where)
    return faults.getvalue().strip()
