"""Makes an ELF program that was linked against a newer glibc run on an older one, when nothing it uses is really new.

Programs compiled against glibc 2.38 ask for `__isoc23_strtol` and `__isoc23_strtoul`, which differ from `strtol` and
`strtoul` only in reading "0b" prefixes. The plain name is the end of the longer one, so each symbol's name is moved past
the prefix in place, and given the version every glibc on x86-64 has. (The hash table covers only symbols that a file
defines; these are ones it asks for.) The version that nothing needs any more is replaced by that one too: the loader
checks every version listed. If anything else needs a glibc newer than the machine's, nothing is changed and it is named.

Standard library only; ELF64, little-endian.
"""

import argparse
import os
import platform
import struct
import sys
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

PREFIX = b"__isoc23_"
RENAMED = (PREFIX + b"strtol", PREFIX + b"strtoul")
BASE = b"GLIBC_2.2.5"
# Versions without symbols by which a file says what the loader must be able to do, and the first glibc that can.
ABI_MARKERS = {b"GLIBC_ABI_DT_RELR": (2, 36)}
VERSION_MASK = 0x7FFF  # the top bit of a version index marks hidden symbols
SYMBOL_SIZE = 24

Glibc = tuple[int, ...]


class Version(NamedTuple):
    """A version that the file needs: its name, the library it is of, and the offset of its record in the file."""

    name: bytes
    library: bytes
    record: int


class Symbol(NamedTuple):
    """A dynamic symbol: its name, and the offsets of its record and of its version index in the file."""

    name: bytes
    record: int
    index: int


class Elf:
    """The dynamic symbols of an ELF file and the glibc versions that they need.

    Attributes:
        data: the file's bytes, which `relink` changes.
        versions: needed version by version index.
        symbols: the dynamic symbols; none in a program that is linked statically.
    """

    def __init__(self, data: bytes):
        if data[:6] != b"\x7fELF\x02\x01":
            raise ValueError("not a 64-bit little-endian ELF file")
        self.data = bytearray(data)
        self._sections = self._read_sections()
        self._strings = self._sections.get(b".dynstr", (0, 0))[0]
        self.versions = self._read_versions()
        self.symbols = self._read_symbols()

    def _unpack(self, layout: str, offset: int) -> tuple[int, ...]:
        return struct.unpack_from("<" + layout, self.data, offset)

    def _text(self, offset: int) -> bytes:
        return bytes(self.data[offset : self.data.index(b"\0", offset)])

    def _read_sections(self) -> dict[bytes, tuple[int, int]]:
        """Section name -> (offset, size)."""
        (table,) = self._unpack("Q", 0x28)
        size, count, names_index = self._unpack("HHH", 0x3A)
        if not count:
            return {}
        headers = [self._unpack("IIQQQQ", table + number * size) for number in range(count)]
        names = headers[names_index][4]
        return {self._text(names + header[0]): (header[4], header[5]) for header in headers}

    def _read_versions(self) -> dict[int, Version]:
        found = {}
        need, size = self._sections.get(b".gnu.version_r", (0, 0))
        while size:
            _, count, library, first, next_need = self._unpack("HHIII", need)
            record = need + first
            for _ in range(count):
                _, _, index, name, next_record = self._unpack("IHHII", record)
                found[index & VERSION_MASK] = Version(
                    self._text(self._strings + name), self._text(self._strings + library), record
                )
                record += next_record
            if not next_need:
                break
            need += next_need
        return found

    def _read_symbols(self) -> list[Symbol]:
        start, size = self._sections.get(b".dynsym", (0, 0))
        indices, _ = self._sections.get(b".gnu.version", (0, 0))
        if not indices:
            return []
        records = ((start + number * SYMBOL_SIZE, indices + number * 2) for number in range(size // SYMBOL_SIZE))
        return [Symbol(self._text(self._strings + self._unpack("I", at)[0]), at, index) for at, index in records]

    def version_of(self, symbol: Symbol) -> Version | None:
        """The version that the file needs the symbol at; none for one that it defines, or that has no version."""
        return self.versions.get(self._unpack("H", symbol.index)[0] & VERSION_MASK)

    def newer_than(self, limit: Glibc) -> dict[bytes, bytes]:
        """What needs a glibc newer than `limit`, with the version: symbols, and abilities of the loader."""
        symbols = {
            symbol.name: version.name
            for symbol in self.symbols
            if (version := self.version_of(symbol)) and is_newer(version.name, limit)
        }
        markers = {
            version.name: version.name
            for version in self.versions.values()
            if version.name.startswith(b"GLIBC_ABI_") and is_newer(version.name, limit)
        }
        return symbols | markers

    def relink(self, limit: Glibc, renamed: Collection[bytes] = RENAMED) -> list[bytes]:
        """Takes the prefix off the symbols `renamed` that are too new, and returns them; if others are, a ValueError."""
        newer = self.newer_than(limit)
        others = sorted(name.decode() for name in newer.keys() - set(renamed))
        if others:
            raise ValueError(f"needs a glibc newer than {'.'.join(map(str, limit))} for: {', '.join(others)}")
        bases = {version.library: (index, version) for index, version in self.versions.items() if version.name == BASE}
        retired = [version for version in self.versions.values() if is_newer(version.name, limit)]
        without = sorted({version.library.decode() for version in retired if version.library not in bases})
        if without:
            raise ValueError(
                f"needs nothing of {', '.join(without)} at {BASE.decode()}, so there is no version to move to"
            )

        for symbol in self.symbols:
            version = self.version_of(symbol)
            if symbol.name in newer and version and is_newer(version.name, limit):
                (name,) = self._unpack("I", symbol.record)
                struct.pack_into("<I", self.data, symbol.record, name + len(PREFIX))
                struct.pack_into("<H", self.data, symbol.index, bases[version.library][0])
        for version in retired:
            base = bases[version.library][1]
            struct.pack_into("<I", self.data, version.record, *self._unpack("I", base.record))  # hash of the name
            struct.pack_into("<I", self.data, version.record + 8, *self._unpack("I", base.record + 8))  # the name
        self.versions = self._read_versions()
        self.symbols = self._read_symbols()
        return sorted(newer)


def parse_version(text: str) -> Glibc:
    return tuple(map(int, text.split(".")))


def is_newer(version: bytes, limit: Glibc) -> bool:
    """Whether a version like GLIBC_2.38 is above the limit; other libraries' versions never are."""
    if version.startswith(b"GLIBC_ABI_"):
        return version not in ABI_MARKERS or ABI_MARKERS[version] > limit
    prefix, _, number = version.partition(b"_")
    return prefix == b"GLIBC" and number[:1].isdigit() and parse_version(number.decode()) > limit


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description="Makes a program that was linked against a newer glibc run on an older one."
    )
    parser.add_argument("file", type=Path, help="an ELF program or library; rewritten in place unless --check is given")
    parser.add_argument(
        "--check", action="store_true", help="only list what needs a newer glibc; status 1 if anything does"
    )
    parser.add_argument(
        "--glibc", type=parse_version, metavar="VERSION", help="newest version allowed (default: this machine's)"
    )
    options = parser.parse_args(arguments)
    path = options.file
    limit = options.glibc or parse_version(platform.libc_ver()[1])
    try:
        elf = Elf(path.read_bytes())
        if options.check:
            newer = elf.newer_than(limit)
            print(*(f"{name.decode()} {version.decode()}\n" for name, version in sorted(newer.items())), sep="", end="")
            return 1 if newer else 0
        elf.relink(limit)
    except (OSError, ValueError) as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 2
    if elf.data != path.read_bytes():
        temporary = path.with_name(path.name + ".relinked")
        temporary.write_bytes(elf.data)
        temporary.chmod(path.stat().st_mode)
        os.replace(temporary, path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
