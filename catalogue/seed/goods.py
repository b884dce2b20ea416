"""What is sold in the demonstration.

Prices: retail references of the National Bureau of Statistics (50 cities) and local price bureaus (2013–2024), such
as rapeseed oil ¥71.90–76.70 for 5 l, potatoes ¥3.80–4.12 a kg, eggs ¥12–13 a kg, whole chicken ¥28–39 a kg, hind leg
of pork ¥26–27 a kg, times a premium of 1.5 to 3 for small herds and a 3,500 km road. Shelf lives: USDA FoodKeeper
(eggs 3–5 weeks refrigerated; chicken 12 and pork 4–12 months frozen; oil 6–12 months), shortened for the journey.

Chicken and pork are sold by weight: dressed chicken ¥39.22 a kg × 2.75 = ¥108; belly ¥28.04 × 3 = ¥84, hind leg
¥26.00 × 3 = ¥78, ribs ¥56.16 × 2.4 = ¥135 (references of 2017 and October 2024 from the same sources); wings, for
which there is no reference, a little under the whole bird. Packs vary by a tenth (cuts) to a sixth (birds).
"""

from __future__ import annotations

from dataclasses import dataclass

from catalogue.by_weight import ByWeight

CATEGORIES = (
    ("grain-oil", "粮油", "Grain and oil", "འབྲུ་དང་སྣུམ།"),
    ("vegetables", "蔬菜", "Vegetables", "ཚལ།"),
    ("eggs-poultry", "禽蛋", "Eggs and poultry", "སྒོ་ང་དང་བྱ།"),
    ("meat", "肉类", "Meat", "ཤ།"),
    ("water", "饮水", "Water", "ཆུ།"),
    ("handicraft", "民族手工艺", "Handicrafts", "ལག་ཤེས།"),
)


@dataclass(frozen=True)
class ProductSeed:
    """A product with its packs: (code, pack zh, pack en, fen or terms of weight, grams by and large, case pack)."""

    slug: str
    category: str
    cooperative: str
    zh: str
    en: str
    bo: str
    aliases: tuple[str, ...]
    storage: str
    shelf_life_days: int
    min_life_days: int
    story_zh: str
    story_en: str
    advice_zh: str
    advice_en: str
    packs: tuple[tuple[str, str, str, int | ByWeight, int, int], ...]


DRY_ZH, DRY_EN = "阴凉干燥处避光存放，开封后尽快吃完。", "Keep in a cool, dry, dark place; use soon once opened."
COLD_ZH, COLD_EN = "0–4 ℃ 冷藏。", "Keep refrigerated at 0–4 °C."
FROZEN_ZH, FROZEN_EN = "−18 ℃ 冷冻，解冻后当天烹调。", "Keep frozen at −18 °C; cook on the day it thaws."
CRAFT_ZH, CRAFT_EN = "避免暴晒，保持干燥。", "Keep dry and out of strong sun."

PRODUCTS = (
    ProductSeed("zanghe-oil", "grain-oil", "ZETANG", "藏禾食用油", "Zanghe rapeseed oil", "སྣུམ།",
                ("菜籽油", "食用油", "oil"), "ambient", 360, 60,
                "雅砻河谷的春油菜，物理压榨，颜色金黄，炒菜香。",
                "Spring rapeseed of the Yarlung valley, pressed without solvents: golden, nutty, good for the wok.",
                DRY_ZH, DRY_EN,
                (("ZH-OIL-500", "500 毫升", "500 ml", 2280, 460, 12), ("ZH-OIL-1800", "1.8 升", "1.8 l", 6880, 1650, 6),
                 ("ZH-OIL-5000", "5 升", "5 l", 16800, 4580, 4))),
    ProductSeed("red-potato", "vegetables", "CHANGZHU", "红皮土豆", "Red-skinned potatoes", "ཞོ་ཁོག",
                ("土豆", "马铃薯", "洋芋", "potato"), "ambient", 60, 7,
                "红皮黄心，粉糯香甜，蒸着吃最好。", "Red skin, yellow heart, floury and sweet; best simply steamed.",
                "阴凉通风处，避光防发芽。", "Keep in a cool, airy, dark place so that they do not sprout.",
                (("RP-1000", "1 千克", "1 kg", 980, 1000, 20), ("RP-2500", "2.5 千克", "2.5 kg", 2180, 2500, 8),
                 ("RP-5000", "5 千克礼盒", "5 kg gift box", 4580, 5000, 4))),
    ProductSeed("zang-chicken", "eggs-poultry", "YADUI", "藏香鸡", "Tibetan chicken", "བོད་བྱ།",
                ("香鸡", "藏鸡", "土鸡", "chicken"), "frozen", 270, 30,
                "高山散养，肉紧汤清，炖一锅满屋香。", "Raised on the high slopes: firm meat and a clear, fragrant broth.",
                FROZEN_ZH, FROZEN_EN,
                (("ZC-WHOLE", "整只", "whole", ByWeight(10_800, 1_000, 1_400), 1_200, 8),
                 ("ZC-HALF", "半只", "half", ByWeight(10_800, 500, 700), 600, 12),
                 ("ZC-WINGS", "鸡翅", "wings", ByWeight(9_900, 450, 550), 500, 20))),
    ProductSeed("zang-pork", "meat", "SUOZHU", "藏香猪肉", "Tibetan pork", "ཕག་ཤ།",
                ("藏香猪", "猪肉", "香猪", "pork"), "frozen", 180, 30,
                "林下放养的藏香猪，肥而不腻。", "Small pigs from the forest edge: fragrant and never heavy.",
                FROZEN_ZH, FROZEN_EN,
                (("ZP-BELLY-500", "五花肉", "belly", ByWeight(8_400, 450, 550), 500, 20),
                 ("ZP-LEG-1000", "后腿肉", "hind leg", ByWeight(7_800, 900, 1_100), 1_000, 10),
                 ("ZP-RIBS-500", "肋排", "ribs", ByWeight(13_500, 450, 550), 500, 20))),
    ProductSeed("zang-eggs", "eggs-poultry", "YADUI", "藏鸡蛋", "Tibetan eggs", "བོད་བྱའི་སྒོ་ང་།",
                ("鸡蛋", "土鸡蛋", "eggs"), "chilled", 35, 7,
                "个头小，蛋黄大，颜色深。", "Small eggs with large, deep-coloured yolks.",
                COLD_ZH, COLD_EN,
                (("ZE-10", "10 枚", "10 eggs", 2580, 420, 24), ("ZE-30", "30 枚", "30 eggs", 6980, 1260, 8))),
    ProductSeed("tsampa", "grain-oil", "ZETANG", "青稞糌粑", "Barley tsampa", "རྩམ་པ།",
                ("糌粑", "青稞粉", "tsampa", "barley"), "ambient", 240, 45,
                "青稞炒熟石磨，拌酥油茶或酸奶都好。", "Roasted barley, stone-ground; good with butter tea or yoghurt.",
                DRY_ZH, DRY_EN,
                (("TS-500", "500 克", "500 g", 1880, 500, 20), ("TS-1000", "1 千克", "1 kg", 3480, 1000, 10))),
    ProductSeed("yarlung-water", "water", "DUOPO", "雅砻冰川纯净水", "Yarlung purified water", "ཆུ།",
                ("纯净水", "矿泉水", "water"), "ambient", 720, 60,
                "泉水经净化，在海拔 3,600 米处装瓶，口感清冽。", "Spring water, purified and bottled at 3,600 m; clear and cold.",
                DRY_ZH, DRY_EN,
                (("YW-500", "500 毫升", "500 ml", 480, 500, 24), ("YW-4000", "4 升", "4 l", 1980, 4000, 4),
                 ("YW-BOX", "500 毫升 × 24", "24 × 500 ml", 9900, 12000, 1))),
    ProductSeed("pulu-wool-blanket", "handicraft", "POZHANG", "氆氇毛毯", "Pulu wool blanket", "སྣམ་བུ།",
                ("氆氇", "毛毯", "blanket", "wool"), "ambient", 3650, 365,
                "手捻羊毛，木机织成，一条毯子要织二十天。",
                "Hand-spun wool on a wooden loom; one blanket takes twenty days.", CRAFT_ZH, CRAFT_EN,
                (("PL-SMALL", "90 × 120 厘米", "90 × 120 cm", 46800, 1100, 2),
                 ("PL-LARGE", "150 × 200 厘米", "150 × 200 cm", 98000, 2600, 1))),
    ProductSeed("zang-apron", "handicraft", "POZHANG", "邦典围裙", "Bangdian apron", "པང་གདན།",
                ("邦典", "围裙", "apron"), "ambient", 3650, 365,
                "彩条手织，颜色像雨后的山谷。", "Hand-woven stripes, in the colours of the valley after rain.",
                CRAFT_ZH, CRAFT_EN, (("BD-ONE", "一条", "one apron", 26800, 380, 6),)),
    ProductSeed("wooden-bowl", "handicraft", "POZHANG", "藏式木碗", "Tibetan wooden bowl", "ཤིང་ཕོར།",
                ("木碗", "bowl"), "ambient", 3650, 365,
                "桦木旋成，越用越亮。", "Turned from birch; it shines more with every year of use.", CRAFT_ZH, CRAFT_EN,
                (("WB-SMALL", "小号", "small", 12800, 160, 12), ("WB-LARGE", "大号", "large", 18800, 260, 8))),
    ProductSeed("zang-incense", "handicraft", "POZHANG", "藏香", "Tibetan incense", "སྤོས།",
                ("香", "incense"), "ambient", 1460, 180,
                "柏木与草药，水磨手作。", "Juniper and herbs, water-milled and made by hand.", CRAFT_ZH, CRAFT_EN,
                (("IN-30", "30 支", "30 sticks", 3980, 120, 20), ("IN-100", "100 支礼盒", "100 sticks, gift box", 11800, 420, 8))),
)  # fmt: skip
