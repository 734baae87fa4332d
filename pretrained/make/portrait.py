"""Render the example portrait: a person who does not exist.

A tool for whoever wants to make the picture again or another one; nothing else imports it. It needs
Blender as a Python package and ICT-FaceKit's mesh (see examples/README.md):

    python -m make.portrait --mesh ict_facekit.npz -o examples/portrait.png
"""

import argparse
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image
from scipy.ndimage import gaussian_filter

from make import blender, shading
from speech2face.synthesis.heads.head_assets import Head, eyeball, load_head
from speech2face.synthesis.heads.skin import Complexion, eye_mesh, paint_skin
from speech2face.synthesis.heads.strands import HairStyle, brows, lashes, scalp_hair, stubble
from speech2face.synthesis.heads.wardrobe import sweater

_CAMERA = np.array([0.0, 1.0, 135.0])
"""Where the lens is, in the head's frame."""
_FRIENDLY = {
    "mouthSmile_L": 0.42,
    "mouthSmile_R": 0.36,
    "cheekSquint_L": 0.15,
    "cheekSquint_R": 0.12,
    "eyeSquint_L": 0.10,
    "eyeSquint_R": 0.08,
}
"""A closed mouth with a trace of a smile."""


@dataclass(frozen=True, kw_only=True)
class Character:
    """Everything that makes one person."""

    seed: int = 31
    spread: float = 0.65
    """Standard deviation of the identity weights; 0 is the mean head."""
    expression: dict[str, float] = field(default_factory=lambda: dict(_FRIENDLY))
    asymmetry: float = 0.02
    complexion: Complexion = field(default_factory=Complexion)
    hair: HairStyle = field(default_factory=HairStyle)
    melanin: float = 0.89
    redness: float = 0.25
    stubble: float = 0.10
    """Length of the beard in centimetres; 0 for none."""
    stubble_count: int = 14000
    cloth: tuple[float, float, float] = (0.022, 0.032, 0.055)


def _add_head(head: Head, person: Character) -> None:
    skin = blender.add_mesh(
        "skin", head.vertices, head.skin(), shading.skin_material(), attributes={"rest": head.rest}
    )
    mesh, rest = blender.subdivide(skin, 2, "rest")
    paint = paint_skin(rest, head.rest_landmarks(), person.complexion, person.hair.hairline)
    for key in ("colour", "roughness", "lips"):
        blender.set_attribute(mesh, key, getattr(paint, key))
    tears = shading.wet_material("tears", strength=0.8)
    blender.add_mesh("tears", head.vertices, head.parts["M_LacrimalFluid"], tears)


def _add_eyes(head: Head, person: Character) -> None:
    eye = shading.eye_material()
    # A photographer's catch light is larger than this studio's softbox: the film reflects more.
    cornea = shading.wet_material("cornea", strength=2.0)
    for number, side in enumerate(("Left", "Right")):
        centre, radius = eyeball(head, side)
        model = eye_mesh(person.complexion, person.seed + number)
        turn = radius * _towards(_CAMERA - centre).T
        place = model.vertices @ turn + centre
        paint = {"colour": model.colour}
        blender.add_mesh(f"eye{side}", place, model.triangles, eye, attributes=paint)
        blender.add_mesh(f"cornea{side}", model.cornea @ turn + centre, model.triangles, cornea)


def _towards(way: Float[np.ndarray, " 3"]) -> Float[np.ndarray, "3 3"]:
    """The rotation that turns +z to a direction and keeps the x axis level."""
    z = way / np.linalg.norm(way)
    x = np.cross([0.0, 1.0, 0.0], z)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z], axis=1)


def _add_hair(head: Head, person: Character) -> None:
    hair = shading.hair_material("hair", melanin=person.melanin, redness=person.redness)
    dark = min(person.melanin + 0.03, 1.0)
    brow = shading.hair_material("brow", melanin=dark, redness=person.redness)
    lash = shading.hair_material("lash", melanin=0.97, redness=0.2)
    blender.add_strands("hair", scalp_hair(head, person.hair, person.seed), hair)
    blender.add_strands("brows", brows(head, person.seed + 1), brow)
    blender.add_strands("lashes", lashes(head, person.seed + 2), lash)
    if person.stubble > 0:
        beard = stubble(head, person.seed + 3, count=person.stubble_count, length=person.stubble)
        blender.add_strands("stubble", beard, hair)


def _add_clothes(person: Character) -> None:
    knit = sweater(person.seed)
    cloth = shading.cloth_material(person.cloth)
    weave = {"weave": knit.weave}
    blender.add_mesh("sweater", knit.vertices, knit.triangles, cloth, attributes=weave)


def _add_studio() -> None:
    """Key from the upper left, fill from the right, rims from behind, a glow on blue-grey paper."""
    light = blender.add_light
    light("key", (-0.75, -0.95, 0.62), watts=17, size=(0.75, 0.75), colour=(1, 0.95, 0.88))
    light("fill", (1.0, -0.8, 0.05), watts=7.0, size=(1.1, 1.1), colour=(0.90, 0.95, 1))
    light("rim", (0.75, 0.65, 0.45), watts=3.2, size=(0.3, 0.8), colour=(1, 0.97, 0.93))
    light("kicker", (-0.85, 0.60, 0.25), watts=2.2, size=(0.3, 0.8), colour=(0.92, 0.96, 1))
    light("top", (-0.2, -0.35, 0.95), watts=4, size=(0.5, 0.3), target=(0, 0, 0.12))
    paper = shading.paper_material((0.20, 0.235, 0.27), (0.035, 0.045, 0.06))
    blender.add_backdrop(1.1, 1.6, paper)
    place = tuple(blender.to_blender(_CAMERA).tolist())
    blender.add_camera(place, (0, 0, -0.010), millimetres=118, focus=1.255, f_number=10.0)


def finish(
    image: Float[np.ndarray, "height width 3"], seed: int
) -> UInt8[np.ndarray, "height width 3"]:
    """What a camera does to a picture: slight glare, softness, vignette and grain.

    Args:
        image: Display values, 0 to 1.
        seed: For the grain.

    Returns:
        The photograph.
    """
    height, width, _ = image.shape
    glare = gaussian_filter(np.clip(image - 0.75, 0, 1), (12, 12, 0))
    soft = gaussian_filter(image, (0.4, 0.4, 0)) + 0.25 * glare
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    soft *= (1 - 0.10 * np.clip(x**2 + y**2 - 0.3, 0, 2))[..., None]
    noise = np.random.default_rng(seed).normal(size=(height, width, 3))
    noise = gaussian_filter(noise, (0.55, 0.55, 0))
    # Grain is mostly in the brightness, a little in the colour.
    grain = 1.3 * noise.mean(axis=2, keepdims=True) + 0.35 * noise
    soft += 0.0085 * grain / grain.std()
    return (np.clip(soft, 0, 1) * 255 + 0.5).astype(np.uint8)


def render_portrait(
    mesh: Path, person: Character, *, size: int, samples: int, threads: int
) -> UInt8[np.ndarray, "size size 3"]:
    """Render a person.

    Args:
        mesh: `ict_facekit.npz` (see `head_assets.load_head`).
        person: Whom.
        size: Side of the picture in pixels.
        samples: Light paths per pixel.
        threads: Processor threads.

    Returns:
        The picture.
    """
    head = load_head(
        mesh,
        seed=person.seed,
        spread=person.spread,
        expression=person.expression,
        asymmetry=person.asymmetry,
    )
    blender.new_scene()
    _add_head(head, person)
    _add_eyes(head, person)
    _add_hair(head, person)
    _add_clothes(person)
    _add_studio()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "render.png"
        blender.render(
            path,
            size=size,
            samples=samples,
            threads=threads,
            ambient=(0.055, 0.06, 0.068),
            exposure=0.35,
        )
        picture = np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))
    return finish(picture[..., 2::-1] / np.iinfo(np.uint16).max, person.seed)


def main() -> None:
    """Parse the command line and write the portrait."""
    parser = argparse.ArgumentParser(description="Render the example portrait.")
    parser.add_argument("--mesh", type=Path, required=True, help="ict_facekit.npz")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--size", type=int, default=768, help="pixels")
    parser.add_argument("--samples", type=int, default=60, help="light paths per pixel")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=Character().seed, help="which person")
    options = parser.parse_args()
    image = render_portrait(
        options.mesh,
        replace(Character(), seed=options.seed),
        size=options.size,
        samples=options.samples,
        threads=options.threads,
    )
    Image.fromarray(image).save(options.output, optimize=True)


if __name__ == "__main__":
    main()
