"""Data that the page carries: text made visible, JSON compressed, so that 74,000 pairs fit into a file that opens at once."""

import base64
import gzip
import json
from collections.abc import Iterable, Iterator

from selfalign.report.text import visible


def clean(value: object, most: int | None = None) -> object:
    """The value with every text in it, keys included, passed through :func:`visible`."""
    if isinstance(value, str):
        return visible(value, most) if most else visible(value)
    if isinstance(value, dict):
        return {visible(key): clean(item, most) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item, most) for item in value]
    return value


def pack(value: object) -> str:
    """JSON, compressed by gzip, in base64: no character of it can end the element that holds it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), compresslevel=9, mtime=0)).decode("ascii")


def chunks(items: Iterable[object], size: int, budget: int) -> Iterator[tuple[int, str]]:
    """(number of items, packed list of them) until `budget` characters are spent; each chunk opens by itself."""
    part: list[object] = []
    spent = 0
    for item in items:
        part.append(item)
        if len(part) == size:
            packed = pack(part)
            spent += len(packed)
            if spent > budget:
                return
            yield len(part), packed
            part = []
    if part and spent + len(packed := pack(part)) <= budget:
        yield len(part), packed
