"""The new words of a reply."""

from __future__ import annotations

import time

import pytest

from mailchannel.parsing.mime import parse
from mailchannel.parsing.quotes import new_words, without_history

ADDRESS = "Support <support@example.com>"

ATTRIBUTIONS = {
    "English": f"On Mon, Mar 3, 2025 at 9:12 AM {ADDRESS} wrote:\n> Is it on?",
    "English, no quote marks": "On Mon, Mar 3, 2025 at 9:12 AM Support\n<support@example.com>\nwrote:\n\nIs it on?",
    "English, wrapped twice": "On Monday, 3 March 2025 at 09:12, Support\n\n<\nsupport@example.com\n> wrote:\nIs it on?",
    "English, day first": "Mon, 3 Mar 2025 09:12:34 +0100, Support <support@example.com> wrote:\n> Is it on?",
    "English, name first": "Support <support@example.com> wrote on Mon, 3 Mar 2025 at 09:12:\n\nIs it on?",
    "English, in dashes": "---- On Mon, 03 Mar 2025 09:12:34 +0100 Support <support@example.com> wrote ----\n\nIs it on?",
    "English, dated message": "In a message dated 3/3/2025 9:12:34 AM, support@example.com writes:\n\n> Is it on?",
    "English, in an own quote": "On 3 Mar 2025, at 09:12, Support <support@example.com> wrote:\n\n\n> Is it on?\n> \n>",
    "mailto": "On 3 Mar 2025, at 09:12, Support <support@example.com<mailto:support@example.com>> wrote:\n\nIs it on?",
    "quoting": "Quoting Support <support@example.com>:\n\n> Is it on?",
    "phone": "---- Support wrote ----\n\n> Is it on?",
    "no colon": f"On Mon, Mar 3, 2025, 9:12 AM {ADDRESS} wrote\n\n> Is it on?",
    "no verb": '03.03.2025, 09:12, "Support" <support@example.com>:\n> Is it on?',
    "no verb, no quote marks": f"2025-03-03 9:12 GMT+01:00 {ADDRESS}:\n\nIs it on?",
    "no verb, no colon": f"2025/3/3 {ADDRESS}\n\n> Is it on?",
    "German": "Am 03.03.2025 um 09:12 schrieb Support:\n> Ist er an?",
    "German, no time": "Am 3. März schrieb Support:\n\n> Ist er an?",
    "German, name first": f"{ADDRESS} schrieb am Mo., 3. März 2025, 09:12:\n\n> Ist er an?",
    "German, wrapped": "Am Mo., 3. März 2025 um 09:12 Uhr schrieb Support Team <\nsupport@example.com>:\n\n> Ist er an?",
    "German, Horde": "Zitat von Support <support@example.com>:\n\n> Ist er an?",
    "French": f"Le lun. 3 mars 2025 à 09:12, {ADDRESS} a écrit :\n> Est-elle allumée ?",
    "Spanish": "El lun, 3 mar 2025 a las 9:12, Support (<support@example.com>) escribió:\n> ¿Está encendida?",
    "Italian": f"Il giorno lun 3 mar 2025 alle ore 09:12 {ADDRESS} ha\nscritto:\n\n> È accesa?",
    "Dutch": f"Op 3 mrt. 2025 om 09:12 heeft {ADDRESS} het volgende geschreven:\n> Staat hij aan?",
    "Portuguese": f"{ADDRESS} escreveu no dia segunda, 3/03/2025 à(s) 09:12:\n\n> Está ligada?",
    "Brazilian": f"Em seg., 3 de mar. de 2025 às 09:12, {ADDRESS}\nescreveu:\n\n> Está ligada?",
    "Swedish": f"Den mån 3 mars 2025 kl 09:12 skrev {ADDRESS}:\n\n> Är den på?",
    "Danish": f"Den man. 3. mar. 2025 kl. 09.12 skrev {ADDRESS}:\n\n> Er den tændt?",
    "Norwegian": f"man. 3. mars 2025 kl. 09:12 skrev {ADDRESS}:\n\n> Er den på?",
    "Finnish": "ma 3. maalisk. 2025 klo 9.12 Support (support@example.com) kirjoitti:\n\n> Onko se päällä?",
    "Polish": f"pon., 3 mar 2025 o 09:12 {ADDRESS} napisał(a):\n\n> Czy jest włączona?",
    "Polish, day": f"W dniu 3.03.2025 o 09:12, {ADDRESS} pisze:\n> Czy jest włączona?",
    "Czech": f"po 3. 3. 2025 v 9:12 odesílatel {ADDRESS} napsal:\n\n> Je zapnutá?",
    "Slovak": f"po 3. 3. 2025 o 9:12 {ADDRESS} napísal(a):\n\n> Je zapnutá?",
    "Russian": "03.03.2025 09:12, Support <support@example.com> пишет:\n> Он включён?",
    "Russian, no verb": f"пн, 3 мар. 2025 г. в 09:12, {ADDRESS}:\n\n> Он включён?",
    "Ukrainian": f"пн, 3 бер. 2025 р. о 09:12 {ADDRESS} пише:\n\n> Він увімкнений?",
    "Turkish": f"{ADDRESS}, 3 Mar 2025 Pzt, 09:12 tarihinde şunu yazdı:\n\n> Açık mı?",
    "Hungarian": f"{ADDRESS} ezt írta (időpont: 2025. márc. 3., H, 9:12):\n\n> Be van kapcsolva?",
    "Romanian": f"În lun., 3 mar. 2025 la 09:12, {ADDRESS} a scris:\n\n> Este pornită?",
    "Japanese": f"2025年3月3日(月) 9:12 {ADDRESS}:\n\n> 電源は入っていますか。",
    "Chinese": f"{ADDRESS} 于2025年3月3日周一 09:12写道：\n\n> 打开了吗？",
    "Chinese, NetEase": '在 2025-03-03 09:12:34，"Support" <support@example.com> 写道：\n\n打开了吗？',
    "Korean": f"2025년 3월 3일 (월) 오전 9:12, {ADDRESS}님이 작성:\n\n> 켜져 있나요?",
    "Vietnamese": f"Vào Th 2, 3 thg 3, 2025 vào lúc 09:12 {ADDRESS} đã viết:\n\n> Đã bật chưa?",
    "Greek": f"Στις Δευ 3 Μαρ 2025 στις 9:12 π.μ., ο χρήστης {ADDRESS} έγραψε:\n\n> Είναι ανοιχτό;",
    "a language nobody listed": f"Hari Senin 3 Maret 2025 jam 9:12 {ADDRESS} katanya:\n\n> Apakah menyala?",
    "original message": "-----Original Message-----\nWhatever",
    "original message, phone": "-------- Original message --------\nFrom: Support\n\nIs it on?",
    "Nachricht": "-----Ursprüngliche Nachricht-----\nWas auch immer",
    "Chinese original": "------------------ 原始邮件 ------------------\n发件人: Support\n\n打开了吗？",
    "Korean original": "-----원본 메시지-----\n켜져 있나요?",
    "Ukrainian original": "-------- Оригінальне повідомлення --------\nВін увімкнений?",
    "only a quote": "> Is it on?\n>\n> Support",
    "link breaks the quote": (
        "On Mon, Mar 3, 2025 at 9:12 AM Support wrote:\n\n> See\n (https://example.com/c/1) >\n> there (https://example.com/a\nb=2)\n>"
    ),
}

HEADERS = {
    "English": ("From", "Sent", "To", "Subject"),
    "English, date first": ("Date", "From", "To", "Subject"),
    "bold": ("*From:", "*Sent:", "*To:", "*Subject:"),
    "German": ("Von", "Gesendet", "An", "Betreff"),
    "French": ("De ", "Envoyé ", "À ", "Objet "),
    "Spanish": ("De", "Enviado el", "Para", "Asunto"),
    "Italian": ("Da", "Inviato", "A", "Oggetto"),
    "Dutch": ("Van", "Verzonden", "Aan", "Onderwerp"),
    "Portuguese": ("De", "Enviado", "Para", "Assunto"),
    "Swedish": ("Från", "Skickat", "Till", "Ämne"),
    "Danish": ("Fra", "Sendt", "Til", "Emne"),
    "Finnish": ("Lähettäjä", "Lähetetty", "Vastaanottaja", "Aihe"),
    "Polish": ("Od", "Wysłano", "Do", "Temat"),
    "Czech": ("Od", "Odesláno", "Komu", "Předmět"),
    "Russian": ("От", "Отправлено", "Кому", "Тема"),
    "Ukrainian": ("Від", "Надіслано", "Кому", "Тема"),
    "Turkish": ("Kimden", "Gönderildi", "Kime", "Konu"),
    "Hungarian": ("Feladó", "Elküldve", "Címzett", "Tárgy"),
    "Japanese": ("差出人", "送信日時", "宛先", "件名"),
    "Chinese": ("发件人", "发送时间", "收件人", "主题"),
    "Taiwanese": ("寄件者", "寄件日期", "收件者", "主旨"),
    "Korean": ("보낸 사람", "보낸 날짜", "받는 사람", "제목"),
    "Vietnamese": ("Từ", "Đã gửi", "Đến", "Chủ đề"),
    "Greek": ("Από", "Στάλθηκε", "Προς", "Θέμα"),
}

SIGNATURES = [
    "-- \nAna Costa\nClient Ltd",
    "--\nAna",
    "—\nAna",
    "Sent from my iPhone",
    "Sent from Outlook for Android<https://aka.example/x>",
    "Get Outlook for iOS<https://aka.example/x>\n________________________________",
    "Von meinem iPhone gesendet",
    "Diese Nachricht wurde von meinem Android-Gerät mit WEB.DE Mail gesendet.",
    "Envoyé de mon iPhone",
    "Enviado desde mi iPhone",
    "Inviato da iPhone",
    "Verstuurd vanaf mijn iPhone",
    "Enviado do meu iPhone",
    "Skickat från min iPhone",
    "Sendt fra min iPhone",
    "Lähetetty iPhonesta",
    "Wysłane z iPhone'a",
    "Odesláno z iPhonu",
    "Отправлено с iPhone",
    "Надіслано з iPhone",
    "iPhone'umdan gönderildi",
    "Elküldve az iPhone-omról",
    "iPhoneから送信",
    "发自我的iPhone",
    "나의 iPhone에서 보냄",
    "Đã gửi từ iPhone của tôi",
    "Στάλθηκε από το iPhone μου",
    "-- \nAna\n\nSent from my iPhone",
    "_______________________________________________\nprinters mailing list\nprinters@lists.example",
]

REPLY_LINES = [
    "##- Please type your reply above this line -##",
    "##- Bitte schreiben Sie Ihre Antwort oberhalb dieser Zeile -##",
    "##- Texte libre -##",
    "-- Please reply above this line --",
    "=-=-= Please reply above this line =-=-=",
    "— Reply above this line —",
    "Reply above this line.",
    "Write ABOVE THIS LINE to post a reply",
    "--- Antworten Sie bitte über dieser Linie ---",
    "=-=-= Veuillez répondre au-dessus de cette ligne =-=-=",
    "--- Por favor, responda por encima de esta línea ---",
    "--- Rispondere sopra questa riga ---",
    "--- Reageer boven deze regel ---",
    "--- Responda acima desta linha ---",
    "--- Пожалуйста, отвечайте выше этой линии ---",
    "--- この行より上にご返信ください ---",
]


@pytest.mark.parametrize("history", ATTRIBUTIONS.values(), ids=ATTRIBUTIONS.keys())
def test_the_history_below_an_answer_is_cut(history: str) -> None:
    assert without_history(f"It works again.\n\nThank you!\n\n{history}\n") == "It works again.\n\nThank you!"


@pytest.mark.parametrize("labels", HEADERS.values(), ids=HEADERS.keys())
@pytest.mark.parametrize("rule", ["", "_" * 32 + "\n"], ids=["bare", "ruled"])
def test_the_headers_of_the_old_mail_end_the_new_one(labels: tuple[str, ...], rule: str) -> None:
    values = ("Support [mailto:support@example.com]", "3. 3. 2025 9:12", "Ana", "Printer")
    colon = "* " if labels[0].startswith("*") else ": "
    block = "\n".join(f"{label}{colon}{value}" for label, value in zip(labels, values, strict=True))

    assert without_history(f"It works again.\n\n{rule}{block}\n\nIs it on?") == "It works again."


def test_headers_run_together_in_one_line_are_headers() -> None:
    line = "From: Support <support@example.com> Sent: Monday To: Ana Subject: Printer"

    assert without_history(f"It works.\n\n{line}\n\nIs it on?") == "It works."


@pytest.mark.parametrize("line", REPLY_LINES)
def test_a_line_that_asks_to_reply_above_it_ends_the_answer(line: str) -> None:
    assert without_history(f"It works.\n\n{line}\n\nIs it on?") == "It works."


def test_an_announcement_nobody_knows_goes_with_the_reply_line_below_it() -> None:
    text = f"It works.\n\nHari Senin 3 Maret jam 9, Support katanya:\n\n{REPLY_LINES[0]}\nIs it on?"

    assert without_history(text) == "It works."


@pytest.mark.parametrize(
    "text",
    [
        "Just text.\n\nTwo paragraphs.",
        "FYI\n\n---------- Forwarded message ----------\nFrom: a@x.example\nDate: today\nSubject: x\n\nText",
        "Zur Info\n\nAnfang der weitergeleiteten Nachricht:\n\nVon: a@x.example\nDatum: heute\nBetreff: x\n\nText",
        "My boss wrote:\nthe printer is broken.",
        "On Monday the display said:\n\nPaper jam.",
        "Hello,\n\nas Ana <ana@example.com> wrote:\n\nthe printer is broken.",
        "From: Lisbon\nTo: Porto\nplease book a train.",
        "A form was sent:\n\nFrom: ana@example.com\nDate: 3 March 2025\nSubject: Printer\n\nIt is broken.",
        "Date: Monday\nRoom: 12\nWe need a projector there.",
        "On 4 May the technician wrote: nothing to do.",
        "Please call ana@example.com about these:\n- printer\n- screen",
        "I wrote this above this line of the form, but it was not sent.",
        "> Is it on?\nYes.\n> And the paper?\nNo paper.",
        "> Only a quote",
        "The command is\n> ls -l\nand it fails.",
        "Text -- with a dash\n--- and more",
        "The parcel never came.\n\nSent with the usual carrier on Monday.",
        "Name: Ana\n--\n" + "Line\n" * 20 + "End",
        "From: support@example.com\nSent: Monday\nTo: Ana\nSubject: x\n\nThe only text.",
        "-- \nAll there is stands below the mark.",
        "",
    ],
)
def test_when_unsure_everything_is_new(text: str) -> None:
    assert without_history(text, answers=False) == text


def test_an_answer_below_or_around_the_quote_stays() -> None:
    quote = "On Mon, Mar 3, 2025 at 9:12 AM Support <support@example.com> wrote:\n> Is it on?\n"

    assert without_history(f"{quote}\nYes, it is.") == "Yes, it is."
    assert without_history(f"Hello,\n{quote}\nYes, it is.") == "Hello,\n\nYes, it is."
    assert without_history(f"{quote}\nYes, it is.\n\n> Regards,\n> Support\n") == "Yes, it is."


def test_answers_between_quoted_lines_stay_with_the_questions() -> None:
    announcement = "On Mon, Mar 3, 2025 at 9:12 AM Support <support@example.com> wrote:\n"
    answers = "> Is it on?\n\nYes.\n\n> Has it paper?\n\nNo."

    assert without_history(f"{announcement}\n{answers}\n\n> Regards\n\n-- \nAna") == answers


@pytest.mark.parametrize("signature", SIGNATURES)
def test_a_signature_is_cut(signature: str) -> None:
    assert without_history(f"It works.\n\n{signature}\n") == "It works."


def test_a_signature_above_the_history_is_cut_too() -> None:
    history = ATTRIBUTIONS["English"]

    assert without_history(f"It works.\n\nSent from my iPhone\n\n{history}") == "It works."


def test_a_disclaimer_stays() -> None:
    text = "It works.\n\nThis mail may be confidential. If it is not meant for you, please delete it."

    assert without_history(text) == text


@pytest.mark.parametrize("prefix", ["WG", "Fwd", "[staff] Fwd", "FW", "TR", "RV", "VL", "PD", "İLT", "转发", "전달"])
def test_a_forwarded_mail_is_new_as_a_whole(prefix: str) -> None:
    text = "Look:\n\nFrom: a@x.example\nSent: today\nTo: b@x.example\nSubject: Offer\n\nThe offer."

    assert new_words(parse(f"Subject: {prefix}: Offer\n\n{text}".encode())) == text


@pytest.mark.parametrize(
    "prefix", ["Re", "[staff] Re", "AW", "SV", "Antw", "Odp", "VS", "YNT", "RES", "R", "RE[2]", "回复", "답장"]
)
def test_a_quote_without_announcement_counts_only_in_an_answer(prefix: str) -> None:
    text = "Look at this:\n> an error message"

    assert new_words(parse(f"Subject: Error\n\n{text}".encode())) == text
    assert new_words(parse(f"Subject: {prefix}: Error\n\n{text}".encode())) == "Look at this:"


@pytest.mark.parametrize(
    "line",
    [
        "On 1 Jan 2020 10:00 x",
        "x wrote:",
        "On Monday, 1 January 2020 at 10:00 x@x.example wrote",
        ">",
        "> (http://x",
        "From: a@b",
        "From: a@b Date: x " * 15,
        "Sent from my ",
        "##-",
        "On 1/1/20 wrote: wrote: ",
        "- On 1 " * 60 + " wrote:",
        "-" * 490,
        "-" * 299,
        "1/1/20 " * 60 + ">:",
        " " * 400,
        " " * 290 + "wrote:",
        "a" * 490 + "@",
        "a@b " * 70 + "2020 10:00:",
    ],
)
def test_hostile_text_costs_little(line: str) -> None:
    text = f"{line}\n" * (1_000_000 // len(line))
    started = time.process_time()

    without_history(text)
    without_history("x\n" + f"{line} " * (1_000_000 // len(line)))

    assert time.process_time() - started < 5
