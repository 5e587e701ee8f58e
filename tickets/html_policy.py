"""What HTML from outside may consist of. Everything not named here is dropped; words survive, markup does not."""

from __future__ import annotations

TAGS = frozenset(
    "a abbr b blockquote br caption center code col colgroup dd del details div dl dt em font h1 h2 h3 h4 h5 h6 hr i "
    "img ins kbd li mark ol p pre q s samp small span strike strong sub summary sup table tbody td tfoot th thead "
    "tr tt u ul var wbr".split()
)

#: Go with everything inside: what they hold is not text for readers, or a browser would act on it.
DROPPED = frozenset(
    "applet base canvas embed frame frameset head iframe input link math meta noembed noframes noscript "
    "option script select style svg template title xml".split()
)

#: Become plain blocks: their words stay apart from those beside them.
BLOCKS = frozenset(
    "address article aside button details dialog dir fieldset figcaption figure footer form header hgroup legend main "
    "menu nav search section summary textarea".split()
)

#: Where an image may come from once it is shown; `src` itself never survives, so stored HTML loads nothing.
IMAGE_SOURCES = ("data-cid", "data-remote-src", "data-inline")

_EVERYWHERE = ["style", "title", "dir", "lang", "align"]
_CELL = ["colspan", "rowspan", "width", "height", "valign", "bgcolor"]
ATTRIBUTES = {
    "*": _EVERYWHERE,
    "a": ["href"],
    "img": [*IMAGE_SOURCES, "alt", "width", "height", "border"],
    "font": ["color", "face", "size"],
    "table": ["border", "cellpadding", "cellspacing", "width", "height", "bgcolor"],
    "td": _CELL,
    "th": _CELL,
    "tr": ["bgcolor", "valign", "height"],
    "col": ["span", "width"],
    "colgroup": ["span", "width"],
    "ol": ["start", "type", "reversed"],
    "ul": ["type"],
    "li": ["value", "type"],
    "details": ["open"],
}

LINK_SCHEMES = frozenset({"http", "https", "mailto"})

_SIDES = ("top", "right", "bottom", "left")
#: Nothing that fetches, covers, hides or moves out of place: no background, position, z-index, display, opacity.
CSS_PROPERTIES = frozenset(
    {
        *"background-color border border-collapse border-color border-radius border-spacing border-style border-width "
        "clear color direction float font font-family font-size font-style font-variant font-weight height "
        "letter-spacing line-height list-style-type margin max-width min-width overflow-wrap padding table-layout "
        "text-align text-decoration text-indent text-transform vertical-align white-space width word-break".split(),
        *(f"{box}-{side}" for box in ("margin", "padding", "border") for side in _SIDES),
        *(f"border-{side}-{part}" for side in _SIDES for part in ("color", "style", "width")),
    }
)
#: A line that never breaks would be wider than the page.
CSS_REPLACED = {("white-space", "pre"): "pre-wrap", ("white-space", "nowrap"): "normal"}

#: The cost of a hostile mail grows faster than its size, so size, breadth and depth are limited before bleach runs.
MAX_CHARACTERS = 2_000_000
MAX_ELEMENTS = 20_000
MAX_DEPTH = 100
MAX_QUOTED_VALUES = 20_000
MAX_WORDS_IN_TAG = 2_000
MAX_VALUE = 8_000
MAX_STYLE = 4_000
MAX_DECLARATIONS = 100
MAX_CSS_VALUE = 300
#: Tags, attributes and entities together, once tidied.
MAX_MARKS = 50_000
#: Elements with elements of their own, side by side: html5lib looks for each of them among all its neighbours again.
MAX_BRANCHES = 3_000
