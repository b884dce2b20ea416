"""Where the goods come from and where they are sold.

Townships and codes: the official list of 乃东区 (540502). Altitudes are approximate (the valley floor lies near
3,550 m). Counter positions are those of real supermarkets in Wuhan (WGS-84, from the public data set
PaperMisty/CVRP_Service2); the names here are neutral.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CooperativeSeed:
    """A cooperative of the demonstration."""

    code: str
    zh: str
    en: str
    township_zh: str
    township_en: str
    township_code: str
    altitude_m: int
    households: int
    story_zh: str
    story_en: str


COOPERATIVES = (
    CooperativeSeed("ZETANG", "泽当街道粮油合作社", "Zetang grain and oil cooperative", "泽当街道", "Zetang",
                    "540502001", 3560, 24, "雅砻河谷的油菜与青稞，冷榨、石磨，慢慢来。",
                    "Rapeseed and barley of the Yarlung valley, cold-pressed and stone-ground, without hurry."),
    CooperativeSeed("CHANGZHU", "昌珠镇马铃薯合作社", "Changzhug potato cooperative", "昌珠镇", "Changzhug",
                    "540502101", 3580, 31, "昼夜温差大，红皮土豆长得慢，也更粉更甜。",
                    "Warm days and cold nights: red potatoes grow slowly here, floury and sweet."),
    CooperativeSeed("YADUI", "亚堆乡藏鸡合作社", "Yadui Tibetan chicken cooperative", "亚堆乡", "Yadui",
                    "540502200", 4300, 18, "藏鸡在高山草坡上散养，自己找虫吃草籽。",
                    "Tibetan chickens range over the high slopes and find their own seeds and insects."),
    CooperativeSeed("SUOZHU", "索珠乡藏香猪合作社", "Sozhug Tibetan pork cooperative", "索珠乡", "Sozhug",
                    "540502201", 3900, 22, "藏香猪放养在林缘，个头小，肉香而不腻。",
                    "Small Tibetan pigs live along the forest edge; their meat is fragrant, never heavy."),
    CooperativeSeed("DUOPO", "多颇章乡饮水合作社", "Dopozhang spring water cooperative", "多颇章乡", "Dopozhang",
                    "540502202", 3620, 12, "雪山融水渗过岩层，在泉眼边装瓶。",
                    "Meltwater filtered by rock, bottled beside the spring."),
    CooperativeSeed("POZHANG", "颇章乡手工艺合作社", "Pozhang handicraft cooperative", "颇章乡", "Pozhang",
                    "540502204", 3700, 27, "氆氇、邦典、木碗、藏香，都是一双手一双手做出来的。",
                    "Wool, aprons, bowls and incense, each made by a pair of hands."),
)  # fmt: skip

# code, district, street or quarter, the same in English, latitude, longitude, storage classes, parcels a day, delivers
COUNTERS = (
    ("WH-JA-01", "江岸区", "吉庆街", "Jiqing Street", 30.588514, 114.287249, "acf", 200, True),
    ("WH-JA-02", "江岸区", "花园路", "Huayuan Road", 30.646169, 114.315845, "acf", 120, True),
    ("WH-JA-03", "江岸区", "竹叶山", "Zhuyeshan", 30.620298, 114.280121, "ac", 120, True),
    ("WH-JH-01", "江汉区", "北湖", "Beihu", 30.603947, 114.270689, "acf", 200, True),
    ("WH-JH-02", "江汉区", "常青", "Changqing", 30.628124, 114.234445, "acf", 120, True),
    ("WH-QK-01", "硚口区", "古田路", "Gutian Road", 30.597751, 114.194350, "acf", 140, True),
    ("WH-QK-02", "硚口区", "越秀星汇", "Yuexiu Xinghui", 30.570571, 114.244437, "ac", 100, True),
    ("WH-HY-01", "汉阳区", "墨水湖", "Moshui Lake", 30.555199, 114.220898, "acf", 140, True),
    ("WH-HY-02", "汉阳区", "五龙路", "Wulong Road", 30.543421, 114.246117, "ac", 100, True),
    ("WH-WC-01", "武昌区", "中南路", "Zhongnan Road", 30.534716, 114.303933, "acf", 200, True),
    ("WH-WC-02", "武昌区", "水果湖", "Shuiguo Lake", 30.549627, 114.340224, "acf", 160, True),
    ("WH-WC-03", "武昌区", "秦园路", "Qinyuan Road", 30.580979, 114.340456, "ac", 100, True),
    ("WH-QS-01", "青山区", "钢都", "Gangdu", 30.616015, 114.362941, "acf", 120, True),
    ("WH-HS-01", "洪山区", "南湖", "Nanhu", 30.504267, 114.331195, "acf", 160, True),
    ("WH-HS-02", "洪山区", "光谷", "Guanggu", 30.508723, 114.413981, "acf", 200, True),
    ("WH-HS-03", "洪山区", "花山", "Huashan", 30.524801, 114.511879, "ac", 80, True),
    ("WH-DX-01", "东西湖区", "金银湖", "Jinyin Lake", 30.633663, 114.197635, "acf", 120, True),
    ("WH-JX-01", "江夏区", "纸坊", "Zhifang", 30.350635, 114.308201, "acf", 100, True),
    ("WH-JX-02", "江夏区", "藏龙岛", "Canglong Island", 30.422656, 114.424968, "ac", 80, True),
    ("WH-CD-01", "蔡甸区", "金色港湾", "Jinse Gangwan", 30.522159, 114.175978, "a", 80, False),
)
STORAGE_LETTERS = {"a": "ambient", "c": "chilled", "f": "frozen"}
