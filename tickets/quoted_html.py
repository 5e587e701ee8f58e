"""Which part of an HTML mail repeats earlier mails; it is folded, never removed."""

from __future__ import annotations

from itertools import dropwhile

from lxml import etree

#: Gmail, Apple Mail and Thunderbird, Yahoo, Proton, Zimbra and our own answers.
_QUOTE_CLASSES = frozenset({"gmail_quote", "gmail_quote_container", "yahoo_quoted", "protonmail_quote", "zmail_extra"})


def fold_quotes(body: etree._Element) -> None:
    """Puts the last quoted history into <details>; open when what is to be read is nowhere else."""
    quote = next((each for each in body.iter("div", "blockquote") if _is_quote(each)), None)
    parent = quote.getparent() if quote is not None else None
    if quote is None or parent is None:
        return
    fold = etree.SubElement(parent, "details")
    fold.tail, quote.tail = quote.tail, None
    parent.replace(quote, fold)
    etree.SubElement(fold, "summary").text = "Quoted text"
    if not _other_words(body) or _is_answered_inside(quote):
        fold.set("open", "open")
    fold.append(quote)


def _is_quote(element: etree._Element) -> bool:
    classes = set(element.get("class", "").split())
    return bool(classes & _QUOTE_CLASSES) or (element.tag == "blockquote" and element.get("type") == "cite")


def _other_words(body: etree._Element) -> bool:
    return bool(_text(body).replace("Quoted text", "", 1).strip())


def _is_answered_inside(quote: etree._Element) -> bool:
    """Somebody wrote between the quoted lines, and so Gmail cut its blockquote in two."""
    behind_first = dropwhile(lambda each: each.tag != "blockquote", quote)
    return any((each.tail or "").strip() or (each.tag != "blockquote" and _text(each).strip()) for each in behind_first)


def _text(element: etree._Element) -> str:
    return etree.tostring(element, method="text", encoding="unicode", with_tail=False)
