"""Exact and near-duplicate texts: MinHash finds candidates, the true Jaccard similarity of token shingles decides."""

import hashlib
import re

import numpy
from rensa import RMinHash, RMinHashLSH

WORD = re.compile(r"\w+")
SEED = 1
WANTED_RECALL = 0.99  # of the pairs at the threshold; pairs above it are found more surely


def exact_key(text: str, *, ignore_case: bool = False) -> bytes:
    """16 bytes that are the same for texts that differ in white space alone (and in case, if that is ignored)."""
    bare = "".join(text.split())
    if ignore_case:
        bare = bare.casefold()
    return hashlib.blake2b(bare.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def shingles(text: str, size: int) -> numpy.ndarray:
    """Hashes of the runs of `size` word tokens of a text: unsigned 64-bit integers, sorted, each once.

    Words are compared in lower case; punctuation does not count. A text of fewer words than `size` is one shingle, its
    set of words; a text without words is one shingle, its characters without white space.
    """
    words = WORD.findall(text.lower())
    if len(words) >= size:
        runs = {" ".join(words[start : start + size]) for start in range(len(words) - size + 1)}
    elif words:
        runs = {" ".join(sorted(set(words)))}
    else:
        runs = {"".join(text.split())}
    hashes = [hashlib.blake2b(run.encode("utf-8", "surrogatepass"), digest_size=8).digest() for run in runs]
    return numpy.sort(numpy.frombuffer(b"".join(hashes), dtype="<u8"))


def jaccard(first: numpy.ndarray, second: numpy.ndarray) -> float:
    """Jaccard similarity of two sorted arrays without repeats."""
    common = numpy.intersect1d(first, second, assume_unique=True).size
    return common / (first.size + second.size - common)


def bands(threshold: float, permutations: int) -> tuple[int, int]:
    """(bands, rows a band) of an index that finds pairs at the threshold with at least WANTED_RECALL.

    The most rows that reach it, hence the fewest false candidates; one row a band where nothing reaches it.
    """
    for rows in range(permutations, 1, -1):
        count = permutations // rows
        if 1 - (1 - threshold**rows) ** count >= WANTED_RECALL:
            return count, rows
    return permutations, 1


class NearDuplicates:
    """Remembers texts and finds for a new one the most similar of them.

    The rows that survive depend on the order in which they come: feed them in ascending id order, so that shards and
    files don't matter.

    Memory for each remembered row: 8 bytes a shingle, and about 100 bytes a band of the index; measured 5.5 kB for rows
    of 150 words at threshold 0.5 and 128 permutations (42 bands): 1.4 GB for 250,000 rows, 28 GB for 5 million.

    Args:
        threshold: similarity at and above which a row is a near-duplicate, above 0, at most 1.
        permutations: length of the MinHash signature.
        shingle: words in a shingle.
    """

    def __init__(self, threshold: float, permutations: int, shingle: int):
        self.threshold, self.shingle = threshold, shingle
        count, rows = bands(threshold, permutations)
        self._length = count * rows
        self._index = RMinHashLSH(threshold, self._length, count)
        self._ids: list[str] = []
        self._kin: dict[int, str] = {}
        self._shingles: list[numpy.ndarray] = []

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, row_id: str, text: str, kin: str | None = None) -> tuple[str, float] | None:
        """None if the row is no near-duplicate: it is kept and remembered. Else the id of the remembered row with the
        highest Jaccard similarity (among equals, the one remembered first) and that similarity; it is not remembered.

        Args:
            kin: rows that name the same one are not compared with each other: they are meant to be alike.
        """
        own = shingles(text, self.shingle)
        sketch = RMinHash(self._length, SEED)
        sketch.update([item.tobytes() for item in own])
        best = self._most_similar(own, self._index.query(sketch), kin)
        if best is not None and best[1] >= self.threshold:
            return self._ids[best[0]], best[1]
        self._index.insert(len(self._ids), sketch)
        if kin is not None:
            self._kin[len(self._ids)] = kin
        self._ids.append(row_id)
        self._shingles.append(own)
        return None

    def _most_similar(self, own: numpy.ndarray, candidates: list[int], kin: str | None) -> tuple[int, float] | None:
        best = None
        for position in sorted(set(candidates)):
            if kin is not None and self._kin.get(position) == kin:
                continue
            other = self._shingles[position]
            smaller, larger = sorted((own.size, other.size))
            if smaller < self.threshold * larger:  # the similarity cannot reach the threshold
                continue
            similarity = jaccard(own, other)
            if best is None or similarity > best[1]:
                best = (position, similarity)
        return best
