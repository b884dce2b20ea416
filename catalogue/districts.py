"""The ten districts of Wuhan that have counters, and roughly where their people live."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class District:
    """A district with the approximate middle of its built-up part (WGS-84, to a hundredth of a degree)."""

    zh: str
    en: str
    lat: float
    lng: float

    @property
    def names(self) -> dict[str, str]:
        """Its name by language."""
        return {"zh": self.zh, "en": self.en}


DISTRICTS = (
    District("江岸区", "Jiang'an", 30.63, 114.30),
    District("江汉区", "Jianghan", 30.61, 114.26),
    District("硚口区", "Qiaokou", 30.59, 114.22),
    District("汉阳区", "Hanyang", 30.55, 114.22),
    District("武昌区", "Wuchang", 30.56, 114.32),
    District("青山区", "Qingshan", 30.63, 114.39),
    District("洪山区", "Hongshan", 30.51, 114.38),
    District("东西湖区", "Dongxihu", 30.65, 114.16),
    District("江夏区", "Jiangxia", 30.37, 114.32),
    District("蔡甸区", "Caidian", 30.57, 114.05),
)


def district_named(zh: str) -> District | None:
    """The district of that Chinese name, if it is one of the ten."""
    return next((one for one in DISTRICTS if one.zh == zh), None)
