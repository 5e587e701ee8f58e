"""How mail programs announce the mail that is being answered, in the languages of their users."""

from __future__ import annotations

import re
from collections.abc import Sequence

LONGEST_LINE = 300  # no mail program writes longer announcements
LONGEST_ATTRIBUTION = 6  # lines
HEADER_LINES = 8


def _words(text: str) -> str:
    return "|".join(re.escape(word) for word in text.split(","))


_WROTE = _words(
    "wrote,sent,writes,schrieb,a écrit,écrit,escribió,ha escrito,scrisse,ha scritto,schreef,geschreven,skrev,"
    "napisał,napisał(a),napisała,написал,написала,пишет,написав,escreveu,đã viết,kirjoitti,írta,yazdı,napsal,napísal,"
    "έγραψε,写道,写到,寫道,のメッセージ,書きました,작성"
)
_ON = _words("On,Le,Am,El,Il,Op,Den,På,Em,No dia,W dniu,Dnia,Vào,Dne,Dňa,Στις,Tarihinde,V,В,Il giorno,El día")
_DAYS = _words("Mon,Tue,Wed,Thu,Fri,Sat,Sun,Mo,Di,Mi,Do,Fr,Sa,So,Пн,Вт,Ср,Чт,Пт,Сб,Вс")

#: "… Jane Doe wrote:", "… schrieb Jane Doe:", "… wrote ----".
_VERB = re.compile(rf"(?:{_WROTE})\s*(?:[^:：]{{0,60}}[:：][\s*]*|[\s*]*-{{2,20}}\s*)$", re.IGNORECASE)
#: "2014-10-17 11:28 Jane Doe <jane@example.com>:"
_CLOSES = re.compile(r"[>)\"]\s*[:：]\s*$")
#: "---- Jane Doe wrote ----", as some phones write it.
_DASHED = re.compile(rf"^\s*-{{2,}}\s*[^-]{{1,100}}\b(?:{_WROTE})\s*-{{2,}}\s*$", re.IGNORECASE)
#: "2011/4/7 Jane Doe <jane@example.com>" with nothing behind it; it needs a quote right below to count.
_BARE = re.compile(r"^\s*\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b[^<>]{0,100}<[^<>@\s]{1,80}@[^<>\s]{1,80}>\s*$")
_BEGINS = re.compile(
    rf"(?:^|(?<=\s)|(?<=-))[\s*-]*(?:(?:{_ON})\b(?=.*\d)|(?:{_DAYS})\w*[.,]\s*\d)|^[\s*-]*\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}}"
)
#: Without a quote below, a clock time or an address it is just a sentence.
_CERTAIN = re.compile(r"\d[:.h]\d\d|[\w.+-]@[\w-]")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+")

_ORIGINALS = _words(
    "original message,original email,original e-mail,original appointment,reply message,ursprüngliche nachricht,"
    "ursprüngliche mail,original-nachricht,originalnachricht,antwort nachricht,message d'origine,message d’origine,"
    "message original,mensaje original,messaggio originale,mensagem original,oorspronkelijk bericht,origineel bericht,"
    "oprindelig meddelelse,ursprungligt meddelande,opprinnelig melding,alkuperäinen viesti,wiadomość oryginalna,"
    "původní zpráva,исходное сообщение,пересылаемое сообщение,eredeti üzenet,orijinal mesaj,原始邮件,原始郵件,"
    "元のメッセージ,원본 메시지"
)
_ORIGINAL = re.compile(rf"^[\s>*]*[-_=]{{2,}}\s*(?:{_ORIGINALS})\s*[-_=]{{2,}}\s*$", re.IGNORECASE)
_FORWARDS = _words(
    "forwarded message,weitergeleitete nachricht,message transféré,mensaje reenviado,messaggio inoltrato,"
    "mensagem encaminhada,doorgestuurd bericht,videresendt meddelelse,vidarebefordrat meddelande,"
    "przekazana wiadomość,пересланное сообщение,转发,転送"
)
_FORWARD = re.compile(rf"^[\s*]*(?:[-_=]{{2,}}\s*|begin )(?:{_FORWARDS})\b", re.IGNORECASE)

_LABELS = {
    "from": "from,von,de,da,van,fra,från,od,lähettäjä,от,kimden,feladó,寄件者,发件人,差出人,보낸 사람",
    "date": "date,sent,sent at,datum,gesendet,gesendet am,envoyé,date d'envoi,enviado,enviado el,fecha,data,inviato,"
    "data invio,verzonden,sendt,dato,skickat,wysłano,lähetetty,дата,отправлено,gönderme tarihi,elküldve,"
    "发送时间,送信日時",
    "to": "to,an,à,a,para,aan,til,till,do,vastaanottaja,кому,kime,címzett,收件者,收件人,宛先",
    "cc": "cc,kopie,kopi,copie,копия",
    "subject": "subject,betreff,objet,asunto,oggetto,assunto,onderwerp,emne,ämne,temat,aihe,тема,konu,tárgy,"
    "主题,主旨,件名",
}
_MEANING = {word: meaning for meaning, words in _LABELS.items() for word in words.split(",")}
_LABEL = re.compile(r"^[\s>*|]*([^\W\d_][^:：<>@\n]{0,20}?)\s*\*?\s*[:：]\*?\s")


def is_forward(line: str) -> bool:
    return len(line) <= LONGEST_LINE and _FORWARD.match(line) is not None


def announces_original(line: str) -> bool:
    """`-----Original Message-----`"""
    return len(line) <= LONGEST_LINE and (_ORIGINAL.match(line) or _DASHED.match(line)) is not None


def is_header_block(lines: Sequence[str], at: int) -> bool:
    """`From: … Sent: … To: … Subject: …`, as Outlook writes above the mail that is answered."""
    if _meaning(lines[at]) not in ("from", "date", "subject"):
        return False
    block = lines[at : at + HEADER_LINES]
    end = next((number for number, line in enumerate(block) if not line.strip()), len(block))
    block = block[:end]
    meanings = {_meaning(line) for line in block} - {""}
    named = {"from", "date"} & meanings
    return bool(named) and (len(meanings) > 2 or (len(meanings) == 2 and any(_ADDRESS.search(x) for x in block)))


def _meaning(line: str) -> str:
    found = _LABEL.match(f"{line[:LONGEST_LINE]} ")
    return _MEANING.get(found[1].strip(" *").lower(), "") if found else ""


def is_bare_attribution(line: str) -> bool:
    return len(line) <= LONGEST_LINE and _BARE.match(line) is not None


def attribution(lines: Sequence[str], end: int) -> tuple[int, int] | None:
    """If a line ends an attribution (`On …, Jane Doe wrote:`), the line and the column where that begins."""
    tail = lines[end][-100:]
    if len(lines[end]) > LONGEST_LINE or not (_VERB.search(tail) or _CLOSES.search(tail)):
        return None
    quoted = any(line.startswith(">") for line in lines[end + 1 : end + 4])
    for start in range(end, max(end - LONGEST_ATTRIBUTION, -1), -1):
        begins = _BEGINS.search(lines[start][:LONGEST_LINE])
        said = " ".join(lines[start : end + 1])
        sure = begins and (quoted or _CERTAIN.search(said, begins.start()))
        if begins and sure and (_VERB.search(said) or _ADDRESS.search(said)):
            return start, begins.start()
        if len(said) > LONGEST_LINE:
            break
    if _VERB.search(lines[end]) and _ADDRESS.search(lines[end]):
        return end, 0
    return None
