"""What a page loads, made small: only the icons that it shows, and a search that loads on its own page."""

import re

AN_ICON = re.compile(r'<(i|span) class="([^"]*\bfa-[^"]*)"([^>]*)></\1>')
LETTERS = r"\.fa-[^{}]*\{--fa:[^}]*\}"  # in the theme's style: an icon as a letter of a font
DRAWN = re.compile(
    r'"?([a-z0-9-]+)"?:\[(\d+),(\d+),\[([^\]]*)\],"[0-9a-f]+","([^"]+)"\]'
)  # in its script: size, other names, path
SCRIPT = r'\s*<script[^>]*src="[^"]*(?:{})\.js[^"]*"></script>'
ICONS, SEARCH = SCRIPT.format("scripts/fontawesome"), SCRIPT.format("_static/searchtools|_static/language_data|searchindex")


def lighten(site):
    """Take from the built site what none of its pages needs.

    The theme draws its icons with a script that holds every icon there is. Here each is drawn in the page, from that script.
    """
    script = site / "_static/scripts/fontawesome.js"
    icons = {}
    for name, width, height, others, path in DRAWN.findall(script.read_text(encoding="utf-8")):
        icons |= dict.fromkeys([name, *re.findall(r'"([^"]+)"', others)], (width, height, path))

    def drawing(match):
        _, classes, more = match.groups()
        width, height, path = next(icons[one] for one in re.findall(r"\bfa-([a-z0-9-]+)", classes) if one in icons)
        return f'<svg class="{classes}" aria-hidden="true" viewBox="0 0 {width} {height}"{more}><path fill="currentColor" d="{path}"/></svg>'

    for page in site.glob("*.html"):
        html = AN_ICON.sub(drawing, re.sub(ICONS, "", page.read_text(encoding="utf-8")))
        page.write_text(html if page.name == "search.html" else re.sub(SEARCH, "", html), encoding="utf-8")
    style = site / "_static/styles/pydata-sphinx-theme.css"
    style.write_text(re.sub(LETTERS, "", style.read_text(encoding="utf-8")), encoding="utf-8")
    for path in [script, *site.glob("_static/**/*.map")]:
        path.unlink()
