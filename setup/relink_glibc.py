"""Makes an ELF program that was linked against a newer glibc run on an older one, when nothing it uses is really new.

Programs compiled against glibc 2.38 ask for `__isoc23_strtol` and `__isoc23_strtoul`, which differ from `strtol` and
`strtoul` only in reading "0b" prefixes. Their names in the dynamic symbol table are pointed past the prefix, at the
version every glibc on x86-64 has, and the version that is then needed by nobody is replaced by that one. If any other
symbol needs a glibc newer than the machine's, nothing is changed and the symbols are named.

    relink_glibc.py --check FILE [VERSION]   lists symbols that need a glibc newer than VERSION (default: this machine's)
    relink_glibc.py FILE                     rewrites FILE

Standard library only; ELF64, little-endian.
"""

import os
import platform
import struct
import sys
from pathlib import Path

PREFIX = b"__isoc23_"
RENAMED = (PREFIX + b"strtol", PREFIX + b"strtoul")
BASE = b"GLIBC_2.2.5"
VERSION_MASK = 0x7FFF  # the top bit of a version index marks hidden symbols


class Elf:
    """The dynamic symbols of an ELF file and the glibc versions that they need.

    Attributes:
        data: the file's bytes, which the methods change.
        versions: version index -> (name, offset of its record in the file).
    """

    def __init__(self, data: bytes):
        if data[:6] != b"\x7fELF\x02\x01":
            raise ValueError("not a 64-bit little-endian ELF file")
        self.data = bytearray(data)
        self._sections = self._read_sections()
        self._strings = self._sections[b".dynstr"][0]
        self.versions = self._read_versions()

    def _read_sections(self) -> dict[bytes, tuple[int, int]]:
        """Section name -> (offset, size)."""
        table = struct.unpack_from("<Q", self.data, 0x28)[0]
        size, count, names_index = struct.unpack_from("<HHH", self.data, 0x3A)
        headers = [struct.unpack_from("<IIQQQQ", self.data, table + number * size) for number in range(count)]
        names = headers[names_index][4]
        return {self._text(names + header[0]): (header[4], header[5]) for header in headers}

    def _text(self, offset: int) -> bytes:
        return bytes(self.data[offset : self.data.index(b"\0", offset)])

    def _read_versions(self) -> dict[int, tuple[bytes, int]]:
        found = {}
        need, size = self._sections.get(b".gnu.version_r", (0, 0))
        while size:
            _, count, _, first, following = struct.unpack_from("<HHIII", self.data, need)
            record = need + first
            for _ in range(count):
                _, _, index, name, next_record = struct.unpack_from("<IHHII", self.data, record)
                found[index & VERSION_MASK] = (self._text(self._strings + name), record)
                record += next_record
            if not following:
                break
            need += following
        return found

    def symbols(self) -> list[tuple[bytes, int, int]]:
        """(name, offset of its symbol record, offset of its version index) of each dynamic symbol."""
        start, size = self._sections[b".dynsym"]
        versions = self._sections[b".gnu.version"][0]
        return [
            (self._text(self._strings + struct.unpack_from("<I", self.data, start + 24 * number)[0]), start + 24 * number,
             versions + 2 * number)
            for number in range(size // 24)
        ]  # fmt: skip

    def version_of(self, index_offset: int) -> bytes:
        index = struct.unpack_from("<H", self.data, index_offset)[0] & VERSION_MASK
        return self.versions.get(index, (b"", 0))[0]

    def newer_than(self, limit: tuple[int, ...]) -> dict[bytes, bytes]:
        """Symbols that need a glibc newer than `limit`, with the version."""
        return {
            name: version for name, _, index in self.symbols() if is_newer(version := self.version_of(index), limit)
        }

    def relink(self, limit: tuple[int, ...]) -> list[bytes]:
        """Renames what can be renamed and returns the names; raises ValueError if anything else is too new."""
        others = set(self.newer_than(limit)) - set(RENAMED)
        if others:
            names = ", ".join(sorted(name.decode() for name in others))
            raise ValueError(f"these symbols need a glibc newer than {'.'.join(map(str, limit))}: {names}")
        base_index, base_record = next((index, record) for index, (name, record) in self.versions.items() if name == BASE)
        renamed = []
        for name, symbol, index in self.symbols():
            if name in RENAMED and is_newer(self.version_of(index), limit):
                offset = struct.unpack_from("<I", self.data, symbol)[0]
                struct.pack_into("<I", self.data, symbol, offset + len(PREFIX))
                struct.pack_into("<H", self.data, index, base_index)
                renamed.append(name)
        # A version that nothing needs any more is still checked at start; hash and name become those of BASE.
        base_hash = struct.unpack_from("<I", self.data, base_record)[0]
        base_name = struct.unpack_from("<I", self.data, base_record + 8)[0]
        for name, record in self.versions.values():
            if is_newer(name, limit):
                struct.pack_into("<I", self.data, record, base_hash)
                struct.pack_into("<I", self.data, record + 8, base_name)
        self.versions = self._read_versions()
        return renamed


def is_newer(version: bytes, limit: tuple[int, ...]) -> bool:
    """Whether a version like GLIBC_2.38 is above the limit; private and foreign versions are not."""
    prefix, _, number = version.partition(b"_")
    if prefix != b"GLIBC" or not number[:1].isdigit():
        return False
    return tuple(map(int, number.split(b"."))) > limit


def machine_glibc() -> tuple[int, ...]:
    return tuple(map(int, platform.libc_ver()[1].split(".")))


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--check"]:
        limit = tuple(map(int, arguments[2].split("."))) if len(arguments) > 2 else machine_glibc()
        for name, version in sorted(Elf(Path(arguments[1]).read_bytes()).newer_than(limit).items()):
            print(name.decode(), version.decode())
        return 0
    path = Path(arguments[0])
    elf = Elf(path.read_bytes())
    try:
        elf.relink(machine_glibc())
    except ValueError as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 1
    temporary = path.with_name(path.name + ".relinked")
    temporary.write_bytes(elf.data)
    temporary.chmod(path.stat().st_mode)
    os.replace(temporary, path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
