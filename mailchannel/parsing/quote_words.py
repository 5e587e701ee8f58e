"""The words with which mail programs announce an older mail, in the languages of their users.

Each table is one string per kind, words parted by commas, so that a new language is one more line.
"""

from __future__ import annotations

import re


def either(words: str) -> str:
    """A pattern for any of them; the longest wins."""
    return "|".join(re.escape(word.strip()) for word in sorted(words.split(","), key=len, reverse=True))


#: "… wrote:", in languages that part words by spaces.
WROTE = (
    "wrote,writes,sent,schrieb,hat geschrieben,a écrit,écrit,escribió,ha escrito,va escriure,"
    "scrisse,ha scritto,scrive,schreef,geschreven,escreveu,skrev,skrifaði,kirjoitti,napisał,napisała,napisał(a),pisze,"
    "napsal,napsala,napsal(a),píše,napísal,napísala,napísal(a),napisao,je napisao,je napisala,a scris,написал,написала,"
    "написал(a),написал(а),пишет,написав,написала,пише,написа,yazdı,şunu yazdı,şunları yazdı,írta,ezt írta,"
    "đã viết,έγραψε,כתב,כתבה,كتب"
)
#: The same where words touch.
WROTE_TOUCHING = (
    "写道,写到,寫道,來信,のメッセージ,は書きました,書きました,さんは書きました,님이 작성,이(가) 작성,작성,씀,เขียนว่า"
)
ON = (
    "On,Am,Le,El,Il,Il giorno,In data,Op,Em,No dia,Den,På,Dne,Dňa,Dnia,W dniu,Στις,Vào,Vào lúc,Pada,Dana,În data de,"
    "בתאריך,في,Le jour,El día,In a message dated,In einer E-Mail vom,In einer Nachricht vom,Tarihinde"
)
#: Words so common that they count only at the beginning of a line.
ON_FIRST = "A,V,В,Kl,Pe,Data"
DAYS = (
    "Mon,Tue,Wed,Thu,Fri,Sat,Sun,Mo,Di,Mi,Do,Fr,Sa,So,lun,mar,mer,jeu,ven,sam,dim,mié,jue,vie,sáb,dom,gio,sab,seg,ter,"
    "qua,qui,sex,ma,di,wo,do,vr,za,zo,mån,tis,ons,tor,tors,fre,lör,sön,man,tir,lør,søn,ti,ke,to,pe,la,su,pon,wt,śr,czw,"
    "pt,sob,niedz,po,út,st,čt,pá,so,ne,пн,вт,ср,чт,пт,сб,вс,нд,Pzt,Sal,Çar,Per,Cum,Cmt,Paz,H,K,Sze,Cs,P,Szo,V,"
    "Δευ,Τρί,Τετ,Πέμ,Παρ,Σάβ,Κυρ,Th"
)
#: "Quoting Ana Costa <ana@example.com>:", as Horde writes.
QUOTING = (
    "Quoting,Zitat von,Zitiere,Citando,Citando a,Citazione,Citação de,Citat från,Citerar,En citant,Цитирую,Cytowanie"
)

ORIGINALS = (
    "original message,original email,original e-mail,original mail,original appointment,reply message,replied message,"
    "reply to message,"
    "ursprüngliche nachricht,ursprüngliche mail,ursprüngliche e-mail,ursprünglicher termin,original-nachricht,"
    "originalnachricht,antwort nachricht,message d'origine,message d’origine,message original,message initial,"
    "courriel original,mensaje original,correo original,missatge original,messaggio originale,messaggio originario,"
    "mensagem original,oorspronkelijk bericht,origineel bericht,oprindelig meddelelse,oprindelig besked,"
    "ursprungligt meddelande,originalmeddelande,opprinnelig melding,alkuperäinen viesti,wiadomość oryginalna,"
    "oryginalna wiadomość,původní zpráva,původní e-mail,pôvodná správa,izvorna poruka,mesaj original,mesajul original,"
    "исходное сообщение,оригинальное сообщение,оригінальне повідомлення,початкове повідомлення,вихідне повідомлення,"
    "eredeti üzenet,orijinal mesaj,özgün ileti,αρχικό μήνυμα,thư gốc,tin nhắn gốc,הודעה מקורית,"
    "原始邮件,原始郵件,原邮件,元のメッセージ,原本のメッセージ,원본 메시지,원본 메일,원래 메시지"
)
FORWARDS = (
    "forwarded message,forwarded by,forwarded mail,weitergeleitete nachricht,weitergeleitete mail,"
    "anfang der weitergeleiteten nachricht,message transféré,message réexpédié,début du message transféré,"
    "mensaje reenviado,inicio del mensaje reenviado,missatge reenviat,messaggio inoltrato,inizio messaggio inoltrato,"
    "mensagem encaminhada,início da mensagem reencaminhada,doorgestuurd bericht,begin doorgestuurd bericht,"
    "videresendt meddelelse,videresendt besked,videresendt melding,vidarebefordrat meddelande,edelleenlähetetty viesti,"
    "välitetty viesti,przekazana wiadomość,wiadomość przekazana,přeposlaná zpráva,preposlaná správa,"
    "пересланное сообщение,пересылаемое сообщение,переслане повідомлення,továbbított üzenet,"
    "yönlendirilen mesaj,iletilen mesaj,iletilmiş mesaj,προωθημένο μήνυμα,thư đã chuyển tiếp,tin nhắn đã chuyển tiếp,"
    "הודעה שהועברה,转发邮件,转发的邮件,转发,轉寄郵件,転送メッセージ,転送されたメッセージ,転送,전달된 메시지,전달된 메일"
)

_LABELS = {
    "from": "from,von,de,da,van,fra,från,od,lähettäjä,от,от кого,від,kimden,gönderen,feladó,από,từ,người gửi,"
    "expéditeur,expediteur,remitente,mittente,afzender,remetente,afsender,avsändare,avsender,absender,nadawca,odesílatel,"
    "odosielateľ,отправитель,відправник,de la,šalje,מאת,من,发件人,寄件者,寄件人,差出人,送信者,送信元,"
    "보낸 사람,보낸사람,보낸이,발신",
    "date": "date,sent,sent at,sent on,datum,gesendet,gesendet am,verschickt,envoyé,envoyé le,date d'envoi,"
    "date d’envoi,enviado,enviado el,enviado em,enviada,enviada em,enviat,fecha,data,inviato,inviato il,data invio,"
    "verzonden,verstuurd,sendt,dato,skickat,skickades,wysłano,wysłane,data wysłania,lähetetty,päiväys,päivämäärä,дата,"
    "отправлено,дата отправки,надіслано,відправлено,дата надсилання,gönderme tarihi,gönderildi,tarih,gönderilme tarihi,"
    "elküldve,küldve,dátum,időpont,odesláno,odoslané,poslano,trimis,trimis la,στάλθηκε,ημερομηνία,đã gửi,ngày,gửi lúc,"
    "נשלח,תאריך,تاريخ الإرسال,التاريخ,发送时间,发送日期,日期,时间,寄件日期,傳送時間,送信日時,日時,日付,"
    "보낸 날짜,보낸날짜,날짜,발신일",
    "to": "to,an,à,a,para,aan,til,till,do,per,empfänger,destinataire,destinatario,destinatário,vastaanottaja,"
    "кому,kime,alıcı,címzett,komu,prima,către,προς,tới,đến,người nhận,gửi đến,אל,إلى,"
    "收件人,收件者,宛先,받는 사람,받는사람,수신",
    "cc": "cc,kopie,kopi,copie,kopia,cópia,copia,копия,копія,dw,bilgi,másolatot kap,kopio,κοιν.,κοιν,抄送,副本,"
    "참조,bcc",
    "subject": "subject,betreff,objet,sujet,asunto,assumpte,oggetto,assunto,onderwerp,emne,ämne,temat,aihe,тема,konu,"
    "tárgy,předmět,predmet,subiect,θέμα,chủ đề,tiêu đề,נושא,الموضوع,主题,主旨,主題,件名,제목",
}
MEANINGS = {word: meaning for meaning, words in _LABELS.items() for word in words.split(",")}

#: How an answer and a forwarded mail are named in the subject.
ANSWER = "re,aw,sv,antw,odp,vs,ynt,yn,res,rif,r,vá,rsp,ref,απ,σχετ,trả lời,תשובה,رد,回复,答复,回覆,回信,返信,답장,회신"
FORWARD = (
    "fwd,fw,wg,tr,rv,i,enc,vb,vl,vd,doorst,pd,ilt,i̇lt,továbbítás,prp,přeposláno,přep,πρθ,fwd.,chuyển tiếp,הועבר,"
    "转发,轉寄,転送,전달"
)

#: The last line of a mail from a telephone and the like. Each is the beginning of a line.
SENT_FROM = (
    "sent from my,sent from a,sent from outlook,sent from mail for,sent from yahoo,sent from samsung,sent from proton,"
    "sent from aol,sent from gmail,sent from mailspring,sent from spark,sent from the,sent from for windows,"
    "sent from mobile,sent from iphone,sent from android,sent via,sent with,sent using,get outlook for,"
    "get bluemail for,von meinem,gesendet von mein,gesendet von outlook,gesendet von mail für,gesendet mit der,"
    "gesendet mit mein,gesendet über,gesendet aus,diese nachricht wurde von mein,outlook für ios,outlook für android,"
    "holen sie sich outlook,hol dir outlook,envoyé de mon,envoyé depuis,envoyé à partir d,envoyé avec,envoyé par mon,"
    "obtenez outlook,obtenir outlook,télécharger outlook,enviado desde mi,enviado desde outlook,enviado desde yahoo,"
    "enviado desde correo,enviado desde el,enviat des del,obtener outlook,obtén outlook,inviato da,inviato dal,"
    "ottieni outlook,scarica outlook,verzonden vanaf,verstuurd vanaf,verstuurd via,verzonden via,verzonden met,"
    "outlook voor,download outlook,enviado do,enviado a partir d,enviado pelo,enviado via,obter o outlook,"
    "obtenha o outlook,baixe o outlook,skickat från,skickades från,hämta outlook,hent outlook,"
    "sendt fra,få outlook,lähetetty minun,lähetetty iphone,lähetetty ipad,lähetetty android,lähetetty samsung,"
    "lähetetty outlook,lähetetty puhelimesta,hanki outlook,wysłane z,wysłano z,pobierz outlook,pobierz program outlook,"
    "odesláno z,odeslané z,poslané z,odoslané z,poslano s,získejte outlook,stáhnout outlook,отправлено с,отправлено из,"
    "надіслано з,відправлено з,küldve az,elküldve az,elküldve a,iphone'umdan gönderildi,iphone'dan gönderildi,"
    "ipad'imden gönderildi,android'den gönderildi,samsung cihazımdan gönderildi,στάλθηκε από,εστάλη από,"
    "được gửi từ,đã gửi từ,gửi từ,נשלח מ,أرسلت من,发自我的,發自我的,從我的,从我的,来自我的,iphoneから送信,ipadから送信,"
    "androidから送信,outlook for ios を入手,私のiphone,나의 iphone,내 iphone,iphone에서 보냄,ipad에서 보냄,삼성"
)

#: One of these must stand in it, or else somebody tells of a parcel: "Sent with …".
DEVICES = (
    "iphon,ipad,ipod,android,samsung,galaxy,huawei,xiaomi,nokia,blackberry,pixel,oneplus,outlook,yahoo,gmail,mail,"
    "phone,handy,tablet,mobil,móvil,móbil,mobiel,smartfon,telefon,téléphone,teléfono,telefone,device,gerät,appareil,"
    "dispositiv,toestel,enhet,spark,proton,superhuman,airmail,sparrow,windows,macbook,web.de,gmx,aol,posta,"
    "correo,courrier,app,puhelim,laitteest,komórk,zařízení,телефон,мобильн,мобільн,почт,пошт,устройств,cihaz,készülék,"
    "手机,手機,휴대,κινητό,điện thoại,thunderbird,inbox,sent from my,sent from a"
)

#: "Please type your reply above this line", as help desks write above their own words.
ABOVE_THIS_LINE = (
    "above this line,oberhalb dieser linie,oberhalb dieser zeile,über dieser linie,über dieser zeile,"
    "über diese zeile,über diese linie,au-dessus de cette ligne,au dessus de cette ligne,encima de esta línea,"
    "arriba de esta línea,sobre esta línea,sopra questa riga,sopra questa linea,al di sopra di questa riga,"
    "boven deze lijn,boven deze regel,acima desta linha,acima dessa linha,ovanför denna rad,ovanför den här raden,"
    "ovanför denna linje,over denne linje,over denne linjen,ovenfor denne linje,over linjen,tämän rivin yläpuolelle,"
    "tämän viivan yläpuolelle,powyżej tej linii,nad tą linią,nad tento řádek,nad tuto čáru,nad touto čárou,"
    "nad týmto riadkom,nad tento riadok,выше этой строки,выше этой линии,над этой строкой,над этой линией,"
    "вище цього рядка,над цим рядком,над цією лінією,bu satırın üst,bu çizginin üst,e sor fölé,e fölé a sor fölé,"
    "a vonal fölé,e vonal fölé,πάνω από αυτή τη γραμμή,πάνω από αυτήν τη γραμμή,phía trên dòng này,trên dòng này,"
    "deasupra acestei linii,iznad ove linije,この行より上,この線より上,この行の上,此行上方,此线上方,此行之上,"
    "在此行以上,此線上方,이 줄 위,이 선 위"
)
