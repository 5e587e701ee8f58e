"""HTML that wants to act: nothing of it is left in what an agent's browser gets (ML-28 to ML-34)."""

from __future__ import annotations

import html as entities
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from django.test import Client

from tests.hostile.bounded import within
from tests.hostile.conftest import Receive
from tests.hostile.mails import cases, html, mail, with_file
from tickets import html_policy as policy
from tickets.models import Ticket
from tickets.safe_html import clean

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


class Seen(HTMLParser):
    """Every tag and attribute as a browser's tokenizer would see them."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.odd: list[str] = []
        self.words = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.words += data

    def handle_comment(self, data: str) -> None:
        self.odd.append(data)

    def handle_decl(self, decl: str) -> None:
        self.odd.append(decl)

    def handle_pi(self, data: str) -> None:
        self.odd.append(data)

    def unknown_decl(self, data: str) -> None:
        self.odd.append(data)


ALLOWED = {*policy.IMAGE_SOURCES, "href", "rel", "target"}.union(*policy.ATTRIBUTES.values())
#: What our policy must never come to allow: it runs, loads, sends, covers, moves the focus or names things for scripts.
ACTING_TAGS = frozenset(
    "applet audio base body button canvas datalist dialog embed fieldset form frame frameset head html iframe input "
    "isindex keygen label link map marquee math meta noembed noscript object option param picture plaintext portal "
    "script select slot source style svg template textarea title track video xmp".split()
)
ACTING_ATTRIBUTES = frozenset(
    "accesskey action autofocus background class contenteditable data dynsrc for form formaction http-equiv id is "
    "longdesc lowsrc manifest name ping poster slot src srcdoc srcset tabindex usemap xlink:href xmlns".split()
)


def check_inert(cleaned: str) -> None:
    """Only known tags and attributes, links lead out, nothing loads, styles name no address."""
    seen = Seen(cleaned)
    assert not seen.odd, seen.odd
    for tag, attributes in seen.tags:
        assert tag in policy.TAGS - ACTING_TAGS, tag
        assert attributes.keys() <= ALLOWED - ACTING_ATTRIBUTES, attributes
        assert all(not name.startswith(("on", "hx-", "data-hx-")) for name in attributes)
        check_link(attributes.get("href", "https://example.com"))
        check_style(attributes.get("style", ""))


def check_link(target: str) -> None:
    parts = urlsplit(target)
    assert parts.scheme in ("http", "https", "mailto"), target
    assert parts.netloc or parts.scheme == "mailto", target
    assert target.isprintable(), target


def check_style(style: str) -> None:
    plain = "".join(style.lower().split())
    for word in (
        "url(",
        "expression(",
        "import",
        "javascript",
        "behavior",
        "binding",
        "position:",
        "z-index",
        "\\",
        "<",
    ):
        assert word not in plain, style


def survives(source: str) -> str:
    cleaned = within(lambda: clean(f"<p>before</p>{source}<p>after</p>"), seconds=2, megabytes=100)
    check_inert(cleaned)
    check_inert(clean(cleaned))  # what a second reader makes of it is as inert
    return cleaned


def table(number: str, *payloads: str) -> dict[str, str]:
    return {f"{number}-{at:02}-{payload[:28]!r}": payload for at, payload in enumerate(payloads)}


JS = "javascript:alert(1)"
ACTIVE = table(
    "ML-28",
    "<script>alert(1)</script>", "<SCRIPT SRC=//evil.example/x.js></SCRIPT>", "<script/x>alert(1)</script>",
    "<script\n>alert(1)</script\t\n bar>", "<img src=x onerror=alert(1)>", "<img src=x oNeRrOr=alert(1)>",
    "<img/src=x/onerror=alert(1)>", "<img src=x\x0conerror=alert(1)>", "<img src=x onerror\x0b=alert(1)>",
    "<body onload=alert(1)>", "<html onmouseover=alert(1)>", "<p onclick=alert(1) style='color:red'>x</p>",
    "<details open ontoggle=alert(1)>x</details>", "<input autofocus onfocus=alert(1)>", "<video><source onerror=alert(1)>",
    "<audio src onloadstart=alert(1)>", "<marquee onstart=alert(1)>x</marquee>", "<a autofocus tabindex=1 onfocus=alert(1)>x",
    "<iframe src=https://evil.example></iframe>", f"<iframe src='{JS}'>", "<iframe srcdoc='<script>alert(1)</script>'>",
    "<object data=https://evil.example/x.swf></object>", f"<object data='{JS}'>", "<embed src=https://evil.example/x.swf>",
    "<applet code=x>", f"<form action='{JS}'><input type=submit></form>", f"<button formaction='{JS}'>x</button>",
    "<form id=a></form><input form=a name=action>", "<base href=https://evil.example/>", "<base target=_top>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>", "<meta charset=utf-7>",
    "<link rel=stylesheet href=https://evil.example/x.css>", "<link rel=prefetch href=//evil.example>",
    "<isindex action=x type=image>", "<keygen autofocus onfocus=alert(1)>", "<select onfocus=alert(1) autofocus>",
    "<textarea onfocus=alert(1) autofocus>", "<portal src=//evil.example>", "<dialog open onclose=alert(1)>x</dialog>",
    "<frameset onload=alert(1)><frame src=//evil.example></frameset>", "<svg onload=alert(1)>", "<svg><script>alert(1)</script>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>", "<svg><animate onbegin=alert(1) attributeName=x>",
    "<svg><use href='data:image/svg+xml,<svg id=x onload=alert(1)>#x'>", "<svg><foreignObject><iframe src=x></svg>",
    "<math><maction actiontype=statusline xlink:href=javascript:alert(1)>x</maction></math>", "<template><script>alert(1)",
    "<custom-tag onclick=alert(1)>x</custom-tag>", "<x:y onclick=alert(1)>x</x:y>", "<?php echo 1 ?>", "<!ELEMENT x>",
    "<![CDATA[<script>alert(1)</script>]]>", "<!--[if IE]><script>alert(1)</script><![endif]-->", "<%script>alert(1)</%script>",
    "<label for=id_text>click</label>", "<p id=text name=location class=topbar>x</p>", "<p contenteditable>x</p>",
    "<p hx-get=/ hx-trigger=load data-hx-post=/x>x</p>", "<p accesskey=x tabindex=1 slot=a is=b>x</p>",
)  # fmt: skip
MUTATING = table(
    "ML-29",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>", "<svg></p><style><a id='</style><img src=x onerror=alert(1)>'>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=x onerror=alert(1)&gt;'>",
    "<math><mi><style><!--</style><img title='--><img src=x onerror=alert(1)>'>", "<svg><title><style></title><img onerror=alert(1)>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<table><td><form><table></form><form></table></form><img src=x onerror=alert(1)>",
    "<p title='<!--'>--><img src=x onerror=alert(1)>", "<!--><img src=x onerror=alert(1)>-->", "<!---><img src=x onerror=alert(1)>-->",
    "<! --><img src=x onerror=alert(1)>", "<!--!><img src=x onerror=alert(1)>--!>", "<a title='\"><img src=x onerror=alert(1)>'>x</a>",
    "<p title='`'><p title='`><img src=x onerror=alert(1)>'>", "<xmp><p title='</xmp><img src=x onerror=alert(1)>'></xmp>",
    "<plaintext><img src=x onerror=alert(1)>", "<listing>&lt;img src=x onerror=alert(1)&gt;</listing>",
    "<noembed><img title='</noembed><img src=x onerror=alert(1)>'>", "<iframe><img title='</iframe><img src=x onerror=alert(1)>'>",
    "<textarea><img title='</textarea><img src=x onerror=alert(1)>'>", "<title><a href='</title><img src=x onerror=alert(1)>'>",
    "<select><option><style></option></select><img src=x onerror=alert(1)></style>", "<pre>\n\n<img src=x onerror=alert(1)></pre>",
    "&lt;img src=x onerror=alert(1)&gt;", "&amp;lt;script&amp;gt;alert(1)", "&#60;script&#62;alert(1)&#60;/script&#62;",
    "<p>&lt;/p&gt;&lt;script&gt;alert(1)</p>", "<a href='https://example.com/?a=&quot;onclick=&quot;alert(1)'>x</a>",
    "<img alt='`onerror=alert(1)`' data-cid='\"onerror=alert(1) x=\"'>", "<svg><desc><![CDATA[</desc><img onerror=alert(1)>]]>",
    "+ADw-script+AD4-alert(1)+ADw-/script+AD4-", "\x1b$B<script>alert(1)</script>", "＜script＞alert(1)＜/script＞",
)  # fmt: skip
NESTED = table(
    "ML-30",
    "<scr<script>ipt>alert(1)</scr</script>ipt>", "<<script>script>alert(1)<</script>/script>", "<scr\0ipt>alert(1)</scr\0ipt>",
    "<s<s<script>c>ript>alert(1)", "<img src=x onerronerrorr=alert(1) ononerrorerror=alert(1)>", "<ifr<iframe>ame src=x>",
    "<scrscriptipt>alert(1)</scrscriptipt>", "<script<script>>alert(1)</script</script>>", "<<img src=x onerror=alert(1)>",
    "<img src=x <img onerror=alert(1)>", "<a<!-- --> href=javascript:alert(1)>x", "<scr<!-- -->ipt>alert(1)", "</script><script>alert(1)",
    "<script><script></script>alert(1)</script>", "<style><style></style><img src=x onerror=alert(1)></style>",
    "<object><object></object><img src=x onerror=alert(1)></object>", "<svg><svg></svg><script>alert(1)</script></svg>",
    "<p title=<script>alert(1)</script>>x", "jav<script></script>ascript:alert(1)", "<a href=jav<x>ascript:alert(1)>x",
)  # fmt: skip
SCHEMES = {
    f"ML-31-{at:02}-{target[:24]!r}": target
    for at, target in enumerate((
        JS, "JaVaScRiPt:alert(1)", " \t\njavascript:alert(1)", "java\nscript:alert(1)", "java\tscript:alert(1)",
        "\x01\x02javascript:alert(1)", "javascript&colon;alert(1)", "javascript&#58alert(1)", "&#x6A;avascript:alert(1)",
        "&#0000106avascript:alert(1)", "java&NewLine;script:alert(1)", "java&Tab;script:alert(1)", "\u00a0javascript:alert(1)",
        "\u2028javascript:alert(1)", "\u200bjavascript:alert(1)", "javascript\uff1aalert(1)", "vbscript:msgbox(1)",
        "livescript:x", "mocha:x", "data:text/html,<script>alert(1)</script>", "data:text/html;base64,PHNjcmlwdD4=",
        "data:image/svg+xml,<svg onload=alert(1)>", "DATA:x", "file:///etc/passwd", "blob:https://example.com/1", "filesystem:x",
        "about:blank", "chrome://settings", "view-source:javascript:x", "jar:https://example.com!/x", "feed:javascript:alert(1)",
        "ms-its:x", "mhtml:x", "res://x", "ldap://x", "smb://x", "\\\\evil.example\\share", "ws://x", "ftp://x", "tel:1", "sms:1",
        "intent://x#Intent;end", "ms-msdt:/id x", "search-ms:query=x", "/admin/", "//evil.example", "\\/\\/evil.example", "#top",
        "?status=solved", "tickets/HD-10/", "https:evil.example", "https:///", "http:\\\\evil", "javascript://example.com/%0aalert(1)",
        "https\n://x", "mailto", ":", "", "https://", "http://[::1", "cid:a@b",
    ))
}  # fmt: skip
STYLES = {
    f"ML-32-{at:02}-{style[:24]!r}": style
    for at, style in enumerate((
        "background:url(https://evil.example/x)", "background-image:u\\72l(https://evil.example)", "background:URL('//evil.example')",
        "list-style:url(x)", "content:url(x)", "cursor:url(x),auto", "border-image:url(x) 1", "src:url(x)", "mask:url(x)", "filter:url(#x)",
        "width:expression(alert(1))", "width:exp/**/ression(alert(1))", "width:\\65xpression(alert(1))", "behavior:url(x.htc)",
        "-moz-binding:url(x)", "@import 'https://evil.example/x.css'", "position:fixed;top:0;left:0;width:100%;height:100%",
        "position:absolute;z-index:9999", "display:none", "opacity:0", "transform:scale(99)", "margin:-9999px;clip-path:inset(0)",
        "color:red;}</style><script>alert(1)</script>", "color:red\"onclick=\"alert(1)", "color:red'onclick='alert(1)", "color:var(--x)",
        "--x:url(x);color:red", "width:attr(x)", "animation:x 1s", "image-set('x' 1x)", "background:image-set('//evil.example' 1x)",
        "background:cross-fade(url(x),url(y))", "color:red;/*", "*/color:red", "{}*{position:fixed}", "color:rgb(url(x))", "color:\ud800",
        "background:-webkit-image-set(url(x) 1x)", "background:element(#x)", "font:url(x)", "font-family:'x;background:url(y)'",
        "width:calc(100vw + 9999px)", "pointer-events:none", "float:left;position:sticky", "background:\\000075rl(x)", "background:u\\\nrl(x)",
    ))
}  # fmt: skip
LOADING = table(
    "ML-33",
    "<img src=https://evil.example/x.gif>", "<img srcset='https://evil.example/x.gif 2x'>", "<img src=//evil.example/x>",
    "<img src=/tickets/HD-10/status/>", "<img src=http://127.0.0.1:8000/admin/logout/>", "<img src=http://169.254.169.254/latest>",
    "<img src=http://testserver/admin/logout/>", "<img src=//TESTSERVER./admin/logout/>",
    "<img src=http://[::1]/x>", "<img src=http://intranet/x>", "<img lowsrc=//evil.example dynsrc=//evil.example>", "<img src='data:text/html,x'>",
    "<table background=https://evil.example/x><td background=//evil.example>x</table>", "<body background=//evil.example>",
    "<p style='background:url(//evil.example)'>x</p>", "<video poster=//evil.example src=//evil.example></video>",
    "<picture><source srcset=//evil.example><img src=x></picture>", "<audio src=//evil.example>", "<track src=//evil.example>",
    "<input type=image src=//evil.example>", "<link rel=icon href=//evil.example>", "<link rel=dns-prefetch href=//evil.example>",
    "<a href=https://example.com ping=//evil.example>x</a>", "<style>@import '//evil.example';</style>", "<img src=file:///etc/passwd>",
    "<style>@font-face{src:url(//evil.example)}</style>", "<svg><image href=//evil.example></svg>", "<blockquote cite=//evil.example>x",
    "<object data=//evil.example>", "<img usemap=#m><map name=m><area href=//evil.example></map>", "<q cite=/admin/>x</q>",
    "<meta http-equiv=Link content='<//evil.example>; rel=preload'>", "<html manifest=//evil.example>", "<iframe src=/admin/>",
    "<img src=x longdesc=//evil.example crossorigin referrerpolicy=unsafe-url loading=eager>", "<img src='\\\\evil.example\\x'>",
)  # fmt: skip


@pytest.mark.req("ML-28", "ML-29", "ML-30", "ML-33")
@cases(ACTIVE | MUTATING | NESTED | LOADING)
def test_nothing_of_it_acts_or_loads(case: str) -> None:
    assert "before" in Seen(survives(case)).words


@pytest.mark.req("ML-31")
@cases(SCHEMES)
def test_a_link_leads_out_or_nowhere(case: str) -> None:
    for quote in ('"', "'"):
        survives(f"<a href={quote}{case}{quote}>x</a><img src={quote}{case}{quote}><area href={quote}{case}{quote}>")


@pytest.mark.req("ML-32")
@cases(STYLES)
def test_a_style_neither_loads_nor_covers(case: str) -> None:
    survives(f'<p style="{entities.escape(case)}">x</p><style>{case}</style><font style="{case}">x</font>')


def frame(desk: Client, query: str = "") -> str:
    """The document of the sandboxed frame on the page of the only ticket."""
    page = desk.get(f"/tickets/{Ticket.objects.get().number}/{query}").content.decode()
    tags = [attributes for tag, attributes in Seen(page).tags if tag == "iframe"]
    assert (
        len(tags) == 1 and "allow-scripts" not in tags[0]["sandbox"] and "allow-same-origin" not in tags[0]["sandbox"]
    )
    return tags[0]["srcdoc"]


@pytest.mark.req("ML-28", "ML-33")
def test_ml_28_ml_33_the_page_frames_the_mail_and_loads_nothing(receive: Receive, desk: Client) -> None:
    payloads = "".join([*ACTIVE.values(), *LOADING.values()][:60])
    receive(html(f"<p>Our printer burns.</p>{payloads}".encode("utf-8", "replace")))

    document = frame(desk)

    seen = Seen(document.partition("<body>")[2])
    assert "Our printer burns." in seen.words
    assert not {tag for tag, _ in seen.tags} - (policy.TAGS - ACTING_TAGS)
    assert not [attributes for _, attributes in seen.tags if "src" in attributes]
    assert "default-src 'none'" in document and "img-src data:;" in document


@pytest.mark.req("ML-33")
def test_ml_33_after_the_click_only_the_outside_is_asked(receive: Receive, desk: Client) -> None:
    receive(html("".join(LOADING.values()).encode()))

    seen = Seen(frame(desk, f"?images={Ticket.objects.get().notes.get().pk}"))

    sources = [attributes["src"] for tag, attributes in seen.tags if tag == "img" and "src" in attributes]
    assert {urlsplit(source).hostname for source in sources} == {"evil.example"}


TEMPLATES = ("{{ 7*7 }}", "{% debug %}", "{{ settings.SECRET_KEY }}", "{% include 'admin/base.html' %}", "${7*7}", "#{7*7}",
             "<%= 7*7 %>", "{{constructor.constructor('alert(1)')()}}", "{{request.user.password}}", "%(title)s {title} {0.__class__}",
             "[[7*7]]", "*{7*7}", "@(7*7)", "{php}echo 7*7;{/php}", "{# hidden #}", "{% load static %}{% csrf_token %}")  # fmt: skip


@pytest.mark.req("ML-34")
@pytest.mark.parametrize("code", TEMPLATES, ids=lambda code: f"ML-34-{code}")
def test_template_code_is_text(code: str, receive: Receive, desk: Client) -> None:
    raw = mail(
        subject=b"Subject: " + code.encode(),
        sender=b'From: "' + code.encode() + b'" <ann@example.com>',
        body=b"Words: " + code.encode(),
    )
    receive(raw)
    ticket = Ticket.objects.get()

    pages = [desk.get(address).content.decode() for address in (f"/tickets/{ticket.number}/", "/")]

    assert ticket.title == code and ticket.notes.get().text == f"Words: {code}"
    assert code in Seen(pages[0]).words and code in Seen(pages[1]).words


@pytest.mark.req("ML-34")
def test_ml_34_template_code_in_html_and_in_a_file_name(receive: Receive, desk: Client) -> None:
    receive(with_file(b'filename="{{ 7*7 }}{% debug %}.txt"'))
    receive(html(b"<p>{{ 7*7 }} {% debug %} {body} {images}</p>", message_id=b"Message-ID: <2@example.com>"))
    first, second = Ticket.objects.order_by("pk")

    assert "{{ 7*7 }}{% debug %}.txt" in Seen(desk.get(f"/tickets/{first.number}/").content.decode()).words
    assert "{{ 7*7 }} {% debug %} {body} {images}" in entities.unescape(
        desk.get(f"/tickets/{second.number}/").content.decode()
    )
