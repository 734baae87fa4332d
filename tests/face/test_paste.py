import cv2
import numpy as np
import pytest

from speech2face.face.paste import PasteBack
from speech2face.face.view import View, cut_square
from speech2face.types import Face


def textured(height: int, width: int):
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 60, (height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.5) * 3 + 128
    return np.clip(smooth, 0, 255).astype(np.uint8)


def portrait(scale: float = 1.0, size: int = 128, roll: float = 0.0, shape=(300, 260)) -> View:
    """A crop of `size` at (40, 30) of a picture, which is `1 / scale` times larger."""
    image = textured(*shape)
    cos, sin = scale * np.cos(roll), scale * np.sin(roll)
    linear = np.array([[cos, sin], [-sin, cos]])
    middle = np.array([40, 30]) + size / scale / 2
    to_crop = np.concatenate([linear, ((size - 1) / 2 - linear @ middle)[:, None]], 1)
    if scale == 1 and roll == 0:
        to_crop = np.array([[1, 0, -40], [0, 1, -30.0]])
    face = Face(mesh=np.zeros((478, 3), np.float32), box=np.zeros(4, np.float32), score=1.0)
    crop = cut_square(image, to_crop, size)
    return View(image=image, face=face, crop=crop, to_crop=to_crop.astype(np.float32))


VARIANTS = [
    portrait(),
    portrait(scale=0.6),
    portrait(scale=1.7, size=256),
    portrait(roll=0.6),
    portrait(size=224, shape=(200, 240)),
]


@pytest.mark.parametrize("given", VARIANTS)
def test_at_rest_the_picture_stays_as_it_is(given: View) -> None:
    frames = PasteBack(given)(np.repeat(given.crop[None], 2, 0))

    np.testing.assert_array_equal(frames[0], given.image)
    np.testing.assert_array_equal(frames[1], given.image)


@pytest.mark.parametrize("given", VARIANTS)
def test_outside_the_matte_no_pixel_changes(given: View) -> None:
    paste = PasteBack(given)

    frame = paste(255 - given.crop[None])[0]

    outside = paste.matte == 0
    assert outside.any()
    np.testing.assert_array_equal(frame[outside], given.image[outside])
    assert (frame[paste.matte == 1] != given.image[paste.matte == 1]).mean() > 0.9


def test_at_the_pictures_resolution_the_crop_arrives_as_it_is() -> None:
    given = portrait()
    crop = np.random.default_rng(1).integers(0, 256, given.crop.shape, np.uint8)

    frame = PasteBack(given)(crop[None])[0]

    np.testing.assert_array_equal(frame[60:130, 70:140], crop[30:100, 30:100])


@pytest.mark.parametrize("given", VARIANTS)
def test_the_border_shows_no_step(given: View) -> None:
    brighter = np.clip(given.crop.astype(int) + 40, 0, 255).astype(np.uint8)
    paste = PasteBack(given)

    frame = paste(brighter[None])[0]

    change = frame.astype(np.float32) - given.image
    fading = (paste.matte > 0) & (paste.matte < 1)
    step = np.abs(np.diff(cv2.GaussianBlur(change, (0, 0), 1), axis=1))[fading[:, 1:]]
    # 40 grey levels over a twelfth of the crop at the narrowest, 1.5 times as steep in the middle.
    assert step.max() < 12


def test_old_detail_does_not_shine_through_what_changed() -> None:
    given = portrait(scale=0.5)
    flat = np.full_like(given.crop, 120)

    frame = PasteBack(given)(flat[None])[0]

    inner = frame[90:220, 100:230].astype(np.float32)
    assert inner.std() < 0.25 * given.image[90:220, 100:230].std()


def test_a_small_change_stays_where_it_is() -> None:
    given = portrait(scale=0.6)
    crop = given.crop.copy()
    crop[60:64, 60:64] = 255 - crop[60:64, 60:64]

    frame = PasteBack(given)(crop[None])[0]

    y, x, _ = np.nonzero(frame != given.image)
    middle = 30 + 62 / 0.6, 40 + 62 / 0.6
    assert abs(y - middle[0]).max() < 12
    assert abs(x - middle[1]).max() < 12
