"""How models refuse in plain words, in several languages.

A refusal opens the answer and speaks of the request: "I'm sorry, but I can't help with that." An
apology alone ("I'm sorry to hear that"), an inability alone ("I can't wait"), a business's no
("we cannot offer a refund after 30 days") or a quoted sentence is none. Where it is not clear the
answer passes: most answers are no refusals, and a false alarm throws a good one away.
"""

# ruff: noqa: RUF001  other alphabets are what it is about

from __future__ import annotations

import re

__all__ = ["LONGEST", "reads_as_refusal"]

LONGEST = 1_000
"""Characters beyond which an answer is no refusal: it has gone on to say something."""

HEAD = 400
"""Characters in which a refusal says that it is one."""


def reads_as_refusal(text: str) -> bool:
    """Whether an answer opens as a refusal does."""
    body = _THOUGHTS.sub("", text, count=1)
    body = body.lstrip(_ORNAMENTS)
    if len(body.rstrip()) > LONGEST:
        return False
    head = body[:HEAD].translate(_PLAIN)
    return _REFUSAL.match(head) is not None and _GOES_ON.search(head) is None


_THOUGHTS = re.compile(r"\A\s*<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_ORNAMENTS = "\ufeff \t\r\n\xa0*_#>-~\u200b🙏😔😞⚠️🚫❌"
_PLAIN = str.maketrans({**dict.fromkeys("\u2018\u2019\xb4`", "'"), "\xa0": " ", "\u202f": " "})

_SORRY = r"""(?:(?:unfortunately|regrettably|regretfully|oh|well|hmm|hi|hello|thanks|thank\ you
    (?:\ for\ (?:your\ (?:question|request|message)|asking|reaching\ out))?)[,.!;:\s]+(?:but\s+)?)?
    (?:(?:i'm|i\ am|we're|we\ are|my|i|we)?\s*(?:so|very|really|truly|deeply|terribly|
    sincer\w+)?\s*(?:sorry|apologi[sz]e|apologies|afraid|regret)(?:\ for\ (?:any|the)\ (?:confusion|
    inconvenience))?[,.;:\s-]*(?:but|however|that)?[,\s]*)?"""
_AS_A_MODEL = r"(?:as|being)\ an?\ (?:\w+\ ){0,2}(?:ai|language\ model|assistant)[^,.]{0,60},?\s*"
_CANNOT = r"""(?:(?:simply|just|really|also|unfortunately|still)\ )?(?:can't|cannot|can\ not|won't|
    will\ not|(?:am|'m|are|'re)\ (?:not\ (?:able|allowed|permitted|willing|comfortable|
    in\ a\ position)\ ?(?:to|with)?|unable\ to|going\ to\ have\ to\ decline\ to)|
    (?:must|have\ to|need\ to|will\ have\ to)\ (?:respectfully\ |politely\ )?decline\ to)
    \ (?:be\ able\ to\ )?(?:directly\ |ethically\ |in\ good\ conscience\ )?"""
_IT = r"""(?:your\ request|the\ request\w*|requests?|what\ you|such|(?:that|this|these|those|it)
    (?=\s*[.,;:!?)—-]|\s*\Z|\s+(?:requests?|questions?|tasks?|topics?|types?|kinds?|sorts?|
    because|as|since|but|or|and|content|activit\w+|behavio\w+|information|instructions|query|
    prompt|subject|due|for|in|here|any|way|directly|further)\b)
    )\b"""
_HELP = rf"""(?:help|assist|support|comply|engage|continue|proceed|participate|accommodate|helping|
    assisting|engaging|be\ of\ (?:help|assistance))(?:\ you)?(?:\ any\ further)?
    (?:\s*[.!]|\ (?:with|in|on|to|by)\ (?:{_IT}|\w+ing\b|any\w*\ (?:of\ )?{_IT}|anything\b|illegal|
    harmful|unethical))"""
_GIVE = rf"""(?:provide|provid|giv|offer|share|shar|creat|create|generate|generat|write|
    writ|produc|produce|complet|complete|fulfil|fulfill|answer|discuss|do|give|perform|
    carry\ out|respond\ to|reveal|disclose|promote|facilitate)(?:ing)?(?:\ you(?:\ with)?)?
    \ (?:{_IT}|any\ such|anything\ (?:that|like)|
    (?:(?:any|specific|detailed|step-by-step|explicit|the)\ )*(?:instructions|guidance|assistance|
    content|information|advice|details|help)\ (?:on\ how|on|for|about|that|to|with|
    regarding|of)\b)"""

_ENGLISH = rf"""{_SORRY}(?:
      {_AS_A_MODEL}(?:i\ )?(?:{_CANNOT})(?:help|assist|provide|give|offer|share|create|
        generate|write|produce|fulfil|answer|discuss|comply|engage|do)
    | (?:but\ )?(?:i|we)\ ?{_CANNOT}(?:{_HELP}|{_GIVE})
    | (?:i|we)\ (?:must|have\ to|will\ have\ to|need\ to)\ (?:respectfully\ |politely\ )?decline
        (?:\s*[.!]|\ (?:this|that|your|the)\ (?:request|prompt|question))
    | (?:i|we)\ (?:respectfully\ |politely\ )?decline\ to\ (?:answer|help|assist|provide|comply|do)
    | (?:that|this|it)(?:'s|\ is)\ (?:not\ something|nothing)\ (?:that\ )?(?:i|we)
        (?:'m|\ am|\ can|\ are)(?:\ (?:able|willing|comfortable)(?:\ to)?)?\ ?
        (?:help|assist|do|provide|engage|discuss|support|with)
    | (?:that|this|it|this\ request|your\ request)(?:'s|\ is)?\ (?:goes\ against|against|violates?|
        would\ violate)\ (?:my\ (?:guidelines|programming|principles|values|instructions|polic\w+)|
        (?:the\ |our\ |\w+'s\ )?(?:content|usage|safety|community)\ (?:polic\w+|guidelines))
    )"""

_OTHERS = (
    # German
    (
        r"(?:(?:es\ )?tut\ mir\ (?:\w+\ )?leid|entschuldigung|leider|ich\ bedaure)?[,.;\s]*"
        r"(?:aber\s+)?(?:leider\ )?(?:(?:da|dabei|damit|das|hierbei)\ )?(?:ich\ kann|kann\ ich"
        r"|ich\ darf|darf\ ich)\b[^.!?\n]{0,40}?(?:\b(?:dabei|damit|hierbei|dies\w*|solche\w*|das"
        r"|dem|darüber|anfrage|bitte|wunsch)\b[^.!?\n]{0,40}?)\bnicht\ (?:weiter)?(?:helfen"
        r"|behilflich|unterstützen|nachkommen|erfüllen|bereitstellen|beantworten|entsprechen"
        r"|sprechen)"
    ),
    (
        r"(?:(?:es\ )?tut\ mir\ (?:\w+\ )?leid|entschuldigung|leider)[,.;\s]*(?:aber\s+)?(?:da"
        r"|dabei|damit|das)\ (?:kann|darf)\ ich\ (?:\w+\ )?(?:leider\ )?nicht\ (?:weiter)?(?:helfen"
        r"|behilflich|unterstützen|machen|tun)"
    ),
    # French
    (
        r"(?:(?:je\ suis\ (?:\w+\ )?|)désolée?s?|je\ m'excuse|malheureusement"
        r"|je\ regrette)?[,.;\s]*(?:mais\s+)?je\ ne\ (?:peux|puis|suis)\ (?:malheureusement\ )?"
        r"(?:pas\ )?(?:en\ mesure\ |autorisée?\ )?(?:de\ |d'|à\ )?(?:vous\ |t'|te\ |l')?(?:aider"
        r"|assister|répondre|fournir|accéder|satisfaire|donner\ suite|traiter|participer|créer"
        r"|générer)[^.!?\n]{0,25}(?:\b(?:cela|ça|ce\ genre|ce\ type|cette|votre\ demande"
        r"|ta\ demande|de\ telles?|de\ tels)\b)"
    ),
    # Spanish
    (
        r"(?:lo\ siento(?:\ mucho)?|perdón|lamentablemente|lamento|disculp\w+"
        r"|me\ temo\ que)?[,.;\s]*(?:pero\s+)?(?:lamentablemente\ )?no\ (?:puedo|me\ es\ posible"
        r"|estoy\ en\ condiciones\ de)\ (?:ayudar(?:te|le|os|les)?|asistir\w*|cumplir"
        r"|proporcionar\w*|responder|realizar|participar|continuar|atender|generar"
        r"|brindar\w*)[^.!?\n]{0,25}(?:\b(?:eso|esto|ello|es[ae]|est[ae]|es[ae]s|est[ao]s"
        r"|tu\ solicitud|su\ solicitud|petición|ese\ tipo|este\ tipo)\b)"
    ),
    # Italian
    (
        r"(?:mi\ dispiace(?:\ molto)?|mi\ spiace|purtroppo|scusa\w*)?[,.;\s]*(?:ma\s+)?non\ "
        r"(?:posso|sono\ in\ grado\ di)\ (?:aiutar\w*|assister\w*|fornir\w*|rispondere|soddisfare"
        r"|procedere|generare)[^.!?\n]{0,25}(?:\b(?:quest[oaie]|quell[oaie]|ciò|tua\ richiesta"
        r"|sua\ richiesta|richieste)\b)"
    ),
    # Portuguese
    (
        r"(?:desculp\w+|sinto\ muito|lamento|infelizmente)?[,.;\s]*(?:mas\s+)?(?:eu\s+)?não\ "
        r"(?:posso|consigo|estou\ autorizad\w+\ a)\ (?:te\ |lhe\ |o\ |a\ )?(?:ajud\w+(?:-l[oa]s?)?"
        r"|fornecer|atender|responder|cumprir|participar|auxiliar|gerar)[^.!?\n]{0,25}(?:\b(?:nisso"
        r"|isso|isto|disso|ess[ae]s?|est[ae]s?|sua\ solicitação|seu\ pedido|solicitação)\b)"
    ),
    # Dutch
    (
        r"(?:het\ spijt\ me|sorry|helaas|excuses)?[,.;\s]*(?:maar\s+)?(?:ik\ kan|kan\ ik)\ (?:je\ "
        r"|u\ |jou\ )?(?:helaas\ )?(?:hier|daar|daarbij|hierbij|daarmee|hiermee|met\ dit|met\ dat"
        r"|aan\ dit|aan\ dat)[^.!?\n]{0,20}\bniet\ (?:bij\ |mee\ )?(?:helpen|van\ dienst|voldoen"
        r"|assisteren)"
    ),
    # Polish
    (
        r"(?:przepraszam|przykro\ mi|niestety)?[,.;\s]*(?:ale\s+)?nie\ (?:mogę|jestem\ w\ stanie)\ "
        r"(?:ci\ |panu\ |pani\ )?(?:w\ tym\ pomóc|pomóc\ (?:ci\ )?(?:w\ tym|z\ tym|w\ tej)"
        r"|spełnić\ (?:tej|twojej|tego)|odpowiedzieć\ na\ to|wykonać\ (?:tej|tego)|udzielić\ "
        r"(?:takich|tych|tej))"
    ),
    # Russian
    (
        r"(?:извини(?:те)?|прости(?:те)?|к\ сожалению|мне\ (?:очень\ )?жаль)?[,.;\s]*(?:но\s+)?"
        r"(?:к\ сожалению,?\ )?я\ не\ (?:могу|смогу|в\ состоянии)\ (?:вам\ |тебе\ )?(?:(?:с\ этим"
        r"|в\ этом)\ помочь|помочь\ (?:вам\ |тебе\ )?(?:с\ этим|в\ этом|с\ таким\w*|с\ подобн\w+)"
        r"|выполнить\ (?:эт\w+|ваш\w*|тво\w+)|ответить\ на\ (?:этот|это|такой|данный)"
        r"|предоставить\ (?:эт\w+|так\w+)|обсуждать\ (?:эт\w+|так\w+))"
    ),
    # Turkish
    (
        r"(?:üzgünüm|maalesef|özür\ dilerim|kusura\ bakmayın)?[,.;\s]*(?:ancak|ama|fakat)?\s*"
        r"(?:maalesef\ )?(?:bu|bunu|böyle)\b[^.!?\n]{0,40}(?:yardımcı\ olamam|yardım\ edemem"
        r"|yerine\ getiremem|sağlayamam|yanıtlayamam|yapamam)"
    ),
    # Chinese
    (
        r"(?:很|非常|十分)?(?:抱歉|对不起|對不起|不好意思|遗憾|遺憾)[,，。!！\s]*(?:但是?"
        r"|不过)?[,，]?我?(?:无法|不能|無法|没办法|沒辦法|不便)(?:为您|为你|向您|向你|協助您|帮助您"
        r"|帮您|帮你|为)?(?:协助|帮助|提供|回答|满足|完成|处理|生成|讨论|協助|幫助|滿足|回應|回应"
        r"|执行)?[^。.!！\n]{0,12}(?:这|此|该|这个|這|相关|请求|請求|要求|此类|违)"
    ),
    (
        r"我(?:无法|不能|無法)(?:协助|帮助|提供|满足|協助|幫助|滿足)[^。.!！\n]{0,8}(?:这个|此|该"
        r"|這個|这类|此类|你的|您的)(?:请求|要求|請求|内容|內容|问题|信息)"
    ),
    # Japanese
    (
        r"(?:大変|誠に)?(?:申し訳(?:ございません|ありません|ない)|すみません|恐れ入ります|恐縮です"
        r"|ごめんなさい)[^。\n]{0,20}?[、。,\s]*(?:その|この|そのような|このような|ご要望|ご依頼"
        r"|ご質問|リクエスト)[^。\n]{0,24}(?:お?手伝い|お応え|お答え|対応|提供|協力|支援)(?:する)?"
        r"(?:こと)?(?:は|が|を)?(?:いたし|し|でき|出来)(?:ません|かね)"
    ),
    # Korean
    (
        r"(?:정말\s*)?(?:죄송|미안)[^.\n]{0,14}?[,.\s]*(?:그|이|해당|그런|이런|요청)[^.\n]{0,25}"
        r"(?:도와\s?드릴|도움을\s?드릴|도울|제공(?:할|해\s?드릴)|답변(?:할|드릴|해\s?드릴)|응할"
        r"|수행할|들어\s?드릴)\s?수(?:가|는)?\s?없"
    ),
    # Arabic
    (
        r"(?:عذر[اًً]+|آسف|أنا\ آسف|أعتذر|للأسف|المعذرة)[،,.\s]*(?:ولكن|لكن|ولكنني|لكنني)?\s*"
        r"(?:لا\ أستطيع|لا\ يمكنني|لن\ أتمكن\ من|لا\ أقدر\ على)\s*(?:مساعدتك|المساعدة|تقديم|تلبية"
        r"|الإجابة|تنفيذ)[^.؟!\n]{0,20}(?:هذا|ذلك|هذه|طلبك|مثل)"
    ),
    # Hindi
    (
        r"(?:क्षमा\ (?:करें|कीजिए)|माफ़?़?\ (?:करें|कीजिए)|मुझे\ (?:खेद|अफ़?सोस)\ है"
        r"|खेद\ है)[^।.!?\n]{0,20}?(?:इस|इसमें|उस|ऐसे|ऐसी|आपके\ इस)[^।.!?\n]{0,30}(?:मदद|सहायता"
        r"|अनुरोध|उत्तर|पूरा)[^।.!?\n]{0,20}नहीं\ (?:कर|दे)\ सक"
    ),
)

_REFUSAL = re.compile("|".join((_ENGLISH, *_OTHERS)), re.IGNORECASE | re.VERBOSE)

# "I can't give legal advice, but here is what the law says": an answer all the same.
_GOES_ON = re.compile(
    r"\b(?:but|however|though|still)[,\s]+(?:here(?:'s|\ is|\ are)|generally|in general|i can "
    r"tell you|i can say|the (?:short|general) answer)|\b(?:aber|mais|pero|ma|mas) (?:hier (?:ist"
    r"|sind)|voici|aquí (?:está|tienes|tiene)|ecco|aqui (?:está|estão))\b",
    re.IGNORECASE,
)
