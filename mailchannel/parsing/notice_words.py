"""The words of vacation notices, read receipts and the like. Compare them with `plain` text only."""

from __future__ import annotations

from mailchannel.parsing.plain_words import phrases, starting_with

#: How mail programs begin the subject of a vacation notice.
AWAY_SUBJECT = starting_with(r"""
auto(?:matic|mated|matisch)?[- ]?(?:reply|response|responder|answer)\b
auto ?:
out of (?:the )?office
ooo\b
(?:i am |i'm )?(?:on|away on) (?:vacation|holiday|annual leave)
away from (?:my|the) (?:mail|office|desk)
vacation (?:reply|response|message|notice)
automatische (?:antwort|rückmeldung)
abwesen
nicht im (?:büro|haus)
außer haus
urlaubs(?:benachrichtigung|meldung|abwesenheit)
réponse automatique
(?:message d')?absence (?:du|de) bureau
absent(?:e)? (?:du|de) bureau
notification d'absence
respuesta automática
(?:estoy )?fuera de la? ?oficina
auto ?respuesta
risposta automatica
fuori (?:sede|ufficio)
resposta automática
ausência (?:temporária|do escritório)
fora do escritório
automatisch (?:antwoord|bericht)
afwezig
niet aanwezig
auto(?:matiskt|matisk)? ?svar
frånvaro
fraværs?(?:melding|besked|assistent)?
ikke på kontoret
automaattinen vastaus
poissa(?:oloilmoitus)?\b
sjálfvirkt svar
automatyczna odpowiedź
(?:jestem )?poza biurem
nieobecność
automatická odpově
mimo (?:kancelář|kanceláriu)
nepřítomnost
neprítomnosť
automatikus válasz
házon kívül
răspuns automat
absent din birou
автоматичен отговор
автоматична відповідь|автовідповідь
автоматический ответ|автоответ
вне офиса
αυτόματη απάντηση
εκτός γραφείου
otomatik (?:yanıt|cevap)
ofis dışında
automatski odgovor
samodejni odgovor
automaatvastus
automātiska atbilde
automatinis atsakymas
תשובה אוטומטית|מענה אוטומטי
رد تلقائي|الرد التلقائي
स्वचालित उत्तर
ตอบกลับอัตโนมัติ|การตอบกลับอัตโนมัติ
trả lời tự động|thư trả lời tự động
balasan otomatis|jawaban otomatis
自動応答|自動返信|不在
自动答复|自动回复|自動回覆|外出
자동 ?회신|자동 ?응답|부재중
""")

#: How the subject of a read receipt begins where the mail itself is no report (RFC 8098).
RECEIPT_SUBJECT = starting_with(r"""
(?:not )?read ?:
(?:ungelesen )?gelesen ?:
(?:non )?lue? ?:
(?:no )?leído ?:
(?:non )?letto ?:
(?:não )?lida ?:
(?:niet )?gelezen ?:
(?:inte )?läst ?:
(?:ikke )?læst ?:
(?:ikke )?lest ?:
luettu ?:
przeczytan[eoa] ?:
přečteno ?:
прочитано ?:
okundu ?:
開封済み ?:
已读 ?:
已讀 ?:
읽음 ?:
""")

#: What such a receipt says.
RECEIPT_TEXT = phrases("""
was read on; was displayed on; has been read; was deleted without being read; wurde gelesen; wurde ungelesen;
a été lu; se leyó; fue leído; ha sido leído; è stato letto; foi lida; is gelezen; lästes; blev læst; ble lest;
было прочитано; this is a receipt for
""")

#: A spam filter asks the sender to prove that he is a person. Something may stand before it, such as a name.
CHALLENGE_SUBJECT = starting_with(r"""
.{0,60}?\b(?:please (?:confirm|verify|authenticate) (?:your|the|that) (?:e-?mail|mail|message|address|identity|sender))
.{0,60}?\b(?:confirm (?:your (?:message|e-?mail|delivery)|delivery of))
.{0,60}?\b(?:message|mail|sender) (?:verification|confirmation|authorization) (?:is )?(?:request|required|needed)
.{0,60}?\b(?:(?:verification|confirmation|authorization|approval) (?:is )?(?:required|needed) (?:for|to deliver) your)
.{0,60}?\b(?:your (?:e-?mail|message|mail).{0,60} (?:requires|needs|awaits|is awaiting) (?:veri|confi|approv|your))
.{0,60}?\baction required to deliver your
.{0,60}?\b(?:one[- ]time (?:verification|confirmation|request).{0,40}(?:e-?mail|message|mail))
.{0,60}?\bchallenge[- ]response
.{0,60}?\b(?:anti-?spam.{0,20}(?:uol|confirm|verif))
.{0,60}?\b(?:bestätigung(?:sanfrage)? (?:ihrer|der|für ihre) (?:nachricht|e-?mail))
.{0,60}?\b(?:bitte bestätigen sie ihre (?:nachricht|e-?mail))
.{0,60}?\b(?:(?:veuillez )?confirme[rz] (?:l'envoi de )?votre (?:message|e-?mail|courriel))
.{0,60}?\b(?:confirme (?:su|seu|sua|o envio)(?: de)? (?:mensaje|mensagem|e-?mail|correo))
.{0,60}?\b(?:verificação de remetente|confirmação de (?:remetente|envio))
.{0,60}?\b(?:verificación (?:de|del) remitente)
.{0,60}?\b(?:подтвердите отправку|подтверждение отправителя)
""")
