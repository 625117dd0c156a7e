"""How texts try to give a model orders, each way with a weight, in several languages.

A weight is about the share of texts with such a phrase that mean harm, as far as that can be said
of a phrase alone: "ignore all previous instructions" hardly ever means anything else, "from now on"
nearly always does. Data only.
"""

# ruff: noqa: RUF001  other alphabets are what it is about

from __future__ import annotations

__all__ = ["KINDS"]


def _any(words: str) -> tuple[str, ...]:
    """Parts of words, of which a text must have one; `~` stands for a blank."""
    return tuple(word.replace("~", " ") for word in words.split())


_RULES = (
    r"(?:instructions?|rules|prompts?|directions|guidelines|directives|constraints|restrictions"
    r"|safeguards|programming|training|system message|policies)"
)
_EARLIER = (
    r"(?:previous|prior|above|earlier|preceding|existing|original|initial|system|foregoing|former"
    r"|safety|developer|built-in|past)"
)
_ALL = r"(?:(?:all|any|every|each|of|the|your|my|these|those|our) ){0,4}"

KINDS: dict[str, tuple[float, tuple[tuple[str, ...], ...], tuple[str, ...]]] = {
    "override": (
        0.85,
        (
            _any("""
                ignor disregard forget overrid bypass discard neglect skip drop violat follow
                obey listen stop quit vergiss missacht vergessen überschreib oubli tiens tenez
                olvid omit descart dimentic esque desconsider negeer vergeet zapomn yok~say
                unut görmez dikkate игнор забудь отброс 忽 无视 無視 忘 不要 무시 잊 تجاهل انس
                अनदेखा नज़रअंदाज़ भूल
            """),
            _any("""
                instru rule prompt direct guideline constraint restriction safeguard
                programming training system polic above before prior told taught given know
                anweisung regel vorgabe befehl consigne règle regla indica órden istruz regol
                regra orienta diretriz opdracht zasad polece talimat kural yönerge инструкц
                указани правил 指令 指示 规则 提示 要求 命令 說明 说明 规定 ルール プロンプト
                지시 명령 지침 규칙 프롬프트 تعليمات أوامر قواعد निर्देश नियम
            """),
        ),
        (
            (
                rf"\b(?:ignore|disregard|forget|override|bypass|discard|neglect|skip|drop|violate) "
                rf"{_ALL}(?:{_EARLIER} ){{1,3}}{_RULES}\b"
            ),
            rf"\b(?:ignore|disregard|forget|override|bypass) {_ALL}(?:your )(?:own )?{_RULES}\b",
            (
                rf"\b(?:ignore|disregard|forget) {_ALL}{_RULES} (?:above|before|you (?:were|have "
                rf"been) given|given (?:to you|above|before|earlier))\b"
            ),
            (
                r"\b(?:ignore|disregard|forget) (?:everything|all|anything|whatever) (?:that )?"
                r"(?:is |was )?(?:above|before this|prior to this|you (?:were|have been|have|ve "
                r"been) (?:told|taught|given|instructed)|you know about your)\b"
            ),
            (
                r"\bdo not (?:follow|obey|listen to) (?:the |your |any )?(?:previous|prior|above"
                r"|system|original|developer)\b"
            ),
            (
                rf"\b(?:stop|quit) (?:following|obeying) (?:the |your |any |all )*(?:{_EARLIER} "
                rf")*{_RULES}\b"
            ),
            # German, French, Spanish, Italian, Portuguese, Dutch
            (
                r"\b(?:ignorier\w*|vergiss|missachte\w*|vergessen sie|überschreibe) (?:bitte )?"
                r"(?:alle\w* |die |deine |ihre |sämtliche )*(?:vorherigen|bisherigen|obigen"
                r"|früheren|vorigen|vorangegangenen|ursprünglichen) (?:\w+ )?(?:anweisungen"
                r"|instruktionen|regeln|vorgaben|befehle|anweisung)\b"
            ),
            (
                r"\b(?:ignore[zrs]?|oublie[zrs]?|ne tiens pas compte de|ne tenez pas compte de) "
                r"(?:toutes? |tous |les |tes |vos |des |ces )*(?:instructions?|consignes?|règles"
                r"|directives) (?:\w+ )?(?:précédentes?|antérieures?|ci-dessus|initiales?|reçues"
                r"|du système)"
            ),
            (
                r"\b(?:ignora|ignore|olvida|olvide|omite|descarta) (?:todas? |todos |las |los |tus "
                r"|sus |cualquier )*(?:instrucciones?|instrucción|reglas|indicaciones|órdenes"
                r"|directrices) (?:\w+ )?(?:anteriores?|previas?|de arriba|iniciales|del sistema)"
            ),
            (
                r"\b(?:ignora|ignori|dimentica|dimentichi) (?:tutte |tutti |le |gli |i |tue |sue )*"
                r"(?:istruzioni|regole|indicazioni|direttive) (?:\w+ )?(?:precedenti|iniziali|di "
                r"prima|sopra)"
            ),
            (
                r"\b(?:ignore|ignora|esqueça|esquece|desconsidere) (?:todas |todos |as |os |suas "
                r"|seus |quaisquer )*(?:instruções|regras|orientações|diretrizes) (?:\w+ )?"
                r"(?:anteriores|prévias|acima|iniciais)"
            ),
            (
                r"\b(?:negeer|vergeet) (?:alle |de |je |uw |al je )*(?:vorige|eerdere|voorgaande"
                r"|bovenstaande) (?:instructies|regels|opdrachten)"
            ),
            # Polish, Turkish, Russian, Ukrainian
            (
                r"\b(?:zignoruj|ignoruj|zapomnij o?) (?:wszystkie |wszystkich |swoje |te )*"
                r"(?:poprzednie|poprzednich|wcześniejsze|powyższe) (?:instrukcje|polecenia|zasady"
                r"|instrukcjach)"
            ),
            (
                r"\b(?:önceki|yukarıdaki) (?:tüm |bütün )?(?:talimatları|kuralları|yönergeleri)\w* "
                r"(?:yok say|unut|görmezden gel|dikkate alma)"
            ),
            (
                r"(?:игнорируй\w*|забудь\w*|проигнорируй\w*|отбрось) (?:все |всё |свои |мои |любые "
                r")*(?:предыдущ\w+|прежн\w+|вышеуказанн\w+|ранее|прошл\w+) (?:\w+ )?(?:инструкц\w+"
                r"|указани\w+|правил\w+)"
            ),
            # Chinese, Japanese, Korean
            (
                r"(?:忽略|无视|忘记|忽視|無視|忘掉|不要理会)(?:掉)?(?:你)?(?:所有|全部|一切)?"
                r"(?:的)?(?:之前|以上|先前|上面|前面|此前|上述|系统)(?:的)?(?:所有|全部)?(?:的)?"
                r"(?:指令|指示|规则|提示|要求|命令|說明|说明|规定)"
            ),
            (
                r"(?:これまで|以前|上記|前|今まで)の(?:すべての|全ての)?(?:指示|命令|ルール"
                r"|プロンプト|指令)(?:を|は)(?:すべて|全て)?(?:無視|忘れ)"
            ),
            (
                r"(?:이전|위|앞|지금까지)의?\s?(?:모든\s?)?(?:지시|명령|지침|규칙"
                r"|프롬프트)\S{0,4}\s?(?:모두\s?)?(?:무시|잊)"
            ),
            # Arabic, Hindi
            (
                r"(?:تجاهل|انس|انسَ) (?:جميع |كل |كافة )?(?:ال)?(?:تعليمات|أوامر|قواعد)(?:ك)? "
                r"(?:ال)?(?:سابقة|أعلاه|السابقه)"
            ),
            (
                r"(?:पिछले|पहले के|ऊपर दिए) (?:गए )?(?:सभी |सारे )?(?:निर्देशों|निर्देश|नियमों) को "
                r"(?:अनदेखा|नज़रअंदाज़|भूल)"
            ),
        ),
    ),
    "reveal": (
        0.6,
        (
            _any("""
                prompt instru message rules config directive guideline above before~this given
                starting~with so~far context anweisung nachricht mensaje промпт инструкц
                подсказк 提示 指令 消息 設定 设定 プロンプト 指示 メッセージ 프롬프트 지시
                메시지
            """),
        ),
        (
            (
                r"\b(?:reveal|show|print|repeat|output|display|give|tell|disclose|leak|expose|dump"
                r"|return|share|write|recite|summari[sz]e|translate|copy)(?: me| us| out| back)* "
                r"(?:all |exactly |verbatim |word for word )*(?:of )?(?:your|the|its|this) (?:full "
                r"|entire |exact |complete |own |secret )*(?:system|initial|hidden|original"
                r"|developer|internal|secret|confidential|pre)[- ]?(?:prompt|instructions|message"
                r"|rules|configuration|directives|guidelines)\b"
            ),
            (
                r"\bwhat (?:is|are|was|were|does) (?:your|the) (?:full |exact |entire |secret )*"
                r"(?:system|initial|hidden|original|developer|confidential) (?:prompt|instructions"
                r"|message|rules|say)\b"
            ),
            (
                r"\b(?:repeat|print|output|copy|write out|echo|return) (?:all (?:of )?)?(?:the )?"
                r"(?:text|words|content|everything|lines|sentences|instructions)(?: that (?:is|are"
                r"|comes?))? (?:above|before this|you were given|starting with|so far|in your "
                r"context)"
            ),
            (
                r"\b(?:everything|the text|all text) above (?:this line )?(?:verbatim|word for word"
                r"|in a code block)"
            ),
            (
                r"\b(?:zeig|zeige|nenne|verrate|gib)(?: mir| uns)? (?:bitte )?(?:deinen|ihren|den"
                r"|deine|ihre) (?:\w+ )?(?:system-?prompt|systemanweisung\w*|systemnachricht"
                r"|ursprünglichen anweisungen)"
            ),
            (
                r"\b(?:montre|révèle|affiche|donne|répète)(?:z)?(?:-moi| moi)? (?:ton|votre|le|tes"
                r"|vos|les) (?:prompt système|instructions (?:système|initiales|cachées)|message "
                r"système)"
            ),
            (
                r"\b(?:muestra|muéstrame|revela|dime|imprime|repite)(?:me)? (?:tu|su|el|tus|sus"
                r"|las) (?:prompt (?:del |de )?sistema|instrucciones (?:del sistema|iniciales"
                r"|ocultas)|mensaje del sistema)"
            ),
            (
                r"(?:покажи|раскрой|выведи|повтори|напиши) (?:мне )?(?:свой|твой|ваш|свои"
                r"|системн\w+) (?:системн\w+ )?(?:промпт|инструкц\w+|подсказк\w+)"
            ),
            (
                r"(?:显示|告诉我|输出|打印|泄露|重复|透露|說出|给我看)(?:出)?(?:你|您)?(?:的)?"
                r"(?:系统|初始|隐藏|原始|系統)(?:的)?(?:提示词?|指令|消息|設定|设定)"
            ),
            (
                r"(?:システム|初期|隠された)(?:の)?(?:プロンプト|指示|メッセージ)を?(?:そのまま)?"
                r"(?:見せ|表示|教え|出力|繰り返)"
            ),
            (
                r"(?:시스템|초기|숨겨진)\s?(?:프롬프트|지시|메시지)\S{0,3}\s?(?:보여|알려|출력|공개"
                r"|말해)"
            ),
        ),
    ),
    "persona": (
        0.6,
        (
            _any("""
                dan anything~now jailbr unrestricted unfiltered uncensored amoral evil
                unlimited unaligned rogue mode restriction guideline limit filter constraint
                rules guardrail bound~by never~refuse uneingeschränk unzensiert censur filtros
                restric 限制
            """),
        ),
        (
            (
                r"\b(?:you are|you re|act as|pretend to be|become|behave as|simulate|roleplay as)"
                r"(?: now| going to be)* (?:an? |the )*(?:dan\b|do anything now|jailbroken"
                r"|unrestricted|unfiltered|uncensored|amoral|evil|unlimited|unaligned|rogue)"
            ),
            r"\bdo anything now\b|\bjailbreak(?:ed)? mode\b|\bgod mode enabled\b",
            (
                r"\b(?:you are (?:now )?in|you (?:will |must )?(?:now )?enter|enter into|activate "
                r"your|switch yourself to)(?: the)? (?:developer|debug|admin|maintenance"
                r"|unrestricted|jailbreak|sudo|root|god|dan) mode\b"
            ),
            (
                r"\b(?:with|have|has|without|no longer have|free (?:from|of)) (?:no |any |all )?"
                r"(?:ethical |moral |safety |content )+(?:restrictions|guidelines|limitations"
                r"|filters|constraints|limits|rules|guardrails)\b"
            ),
            (
                r"\b(?:pretend|imagine|assume)(?: that)? (?:you|there) (?:have|are|has) no "
                r"(?:restrictions|rules|limits|guidelines|filters|limitations)\b"
            ),
            r"\byou (?:are no longer|are not) bound by\b|\byou (?:must|will) never refuse\b",
            r"\bdu bist (?:jetzt|nun|ab sofort) (?:dan\b|ein\w* (?:uneingeschränkt|unzensiert)\w*)",
            (
                r"\b(?:eres|actúa como) (?:ahora )?(?:dan\b|una? (?:ia )?sin (?:restricciones"
                r"|censura|filtros))"
            ),
            (
                r"\btu es (?:maintenant |désormais )?(?:dan\b|une? (?:ia )?sans (?:restrictions"
                r"|censure|filtres))"
            ),
            (
                r"(?:你现在是|你現在是|扮演)(?:一个|一個)?(?:dan|没有限制|不受限制|無限制"
                r"|没有任何限制)"
            ),
        ),
    ),
    "secrecy": (
        0.5,
        (
            _any("""
                user human customer operator victim confirmation approval permission
            """),
            _any("""
                tell inform notif alert mention warn letting keep~this asking waiting
                requiring before
            """),
        ),
        (
            (
                r"\b(?:do not|don t|never|without) (?:tell|telling|inform|informing|notify"
                r"|notifying|alert|alerting|mention(?:ing)?(?: this| it)? to|warn|warning|letting) "
                r"(?:the )?(?:user|human|customer|operator|victim)\b"
            ),
            r"\bkeep this (?:hidden|secret) from the (?:user|human)\b",
            (
                r"\bwithout (?:asking|waiting for|requiring) (?:for )?(?:the user s |any |user )?"
                r"(?:confirmation|approval|permission)\b"
            ),
            (
                r"\bbefore (?:answering|responding|replying|doing anything else) (?:to )?(?:the "
                r"user|this)[^.]{0,20}(?:you must|call|send|run|execute)\b"
            ),
        ),
    ),
    "exfiltration": (
        0.6,
        (
            _any("""
                http www url webhook server address endpoint @
            """),
            _any("""
                send post forward upload mail transmit exfiltrat leak submit append encod
            """),
        ),
        (
            (
                r"\b(?:send|post|forward|upload|email|e-mail|transmit|exfiltrate|leak|submit|append"
                r"|encode)\b[^.\n]{0,40}\b(?:conversation|chat history|api keys?|passwords?"
                r"|credentials|secrets?|tokens?|system prompt|personal data|private data|emails"
                r"|contacts|environment variables|user data|session)\b[^.\n]{0,40}\b(?:to|into|in"
                r"|at|via) (?:the url |this |the following |my )?(?:https?\b|www|url|webhook|server"
                r"|address|endpoint|[\w.+-]+ ?@)"
            ),
        ),
    ),
    "new orders": (
        0.3,
        (
            _any("""
                instruc task objective directive rules goal job purpose from~now~on override
                alert notice developer creator admin openai anthropic anweisung aufgabe
                consigne ab~jetzt ab~sofort partir 从现在
            """),
        ),
        (
            (
                r"\b(?:new|updated|real|actual|true|revised) (?:system )?(?:instructions|task"
                r"|objective|directive|rules)(?: are)? ?:"
            ),
            (
                r"\byour (?:new|real|actual|true|only) (?:task|goal|job|instructions?|objective"
                r"|purpose) (?:is|are)\b"
            ),
            r"\bfrom now on,? you (?:are|will|must|shall|only|should)\b",
            r"\b(?:system|admin|administrator|developer|security) (?:override|alert|notice) ?:",
            (
                r"\b(?:i am|i m|this is) (?:your |the |an? )?(?:developer|creator|administrator"
                r"|system admin|openai|anthropic)(?: (?:engineer|staff|team|employee))?[,.]? "
                r"(?:and )?(?:i |you |please )?(?:need|must|authori[sz]e|order|command|override"
                r"|grant)"
            ),
            (
                r"\bneue (?:anweisungen|aufgabe) ?:|\bnouvelles (?:instructions|consignes) ?:"
                r"|\bnuevas instrucciones ?:"
            ),
            (
                r"\bab (?:jetzt|sofort) (?:bist|wirst|musst) du\b|\bà partir de maintenant,? (?:tu"
                r"|vous)\b"
            ),
            (
                r"\ba partir de ahora,? (?:eres|debes|responde|vas)\b|从现在(?:开始|起)[，,]?你"
                r"(?:是|要|必须|只)"
            ),
        ),
    ),
    "encoded": (
        0.5,
        (
            _any("""
                decode base64 rot13 hex unscramble reverse
            """),
        ),
        (
            (
                r"\b(?:decode|base64|rot13|hex|unscramble|reverse)\b[^.\n]{0,60}\b(?:and"
                r"|then)\b[^.\n]{0,20}\b(?:follow|execute|obey|do what|act on|run|carry out)\b"
            ),
        ),
    ),
}
"""For each kind of sign: its weight, the parts of words a text with it has (one of each group), and
the expressions that find it. The parts are there because looking for them takes no time.
"""
