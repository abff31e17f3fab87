"""Sphinx builds the site with these settings: python -m docs build."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

project = "minitensor"
author = "the authors of minitensor"
extensions = ["myst_parser", "sphinx.ext.autodoc", "docs.site.reference", "docs.site.sources", "docs.site.steps"]
exclude_patterns = ["_build", "site", "exercises"]
source_suffix = {".md": "markdown"}
language = "en"
smartquotes = False  # a quote around an argument stays as one types it

myst_heading_anchors = 3
suppress_warnings = [
    "myst.header",  # reading.md has several titles, one for each part
    "toc.not_included",
]
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
add_module_names = False
nitpicky = False

html_theme = "furo"
html_title = "minitensor"
html_static_path = ["static"]
html_css_files = ["figures.css"]
html_show_sourcelink = False
html_show_copyright = False
html_show_search_summary = False  # it would fetch pages, which a browser refuses from disk
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
