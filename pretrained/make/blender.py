"""A photographer's studio in Blender: meshes, hair, lights, lens. Needs the optional package `bpy`.

Points come in the head's frame (`head_assets`, centimetres, y up, z to the viewer) and are turned
into Blender's (metres, z up, y away from the viewer).
"""

import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from speech2face.errors import InputError
from speech2face.synthesis.heads.strands import Strands

BlenderThing = Any
"""An object of Blender's, whose package has no types."""


def blender() -> BlenderThing:
    """Import Blender.

    Raises:
        InputError: It is not installed.
    """
    try:
        return importlib.import_module("bpy")
    except ImportError as error:
        msg = "Blender's Python package is not installed; rendering needs it; run pip install bpy"
        raise InputError(msg) from error


def to_blender(points: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
    """From the head's frame to Blender's."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], axis=-1) * 0.01


def new_scene() -> BlenderThing:
    """Empty Blender's scene and return it."""
    bpy = blender()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


def add_mesh(
    name: str,
    vertices: Float[np.ndarray, "n 3"],
    triangles: Int[np.ndarray, "m 3"],
    material: BlenderThing,
    *,
    attributes: dict[str, np.ndarray] | None = None,
) -> BlenderThing:
    """Put a smooth mesh into the scene.

    Args:
        name: Its name.
        vertices: In the head's frame.
        triangles: Vertices of each triangle; unused vertices are dropped.
        material: What it is made of.
        attributes: Values at the vertices by name: (n, 3) colours or vectors, (n,) numbers.

    Returns:
        The object.
    """
    bpy = blender()
    used, local = np.unique(triangles, return_inverse=True)
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(to_blender(vertices[used]).tolist(), [], local.reshape(-1, 3).tolist())
    mesh.update()
    mesh.polygons.foreach_set("use_smooth", [True] * len(mesh.polygons))
    for key, values in (attributes or {}).items():
        set_attribute(mesh, key, values[used])
    mesh.materials.append(material)
    item = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(item)
    return item


def set_attribute(mesh: BlenderThing, key: str, values: np.ndarray) -> None:
    """Attach numbers (n,) or vectors (n, 3) to the vertices of a mesh."""
    if values.ndim == 1:
        layer = mesh.attributes.new(key, "FLOAT", "POINT")
        layer.data.foreach_set("value", values.astype(np.float32))
    else:
        layer = mesh.attributes.new(key, "FLOAT_VECTOR", "POINT")
        layer.data.foreach_set("vector", values.astype(np.float32).ravel())


def subdivide(item: BlenderThing, levels: int, key: str) -> tuple[BlenderThing, np.ndarray]:
    """Replace an object's mesh by its smooth subdivision and read a vector attribute from it."""
    bpy = blender()
    modifier = item.modifiers.new("smooth", "SUBSURF")
    modifier.levels = modifier.render_levels = levels
    graph = bpy.context.evaluated_depsgraph_get()
    mesh = bpy.data.meshes.new_from_object(item.evaluated_get(graph), depsgraph=graph)
    item.modifiers.clear()
    item.data = mesh
    values = np.zeros(len(mesh.vertices) * 3, np.float32)
    mesh.attributes[key].data.foreach_get("vector", values)
    return mesh, values.reshape(-1, 3).astype(np.float64)


def add_strands(name: str, strands: Strands, material: BlenderThing) -> BlenderThing:
    """Put hair into the scene."""
    bpy = blender()
    count, steps, _ = strands.points.shape
    curves = bpy.data.hair_curves.new(name)
    curves.add_curves([steps] * count)
    curves.attributes["position"].data.foreach_set(
        "vector", to_blender(strands.points).astype(np.float32).ravel()
    )
    taper = 1 - 0.85 * np.linspace(0, 1, steps) ** 1.5
    radius = (strands.radius[:, None] * taper * 0.01).astype(np.float32)
    layer = curves.attributes.get("radius") or curves.attributes.new("radius", "FLOAT", "POINT")
    layer.data.foreach_set("value", radius.ravel())
    curves.materials.append(material)
    item = bpy.data.objects.new(name, curves)
    bpy.context.scene.collection.objects.link(item)
    return item


def _aim(place: tuple[float, float, float], target: tuple[float, float, float]) -> BlenderThing:
    """The rotation that turns a lamp or a camera to a target."""
    vector = importlib.import_module("mathutils").Vector
    return (vector(target) - vector(place)).to_track_quat("-Z", "Y").to_euler()


def add_light(
    name: str,
    place: tuple[float, float, float],
    *,
    watts: float,
    size: tuple[float, float],
    colour: tuple[float, float, float] = (1, 1, 1),
    target: tuple[float, float, float] = (0, 0, 0.02),
) -> None:
    """A softbox: place and target in Blender's metres."""
    bpy = blender()
    data = bpy.data.lights.new(name, "AREA")
    data.shape = "RECTANGLE"
    data.size, data.size_y = size
    data.energy = watts
    data.color = colour
    item = bpy.data.objects.new(name, data)
    item.location = place
    item.rotation_euler = _aim(place, target)
    bpy.context.scene.collection.objects.link(item)


def add_camera(
    place: tuple[float, float, float],
    target: tuple[float, float, float],
    *,
    millimetres: float,
    focus: float,
    f_number: float,
) -> None:
    """A full-frame camera with a lens that blurs what lies behind the focus."""
    bpy = blender()
    data = bpy.data.cameras.new("camera")
    data.lens, data.sensor_width = millimetres, 36.0
    data.dof.use_dof = True
    data.dof.focus_distance = focus
    data.dof.aperture_fstop = f_number
    item = bpy.data.objects.new("camera", data)
    item.location = place
    item.rotation_euler = _aim(place, target)
    bpy.context.scene.collection.objects.link(item)
    bpy.context.scene.camera = item


def render(
    path: Path,
    *,
    size: int,
    samples: int,
    threads: int,
    ambient: tuple[float, float, float],
    exposure: float,
) -> None:
    """Path-trace the scene into a PNG."""
    bpy = blender()
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.render.threads_mode = "FIXED"
    scene.render.threads = threads
    world = bpy.data.worlds.new("world")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs[0].default_value = (*ambient, 1)
    scene.world = world
    scene.cycles.samples = samples
    scene.cycles.use_adaptive_sampling = True
    scene.cycles.adaptive_threshold = 0.02
    scene.cycles.use_denoising = True
    scene.cycles.denoiser = "OPENIMAGEDENOISE"
    # Unfiltered guides keep single hairs, which the denoiser would smear.
    scene.cycles.denoising_prefilter = "NONE"
    scene.cycles.transparent_max_bounces = 16
    scene.cycles_curves.shape = "RIBBONS"
    scene.render.resolution_x = scene.render.resolution_y = size
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_depth = "16"
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    scene.view_settings.exposure = exposure
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


def add_backdrop(distance: float, half: float, material: BlenderThing) -> None:
    """A square wall behind the person.

    Args:
        distance: From the middle of the head, metres.
        half: Half its side, metres.
        material: What it is made of.
    """
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * half
    # The wall keeps its own coordinates, so that the material's glow sits at its middle.
    bpy = blender()
    mesh = bpy.data.meshes.new("backdrop")
    mesh.from_pydata(corners.tolist(), [], [(0, 1, 2, 3)])
    mesh.materials.append(material)
    item = bpy.data.objects.new("backdrop", mesh)
    item.location = (0, distance, 0)
    item.rotation_euler = (math.pi / 2, 0, 0)
    bpy.context.scene.collection.objects.link(item)
