"""How skin, eyes, teeth, hair and cloth look: a deferred shader in PyTorch, on any device.

Light: spherical harmonics from all around, and lamps with wrapped diffuse light (a cheap stand-in
for light that scatters below the skin; more in red) and two-lobe GGX reflections (Walter et al.
2007, with Schlick's Fresnel term). The first lamp casts shadows.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from speech2face.signals import eased
from speech2face.synthesis.heads.head_model import (
    BROW,
    CLOTH,
    EYES,
    GUMS,
    HAIR,
    LASH,
    LINING,
    SKIN,
    TEETH,
)
from speech2face.synthesis.heads.people import DARK, Person
from speech2face.synthesis.heads.studio import Lights
from speech2face.synthesis.heads.zbuffer import Cutout, draw

_GAMMA = 2.2
_SHADOWS, _REACH = 384, 24.0
"""Side of the shadow map in pixels, and half of what it shows in centimetres."""
_BIAS = 0.35
"""Centimetres by which a surface must lie behind another to be in its shadow."""
# fmt: off
_WRAP = {SKIN: (.42, .22, .15), EYES: (.15, .10, .08), TEETH: (.25, .20, .15),
         GUMS: (.40, .15, .12), LINING: (.30, .10, .10), HAIR: (.2, .2, .2)}
"""How far light reaches around the edge of what it falls on, by colour."""
_GLOSS = {SKIN: (.6, .56), EYES: (1.5, .07), TEETH: (1.0, .2), GUMS: (.8, .3), LINING: (.3, .3)}
"""Strength of reflections and roughness."""
# fmt: on


@dataclass(frozen=True, kw_only=True)
class Pixels:
    """What the covered pixels of one picture show, one row a pixel."""

    material: Int[Tensor, " pixels"]
    uv: Float[Tensor, "pixels 2"]
    place: Float[Tensor, "pixels 3"]
    """In the room."""
    rest: Float[Tensor, "pixels 3"]
    """On the mean head; on an eyeball the direction from its centre, in the eyeball's own axes."""
    normal: Float[Tensor, "pixels 3"]
    scalp: Float[Tensor, " pixels"]


class Shader:
    """Colours one person's pixels."""

    def __init__(self, person: Person, lights: Lights, lips: float, device: torch.device) -> None:
        """Lay the textures out.

        Args:
            person: Whom.
            lights: What shines.
            lips: Depth (z on the mean head) of the lips: what lies behind is darker.
            device: Where to compute.
        """
        self.device = device
        self._person, self._lips = person, lips
        as_tensor = {"dtype": torch.float32, "device": device}
        self._sky = torch.as_tensor(lights.sky, **as_tensor)
        self._towards = torch.as_tensor(lights.towards, **as_tensor)
        self._colour = torch.as_tensor(lights.colour, **as_tensor)
        self._skin, self._hair, self._brow = (
            torch.as_tensor(texture, **as_tensor).permute(2, 0, 1)[None] / 255
            for texture in (person.skin, person.hair, person.brow)
        )

    def cutout(self) -> Cutout:
        """Return the holes between the strands of the hair."""
        material = torch.as_tensor(self._person.material, device=self.device)
        return Cutout(
            uv=torch.as_tensor(self._person.uv, device=self.device),
            layer=torch.where(material == HAIR, 0, -1),
            alpha=self._hair[:, 3].contiguous(),
        )

    def shadow(
        self, vertices: Float[Tensor, "every 3"], triangles: Int[Tensor, "triangles 3"]
    ) -> tuple[Tensor, Tensor]:
        """Draw what the first lamp sees: depths, and the rows that turn places into its view."""
        towards = self._towards[0]
        aside = torch.linalg.cross(towards.new_tensor([0.0, 1.0, 0.01]), towards)
        aside = aside / aside.norm()
        axes = torch.stack([aside, torch.linalg.cross(towards, aside), -towards])
        seen = vertices @ axes.T
        scale = _SHADOWS / (2 * _REACH)
        flat = seen[:, :2] * scale + (_SHADOWS - 1) / 2
        points = torch.cat([flat, seen[:, 2:] + 1000], 1)
        material = torch.as_tensor(self._person.material, device=self.device)
        casts = (material == SKIN) | (material == HAIR) | (material == CLOTH)
        found = draw(points[None], triangles[casts], _SHADOWS, self.cutout().of(casts))
        return found.depth[0] - 1000, axes

    def opacity(self, pixels: Pixels) -> Float[Tensor, " pixels"]:
        """Return how much of brows and lashes covers what is behind them."""
        brow = _sample(self._brow, pixels.uv)[:, 3]
        u, v = pixels.uv[:, 0], 1 - pixels.uv[:, 1]
        # Six rows of lashes one above the other in their texture's space, tips up.
        row = torch.floor(v * 5.9)
        along = ((v - (0.0142 + row * 0.1706)) / 0.1425).clamp(0, 1)
        strand = ((u * 95 + row * 0.37).remainder(1) - 0.5).abs() * 2
        lash = _smooth(0.1, 0.8, along * (0.35 + 0.65 * strand))
        lash = lash * torch.where(v > 0.5, 0.7, 0.3)  # noqa: PLR2004 - the upper lid's are longer
        return torch.where(pixels.material == LASH, lash, brow)

    def colour(
        self, pixels: Pixels, camera: Float[Tensor, " 3"], shadow: tuple[Tensor, Tensor]
    ) -> Float[Tensor, "pixels 3"]:
        """Return the light that pixels send to the camera."""
        albedo, occlusion, normal = self._surface(pixels)
        view = functional.normalize(camera - pixels.place, dim=1)
        facing = (normal * view).sum(1, keepdim=True)
        mirrored = 2 * facing * normal - view
        wrap = self._table(pixels.material, _WRAP, 3)
        gloss = self._table(pixels.material, _GLOSS, 2)
        strength, rough = gloss[:, :1], gloss[:, 1:].clamp(min=0.05)
        rough = torch.where(
            pixels.material[:, None] == SKIN, rough - 0.12 * self._person.oil, rough
        )
        lit = self._lit(pixels.place, shadow)[:, None]
        diffuse = _irradiance(self._sky, normal) * occlusion
        edge = 0.028 + 0.6 * (1 - facing.clamp(min=0)) ** 5
        shine = _irradiance(self._sky, mirrored) / torch.pi * edge * 0.5 * strength * occlusion
        for lamp in range(len(self._towards)):
            towards, light = self._towards[lamp], self._colour[lamp]
            visible = lit if lamp == 0 else torch.ones_like(lit)
            visible = visible * torch.where(occlusion < 1, occlusion, 1.0)
            cosine = (normal @ towards)[:, None]
            around = ((cosine + wrap) / (1 + wrap)).clamp(0, 1)
            around = 0.5 * around + 0.5 * eased(around)
            diffuse = diffuse + light * around * visible
            half = functional.normalize(view + towards, dim=1)
            shine = shine + light * visible * strength * _ggx(normal, half, view, cosine, rough)
        shine = shine + self._catchlight(pixels, mirrored, lit)
        return albedo * diffuse / torch.pi + shine

    def _surface(self, pixels: Pixels) -> tuple[Tensor, Tensor, Tensor]:
        """Return albedo, how open the place is to light, and the normal."""
        person, material = self._person, pixels.material
        albedo = torch.zeros_like(pixels.place)
        occlusion = torch.ones_like(pixels.place[:, :1])
        normal = pixels.normal.clone()
        pigment = albedo.new_tensor(person.pigment)
        skin = material == SKIN
        tone = self._tone(_sample(self._skin, pixels.uv[skin])[:, :3])
        roots = 0.8 * pixels.scalp[skin][:, None]
        albedo[skin] = tone * (1 - roots) + (0.35 * tone * pigment.sqrt() + 0.4 * pigment) * roots
        under_chin = _smooth(-0.5, 2.5, pixels.rest[skin][:, 1:2] - 8.5)
        occlusion[skin] = 1 - 0.35 * under_chin
        eye = material == EYES
        albedo[eye] = self._eye(pixels.rest[eye])
        occlusion[eye] = 0.75
        behind = (pixels.rest[:, 2:] - self._lips).clamp(min=0)
        for inner, colour, fall in (
            (TEETH, (0.72, 0.66, 0.56), 0.30), (GUMS, (0.42, 0.13, 0.13), 0.34),
            (LINING, (0.30, 0.07, 0.07), 0.55),
        ):  # fmt: skip
            mine = material == inner
            albedo[mine] = albedo.new_tensor(colour)
            occlusion[mine] = torch.exp(-behind[mine] * fall) * 0.9
        hair = material == HAIR
        strands = _sample(self._hair, pixels.uv[hair])[:, :3].mean(1, keepdim=True)
        albedo[hair] = pigment * (strands * 2.2 + 0.1) ** 1.5
        occlusion[hair] = 0.6 + 0.4 * _smooth(0.0, 0.5, strands)
        outward = functional.normalize(
            pixels.rest[hair] - albedo.new_tensor([0.0, -3.0, 1.0]), dim=1
        )
        away = (normal[hair] * outward).sum(1, keepdim=True)
        normal[hair] = functional.normalize(
            normal[hair] * torch.where(away < 0, -0.45, 0.45) + 0.55 * outward, dim=1
        )
        cloth = material == CLOTH
        stripe = (torch.sin(pixels.uv[cloth][:, 1:] * 6.28 * 4) > 0).float()
        shades = albedo.new_tensor(person.cloth)
        albedo[cloth] = shades[:1] * (1 - stripe) + shades[1:] * stripe
        albedo[(material == BROW)] = pigment * 0.45 + 0.004
        albedo[(material == LASH)] = 0.012
        return albedo, occlusion, normal

    def _tone(self, texture: Float[Tensor, "pixels 3"]) -> Float[Tensor, "pixels 3"]:
        """Turn texels into the skin's albedo."""
        person = self._person
        if person.pale > DARK:
            return texture**_GAMMA * texture.new_tensor(person.tint)
        # The dark textures are too dark and too red to be albedo under any light.
        albedo = texture**1.7 * texture.new_tensor(person.tint)
        return 0.72 * albedo + 0.28 * albedo.mean(1, keepdim=True)

    def _eye(self, way: Float[Tensor, "pixels 3"]) -> Float[Tensor, "pixels 3"]:
        """Paint the eyeball: white with a red tinge, iris with rays and a dark rim, pupil."""
        person = self._person
        radius = way[:, :2].norm(dim=1, keepdim=True) + 2.0 * (way[:, 2:] > 0)
        angle = torch.atan2(way[:, 1:2], way[:, :1])
        rays = 0.5 + 0.17 * (
            torch.sin(angle * 17 + 40 * person.pupil) + torch.sin(angle * 29 + 9 * radius)
            + torch.sin(angle * 7 + person.oil * 9)
        )  # fmt: skip
        rim = 1 - _smooth(0.38, 0.47, radius)
        iris = way.new_tensor(person.iris) * (0.5 + rays) * (0.25 + 0.75 * rim)
        iris = iris * _smooth(person.pupil - 0.03, person.pupil + 0.02, radius)
        white = way.new_tensor([0.74, 0.68, 0.64]) * (
            1 - _smooth(0.5, 0.95, radius) * way.new_tensor([0.0, 0.16, 0.2])
        )
        edge = _smooth(0.44, 0.50, radius)
        return iris * (1 - edge) + white * edge

    def _catchlight(self, pixels: Pixels, mirrored: Tensor, lit: Tensor) -> Tensor:
        """The lamps' small bright images on the eyes."""
        bright = torch.zeros_like(mirrored)
        eye = pixels.material == EYES
        for lamp in range(2):
            spot = _smooth(0.955, 0.975, (mirrored[eye] @ self._towards[lamp])[:, None])
            bright[eye] += self._colour[lamp] * spot * 0.4 * lit[eye]
        return bright

    def _lit(
        self, place: Float[Tensor, "pixels 3"], shadow: tuple[Tensor, Tensor]
    ) -> Float[Tensor, " pixels"]:
        """Return how much of the first lamp a place sees: the mean of nine looks."""
        depths, axes = shadow
        seen = place @ axes.T
        flat = seen[:, :2] * (_SHADOWS / (2 * _REACH)) + (_SHADOWS - 1) / 2
        total = torch.zeros_like(seen[:, 0])
        for dx in (-1.3, 0.0, 1.3):
            for dy in (-1.3, 0.0, 1.3):
                x = (flat[:, 0] + dx).round().long().clamp(0, _SHADOWS - 1)
                y = (flat[:, 1] + dy).round().long().clamp(0, _SHADOWS - 1)
                total += (depths[y, x] > seen[:, 2] - _BIAS).float()
        return total / 9

    def _table(self, material: Tensor, rows: dict[int, tuple[float, ...]], width: int) -> Tensor:
        table = torch.zeros(LASH + 1, width, device=self.device)
        for index, values in rows.items():
            table[index] = torch.tensor(values)
        return table[material]


def _sample(texture: Float[Tensor, "1 channels h w"], uv: Float[Tensor, "pixels 2"]) -> Tensor:
    grid = (uv.remainder(1.0) * 2 - 1)[None, None]
    found = functional.grid_sample(texture, grid, padding_mode="border", align_corners=False)
    return found[0, :, 0].T


def _smooth(low: float, high: float, value: Tensor) -> Tensor:
    share = ((value - low) / (high - low)).clamp(0, 1)
    return eased(share)


def _irradiance(sky: Float[Tensor, "9 3"], normal: Float[Tensor, "pixels 3"]) -> Tensor:
    """Source: Ramamoorthi and Hanrahan (2001), equation 13, over pi's own scale."""
    x, y, z = normal[:, :1], normal[:, 1:2], normal[:, 2:]
    rows = torch.cat(
        [
            torch.full_like(x, 0.886227), 1.023327 * y, 1.023327 * z, 1.023327 * x,
            0.858086 * x * y, 0.858086 * y * z, 0.743125 * z * z - 0.247708,
            0.858086 * x * z, 0.429043 * (x * x - y * y),
        ],
        1,
    )  # fmt: skip
    return (rows @ sky).clamp(min=0)


def _ggx(normal: Tensor, half: Tensor, view: Tensor, cosine: Tensor, rough: Tensor) -> Tensor:
    """Two lobes, the sharper one weaker; the masking term is left out (as 1 / (4 n.v))."""
    steep = (normal * half).sum(1, keepdim=True).clamp(min=0)
    fresnel = 0.028 + 0.972 * (1 - (view * half).sum(1, keepdim=True).clamp(min=0)) ** 5
    total = torch.zeros_like(steep)
    for share, narrow in ((0.7, 1.0), (0.3, 0.2)):
        squared = rough**4 * narrow
        total = total + share * squared / (np.pi * (steep**2 * (squared - 1) + 1) ** 2)
    facing = (normal * view).sum(1, keepdim=True).clamp(min=0.15)
    return total * fresnel / (4 * facing) * cosine.clamp(min=0)
