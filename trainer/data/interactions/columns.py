"""Finds which column holds what: by its name, and where names say nothing, by its values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trainer.data.interactions.recipe import ReadStep
from trainer.data.interactions.times import parse_times
from trainer.errors import InputError

NAMES: dict[str, tuple[str, ...]] = {
    "user": ("user", "userid", "username", "uid", "customer", "customerid", "visitor", "visitorid", "member", "memberid",
             "account", "accountid", "buyer", "reader", "reviewerid", "sessionid", "用户", "用户id", "用户名", "会员", "顾客"),
    "item": ("item", "itemid", "iid", "product", "productid", "movie", "movieid", "song", "songid", "track", "trackid",
             "artist", "artistid", "book", "bookid", "isbn", "article", "articleid", "sku", "asin", "video", "videoid",
             "module", "物品", "商品", "商品id", "电影", "歌曲", "书", "文章", "视频"),
    "time": ("time", "timestamp", "ts", "date", "datetime", "createdat", "eventtime", "reviewtime", "unixreviewtime",
             "day", "时间", "时间戳", "日期"),
    "rating": ("rating", "score", "stars", "overall", "评分", "打分", "星级"),
    "weight": ("weight", "count", "quantity", "plays", "playcount", "权重", "次数", "数量"),
    "title": ("title", "name", "itemname", "itemtitle", "productname", "movietitle", "标题", "名称", "商品名", "片名"),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """Which column of a file holds what; empty: none does."""

    user: str = ""
    item: str = ""
    time: str = ""
    rating: str = ""
    weight: str = ""
    title: str = ""
    user_features: tuple[str, ...] = ()
    item_features: tuple[str, ...] = ()

    @property
    def has_interactions(self) -> bool:
        return bool(self.user and self.item)

    def used(self) -> list[str]:
        named = (self.user, self.item, self.time, self.rating, self.weight, self.title)
        return list(dict.fromkeys([*filter(None, named), *self.user_features, *self.item_features]))


def find_columns(names: Sequence[str], head: Sequence[dict[str, Any]], step: ReadStep) -> Columns:
    """Return what each column holds, as chosen or detected; raise `InputError` where users or items cannot be found."""
    found: dict[str, str] = {}
    for role in ("user", "item", "time", "rating", "weight", "title"):
        chosen = getattr(step, f"{role}_column")
        if chosen in names:
            found[role] = chosen
    free = [name for name in names if name not in found.values()]
    for role in ("user", "item", "time", "rating", "weight", "title"):
        if role not in found and not getattr(step, f"{role}_column"):
            found[role] = next((name for name in free if plain(name) in NAMES[role]), "")
            free = [name for name in free if name != found[role]]
    if not found.get("user") and not found.get("item"):
        found |= by_place(free, head, step)
    if not found.get("user") and not found.get("item"):
        raise InputError(
            f"no column holds users or items; the columns are {listed(names)}. Choose them (user_column, item_column)."
        )
    taken = set(found.values())
    wanted = {side: split_names(getattr(step, f"{side}_features")) for side in ("user", "item")}
    rest = [name for name in names if name not in taken]
    if not found.get("user"):
        wanted["item"] = rest
    elif not found.get("item"):
        wanted["user"] = rest
    return Columns(
        **{role: name for role, name in found.items() if name},
        user_features=tuple(name for name in wanted["user"] if name in names and name not in taken),
        item_features=tuple(name for name in wanted["item"] if name in names and name not in taken),
    )


def told_of(columns: Columns) -> str:
    """Return in words what the columns were taken for."""
    roles = ("user", "item", "time", "rating", "weight", "title")
    said = [f"{role}: {name}" for role in roles if (name := getattr(columns, role))]
    if not columns.user:
        said.append(f"a table of items, described by {', '.join(columns.item_features) or 'nothing'}")
    elif not columns.item:
        said.append(f"a table of users, described by {', '.join(columns.user_features) or 'nothing'}")
    return ", ".join(said)


def by_place(free: list[str], head: Sequence[dict[str, Any]], step: ReadStep) -> dict[str, str]:
    """Return users and items of a table whose columns have no telling names: the first and the second that are no times."""
    if step.user_column or step.item_column or len(free) < 2:
        return {}
    if any(not re.fullmatch(r"column_\d+", name) for name in free):
        return {}
    times = [name for name in free if looks_like_time([row.get(name) for row in head])]
    left = [name for name in free if name not in times]
    if len(left) < 2:
        return {}
    found = {"user": left[0], "item": left[1], "time": times[0] if times and not step.time_column else ""}
    if len(left) > 2 and not step.rating_column:
        found["rating"] = left[2]
    return found


def looks_like_time(values: Sequence[Any]) -> bool:
    """Return whether all values are times between 1980 and 2100."""
    given = [value for value in values if value not in (None, "")]
    if not given:
        return False
    times, is_time = parse_times(given)
    return bool(is_time.all() and (times > 3e11).all() and (times < 4.1e12).all())


def plain(name: str) -> str:
    """Return a name without case, spaces and signs: `User_ID` is `userid`."""
    return re.sub(r"[\W_]+", "", name.casefold())


def split_names(text: str) -> list[str]:
    return [name.strip() for name in re.split(r"[,，、]", text) if name.strip()]


def listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names[:20]) + (" …" if len(names) > 20 else "")
