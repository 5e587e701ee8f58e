"""The words of delivery reports, in the languages mail servers speak. Compare them with `plain` text only."""

from __future__ import annotations

from mailchannel.parsing.plain_words import phrases, starting_with

#: What the subject of a delivery report says.
REPORT_SUBJECTS = phrases("""
undeliver; nondeliver; non-deliver; non deliver; not deliver; not be deliver; not been deliver;
not yet been deliver; unable to deliver; delivery status; delivery fail; delivery has failed; delivery problem;
delivery error; delivery report; delivery notification; delivery warning; delivery delay; delivery incomplete;
deliver fail; mail delivery; message delivery; delayed mail; mail delayed; message delayed; warning: message;
failure notice; failure delivery; failed delivery; failed mail; returned mail; returned message; returned email;
returned to sender; returning message; mail returned; message returned; [bounce]; mail bounced; mail failure;
mail error; mail system error; mail status report; mail system report; error sending your mail;
could not send message; processing error; automatically rejected; user unknown; unknown user; address unknown;
recipient unknown; mailbox full; mailbox is full; over quota; quota exceeded; message frozen; unzustellbar;
nicht zustellbar; nicht zugestellt; zustellung fehlgeschlagen; zustellung verzögert; fehler bei der zustellung;
zustellungsstatus; übermittlungsstatus; non remis; non distribu; non délivr; échec de la remise; échec de remise;
échec de la distribution; échec de distribution; échec de livraison du message; état de remise; remise différée;
remise retardée; no se puede entregar; no se pudo entregar; no se ha podido entregar; mensaje no entregado;
correo no entregado; correo devuelto; mensaje devuelto; devuelto al remitente; estado de entrega;
error de entrega; fallo en la entrega; impossibile recapitare; non recapitabil; non recapitat; mancato recapito;
mancata consegna; stato del recapito; não entreg; não foi entreg; não pôde ser entregue; não é possível entregar;
mensagem devolvida; falha na entrega; status da entrega; onbestelbaar; niet bezorgd; niet afgeleverd;
bezorging mislukt; kan niet worden bezorgd; gick inte att leverera; går inte att leverera; kunde inte levereras;
leveransstatus; kan ikke leveres; kunne ikke leveres; blev ikke leveret; ikke levert; ei voi toimittaa;
ei voitu toimittaa; toimitus epäonnistui; niedostarcz; nie dostarczono; nie można dostarczyć; nedoruč;
nelze doručit; kézbesíthetetlen; nem kézbesít; sikertelen kézbesítés; nelivrab; nu a fost livrat;
nu a putut fi livrat; не доставлен; недоставлен; не может быть доставлен; не удалось доставить;
невозможно доставить; не вдалося доставити; teslim edilem; iletilemedi; δεν παραδόθηκε; αδυναμία παράδοσης;
לא ניתן למסור; تعذر التسليم; لم يتم تسليم;
配信不能; 配信できません; 配信に失敗; 配信失敗; 未配信; 送信できません; エラーメール;
退信; 无法投递; 无法送达; 无法发送; 无法传递; 传输失败; 投递失败; 传送失败; 未传递; 未送达;
無法傳遞; 無法投遞; 無法送達; 배달되지; 배달할 수 없; 배달 실패; 전송 실패; 반송
""")

#: Subjects that servers put together: a formula, or one before the subject of the mail that came back.
SERVER_SUBJECT = starting_with(r"""
(?:\*+spam\*+ |\[[^\]]{1,40}\] ?)?(?:undeliver(?:able|ed)(?: mail| message)?|non-?deliver(?:y|able)(?: report)?) ?:
undelivered mail returned to sender
delivery status notification ?\(
delivery notification ?: delivery
delivery report \((?:failure|delay)
mail delivery failed ?: returning message
returned mail ?:
warning: (?:could not send message|message .{1,60} delayed)
(?:unzustellbar|nicht zugestellt|non remis|non delivre|no se puede entregar|non recapitabile|impossibile recapitare) ?:
(?:não é possível entregar|não entregue|onbestelbaar|går inte att leverera|kan ikke leveres|niedostarczalne) ?:
(?:nelze doručit|nedoručitelné|kézbesíthetetlen|не доставлено|недоставленное|teslim edilemedi|ei voi toimittaa) ?:
(?:配信不能|未传递|无法传递的邮件|無法傳遞|배달되지 않음|배달되지 않는 메시지) ?:
""")

#: How delivery reports begin that no person writes like this.
SERVER_OPENING = starting_with(r"""
this (?:message|report|e-?mail|mail|letter) (?:was|is|has been) (?:an? )?(?:created automatically|automatic|generated)
(?:(?:hi|hello)[^\w]{1,3})?this is the .{0,80}(?:program|server|daemon|agent|system) at (?:host )?[^\s.]{1,60}\.[^\s]
this is the (?:mail (?:system|delivery|server)|postfix|qmail|mailer-daemon|machine generated)
this is an auto(?:matically generated|mated message created by|mated|matic) .{0,20}(?:delivery|mail|message)
this report relates to (?:a|your) message
this message was undeliverable
non-?delivery report
failed recipients?\b
intended recipient ?:
undeliverable (?:address ?:|to )
failed address
the following addresse?s? had
delivery has failed to these recipients
delivery to the following recipients?
the original (?:message|mail) was received at
message from [^\s]{1,100} unable to deliver message to
dies ist eine automatisch
diese (?:nachricht|e-?mail|mail) wurde (?:automatisch|vom)
die zustellung an folgende empfänger
fehler bei der nachrichtenzustellung
ce (?:message|courrier|rapport) (?:a été|est) (?:créé|généré) automatiquement
échec de la remise pour ces
este (?:mensaje|correo|informe) (?:fue|ha sido|se ha) (?:creado|generado) automáticamente
no se pudo entregar (?:el mensaje )?a estos destinatarios
questo messaggio è stato (?:creato|generato) automaticamente
recapito non riuscito
esta mensagem foi (?:criada|gerada) automaticamente
falha na entrega (?:a|para) (?:estes|esses)
это (?:письмо|сообщение) (?:создано|сформировано) автоматически
(?:this )?message (?:has been|was) automatically generated
""")

#: How they begin as well, in words that a person could use.
REPORT_OPENING = starting_with(r"""
(?:hi|hello|dear \w+)?[^\w]{0,3}(?:sorry[^\w]{1,3})?i(?:'m| am) (?:afraid|sorry).{0,60}(?:deliver|inform)
(?:we're|we are) sorry[^\w].{0,80}(?:e-?mail|deliver|address)
(?:sorry|unfortunately)[^\w].{0,40}(?:(?:unable|not able) to deliver|could not|was not delivered|not be delivered)
(?:your|the|this|an?) [a-z -]{0,20}(?:mail|message)s?\b.{0,250}(?:not|n't|failed to) [a-z ]{0,20}(?:deliver|reach)
(?:your|the|this|an?) [a-z -]{0,20}(?:mail|message)s?\b.{0,250}(?:undeliver|been returned|been delayed|delivery problem)
(?:your|the|this|an?) [a-z -]{0,20}(?:mail|message)s?\b.{0,250}\bwas (?:automatically )?(?:rejected|returned|delayed)
message (?:could not be|was not|cannot be) delivered
(?:unable|failed) to deliver
could not deliver
(?:e-?mail |mail |message )?delivery (?:to|of|for) .{0,100}(?:fail|postponed|delayed|abort|not possible)
(?:mail |message )?delivery (?:has )?failed
an error (?:was detected|has occurred|occurred) while .{0,40}(?:deliver|process|send)
(?:ihre|die|eine) (?:nachricht|e-?mail|mail)\b.{0,200}(?:nicht|nie) .{0,30}(?:zuge?stell|erreicht|übermittelt)
votre (?:message|courrier|e-?mail|courriel)\b.{0,120}(?:n'a pas|n'a pu|ne peut)
(?:su|tu|el) (?:mensaje|correo)\b.{0,120}no (?:pudo|se pudo|ha podido|se ha podido|puede|fue|ha llegado)
il (?:suo |tuo )?messaggio\b.{0,120}non (?:è stato|può|ha)
(?:a )?sua mensagem\b.{0,120}não (?:pôde|foi|pode)
(?:uw|het|je) (?:bericht|e-?mail)\b.{0,120}(?:niet|kon)
(?:к сожалению[^\w]{1,3})?ваше (?:сообщение|письмо)\b.{0,120}не
.{0,60}(?:无法|未能|不能)(?:被)?(?:发送|投递|送达|传递)
.{0,60}(?:投递|发送|传送|传输)失败
.{0,60}(?:無法|未能)(?:傳遞|投遞|送達|傳送)
.{0,60}(?:配信|送信|お届け)(?:でき|する(?:こと|事)ができ|に失敗)
.{0,60}(?:배달|전달|전송)(?:되지|할 수 없|에 실패)
""")

#: What stands in a report further down: lines of a server's log, and the way to the mail that came back.
REPORT_LINES = phrases("""
received: from; return-path: <; below this line is a copy; below is a copy of the;
copy of the message, including; copy of the original message; copy of your message; original message follows;
original message headers; original message attached; original message details; headers of the original message;
header of the original message; message header follows; message headers follow; message text follows;
unsent message; returned mail follows; returned message; transcript of session; transcript of the session;
had permanent fatal errors; had transient non-fatal errors; had delivery problems; error detail;
diagnostic information for administrators; diagnoseinformationen für administratoren; diagnose-informationen;
informations de diagnostic pour les administrateurs; información de diagnóstico para los administradores;
informazioni di diagnostica per gli amministratori; informações de diagnóstico para administradores;
diagnostische informatie voor beheerders; диагностические сведения для администраторов;
管理者向けの診断情報; 管理员的诊断信息; 관리자용 진단 정보;
final-recipient:; reporting-mta:; generating server:; remote host said; remote server replied;
remote server returned; smtp error from remote; rcpt to:<; does not like recipient
""")

#: The mail is still on its way.
DELAY_WORDS = phrases("""
delayed; (delay); delay); not yet been deliver; not yet received; still being retried; will be retried;
will retry; will continue; warning only; warning message; postponed; transient non-fatal; verzögert; différée;
retardée; retrasad; in ritardo; atrasada; vertraagd; задержан; 延迟; 延遲; 遅延; 지연
""")
