"""Ids of rows: a hash of what the row is and where it came from, never a position."""

import hashlib

from selfalign.io import dumps

ID_LENGTH = 20  # hex digits: 80 bits, below one expected collision among 10^11 rows


def digest(*parts: object) -> str:
    """Hex SHA-256 of the parts' canonical JSON."""
    return hashlib.sha256(dumps(list(parts)).encode("utf-8", "surrogatepass")).hexdigest()


def row_id(kind: str, *content: object) -> str:
    """Id of a row of `kind` ("seed", "task", ...) with the given content; the parent's id belongs to the content."""
    return digest(kind, *content)[:ID_LENGTH]


def draw(seed: str, *purpose: object) -> float:
    """A number in [0, 1) that depends on nothing but `seed` (mostly a row's id) and the purpose it is drawn for."""
    return int(digest("draw", seed, *purpose)[:13], 16) / 16**13


def choose(seed: str, weights: dict[str, float], *purpose: object) -> str:
    """Draws a key of `weights` in proportion to its weight, as a function of `seed` and `purpose` alone."""
    total = sum(weights.values())
    point = draw(seed, *purpose) * total
    for key in sorted(weights):
        point -= weights[key]
        if point < 0:
            return key
    return max(sorted(weights), key=lambda key: weights[key])
