"""Where an index in Milvus is: `milvus:http://host:19530/talks` or `milvus:./talks.db`."""

import hashlib
import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sessionqa.errors import SettingsError

SCHEME = "milvus:"
PORT = 19530
# What a file's collection is called, and a server's where the address does not say.
COLLECTION = "sessions"
# Milvus allows 255; a build's own names are longer by its number and its kind.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,149}")
_FILE = ".db"
_REMEDY = "write milvus:http://HOST:19530/COLLECTION, or milvus:PATH.db for a file"


@dataclass(frozen=True, slots=True)
class Address:
    """`uri` is a server's, or the path of a file of Milvus Lite's; `alias` names the live build."""

    uri: str
    database: str
    alias: str

    @property
    def is_file(self) -> bool:
        """Whether it is a file that Milvus Lite keeps in this process."""
        return self.uri.endswith(_FILE)

    @property
    def host(self) -> str:
        """The server's name; empty for a file."""
        return "" if self.is_file else urlsplit(self.uri).hostname or ""

    def __str__(self) -> str:
        if self.is_file:
            return f"{SCHEME}{self.uri}"
        return f"{SCHEME}{'/'.join(filter(None, (self.uri, self.database, self.alias)))}"


def parse(text: str, base: Path | None = None) -> Address:
    """Reads an address; a file's path counts from `base`, or else from the current folder.

    Raises SettingsError.
    """
    scheme, colon, rest = text.partition(":")
    if f"{scheme.casefold()}{colon}" != SCHEME:
        rest = text
    elif rest.endswith(_FILE) and "://" not in rest:
        return Address(os.path.abspath((base or Path()) / rest), "", COLLECTION)
    # Before anything is said that shows it, and wherever it stands: no address has one.
    if "@" in unicodedata.normalize("NFKC", rest):
        raise SettingsError(
            "the address of an index has a password in it, which every log would show: name it "
            "as user:password in $SESSIONQA_MILVUS_TOKEN"
        )
    if rest is text:
        raise SettingsError(f"{text} is no folder, and no address of an index: {_REMEDY}")
    try:
        parts = urlsplit(rest)
        host, port = parts.hostname, parts.port or PORT
    except ValueError as error:
        raise SettingsError(f"{text} is no address ({error}): {_REMEDY}") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise SettingsError(f"{text} is no address of an index: {_REMEDY}")
    named = [part for part in parts.path.split("/") if part] or [COLLECTION]
    if len(named) > 2 or parts.query or parts.fragment or not all(map(_NAME.fullmatch, named)):
        raise SettingsError(
            f"{text} is no address of an index: after the port comes a collection, or a database "
            "and a collection, each of letters, digits and _"
        )
    shown = f"[{host}]" if ":" in host else host
    database = named[0] if len(named) == 2 else ""
    return Address(f"{parts.scheme}://{shown}:{port}", database, named[-1])


def state_folder(address: Address) -> Path:
    """What this machine keeps for such an index: its encoder, and where a build was broken off."""
    import platformdirs

    digest = hashlib.sha256(str(address).encode()).hexdigest()[:16]
    return platformdirs.user_cache_path("sessionqa") / "milvus" / digest
