"""One image loader: whatever a camera or an editor wrote becomes upright 8-bit sRGB.

Every part of the project that opens a picture does it here, so that a rotation flag, a colour
profile or a transparent pixel's hidden colour is dealt with once.
"""

import io
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from speech2face.errors import InputError, MediaError, Speech2FaceWarning
from speech2face.media.inputs import Opened, Readable, open_input
from speech2face.media.output import atomic_output
from speech2face.media.png import without_texts

_FORMATS = (
    "JPEG", "PNG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "PPM", "TGA", "JPEG2000", "AVIF", "HEIF",
    "QOI", "ICO", "PSD",
)  # fmt: skip
"""Formats that hold photographs and are decoded in this process (EPS would start a program)."""

_MOST_PIXELS = 500_000_000
"""Half a gigapixel: what is larger is no photograph of one person."""

_SRGB_GAMMA, _ROUNDED_GAMMA, _LEAST_GAMMA = 1 / 2.2, 0.01, 0.1
_KEPT_INFO = ("icc_profile", "gamma", "srgb", "transparency", "exif")
_ROWS = 256

_ANIMATED = ("GIF", "PNG", "WEBP", "TIFF", "AVIF")
"""Formats in which more than one frame means a film or pages (in an MPO it means depth maps)."""

_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")
_TRANSPARENT = ("RGBA", "LA", "PA", "RGBa", "La")

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")
_BRANDS_END = 12
"""A file of the MP4 family holds its size, "ftyp" and its main brand in its first 12 bytes."""


def read_image(
    given: Readable | Opened,
    background: tuple[int, int, int] = (255, 255, 255),
    longest: int | None = None,
) -> UInt8[np.ndarray, "height width 3"]:
    """Read a picture as a person sees it.

    EXIF rotation is applied, colour profiles are converted to sRGB, gray, palette, CMYK and 16-bit
    pictures become 8-bit RGB, and transparent parts show the background. Of an animation the first
    frame is taken, with a warning.

    Args:
        given: The picture; its content decides what it is, not its ending.
        background: RGB, 0 to 255, of what lies behind transparent pixels.
        longest: A picture more than twice as large is halved, or divided by a larger whole
            number, before anything else, so that it takes little memory; None: never.

    Returns:
        The upright picture, sRGB.

    Raises:
        InputError: There is no such file, or its pixels have no meaning as a photograph.
        MediaError: It is no picture, it is damaged, or its format needs the extra `heif`.
    """  # noqa: DOC502
    path = open_input(given, "picture")
    _register_heif()
    try:
        with _LARGE, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            content = io.BytesIO(without_texts(path.content()))
            image = Image.open(content, formats=_known_formats())
            with image:
                frames = getattr(image, "n_frames", 1) if image.format in _ANIMATED else 1
                _require_size(image, path)
                image.load()
                pixels = _upright_srgb(image, path, background, longest)
    except UnidentifiedImageError as error:
        raise MediaError(_why_unknown(path)) from error
    except (
        OSError, SyntaxError, EOFError, struct.error, ValueError, IndexError, TypeError, KeyError,
        MemoryError, OverflowError, ZeroDivisionError, zlib.error,
    ) as error:  # fmt: skip
        # All that Pillow's readers raise at damaged bytes (found by mutating files).
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        msg = f"the picture {path} is damaged ({reason}); copy, download or export it again"
        raise MediaError(msg) from error
    if frames > 1:
        note = f"{path} holds {frames} pictures; the first is used"
        warnings.warn(note, Speech2FaceWarning, stacklevel=2)
    return pixels


class _LargePictures:
    """Lifts Pillow's limit of 179 megapixels while a picture is opened; ours is `_MOST_PIXELS`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()
        self._before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None

    def __exit__(self, *_: object) -> None:
        Image.MAX_IMAGE_PIXELS = self._before
        self._lock.release()


_LARGE = _LargePictures()


def _require_size(image: Image.Image, path: Opened) -> None:
    """Check that a picture is no larger than memory allows.

    Raises:
        InputError: It is.
    """
    width, height = image.size
    if width * height > _MOST_PIXELS:
        msg = (
            f"the picture {path} is too large: {width} x {height} pixels; expected at most "
            f"{_MOST_PIXELS // 1_000_000} megapixels; scale it down first"
        )
        raise InputError(msg)


def write_png(
    path: Path, image: UInt8[np.ndarray, "height width 3"], *, overwrite: bool = False
) -> None:
    """Write a picture as PNG; it appears whole or not at all.

    Args:
        path: The file.
        image: sRGB.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: It cannot be written, or it exists and may not be replaced.
    """  # noqa: DOC502 atomic_output raises it
    with atomic_output(path, overwrite) as temporary:
        Image.fromarray(image).save(temporary, format="PNG", compress_level=4)


def _upright_srgb(
    image: Image.Image, path: Opened, background: tuple[int, int, int], longest: int | None
) -> UInt8[np.ndarray, "height width 3"]:
    gamma = _stated_gamma(image)
    if image.mode in _SIXTEEN_BIT:
        image = _eight_bit(image, path)
    factor = 1 if longest is None else max(image.size) // longest
    if factor > 1 and image.mode not in {"1", "P", "F"}:
        kept = {key: image.info[key] for key in _KEPT_INFO if key in image.info}
        image = image.reduce(factor)
        image.info.update(kept)
    image = _upright(image)
    alpha = None
    if image.mode in _TRANSPARENT or "transparency" in image.info:
        profile = image.info.get("icc_profile")
        image = image.convert("RGBA")
        alpha = np.asarray(image.getchannel("A"))
        image = image.convert("RGB")  # drops alpha, mixes nothing
        image.info["icc_profile"] = profile
    elif image.mode in {"1", "P"}:
        profile = image.info.get("icc_profile")
        image = image.convert("RGB" if image.mode == "P" else "L")
        image.info["icc_profile"] = profile
    pixels = np.array(_to_srgb(image, path))
    if gamma is not None:
        pixels = _srgb_of(gamma)[pixels]
    return pixels if alpha is None else _composite(pixels, alpha, background)


def _stated_gamma(image: Image.Image) -> float | None:
    """Return the exponent that a PNG states by gAMA; None where it has none or it is sRGB's."""
    gamma = image.info.get("gamma")
    if not isinstance(gamma, float) or "icc_profile" in image.info or "srgb" in image.info:
        return None
    usual = abs(gamma - _SRGB_GAMMA) < _ROUNDED_GAMMA
    return gamma if _LEAST_GAMMA < gamma < 1 / _LEAST_GAMMA and not usual else None


def _srgb_of(gamma: float) -> UInt8[np.ndarray, " 256"]:
    """Return for each value of a channel that was stored with an exponent its value in sRGB.

    Source: PNG (third edition), 13.13 "Decoder gamma handling"; IEC 61966-2-1.
    """
    light = (np.arange(256) / 255) ** (1 / gamma)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)  # noqa: PLR2004 - of the standard
    return np.round(255 * curve).clip(0, 255).astype(np.uint8)


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF rotation; a damaged EXIF block says nothing, so the picture stays."""
    try:
        return ImageOps.exif_transpose(image)
    except (ValueError, TypeError, KeyError, SyntaxError, EOFError, struct.error):
        return image


def _eight_bit(image: Image.Image, path: Opened) -> Image.Image:
    """Scale a 16-bit gray picture to 8 bits.

    Raises:
        InputError: Its values do not fit into 16 bits.
    """
    values = np.asarray(image)
    lowest, highest = int(values.min()), int(values.max())
    if lowest < 0 or highest >= 1 << 16:
        msg = (
            f"the picture {path} holds values from {lowest} to {highest}; "
            "expected 8 or 16 bits a channel; export it as an 8-bit PNG"
        )
        raise InputError(msg)
    eight = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), _ROWS):  # a strip at a time: memory for the result alone
        strip = values[top : top + _ROWS].astype(np.uint32)
        eight[top : top + _ROWS] = (strip * 255 + 32767) // 65535
    gray = Image.fromarray(eight)
    gray.info.update({key: image.info[key] for key in _KEPT_INFO if key in image.info})
    return gray


def _to_srgb(image: Image.Image, path: Opened) -> Image.Image:
    """Convert by the embedded colour profile, or plainly where there is none or a broken one.

    Raises:
        InputError: The picture is in a colour space that has no plain conversion.
    """
    profile = image.info.get("icc_profile")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" in ImageCms.getProfileDescription(source) and image.mode == "RGB":
                return image
            converted = ImageCms.profileToProfile(
                image,
                source,
                ImageCms.createProfile("sRGB"),
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
        except (ImageCms.PyCMSError, OSError) as error:
            note = f"the colour profile of {path} cannot be used ({error}); it is left aside"
            warnings.warn(note, Speech2FaceWarning, stacklevel=2)
        else:
            if converted is not None:
                return converted
    if image.mode in {"F", "LAB", "HSV"}:
        msg = (
            f"the picture {path} is of mode {image.mode}; expected RGB, gray or CMYK of 8 or 16 "
            "bits; export it as an 8-bit PNG"
        )
        raise InputError(msg)
    return image.convert("RGB")


def _composite(
    pixels: UInt8[np.ndarray, "height width 3"],
    alpha: UInt8[np.ndarray, "height width"],
    background: tuple[int, int, int],
) -> UInt8[np.ndarray, "height width 3"]:
    """Lay a picture over one colour; where alpha is 0 its own colour leaves no trace."""
    weight = alpha[..., None].astype(np.uint32)
    behind = np.asarray(background, np.uint32)
    return ((pixels * weight + behind * (255 - weight) + 127) // 255).astype(np.uint8)


def _register_heif() -> None:
    try:
        import pillow_heif  # noqa: PLC0415 # pyright: ignore[reportMissingImports] an extra
    except ImportError:
        return
    pillow_heif.register_heif_opener()


def _known_formats() -> list[str]:
    Image.init()
    return [name for name in _FORMATS if name in Image.OPEN]


def _why_unknown(path: Opened) -> str:
    """Say what a file is that no decoder takes, as far as its first bytes tell."""
    start = path.read(0, _BRANDS_END)
    brand = start[8:]
    if start[4:8] == b"ftyp" and brand in _HEIF_BRANDS:
        return (
            f"the picture {path} is HEIC, which needs the extra heif; "
            "run pip install 'speech2face[heif]', or export it as JPEG"
        )
    if start[4:8] == b"ftyp" and brand in _AVIF_BRANDS:
        return f"the picture {path} is AVIF, which this Pillow lacks; export it as PNG or JPEG"
    if start[4:8] == b"ftyp" or start[:4] in {b"RIFF", b"\x1aE\xdf\xa3", b"OggS", b"fLaC"}:
        return f"{path} is sound or video; expected a picture, for instance a JPEG or a PNG"
    return (
        f"{path} is no picture that can be read, whatever its ending says; "
        "expected for instance a JPEG, PNG, WebP, TIFF, GIF or HEIC file"
    )
