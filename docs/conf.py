"""How `make site` makes pages of notebooks, documents and docstrings: Sphinx, from stored outputs only."""

import os
import re
import tomllib
from pathlib import Path

import nbformat
from docutils import nodes

os.environ["NUMBA_DISABLE_JIT"] = "1"  # autodoc reads the kernels as plain functions, and nothing is compiled
LONGEST_SHOWN_LINES = 8  # of code: what is longer is folded
ROOT = Path(__file__).resolve().parent.parent

project = "splicelab"
release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "index"
include_patterns = ["index.md", "CONTRIBUTING.md", "*/README.md", "docs/*.md", "notebooks/*.ipynb"]
exclude_patterns = [".*", "build", "**/.ipynb_checkpoints"]
default_role = "code"

nb_execution_mode = "off"
nb_ipywidgets_js = {}  # no widget state is stored: a page shows an Explorer's picture and words
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # an exercise's heading may follow any other

autodoc_member_order = "bysource"
autodoc_typehints = "none"

html_theme = "furo"
html_title = "splicelab"
html_copy_source = False
html_use_index = html_domain_indices = False
html_show_copyright = False
html_show_search_summary = False  # it asks a server for each page: there is none behind a file
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_theme_options = {"top_of_page_buttons": []}


def fold_and_say(app, doctree):
    """Fold long code of a notebook, and give each picture the alt text stored with it."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    cells = nbformat.read(path, as_version=4).cells
    for node in doctree.findall(nodes.container):
        if node.get("nb_element") != "cell_code":
            continue
        cell = cells[node["cell_index"]]
        stored = [output.metadata["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})]
        for image, metadata in zip(node.findall(nodes.image), stored, strict=True):
            image["alt"] = metadata["alt"]
            if metadata["alt"].startswith("Explorer:"):  # its controls are not here: where they stood
                image.parent += nodes.paragraph(text=metadata["alt"].splitlines()[0], classes=["controls"])
        is_own = "..." in cell.source or "@alternative" in cell.source  # what a reader fills in or makes
        if len(cell.source.splitlines()) > LONGEST_SHOWN_LINES and not is_own:
            node["hide_mode"], node["prompt_show"] = "input", "Code"
        node["prompt_hide"] = node.get("prompt_show")


def plain_underscores(app, what, name, obj, options, lines):
    """Keep a name that ends in an underscore, as `MSG_`, from being read as a link."""
    lines[:] = [re.sub(r"(?<=\w)_(?=\s)", r"\\_", line) for line in lines]


def setup(app):
    """Connect what Sphinx calls back."""
    app.connect("autodoc-process-docstring", plain_underscores)
    app.connect("doctree-read", fold_and_say)
