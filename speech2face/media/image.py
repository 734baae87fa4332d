"""One image loader: whatever a camera or an editor wrote becomes upright 8-bit sRGB.

Every part of the project that opens a picture does it here, so that a rotation flag, a colour
profile or a transparent pixel's hidden colour is dealt with once.
"""

import io
import struct
import warnings
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from speech2face.errors import InputError, MediaError, Speech2FaceWarning
from speech2face.media.files import require_file
from speech2face.media.output import atomic_output

_FORMATS = (
    "JPEG", "PNG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "PPM", "TGA", "JPEG2000", "AVIF", "HEIF",
    "QOI", "ICO", "PSD",
)  # fmt: skip
"""Formats that hold photographs and are decoded in this process (EPS would start a program)."""

_ANIMATED = ("GIF", "PNG", "WEBP", "TIFF", "AVIF")
"""Formats in which more than one frame means a film or pages (in an MPO it means depth maps)."""

_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")
_TRANSPARENT = ("RGBA", "LA", "PA", "RGBa", "La")

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")
_BRANDS_END = 12
"""A file of the MP4 family holds its size, "ftyp" and its main brand in its first 12 bytes."""


def read_image(
    path: Path, background: tuple[int, int, int] = (255, 255, 255)
) -> UInt8[np.ndarray, "height width 3"]:
    """Read a picture as a person sees it.

    EXIF rotation is applied, colour profiles are converted to sRGB, gray, palette, CMYK and 16-bit
    pictures become 8-bit RGB, and transparent parts show the background. Of an animation the first
    frame is taken, with a warning.

    Args:
        path: The picture; its content decides what it is, not its ending.
        background: RGB, 0 to 255, of what lies behind transparent pixels.

    Returns:
        The upright picture, sRGB.

    Raises:
        InputError: There is no such file, or its pixels have no meaning as a photograph.
        MediaError: It is no picture, it is damaged, or its format needs the extra `heif`.
    """
    require_file(path, "picture")
    _register_heif()
    try:
        with warnings.catch_warnings():
            # Half a gigapixel is what Pillow refuses; phones do take what it merely warns of.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path, formats=_known_formats())
            with image:
                frames = getattr(image, "n_frames", 1) if image.format in _ANIMATED else 1
                image.load()
                pixels = _upright_srgb(image, path, background)
    except UnidentifiedImageError as error:
        raise MediaError(_why_unknown(path)) from error
    except Image.DecompressionBombError as error:
        msg = f"the picture {path} is too large ({error}); scale it down first"
        raise InputError(msg) from error
    except (OSError, SyntaxError, EOFError, struct.error) as error:
        msg = f"the picture {path} is damaged ({error}); copy, download or export it again"
        raise MediaError(msg) from error
    if frames > 1:
        note = f"{path} holds {frames} pictures; the first is used"
        warnings.warn(note, Speech2FaceWarning, stacklevel=2)
    return pixels


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
    image: Image.Image, path: Path, background: tuple[int, int, int]
) -> UInt8[np.ndarray, "height width 3"]:
    image = _upright(image)
    if image.mode in _SIXTEEN_BIT:
        image = _eight_bit(image, path)
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
    return pixels if alpha is None else _composite(pixels, alpha, background)


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF rotation; a damaged EXIF block says nothing, so the picture stays."""
    try:
        return ImageOps.exif_transpose(image)
    except (ValueError, TypeError, KeyError, SyntaxError, EOFError, struct.error):
        return image


def _eight_bit(image: Image.Image, path: Path) -> Image.Image:
    """Scale a 16-bit gray picture to 8 bits.

    Raises:
        InputError: Its values do not fit into 16 bits.
    """
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() >= 1 << 16:
        msg = (
            f"the picture {path} holds values from {values.min()} to {values.max()}; "
            "expected 8 or 16 bits a channel; export it as an 8-bit PNG"
        )
        raise InputError(msg)
    gray = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    gray.info["icc_profile"] = image.info.get("icc_profile")
    return gray


def _to_srgb(image: Image.Image, path: Path) -> Image.Image:
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


def _why_unknown(path: Path) -> str:
    """Say what a file is that no decoder takes, as far as its first bytes tell."""
    with path.open("rb") as file:
        start = file.read(_BRANDS_END)
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
