import numpy as np
from drawn_head import drawn_head

from speech2face.synthesis.heads.skin import IRIS, Complexion, eye_mesh, paint_skin


def test_lips_are_redder_than_the_cheeks():
    look = Complexion()
    places = np.array([[0.5, -2.9, 11.5], [0.5, -3.9, 11.5], [5.0, 3.0, 8.0], [0.0, -3.0, 5.0]])
    paint = paint_skin(places, drawn_head().rest_landmarks(), look, hairline=10.3)
    redness = paint.colour[:, 0] / paint.colour[:, 1]
    assert paint.lips[:2].min() > 0.9
    assert paint.lips[2:].max() < 0.01, "neither the cheek nor the inside of the mouth"
    assert redness[:2].min() > 1.15 * redness[2]
    assert paint.roughness[:2].max() < paint.roughness[2]


def test_the_scalp_is_darkened_by_the_roots_of_the_hair():
    places = np.array([[0.0, 13.5, 2.0], [0.0, 7.0, 10.5]])
    paint = paint_skin(places, drawn_head().rest_landmarks(), Complexion(), hairline=10.3)
    assert paint.colour[0].sum() < 0.6 * paint.colour[1].sum()


def test_an_eye_is_black_in_the_middle_coloured_around_it_and_white_outside():
    look = Complexion()
    eye = eye_mesh(look, seed=1, pupil=0.4)
    radius = np.linalg.norm(eye.vertices[:, :2], axis=1) / IRIS
    front = eye.vertices[:, 2] > 0
    brightness = eye.colour.sum(axis=1)
    pupil = brightness[front & (radius < 0.35)].max()
    iris = brightness[front & (radius > 0.5) & (radius < 0.8)].mean()
    white = brightness[front & (radius > 1.25) & (radius < 1.6)].mean()
    assert pupil < 0.02 < iris < 0.5 * white


def test_the_cornea_stands_before_the_iris():
    eye = eye_mesh(Complexion(), seed=1)
    gap = eye.cornea[:, 2] - eye.vertices[:, 2]
    middle = np.linalg.norm(eye.vertices[:, :2], axis=1) < 0.2
    assert gap[middle & (eye.vertices[:, 2] > 0)].min() > 0.05
