"""Static files: our own from the packages, third-party ones from WebJars, each under an address with its content's hash.

Pico (the base sheet) is put in a cascade layer in front of our sheet and served as one file, so every rule of ours wins
without a fight over specificity, and without Pico the page only loses a reset.
"""

import gzip
import hashlib
import mimetypes
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

_FOREVER = "public, max-age=31536000, immutable"
_PICO = "pico.min.css"
_HTMX = "htmx.min.js"
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served."""

    name: str
    body: bytes
    packed: bytes
    digest: str
    media_type: str

    @property
    def address(self) -> str:
        """`/static/NAME.DIGEST.EXT`: changes with the content, so it may be cached for ever."""
        stem, dot, ending = self.name.rpartition(".")
        return f"/static/{stem}.{self.digest}{dot}{ending}"


def find_third_party(folder: Path | None, file_name: str) -> bytes | None:
    """A file of a WebJar: lying unpacked anywhere below the folder, or inside one of the jars below it; else None."""
    if folder is None or not folder.is_dir():
        return None
    for found in sorted(folder.rglob(file_name)):
        return found.read_bytes()
    for jar in sorted(folder.rglob("*.jar")):
        with zipfile.ZipFile(jar) as opened:
            for member in opened.namelist():
                if member.startswith("META-INF/resources/webjars/") and member.rpartition("/")[2] == file_name:
                    return opened.read(member)
    return None


class Assets:
    """All static files of a process, read once at start."""

    def __init__(self, own_folders: Iterable[Path], third_party: Path | None) -> None:
        self._by_name: dict[str, Asset] = {}
        for folder in own_folders:
            for file in sorted(folder.glob("*.*")):
                self._add(file.name, file.read_bytes())
        pico = find_third_party(third_party, _PICO)
        own = self._by_name["style.css"].body
        self._add("style.css", (_layered(pico) if pico else b"") + own)
        if htmx := find_third_party(third_party, _HTMX):
            self._add("htmx.js", htmx)
        self._by_address = {asset.address: asset for asset in self._by_name.values()}

    def _add(self, name: str, body: bytes) -> None:
        media_type = _TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        digest = hashlib.sha256(body).hexdigest()[:12]
        self._by_name[name] = Asset(name, body, gzip.compress(body, mtime=0), digest, media_type)

    def has(self, name: str) -> bool:
        """Whether there is such a file; htmx is absent where its WebJar is."""
        return name in self._by_name

    def address(self, name: str) -> str:
        """The address to link. An unknown name is a KeyError."""
        return self._by_name[name].address

    async def serve(self, request: Request) -> Response:
        """Answer `/static/...`: for ever with the hash in the address, revalidated without it."""
        path = request.url.path
        asset, cache = self._by_address.get(path), _FOREVER
        if asset is None:
            asset, cache = self._by_name.get(path.removeprefix("/static/")), "no-cache"
        if asset is None:
            return Response("not found", status_code=404, media_type="text/plain")
        headers = {"Cache-Control": cache, "ETag": f'"{asset.digest}"', "Vary": "Accept-Encoding"}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        body = asset.body
        if "gzip" in request.headers.get("accept-encoding", "") and len(asset.packed) < len(body):
            body, headers["Content-Encoding"] = asset.packed, "gzip"
        return Response(body, headers=headers, media_type=asset.media_type)


def _layered(pico: bytes) -> bytes:
    charset = b'@charset "UTF-8";'
    return b"@layer base{" + pico.removeprefix(b"\xef\xbb\xbf").removeprefix(charset) + b"}\n"
