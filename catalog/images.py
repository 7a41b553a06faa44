"""Pictures: what comes in is untrusted bytes, what is kept is one WebP of our own making.

Decoding and encoding anew drops whatever else the file held: another format behind a valid picture, EXIF with the place
it was taken, an animation of a gigabyte. The type is what the bytes are, never what a name or a header says.
"""

import contextlib
import hashlib
import http.client
import io
import ipaddress
import logging
import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image, ImageCms, ImageOps

from shop.errors import InvalidInput

from .models import ProductImage

log = logging.getLogger(__name__)

FOLDER = "pictures"
MAX_BYTES = 10_000_000
MAX_PIXELS = 50_000_000
MAX_SIDE = 1600
QUALITY = 82
# Raster formats whose decoders are maintained. SVG is a program and is not among them.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
# What Pillow's decoders raise on broken files; they do not agree on one exception.
UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, KeyError, IndexError, TypeError, OverflowError, struct.error,
              zlib.error, Image.DecompressionBombError, ImageCms.PyCMSError)  # fmt: skip

FETCH_SECONDS = 10
MAX_REDIRECTS = 3
IN_PATH = "/%:@!$&'()*+,;=?-._~"
USER_AGENT = "shop-image-fetcher"


class UnusablePicture(InvalidInput):
    code = "unusable_picture"
    text = "The picture can't be used."

    def __init__(self, reason: str) -> None:
        super().__init__(fields={"images": [reason]})
        self.reason = reason


@dataclass(frozen=True)
class Picture:
    """A stored picture. `digest` is the SHA-256 of the bytes as they came."""

    file: str
    digest: str
    width: int
    height: int


# --- Storing


def store(content: bytes) -> Picture:
    """Keeps a picture, once however often it comes. Raises UnusablePicture. Slow: not for use inside a transaction."""
    digest = hashlib.sha256(content).hexdigest()
    return known_picture(digest) or _store_new(content, digest)


def known_picture(digest: str) -> Picture | None:
    """The picture that these bytes were turned into before, if its file is still there."""
    row = ProductImage.objects.filter(digest=digest, width__gt=0).first()
    if row and row.file.name and default_storage.exists(row.file.name):
        return Picture(row.file.name, digest, row.width, row.height)
    return None


def _store_new(content: bytes, digest: str) -> Picture:
    encoded, width, height = to_webp(content)
    name = f"{FOLDER}/{hashlib.sha256(encoded).hexdigest()[:32]}.webp"
    # The size is compared because a process that was killed while writing leaves half a file under this name.
    if default_storage.exists(name) and default_storage.size(name) != len(encoded):
        default_storage.delete(name)
    if not default_storage.exists(name):
        name = default_storage.save(name, ContentFile(encoded))
    return Picture(name, digest, width, height)


def to_webp(content: bytes) -> tuple[bytes, int, int]:
    """The picture upright, at most 1600 pixels a side, in sRGB and without metadata; then its width and height.

    Raises UnusablePicture.
    """
    if len(content) > MAX_BYTES:
        raise UnusablePicture(f"Larger than {MAX_BYTES // 1_000_000} MB.")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
            # Only the header has been read: a bomb is refused before its pixels take up memory.
            if opened.width * opened.height > MAX_PIXELS:
                raise UnusablePicture(f"More than {MAX_PIXELS // 1_000_000} million pixels.")
            opened.draft("RGB", (MAX_SIDE, MAX_SIDE))
            picture = ImageOps.exif_transpose(opened)
            picture = _in_srgb(picture)
            picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
            encoded = io.BytesIO()
            picture.save(encoded, "WEBP", quality=QUALITY, method=4, icc_profile=None, exif=b"", xmp=b"")
    except UNREADABLE as error:
        raise UnusablePicture("Not a JPEG, PNG, WebP, GIF or AVIF picture that can be read.") from error
    return encoded.getvalue(), picture.width, picture.height


def _in_srgb(picture: Image.Image) -> Image.Image:
    """Without this the colours of a phone's wide-gamut photograph would pale once its profile is gone."""
    profile = picture.info.get("icc_profile")
    picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            picture = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB")) or picture
        except (ImageCms.PyCMSError, OSError):
            log.info("a picture's colour profile can't be read; its numbers are taken for sRGB")
    return picture


# --- Fetching

Resolve = Callable[[str, int], list[str]]


def fetch_remote(image: ProductImage) -> None:
    """Fetches a pending picture from its address and stores it. What can't be fetched or used is marked failed.

    It is not tried again: an address that is away for ever must not keep a worker busy for ever.
    """
    try:
        picture = store(download(image.source_url))
    except UnusablePicture as error:
        log.warning("picture %s of product %s: %s", image.pk, image.product_id, error.reason)
        pending = ProductImage.objects.filter(pk=image.pk, state=ProductImage.State.PENDING)
        pending.update(state=ProductImage.State.FAILED)
        return
    ProductImage.objects.filter(pk=image.pk).update(
        file=picture.file,
        digest=picture.digest,
        width=picture.width,
        height=picture.height,
        state=ProductImage.State.READY,
    )


def public_addresses(host: str, port: int) -> list[str]:
    """Every address of the host. Raises UnusablePicture when one of them is not on the public internet."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnusablePicture("The host has no address.") from error
    return require_public([str(entry[4][0]) for entry in found])


def require_public(addresses: list[str]) -> list[str]:
    """The addresses. One inside is enough to refuse them all: a name with two answers is how a guard is led astray."""
    if not addresses or not all(is_public(address) for address in addresses):
        raise UnusablePicture("The address is not a public one.")
    return addresses


def is_public(address: str) -> bool:
    """Whether packets to this IP address leave for the public internet; not so for 127.0.0.1, 10.0.0.1, fe80::1."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        # Outside of 2000::/3 lie mapped, translated and site-local addresses, and 6to4 carries any IPv4 address within.
        return ip.is_global and ip in ipaddress.ip_network("2000::/3") and ip.sixtofour is None
    return ip.is_global and not ip.is_multicast


def download(url: str, *, resolve: Resolve = public_addresses, seconds: float = FETCH_SECONDS) -> bytes:
    """The picture. Each of at most 3 redirects is checked like the first and has `seconds`. Raises UnusablePicture."""
    for _ in range(MAX_REDIRECTS + 1):
        content, redirect = _get(_checked(url), resolve, seconds)
        if content is not None:
            return content
        url = urljoin(url, redirect)
    raise UnusablePicture("Redirected too often.")


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise UnusablePicture("Not an address.") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise UnusablePicture("Not an http or https address.")
    return parts


def _get(url: SplitResult, resolve: Resolve, seconds: float) -> tuple[bytes | None, str]:
    """The body, or None and where the answer redirects to."""
    connection = _connection(url, resolve, seconds)
    deadline = threading.Timer(seconds, connection.abort)
    deadline.start()
    try:
        path = quote(url.path or "/", safe=IN_PATH) + (f"?{quote(url.query, safe=IN_PATH)}" if url.query else "")
        connection.request("GET", path, headers={"User-Agent": USER_AGENT, "Accept": "image/*"})
        answer = connection.getresponse()
        if answer.status in {301, 302, 303, 307, 308} and answer.headers.get("Location"):
            return None, answer.headers["Location"]
        content = _body(answer)
        if connection.is_aborted:
            raise UnusablePicture("The host is too slow.")
        return content, ""
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise UnusablePicture("The picture could not be fetched.") from error
    finally:
        deadline.cancel()
        connection.close()


def _body(answer: http.client.HTTPResponse) -> bytes:
    if answer.status != 200:
        raise UnusablePicture(f"The host answered {answer.status}.")
    if not answer.headers.get_content_type().startswith("image/"):
        raise UnusablePicture("The host answered something that is not a picture.")
    content = answer.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise UnusablePicture(f"Larger than {MAX_BYTES // 1_000_000} MB.")
    if answer.length:
        raise UnusablePicture("The answer ended early.")
    return content


def _connection(url: SplitResult, resolve: Resolve, seconds: float) -> "_CheckedConnection":
    host, is_tls = url.hostname or "", url.scheme == "https"
    port = url.port or (443 if is_tls else 80)
    return _CheckedConnection(host, port, address=resolve(host, port)[0], is_tls=is_tls, seconds=seconds)


class _CheckedConnection(http.client.HTTPConnection):
    """Connects to the address that was checked, not to what the name means a moment later (DNS rebinding).

    The `Host` header and the certificate's name remain those of the URL.
    """

    def __init__(self, host: str, port: int, *, address: str, is_tls: bool, seconds: float) -> None:
        super().__init__(host, port, timeout=seconds)
        self.default_port = 443 if is_tls else 80
        self.is_aborted = False
        self._address = address
        self._is_tls = is_tls
        self._socket: socket.socket | None = None

    def connect(self) -> None:
        self.sock = self._socket = socket.create_connection((self._address, self.port), self.timeout)
        if self._is_tls:
            context = ssl.create_default_context()
            tls = context.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
            self.sock = self._socket = tls
            tls.do_handshake()

    def abort(self) -> None:
        """Ends the exchange from another thread: socket timeouts start anew with every byte that drips in."""
        self.is_aborted = True
        # Not `self.sock`, which http.client forgets as soon as the answer's head announces the end of the connection.
        if self._socket:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
