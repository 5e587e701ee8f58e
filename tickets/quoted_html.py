"""Which part of an HTML mail repeats earlier mails; it is folded, never removed."""

from __future__ import annotations

from lxml import etree
from lxml import html as lxml_html

#: Gmail, Apple Mail and Thunderbird, Yahoo, Proton, Zimbra and our own answers.
_QUOTE_CLASSES = frozenset({"gmail_quote", "gmail_quote_container", "yahoo_quoted", "protonmail_quote", "zmail_extra"})


def fold_quotes(body: lxml_html.HtmlElement) -> None:
    """Puts the last quoted history into <details>; open when there is nothing else to read."""
    quote = next((each for each in body.iter("div", "blockquote") if _is_quote(each)), None)
    parent = quote.getparent() if quote is not None else None
    if quote is None or parent is None:
        return
    fold = etree.SubElement(parent, "details")
    fold.tail, quote.tail = quote.tail, None
    parent.replace(quote, fold)
    etree.SubElement(fold, "summary").text = "Quoted text"
    if not _other_words(body):
        fold.set("open", "open")
    fold.append(quote)


def _is_quote(element: lxml_html.HtmlElement) -> bool:
    classes = set(element.get("class", "").split())
    return bool(classes & _QUOTE_CLASSES) or (element.tag == "blockquote" and element.get("type") == "cite")


def _other_words(body: lxml_html.HtmlElement) -> bool:
    return bool("".join(body.itertext()).replace("Quoted text", "", 1).strip())
