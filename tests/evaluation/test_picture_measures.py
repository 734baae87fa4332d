import numpy as np
import pytest

from speech2face.evaluation.generators.picture_measures import box_mask, detail, l1, psnr, ssim

RANDOM = np.random.default_rng(0)
PICTURE = RANDOM.integers(40, 200, (40, 48, 3), np.uint8)
EVERYWHERE = np.ones((40, 48), bool)


def test_equal_pictures_are_as_good_as_it_gets():
    assert l1(PICTURE, PICTURE, EVERYWHERE) == 0
    assert psnr(PICTURE, PICTURE, EVERYWHERE) == 60
    assert ssim(PICTURE, PICTURE, EVERYWHERE) == pytest.approx(1, abs=1e-6)


def test_a_known_offset_gives_known_figures():
    brighter = PICTURE + np.uint8(51)

    assert l1(brighter, PICTURE, EVERYWHERE) == pytest.approx(0.2)
    assert psnr(brighter, PICTURE, EVERYWHERE) == pytest.approx(-20 * np.log10(0.2), abs=1e-3)


def test_what_the_mask_leaves_out_does_not_count():
    mask = EVERYWHERE.copy()
    mask[:20] = False
    spoilt = PICTURE.copy()
    spoilt[:14] = 0  # farther from the rest than the window of the similarity reaches

    assert l1(spoilt, PICTURE, mask) == 0
    assert psnr(spoilt, PICTURE, mask) == 60
    assert ssim(spoilt, PICTURE, mask) == pytest.approx(1, abs=1e-5)


def test_structure_counts_more_than_brightness():
    noisy = np.clip(PICTURE + RANDOM.normal(0, 20, PICTURE.shape), 0, 255).astype(np.uint8)
    brighter = PICTURE + np.uint8(20)

    assert ssim(noisy, PICTURE, EVERYWHERE) < ssim(brighter, PICTURE, EVERYWHERE) < 1


def test_a_blurred_picture_has_less_detail():
    import cv2

    blurred = cv2.GaussianBlur(PICTURE, (0, 0), 1.0)

    assert detail(blurred, EVERYWHERE) < 0.5 * detail(PICTURE, EVERYWHERE)


def test_a_box_spans_the_points_and_its_margin():
    mask = box_mask(np.array([[10.0, 20.0], [20.0, 24.0]]), 64, 2.0)

    rows, columns = np.where(mask)
    assert (columns.min(), columns.max()) == (5, 24)
    assert (rows.min(), rows.max()) == (18, 25)
