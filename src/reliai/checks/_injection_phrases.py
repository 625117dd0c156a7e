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
                rf"\b(?:ignore|disregard|forget) {_ALL}{_RULES} (?:above|before|you (?:were"
                rf"|have been) given"
                rf"|given (?:to you|above|before|earlier))\b"
            ),
            (
                r"\b(?:ignore|disregard|forget) (?:everything|all|anything"
                r"|whatever) (?:that )?(?:is |was )?"
                r"(?:above|before this|prior to this|you (?:were|have been|have|ve been) (?:told"
                r"|taught|given"
                r"|instructed)|you know about your)\b"
            ),
            (
                r"\bdo not (?:follow|obey|listen to) (?:the |your |any )?(?:previous|prior|above"
                r"|system|original|developer)\b"
            ),
            (
                rf"\b(?:stop|quit) (?:following|obeying) (?:the |your |any "
                rf"|all )*(?:{_EARLIER} )*{_RULES}\b"
            ),
            # German, French, Spanish, Italian, Portuguese, Dutch
            (
                r"\b(?:ignorier\w*|vergiss|missachte\w*|vergessen sie"
                r"|überschreibe) (?:bitte )?(?:alle\w* |die |"
                r"deine |ihre |sämtliche )*(?:vorherigen|bisherigen|obigen|früheren|vorigen"
                r"|vorangegangenen"
                r"|ursprünglichen) (?:\w+ )?(?:anweisungen|instruktionen|regeln|vorgaben|befehle"
                r"|anweisung)\b"
            ),
            (
                r"\b(?:ignore[zrs]?|oublie[zrs]?|ne tiens pas compte de"
                r"|ne tenez pas compte de) (?:toutes? |tous "
                r"|les |tes |vos |des |ces )*(?:instructions?|consignes?|règles|directives) "
                r"(?:\w+ )?(?:précédentes?|antérieures?|ci-dessus|initiales?|reçues|du système)"
            ),
            (
                r"\b(?:ignora|ignore|olvida|olvide|omite|descarta) (?:todas? |todos |las |los |tus "
                r"|sus |cualquier )*"
                r"(?:instrucciones?|instrucción|reglas|indicaciones|órdenes"
                r"|directrices) (?:\w+ )?(?:anteriores?"
                r"|previas?|de arriba|iniciales|del sistema)"
            ),
            (
                r"\b(?:ignora|ignori|dimentica|dimentichi) (?:tutte |tutti |le |gli |i |tue "
                r"|sue )*(?:istruzioni"
                r"|regole|indicazioni|direttive) (?:\w+ )?(?:precedenti|iniziali|di prima|sopra)"
            ),
            (
                r"\b(?:ignore|ignora|esqueça|esquece|desconsidere) (?:todas |todos |as |os |suas "
                r"|seus |quaisquer )*"
                r"(?:instruções|regras|orientações|diretrizes) (?:\w+ )?(?:anteriores|prévias|acima"
                r"|iniciais)"
            ),
            (
                r"\b(?:negeer|vergeet) (?:alle |de |je |uw |al je )*(?:vorige|eerdere|voorgaande"
                r"|bovenstaande) "
                r"(?:instructies|regels|opdrachten)"
            ),
            # Polish, Turkish, Russian, Ukrainian
            (
                r"\b(?:zignoruj|ignoruj|zapomnij o?) (?:wszystkie |wszystkich |swoje "
                r"|te )*(?:poprzednie|poprzednich|"
                r"wcześniejsze|powyższe) (?:instrukcje|polecenia|zasady|instrukcjach)"
            ),
            (
                r"\b(?:önceki|yukarıdaki) (?:tüm |bütün )?(?:talimatları|kuralları"
                r"|yönergeleri)\w* (?:yok say|unut"
                r"|görmezden gel|dikkate alma)"
            ),
            (
                r"(?:игнорируй\w*|забудь\w*|проигнорируй\w*|отбрось) (?:все |всё |свои |мои "
                r"|любые )*(?:предыдущ\w+|"
                r"прежн\w+|вышеуказанн\w+|ранее|прошл\w+) (?:\w+ )?(?:инструкц\w+|указани\w+"
                r"|правил\w+)"
            ),
            # Chinese, Japanese, Korean
            (
                r"(?:忽略|无视|忘记|忽視|無視|忘掉|不要理会)(?:掉)?(?:你)?(?:所有|全部"
                r"|一切)?(?:的)?(?:之前|以上|先前|上面|前面|此前"
                r"|上述|系统)(?:的)?(?:所有|全部)?(?:的)?(?:指令|指示|规则|提示|要求|命令|說明|说明"
                r"|规定)"
            ),
            (
                r"(?:これまで|以前|上記|前|今まで)の(?:すべての|全ての)?(?:指示|命令|ルール"
                r"|プロンプト|指令)(?:を|は)(?:すべて|全て)?"
                r"(?:無視|忘れ)"
            ),
            (
                r"(?:이전|위|앞|지금까지)의?\s?(?:모든\s?)?(?:지시|명령|지침|규칙"
                r"|프롬프트)\S{0,4}\s?(?:모두\s?)?(?:무시|잊)"
            ),
            # Arabic, Hindi
            (
                r"(?:تجاهل|انس|انسَ) (?:جميع |كل |كافة )?(?:ال)?(?:تعليمات|أوامر"
                r"|قواعد)(?:ك)? (?:ال)?(?:سابقة|أعلاه|السابقه)"
            ),
            (
                r"(?:पिछले|पहले के|ऊपर दिए) (?:गए )?(?:सभी |सारे )?(?:निर्देशों|निर्देश"
                r"|नियमों) को (?:अनदेखा|नज़रअंदाज़|भूल)"
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
                r"|return|share|write"
                r"|recite|summari[sz]e|translate|copy)(?: me| us| out| back)* (?:all |exactly "
                r"|verbatim |word for word )*"
                r"(?:of )?(?:your|the|its|this) (?:full |entire |exact |complete |own "
                r"|secret )*(?:system|initial"
                r"|hidden|original|developer|internal|secret|confidential|pre)[- ]?(?:prompt"
                r"|instructions|message"
                r"|rules|configuration|directives|guidelines)\b"
            ),
            (
                r"\bwhat (?:is|are|was|were|does) (?:your|the) (?:full |exact |entire "
                r"|secret )*(?:system|initial|hidden|original|developer|confidential) "
                r"(?:prompt|instructions|message|rules|say)\b"
            ),
            (
                r"\b(?:repeat|print|output|copy|write out|echo|return) (?:all (?:of )?)?(?:the )?"
                r"(?:text|words|content"
                r"|everything|lines|sentences|instructions)(?: that (?:is|are|comes?))? (?:above"
                r"|before this"
                r"|you were given|starting with|so far|in your context)"
            ),
            (
                r"\b(?:everything|the text|all text) above (?:this line )?(?:verbatim|word for word"
                r"|in a code block)"
            ),
            (
                r"\b(?:zeig|zeige|nenne|verrate|gib)(?: mir| uns)? (?:bitte )?(?:deinen|ihren|den"
                r"|deine|ihre) "
                r"(?:\w+ )?(?:system-?prompt|systemanweisung\w*|systemnachricht"
                r"|ursprünglichen anweisungen)"
            ),
            (
                r"\b(?:montre|révèle|affiche|donne|répète)(?:z)?(?:-moi| moi)? (?:ton|votre|le|tes"
                r"|vos|les) "
                r"(?:prompt système|instructions (?:système|initiales|cachées)|message système)"
            ),
            (
                r"\b(?:muestra|muéstrame|revela|dime|imprime|repite)(?:me)? (?:tu|su|el|tus|sus"
                r"|las) (?:prompt (?:del |de )?"
                r"sistema|instrucciones (?:del sistema|iniciales|ocultas)|mensaje del sistema)"
            ),
            (
                r"(?:покажи|раскрой|выведи|повтори|напиши) (?:мне )?(?:свой|твой|ваш|свои"
                r"|системн\w+) (?:системн\w+ )?"
                r"(?:промпт|инструкц\w+|подсказк\w+)"
            ),
            (
                r"(?:显示|告诉我|输出|打印|泄露|重复|透露|說出|给我看)(?:出)?(?:你"
                r"|您)?(?:的)?(?:系统|初始|隐藏|原始|系統)(?:的)?(?:提示词?|指令|消息|設定|设定)"
            ),
            (
                r"(?:システム|初期|隠された)(?:の)?(?:プロンプト|指示"
                r"|メッセージ)を?(?:そのまま)?(?:見せ|表示|教え|出力|繰り返)"
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
                r"\b(?:you are|you re|act as|pretend to be|become|behave as|simulate"
                r"|roleplay as)(?: now| going to be)*"
                r" (?:an? |the )*(?:dan\b|do anything now|jailbroken|unrestricted|unfiltered"
                r"|uncensored|amoral|evil"
                r"|unlimited|unaligned|rogue)"
            ),
            r"\bdo anything now\b|\bjailbreak(?:ed)? mode\b|\bgod mode enabled\b",
            (
                r"\b(?:you are (?:now )?in|you (?:will |must )?(?:now )?enter|enter into"
                r"|activate your|switch yourself to)(?: the)? (?:developer|debug|admin"
                r"|maintenance|unrestricted"
                r"|jailbreak|sudo|root|god|dan) mode\b"
            ),
            (
                r"\b(?:with|have|has|without|no longer have|free (?:from|of)) (?:no |any "
                r"|all )?(?:ethical |moral |safety "
                r"|content )+(?:restrictions|guidelines|limitations|filters|constraints|limits"
                r"|rules|guardrails)\b"
            ),
            (
                r"\b(?:pretend|imagine|assume)(?: that)? (?:you|there) (?:have|are"
                r"|has) no (?:restrictions|rules|limits"
                r"|guidelines|filters|limitations)\b"
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
                r"|notifying|alert|alerting|mention"
                r"(?:ing)?(?: this| it)? to|warn|warning|letting) (?:the )?(?:user|human|customer"
                r"|operator|victim)\b"
            ),
            r"\bkeep this (?:hidden|secret) from the (?:user|human)\b",
            (
                r"\bwithout (?:asking|waiting for|requiring) (?:for )?(?:the user s |any "
                r"|user )?(?:confirmation|approval|permission)\b"
            ),
            (
                r"\bbefore (?:answering|responding|replying"
                r"|doing anything else) (?:to )?(?:the user|this)[^.]{0,20}(?:you must|call|send"
                r"|run|execute)\b"
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
                r"|encode)\b[^.\n]{0,40}"
                r"\b(?:conversation|chat history|api keys?|passwords?|credentials|secrets?|tokens?"
                r"|system prompt"
                r"|personal data|private data|emails|contacts|environment variables|user data"
                r"|session)\b[^.\n]{0,40}"
                r"\b(?:to|into|in|at|via) (?:the url |this |the following |my )?(?:https?\b|www|url"
                r"|webhook|server|address|endpoint|[\w.+-]+ ?@)"
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
                r"|system admin|openai|anthropic)"
                r"(?: (?:engineer|staff|team|employee))?[,.]? (?:and )?(?:i |you |please )?(?:need"
                r"|must|authori[sz]e|order|command|override|grant)"
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
                r"\ba partir de ahora,? (?:eres|debes|responde|vas)\b|从现在(?:开始"
                r"|起)[，,]?你(?:是|要|必须|只)"
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
