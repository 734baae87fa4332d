"""Everyday sentences in fifteen languages for the synthesiser; written for this project."""

# fmt: off
TEXTS: dict[str, tuple[str, ...]] = {
    "en-us": (
        "My mother baked five big pies for Bob before we came home.",
        "Please put the paper map above the blue box and remember to move it.",
        "Those few brave people watched the huge waves from the beach.",
        "Would you choose the yellow shoes or the purple jumper?",
        "Every father thinks that this job pays very well.",
        "How many apples, bananas and plums did Pam buy?",
        "A quiet voice showed us through the open window.",
    ),
    "en": (
        "The weather forecast promises heavy rain and thunder before morning.",
        "Perhaps we should phone my brother about the garden party.",
        "Both of them live in a small village behind the hill.",
        "I would rather walk than wait for another bus.",
        "Numbers one, two, three, four, five, six, seven, eight, nine, ten.",
    ),
    "de": (
        "Meine Mutter möchte morgen fünf Äpfel und eine Pflaume kaufen.",
        "Wir wohnen über dem Bahnhof und hören früh die Züge.",
        "Bitte bringen Sie mir ein Glas Wasser und das Abendbrot.",
        "Der Vater schaut böse aus dem offenen Fenster.",
        "Viele schöne Blumen blühen im Park neben der Schule.",
    ),
    "fr": (
        "Un bon vin blanc, tu peux boire et voir la vie en rose.",
        "Ma mère prépare une bonne soupe pour mon père et moi.",
        "Il faut que vous veniez avec nous au bord de la mer.",
        "Le petit bateau bleu passe devant une maison jaune.",
        "Combien de pommes voulez-vous acheter aujourd'hui ?",
    ),
    "es": (
        "Mi madre compra pan, uvas y manzanas para la fiesta.",
        "El abuelo vive en un pueblo pequeño cerca del mar.",
        "Buenos días, ¿puede usted ayudarme con este problema?",
        "Mañana vamos a pasear por el bosque con los perros.",
        "La luna brilla sobre el puente viejo.",
    ),
    "it": (
        "La mamma prepara una buona pizza con pomodoro e formaggio.",
        "Buongiorno, vorrei due biglietti per Roma, per favore.",
        "Il bambino gioca nel parco vicino alla scuola.",
        "Abbiamo visto un bel film e poi abbiamo bevuto un caffè.",
    ),
    "pt-br": (
        "Bom dia, minha mãe fez um bolo de banana para o almoço.",
        "O menino pequeno brinca na praia com uma bola azul.",
        "Você pode me ajudar a encontrar o caminho para o museu?",
        "Hoje chove muito, mas amanhã vai fazer sol.",
    ),
    "nl": (
        "Mijn moeder bakt vijf broodjes voor ons ontbijt.",
        "Wij wonen boven een winkel en horen elke morgen de bus.",
        "Kunt u mij vertellen hoe laat het museum opengaat?",
        "De buurvrouw speelt mooi piano in de oude kamer.",
    ),
    "pl": (
        "Moja mama piecze pyszne ciasto z jabłkami na obiad.",
        "Proszę powiedzieć, o której godzinie odjeżdża pociąg.",
        "Babcia mieszka w małym białym domu nad morzem.",
        "Wczoraj widzieliśmy piękny film o przyjaźni.",
    ),
    "ru": (
        "Моя мама покупает пять яблок и большой арбуз.",
        "Пожалуйста, помогите мне найти дорогу к вокзалу.",
        "Бабушка живёт в маленьком белом доме у моря.",
        "Вечером мы будем пить чай и смотреть новый фильм.",
    ),
    "tr": (
        "Annem sabah beş elma ve büyük bir karpuz aldı.",
        "Bugün hava çok güzel, parka gitmek ister misin?",
        "Babam bize masal okuyor ve sonra uyuyoruz.",
        "Lütfen bana bir bardak su verir misiniz?",
    ),
    "hi": (
        "मेरी माँ बाज़ार से पाँच आम और बहुत सारे फूल लाती है।",
        "आप कैसे हैं, क्या आप मेरी मदद कर सकते हैं?",
        "बच्चे पार्क में बड़ी गेंद से खेल रहे हैं।",
        "कल हम सब मिलकर पुराने मंदिर जाएँगे।",
    ),
    "cmn": (
        "我的妈妈明天早上去买五个苹果和一包面包。",
        "朋友们在公园里跑步，爸爸在旁边看报纸。",
        "请问，去博物馆怎么走？",
        "今天天气非常好，我们一起去爬山吧。",
    ),
    "ja": (
        "おかあさんは あした パンと ぶどうを かいます。",
        "ともだちと いっしょに うみべを あるきましょう。",
        "まいにち ぼくは ピアノを ひいて、ほんを よみます。",
        "すみません、びじゅつかんは どこですか。",
    ),
    "sv": (
        "Min mamma bakar fem bullar åt pappa och barnen.",
        "Vi bor ovanför en bokhandel och hör båtarna på morgonen.",
        "Kan du hjälpa mig att hitta vägen till museet?",
        "I dag är det mycket vackert väder vid sjön.",
    ),
    "id": (
        "Ibu saya membeli lima buah mangga dan pepaya di pasar.",
        "Bapak membaca buku baru sambil minum kopi pahit.",
        "Besok pagi kami pergi ke pantai bersama teman-teman.",
        "Apakah Anda bisa membantu saya mencari jalan pulang?",
    ),
}
"""By espeak-ng voice."""
# fmt: on
