import contextlib
import io
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image, ImageCms

from catalog import images
from catalog.images import UnusablePicture, download, store, to_webp
from catalog.models import Category, Product, ProductImage
from pricing.models import TaxClass
from shop import outbox
from shop.remote import public_addresses


def picture(mode: str = "RGB", size: tuple[int, int] = (40, 20), form: str = "PNG", **options: object) -> bytes:
    content = io.BytesIO()
    Image.new(mode, size, 90).save(content, form, **options)
    return content.getvalue()


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: object) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"  # type: ignore[attr-defined]


@pytest.fixture
def product(db: None) -> Product:
    category = Category.add_root(name="Table", slug="table", url_path="table")
    tax_class = TaxClass.objects.get_or_create(code="standard", defaults={"name": "Standard"})[0]
    return Product.objects.create(name="Mug", slug="mug", category=category, tax_class=tax_class)


# --- Making a picture ours


@pytest.mark.parametrize(
    ("mode", "form"),
    [("RGB", "JPEG"), ("CMYK", "JPEG"), ("L", "JPEG"), ("RGBA", "PNG"), ("P", "PNG"), ("LA", "PNG"), ("1", "PNG"),
     ("I;16", "PNG"), ("P", "GIF"), ("RGBA", "WEBP"), ("RGB", "AVIF")],
)  # fmt: skip
def test_every_raster_format_becomes_webp(mode: str, form: str) -> None:
    encoded, width, height = to_webp(picture(mode, form=form))
    with Image.open(io.BytesIO(encoded)) as ours:
        assert (ours.format, ours.size) == ("WEBP", (40, 20)) == ("WEBP", (width, height))


def test_a_large_picture_is_made_smaller_and_a_small_one_is_not_made_larger() -> None:
    assert to_webp(picture(size=(3200, 1000)))[1:] == (1600, 500)
    assert to_webp(picture(size=(1000, 3200), form="JPEG"))[1:] == (500, 1600)
    assert to_webp(picture(size=(7, 5)))[1:] == (7, 5)


def test_exif_turns_the_picture_and_is_then_gone() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "a camera"
    exif.get_ifd(0x8825)[1] = "N"
    photograph = picture(
        form="JPEG", exif=exif, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    )
    encoded, width, height = to_webp(photograph)
    assert (width, height) == (20, 40)
    with Image.open(io.BytesIO(encoded)) as ours:
        assert not ours.getexif()
        assert not ours.info.keys() & {"exif", "icc_profile", "xmp"}
    assert b"a camera" in photograph
    assert b"a camera" not in encoded


def test_a_broken_colour_profile_does_not_lose_the_picture() -> None:
    assert to_webp(picture(icc_profile=b"rubbish"))[1:] == (40, 20)


def test_only_the_first_picture_of_an_animation_is_kept() -> None:
    frames = [Image.new("RGB", (8, 8), shade) for shade in ("red", "green", "blue")]
    content = io.BytesIO()
    frames[0].save(content, "GIF", save_all=True, append_images=frames[1:])
    with Image.open(io.BytesIO(to_webp(content.getvalue())[0])) as ours:
        assert getattr(ours, "n_frames", 1) == 1


def test_what_hides_behind_a_valid_picture_is_dropped() -> None:
    assert b"<script>" not in to_webp(picture() + b"<script>alert(1)</script>")[0]


def bomb(width: int, height: int) -> bytes:
    """A few bytes of PNG that claim so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(10_000, 5_001), (50_000, 50_000), (2**31 - 1, 2**31 - 1)])
def test_a_decompression_bomb_is_refused_before_its_pixels_are_read(size: tuple[int, int]) -> None:
    started = time.monotonic()
    with pytest.raises(UnusablePicture):
        to_webp(bomb(*size))
    assert time.monotonic() - started < 1


def test_the_number_of_pixels_is_capped() -> None:
    with pytest.raises(UnusablePicture) as refusal:
        to_webp(picture("1", (10_000, 5_001)))
    assert "million pixels" in refusal.value.reason


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b'<?xml version="1.0"?><svg/>',
        b"<html><img src=x onerror=alert(1)>",
        b"%PDF-1.4",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"GIF89a",
        b"\xff\xd8\xff\xe0" + b"\0" * 100,
        picture(form="JPEG")[:200],
        picture(size=(300, 300))[:80],
        picture(form="BMP"),
        picture(form="TIFF"),
        picture() + b"\0" * images.MAX_BYTES,
    ],
    ids=range(14),
)
def test_what_is_no_picture_of_a_known_kind_is_refused(content: bytes) -> None:
    with pytest.raises(UnusablePicture):
        to_webp(content)


# --- Storing


def test_the_same_bytes_are_stored_once(product: Product) -> None:
    first = store(picture())
    ProductImage.objects.create(product=product, **vars(first), state="ready")
    written = Path(default_storage.path(first.file)).stat().st_mtime_ns
    assert store(picture()) == first
    assert Path(default_storage.path(first.file)).stat().st_mtime_ns == written
    assert default_storage.listdir(images.FOLDER)[1] == [Path(first.file).name]


@pytest.mark.django_db
def test_half_a_file_left_by_a_killed_process_is_written_anew() -> None:
    first = store(picture(size=(200, 200)))
    path = Path(default_storage.path(first.file))
    whole = path.read_bytes()
    path.write_bytes(whole[:20])
    assert store(picture(size=(200, 200))) == first
    assert path.read_bytes() == whole


def test_a_file_that_was_lost_is_stored_again(product: Product) -> None:
    first = store(picture())
    ProductImage.objects.create(product=product, **vars(first), state="ready")
    default_storage.delete(first.file)
    assert store(picture()) == first
    assert default_storage.exists(first.file)


# --- Fetching: the guard


class Listener:
    """Counts who connects to a local port."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(0.2)
        self.port = self.socket.getsockname()[1]

    @property
    def connections(self) -> int:
        count = 0
        with contextlib.suppress(TimeoutError):
            while True:
                self.socket.accept()[0].close()
                count += 1
        return count


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.socket.close()


HOSTS = ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "0.0.0.0", "[::1]",
         "[::ffff:127.0.0.1]", "LOCALHOST.", "user@127.0.0.1", "example.com@127.0.0.1", "127。0。0。1"]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_no_spelling_of_this_machine_gets_a_connection(host: str, listener: Listener) -> None:
    with pytest.raises(UnusablePicture):
        download(f"http://{host}:{listener.port}/a.png")
    assert listener.connections == 0


def test_the_listener_would_have_seen_a_connection(listener: Listener) -> None:
    socket.create_connection(("127.0.0.1", listener.port)).close()
    assert listener.connections == 1


@pytest.mark.parametrize(
    "url", ["", "a.png", "/etc/passwd", "file:///etc/passwd", "ftp://example.com/a", "gopher://127.0.0.1/", "http://",
            "http:///a", "http://example.com:99999/", "http://[::1", "data:image/png;base64,AAAA", "http://host.invalid/a"]
)  # fmt: skip
def test_what_is_no_http_address_is_refused(url: str) -> None:
    with pytest.raises(UnusablePicture):
        download(url)


# --- Fetching: a real server on this machine, which the test alone allows by name

Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], str]]:
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append((self.path, self.headers["Host"]))
                with contextlib.suppress(OSError):
                    answer(self)

            def log_message(self, *arguments: object) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://pictures.test:{server.server_port}"

    seen: list[tuple[str, str]] = []
    start.seen = seen  # type: ignore[attr-defined]
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def resolve(host: str, port: int) -> list[str]:
    return ["127.0.0.1"] if host == "pictures.test" else public_addresses(host, port)


def answer(content: bytes, kind: str = "image/png", status: int = 200) -> Answer:
    def send(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    return send


def redirect(location: str) -> Answer:
    def send(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", location)
        request.end_headers()

    return send


def test_a_picture_is_fetched_from_the_address_that_was_checked(serve: Callable[[Answer], str]) -> None:
    base = serve(answer(picture()))
    assert download(f"{base}/a%20b/ü.png?size=ö&x=1#part", resolve=resolve) == picture()
    assert serve.seen == [("/a%20b/%C3%BC.png?size=%C3%B6&x=1", base.removeprefix("http://"))]  # type: ignore[attr-defined]


def test_redirects_are_followed_three_times(serve: Callable[[Answer], str]) -> None:
    def bounce(request: BaseHTTPRequestHandler) -> None:
        left = int(request.path.strip("/"))
        (redirect(f"/{left - 1}") if left else answer(picture()))(request)

    base = serve(bounce)
    assert download(f"{base}/3", resolve=resolve) == picture()
    with pytest.raises(UnusablePicture):
        download(f"{base}/4", resolve=resolve)


@pytest.mark.parametrize("target", ["http://127.0.0.1:{port}/", "//localhost:{port}/", "http://[::1]:{port}/"])
def test_a_redirect_to_the_inside_gets_no_connection(
    serve: Callable[[Answer], str], listener: Listener, target: str
) -> None:
    base = serve(redirect(target.format(port=listener.port)))
    with pytest.raises(UnusablePicture):
        download(base, resolve=resolve)
    assert listener.connections == 0


def test_other_schemes_are_not_redirected_to(serve: Callable[[Answer], str]) -> None:
    with pytest.raises(UnusablePicture):
        download(serve(redirect("file:///etc/passwd")), resolve=resolve)


def short(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Type", "image/png")
    request.send_header("Content-Length", "5000")
    request.end_headers()
    request.wfile.write(picture())


def endless(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Type", "image/png")
    request.end_headers()
    while True:
        request.wfile.write(b"\0" * 100_000)


@pytest.mark.parametrize(
    "bad",
    [
        answer(picture(), kind="text/html"),
        answer(picture(), kind=""),
        answer(picture(), status=404),
        answer(picture(), status=500),
        answer(picture(), status=206),
        short,
        endless,
        lambda request: request.wfile.write(b"\0" * 1000),
        lambda request: None,
    ],
    ids=range(9),
)
def test_other_answers_are_refused(serve: Callable[[Answer], str], bad: Answer) -> None:
    with pytest.raises(UnusablePicture):
        download(serve(bad), resolve=resolve)


@pytest.mark.parametrize("with_head", [True, False])
def test_an_answer_that_drips_in_is_ended(serve: Callable[[Answer], str], with_head: bool) -> None:
    def drip(request: BaseHTTPRequestHandler) -> None:
        if with_head:
            request.send_response(200)
            request.send_header("Content-Type", "image/png")
            request.end_headers()
        while True:
            request.wfile.write(b"H")
            time.sleep(0.2)

    started = time.monotonic()
    with pytest.raises(UnusablePicture):
        download(serve(drip), resolve=resolve, seconds=1)
    assert time.monotonic() - started < 3


# --- Fetching: the worker


def test_the_outbox_fetches_a_picture_and_a_failure_is_final(product: Product, listener: Listener) -> None:
    url = f"http://127.0.0.1:{listener.port}/a.png"
    image = ProductImage.objects.create(product=product, source_url=url)
    outbox.publish("image.added", key="a", payload={"image_id": image.pk})
    outbox.publish("image.added", key="b", payload={"image_id": image.pk})
    outbox.publish("image.added", key="c", payload={"image_id": image.pk + 1})
    assert outbox.relay(timezone.now() + timedelta(seconds=1)) == 3
    image.refresh_from_db()
    assert image.state == ProductImage.State.FAILED
    assert listener.connections == 0
