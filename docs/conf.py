"""The site: Sphinx with MyST and the PyData theme."""

from importlib.metadata import version as installed

project = "gen3nb"
author = "the gen3nb team"
copyright = "the gen3nb team"
release = version = installed("gen3nb")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
]
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "explanation/measured"]  # the latter are included in pages
templates_path = ["_templates"]
# attributes named alike in several classes are told apart by their place, not by a link
suppress_warnings = ["config.cache", "ref.python"]

autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"  # the NumPy docstrings say the types
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = "pydata_sphinx_theme"
html_title = "gen3nb"
html_static_path = ["_static"]
html_theme_options = {
    "show_prev_next": True,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
copybutton_prompt_text = r">>> |\$ "
copybutton_prompt_is_regexp = True
