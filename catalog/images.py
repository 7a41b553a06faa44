"""Pictures: what comes in is untrusted bytes, what is kept is one WebP of our own making.

Decoding and encoding anew drops whatever else the file held: another format behind a valid picture, EXIF with the place
it was taken, an animation of a gigabyte. The type is what the bytes are, never what a name or a header says.
"""

import hashlib
import io
import logging
import struct
import zlib
from dataclasses import dataclass
from urllib.parse import urljoin

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image, ImageCms, ImageOps

from shop import remote
from shop.errors import InvalidInput
from shop.remote import RemoteAnswer, Resolve, Unreachable, public_addresses

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
REDIRECTS = {301, 302, 303, 307, 308}
HEADERS = {"User-Agent": "shop-image-fetcher", "Accept": "image/*"}


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


def download(url: str, *, resolve: Resolve = public_addresses, seconds: float = FETCH_SECONDS) -> bytes:
    """The picture. Each of at most 3 redirects is checked like the first and has `seconds`. Raises UnusablePicture."""
    for _ in range(MAX_REDIRECTS + 1):
        try:
            answer = remote.ask(url, headers=HEADERS, seconds=seconds, max_bytes=MAX_BYTES, resolve=resolve)
        except Unreachable as error:
            raise UnusablePicture(error.reason) from error
        if answer.status not in REDIRECTS or not answer.headers.get("Location"):
            return _body(answer)
        url = urljoin(url, answer.headers["Location"])
    raise UnusablePicture("Redirected too often.")


def _body(answer: RemoteAnswer) -> bytes:
    if answer.status != 200:
        raise UnusablePicture(f"The host answered {answer.status}.")
    if not answer.headers.get_content_type().startswith("image/"):
        raise UnusablePicture("The host answered something that is not a picture.")
    if len(answer.body) > MAX_BYTES:
        raise UnusablePicture(f"Larger than {MAX_BYTES // 1_000_000} MB.")
    if answer.ended_early:
        raise UnusablePicture("The answer ended early.")
    return answer.body
