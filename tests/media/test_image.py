import io
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from speech2face.errors import InputError, MediaError, OutputError, Speech2FaceWarning
from speech2face.media.image import read_image, write_png


@pytest.fixture
def picture() -> np.ndarray:
    """A picture in which every corner has a colour of its own; smooth, so that JPEG keeps it."""
    rows, columns = np.mgrid[0:48, 0:64]
    return np.stack([rows * 5, columns * 3, 255 - rows * 2 - columns], -1).astype(np.uint8)


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def test_a_plain_picture_comes_back_bit_for_bit(tmp_path: Path, picture: np.ndarray) -> None:
    write_png(tmp_path / "a.png", picture)

    seen = read_image(tmp_path / "a.png")

    np.testing.assert_array_equal(seen, picture)
    assert seen.dtype == np.uint8
    assert seen.flags.c_contiguous
    assert seen.flags.writeable


def test_the_content_decides_and_not_the_ending(tmp_path: Path, picture: np.ndarray) -> None:
    save(tmp_path / "a.b.JPG", Image.fromarray(picture), format="PNG")

    np.testing.assert_array_equal(read_image(tmp_path / "a.b.JPG"), picture)


@pytest.mark.parametrize("name", ["mit Leerzeichen.png", 'it\'s "é".png', "像.png", "-y.png"])
def test_any_name_works(
    tmp_path: Path, picture: np.ndarray, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_png(Path(name), picture)

    np.testing.assert_array_equal(read_image(Path(name)), picture)


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(
    tmp_path: Path, picture: np.ndarray, ending: str, orientation: int
) -> None:
    stored = {  # what a camera stores so that a viewer shows `picture`; EXIF 2.3, table 6
        1: picture,
        2: picture[:, ::-1],
        3: picture[::-1, ::-1],
        4: picture[::-1],
        5: picture.transpose(1, 0, 2),
        6: np.rot90(picture, 1),
        7: picture.transpose(1, 0, 2)[::-1, ::-1],
        8: np.rot90(picture, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"lossless": True} if ending == "webp" else {"quality": 95}
    path = save(
        tmp_path / f"a.{ending}",
        Image.fromarray(np.ascontiguousarray(stored)),
        exif=exif,
        **lossless,
    )

    seen = read_image(path)

    assert seen.shape == picture.shape
    assert np.abs(seen.astype(int) - picture).mean() < 3


def test_a_damaged_exif_block_leaves_the_picture_as_it_is(
    tmp_path: Path, picture: np.ndarray
) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(picture), exif=b"Exif\0\0II*\0\xff\xff\xff\xff")

    np.testing.assert_array_equal(read_image(path), picture)


def test_a_transparent_pixels_hidden_colour_never_shows(tmp_path: Path) -> None:
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[...] = (255, 0, 0, 0)
    pixels[0, 0] = (10, 20, 30, 255)
    pixels[1, 1] = (0, 0, 0, 128)
    path = save(tmp_path / "a.png", Image.fromarray(pixels))

    on_white, on_blue = read_image(path), read_image(path, background=(0, 0, 255))

    assert on_white.tolist() == [[[10, 20, 30], [255] * 3], [[255] * 3, [127] * 3]]
    assert on_blue[0].tolist() == [[10, 20, 30], [0, 0, 255]]


def test_a_transparent_colour_of_a_palette_or_key_shows_the_background(tmp_path: Path) -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([200, 0, 0, 0, 200, 0])
    palette.putpixel((1, 0), 1)
    key = Image.fromarray(np.array([[[200, 0, 0], [0, 200, 0]]], np.uint8))
    save(tmp_path / "palette.png", palette, transparency=0)
    save(tmp_path / "key.png", key, transparency=(200, 0, 0))

    for name in ("palette.png", "key.png"):
        assert read_image(tmp_path / name).tolist() == [[[255] * 3, [0, 200, 0]]]


def test_gray_bilevel_and_sixteen_bit_pictures_become_rgb(tmp_path: Path) -> None:
    gray = np.tile(np.arange(0, 256, 5, dtype=np.uint8), (4, 1))
    wide = gray.astype(np.uint16) * 257
    paths = {
        "gray": save(tmp_path / "gray.png", Image.fromarray(gray)),
        "wide": save(tmp_path / "wide.png", Image.fromarray(wide)),
        "tiff": save(tmp_path / "wide.tif", Image.fromarray(wide)),
        "int32": save(tmp_path / "int.tif", Image.fromarray(wide.astype(np.int32))),
    }

    for name, path in paths.items():
        np.testing.assert_array_equal(read_image(path), np.dstack([gray] * 3), err_msg=name)
    bilevel = save(tmp_path / "one.png", Image.fromarray(gray > 128))
    np.testing.assert_array_equal(read_image(bilevel)[..., 0], (gray > 128) * 255)


def test_cmyk_becomes_rgb(tmp_path: Path, picture: np.ndarray) -> None:
    path = save(tmp_path / "a.jpg", Image.fromarray(picture).convert("CMYK"), quality=98)

    assert np.abs(read_image(path).astype(int) - picture).mean() < 3


def test_a_colour_profile_is_converted_to_srgb(tmp_path: Path) -> None:
    # In a LAB profile's terms a colour is known exactly: L 53.24, a 80.09, b 67.20 is sRGB red.
    lab = Image.new("LAB", (4, 4), (136, 208, 195))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    path = save(tmp_path / "a.tif", lab, icc_profile=profile)

    red, green, blue = (int(value) for value in read_image(path)[0, 0])

    assert red > 245
    assert green < 25
    assert blue < 25


def test_a_srgb_profile_changes_nothing(tmp_path: Path, picture: np.ndarray) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = save(tmp_path / "a.png", Image.fromarray(picture), icc_profile=profile)

    np.testing.assert_array_equal(read_image(path), picture)


def test_a_profile_is_applied_below_transparency_too(tmp_path: Path) -> None:
    gray = Image.fromarray(np.full((2, 2), 100, np.uint8))
    clear = Image.merge("LA", [gray, Image.new("L", (2, 2), 255)])
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = save(tmp_path / "a.png", clear, icc_profile=profile)

    assert read_image(path)[0, 0].tolist() == [100] * 3


def test_a_broken_profile_is_left_aside_with_a_warning(tmp_path: Path, picture: np.ndarray) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(picture), icc_profile=b"no profile at all")

    with pytest.warns(Speech2FaceWarning, match="colour profile"):
        seen = read_image(path)

    np.testing.assert_array_equal(seen, picture)


def test_of_an_animation_the_first_frame_is_taken_and_said(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    path = save(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])

    with pytest.warns(Speech2FaceWarning, match="2 pictures"):
        seen = read_image(path)

    assert seen[0, 0].tolist() == [255, 0, 0]


def test_the_depth_map_of_a_phones_jpeg_is_no_animation(
    tmp_path: Path, picture: np.ndarray
) -> None:
    image = Image.fromarray(picture)
    path = save(tmp_path / "a.jpg", image, format="MPO", save_all=True, append_images=[image])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_image(path).shape == picture.shape


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
def test_a_truncated_picture_is_called_damaged(
    tmp_path: Path, picture: np.ndarray, ending: str
) -> None:
    stream = io.BytesIO()
    noisy = picture ^ np.random.default_rng(0).integers(0, 64, picture.shape, np.uint8)
    Image.fromarray(noisy).save(
        stream, "tiff" if ending == "tif" else ending.replace("jpg", "jpeg")
    )
    path = tmp_path / f"a.{ending}"
    path.write_bytes(stream.getvalue()[: len(stream.getvalue()) * 2 // 3])

    with pytest.raises(MediaError, match=r"a\.\w+"):
        read_image(path)


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("hello, I am no picture at all")
    (tmp_path / "film.jpg").write_bytes(b"\0\0\0\x20ftypisom" + bytes(64))
    (tmp_path / "empty.png").touch()

    with pytest.raises(MediaError, match="no picture"):
        read_image(tmp_path / "text.png")
    with pytest.raises(MediaError, match="sound or video"):
        read_image(tmp_path / "film.jpg")
    with pytest.raises(MediaError, match="0 bytes"):
        read_image(tmp_path / "empty.png")
    with pytest.raises(InputError, match="does not exist"):
        read_image(tmp_path / "missing.png")
    with pytest.raises(InputError, match="folder"):
        read_image(tmp_path)


def test_pixels_without_meaning_as_a_photograph_are_refused(tmp_path: Path) -> None:
    heights = Image.fromarray(np.full((2, 2), 0.5, np.float32))
    counts = Image.fromarray(np.full((2, 2), 1 << 20, np.int32))
    for name, image in (("heights.tif", heights), ("counts.tif", counts)):
        with pytest.raises(InputError, match="8-bit PNG"):
            read_image(save(tmp_path / name, image))


def test_a_decompression_bomb_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "bomb.png", Image.new("1", (8, 8)))
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", 30_000, 30_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)

    with pytest.raises(InputError, match="too large"):
        read_image(path)


def test_heic_is_read_with_the_extra(tmp_path: Path, picture: np.ndarray) -> None:
    heif = pytest.importorskip("pillow_heif", reason="the extra heif is not installed")
    path = tmp_path / "a.heic"
    heif.from_pillow(Image.fromarray(picture)).save(path, quality=95)

    assert np.abs(read_image(path).astype(int) - picture).mean() < 3


def test_heif_files_that_nothing_here_decodes_name_the_extra(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(64))

    with pytest.raises(MediaError, match="heif"):
        read_image(path)


def test_write_png_keeps_an_existing_file_unless_told(tmp_path: Path, picture: np.ndarray) -> None:
    path = tmp_path / "a.png"
    write_png(path, picture)

    with pytest.raises(OutputError, match="exists"):
        write_png(path, picture[::-1].copy())
    write_png(path, picture[::-1].copy(), overwrite=True)

    np.testing.assert_array_equal(read_image(path), picture[::-1])


def test_a_picture_of_two_hundred_megapixels_is_read(tmp_path: Path) -> None:
    path = save(tmp_path / "large.png", Image.new("L", (20_000, 10_000), 128))

    pixels = read_image(path, longest=1000)

    assert pixels.shape == (500, 1000, 3)
    assert (pixels == 128).all()


def test_a_large_sixteen_bit_picture_takes_memory_for_its_pixels_alone(tmp_path: Path) -> None:
    path = save(tmp_path / "large.png", Image.fromarray(np.full((6000, 6000), 32_768, np.uint16)))
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from speech2face.media.image import read_image\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "pixels = read_image(Path(sys.argv[1]), longest=2000)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, pixels[0, 0])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )

    spent, *colour = done.stdout.split(maxsplit=1)
    assert int(spent) * 1024 < 36_000_000 * 6  # two bytes a pixel in, one out, and some slack
    assert colour == ["[128 128 128]\n"]


def test_a_png_with_a_text_of_megabytes_is_read(tmp_path: Path, picture: np.ndarray) -> None:
    texts = PngInfo()
    texts.add_text("comment", "x" * 3_000_000, zip=True)
    Image.fromarray(picture).save(tmp_path / "a.png", pnginfo=texts)

    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), picture)


@pytest.mark.parametrize(("gamma", "shown"), [(100_000, 188), (45_455, 128), (55_555, 146)])
def test_the_gamma_of_a_png_is_applied(tmp_path: Path, gamma: int, shown: int) -> None:
    path = save(tmp_path / "a.png", Image.new("RGB", (8, 8), (128, 128, 128)))
    content = path.read_bytes()
    chunk = b"gAMA" + struct.pack(">I", gamma)
    extra = struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(content[:33] + extra + content[33:])  # behind the header

    assert read_image(path)[0, 0].tolist() == pytest.approx([shown] * 3, abs=2)


def test_a_picture_may_come_as_bytes_or_stream(tmp_path: Path, picture: np.ndarray) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(picture))

    for given in (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes())):
        np.testing.assert_array_equal(read_image(given), picture)
