"""What the example portrait is made of: materials as Blender's node graphs. Needs `bpy`."""

import math
from collections.abc import Mapping
from typing import Any

from make.blender import BlenderThing, blender

Inputs = Mapping[Any, BlenderThing]
"""Values of a node's inputs by name (str) or place (int)."""
PORES = 0.35
"""Strength of the skin's relief, 0 to 1."""


class Nodes:
    """A material's node graph, built by short calls; a value is a number or a node's socket."""

    def __init__(self, name: str) -> None:
        """Start a material with a principled surface.

        Args:
            name: The material's name.
        """
        self.material = blender().data.materials.new(name)
        self.material.use_nodes = True
        self._socket = blender().types.NodeSocket
        self._tree = self.material.node_tree
        self._output = self._tree.nodes["Material Output"]
        self.surface = self._tree.nodes["Principled BSDF"]

    def add(self, kind: str, inputs: Inputs | None = None) -> BlenderThing:
        """Add a node ("TexNoise" for Blender's ShaderNodeTexNoise) and set its inputs."""
        node = self._tree.nodes.new(f"ShaderNode{kind}")
        self.feed(node, inputs or {})
        return node

    def feed(self, node: BlenderThing, inputs: Inputs) -> None:
        """Set inputs of a node by name or place."""
        for key, value in inputs.items():
            if isinstance(value, self._socket):
                self._tree.links.new(value, node.inputs[key])
            else:
                node.inputs[key].default_value = value

    def show(self, shader: BlenderThing) -> None:
        """Make a shader node the material's surface instead of the principled one."""
        self._tree.links.new(shader.outputs[0], self._output.inputs["Surface"])

    def vertex(self, key: str) -> BlenderThing:
        """A number at the vertices."""
        return self._attribute(key).outputs["Fac"]

    def vertex_vector(self, key: str) -> BlenderThing:
        """A colour or vector at the vertices."""
        return self._attribute(key).outputs["Vector"]

    def _attribute(self, key: str) -> BlenderThing:
        node = self.add("Attribute")
        node.attribute_name = key
        return node

    def place(self) -> BlenderThing:
        """Where a point lies, in metres."""
        return self.add("TexCoord").outputs["Object"]

    def math(self, operation: str, a: BlenderThing, b: BlenderThing = 0.0) -> BlenderThing:
        """Arithmetic of two numbers."""
        node = self.add("Math", {0: a, 1: b})
        node.operation = operation
        return node.outputs[0]

    def spread(self, value: BlenderThing, amount: float, middle: float = 0.5) -> BlenderThing:
        """Turn noise around `middle` into noise of another strength around 0."""
        return self.math("MULTIPLY", self.math("SUBTRACT", value, middle), amount)

    def noise(self, scale: float, detail: float = 2.0) -> BlenderThing:
        """Noise around 0.5, `scale` in cycles per metre."""
        inputs = {"Vector": self.place(), "Scale": scale, "Detail": detail}
        return self.add("TexNoise", inputs).outputs[0]

    def scaled(self, vector: BlenderThing, factor: BlenderThing) -> BlenderThing:
        """A vector times a number."""
        node = self.add("VectorMath")
        node.operation = "SCALE"
        self.feed(node, {0: vector, "Scale": factor})
        return node.outputs[0]

    def times(self, vector: BlenderThing, x: BlenderThing, yz: BlenderThing) -> BlenderThing:
        """A vector times (x, yz, yz)."""
        node = self.add("VectorMath")
        node.operation = "MULTIPLY"
        factor = self.add("CombineXYZ", {0: x, 1: yz, 2: yz})
        self.feed(node, {0: vector, 1: factor.outputs[0]})
        return node.outputs[0]

    def bump(self, height: BlenderThing, strength: float, metres: float) -> BlenderThing:
        """Normals of a relief."""
        inputs = {"Strength": strength, "Distance": metres, "Height": height}
        return self.add("Bump", inputs).outputs[0]


def skin_material() -> BlenderThing:
    """Living skin: light scatters below the surface; pores and a thin film of oil on it.

    The mesh carries colour, roughness and lips (`skin.SkinPaint`).
    """
    nodes = Nodes("skin")
    mottle = nodes.math("ADD", nodes.noise(60, 3), nodes.noise(260, 3))
    colour = nodes.scaled(
        nodes.vertex_vector("colour"), nodes.math("ADD", nodes.spread(mottle, 0.20, 1.0), 1.0)
    )
    # Capillaries: redness varies on its own.
    blood = nodes.math("SUBTRACT", 1.0, nodes.spread(nodes.noise(110, 4), 0.16))
    grain = nodes.spread(nodes.noise(700, 2), 0.22)
    nodes.feed(
        nodes.surface,
        {
            "Base Color": nodes.times(colour, 1.0, blood),
            "Roughness": nodes.math("ADD", nodes.vertex("roughness"), grain),
            "Specular IOR Level": 0.42,
            "Subsurface Weight": 0.85,
            # Red light travels furthest below the skin, blue least.
            "Subsurface Radius": (1.0, 0.32, 0.16),
            "Subsurface Scale": 0.0045,
            "Subsurface Anisotropy": 0.6,
            "Normal": nodes.bump(_skin_relief(nodes), PORES, 0.0006),
        },
    )
    return nodes.material


def _skin_relief(nodes: Nodes) -> BlenderThing:
    """Pores and fine unevenness; upright furrows on the lips."""
    pores = nodes.add("TexVoronoi", {"Vector": nodes.place(), "Scale": 900.0})
    uneven = nodes.math("MULTIPLY", nodes.noise(420, 4), 1.4)
    fine = nodes.math("ADD", pores.outputs["Distance"], uneven)
    upright = nodes.add("Mapping", {"Vector": nodes.place(), "Scale": (1.0, 0.3, 0.22)})
    furrows = nodes.add(
        "TexNoise", {"Vector": upright.outputs[0], "Scale": 900.0, "Detail": 2.0}
    ).outputs[0]
    lips = nodes.math("MULTIPLY", furrows, 2.0)
    mix = nodes.add("Mix", {0: nodes.vertex("lips"), 2: fine, 3: lips})
    return mix.outputs[0]


def eye_material() -> BlenderThing:
    """The eyeball below the cornea; the mesh carries its colour."""
    nodes = Nodes("eye")
    nodes.feed(
        nodes.surface,
        {
            "Base Color": nodes.vertex_vector("colour"),
            "Roughness": 0.55,
            "Specular IOR Level": 0.1,
            "Subsurface Weight": 0.25,
            "Subsurface Scale": 0.002,
        },
    )
    return nodes.material


def wet_material(name: str, *, strength: float) -> BlenderThing:
    """A clear film that only reflects (1.376: the cornea), `strength` times what it would."""
    nodes = Nodes(name)
    clear = nodes.add("BsdfTransparent")
    gloss = nodes.add("BsdfGlossy", {"Roughness": 0.03})
    fresnel = nodes.add("Fresnel", {"IOR": 1.376}).outputs[0]
    mix = nodes.add(
        "MixShader",
        {0: nodes.math("MULTIPLY", fresnel, strength), 1: clear.outputs[0], 2: gloss.outputs[0]},
    )
    nodes.show(mix)
    return nodes.material


def hair_material(name: str, *, melanin: float, redness: float) -> BlenderThing:
    """Hair by its pigment: melanin from 0 (white) to 1 (black), redness from 0 to 1."""
    nodes = Nodes(name)
    hair = nodes.add("BsdfHairPrincipled")
    hair.parametrization = "MELANIN"
    nodes.feed(
        hair,
        {
            "Melanin": melanin,
            "Melanin Redness": redness,
            "Roughness": 0.32,
            "Radial Roughness": 0.4,
            "Random Color": 0.25,
            "Random Roughness": 0.2,
        },
    )
    nodes.show(hair)
    return nodes.material


def cloth_material(colour: tuple[float, float, float]) -> BlenderThing:
    """Fine knitwear; the mesh carries "weave": stitches counted around and down."""
    nodes = Nodes("cloth")
    stitch = nodes.add("SeparateXYZ", {"Vector": nodes.vertex_vector("weave")})
    around, down = (
        nodes.math("SINE", nodes.math("MULTIPLY", stitch.outputs[k], 2 * math.pi)) for k in (0, 1)
    )
    height = nodes.math("ADD", around, nodes.math("MULTIPLY", down, 0.5))
    height = nodes.math("ADD", height, nodes.math("MULTIPLY", nodes.noise(900, 3), 1.5))
    heather = nodes.math("ADD", 0.65, nodes.math("MULTIPLY", nodes.noise(1500, 3), 0.7))
    nodes.feed(
        nodes.surface,
        {
            "Base Color": nodes.scaled(colour, heather),
            "Roughness": 0.9,
            "Specular IOR Level": 0.15,
            "Sheen Weight": 0.25,
            "Sheen Roughness": 0.5,
            "Normal": nodes.bump(height, 0.6, 0.0008),
        },
    )
    return nodes.material


def paper_material(
    near: tuple[float, float, float], far: tuple[float, float, float]
) -> BlenderThing:
    """A paper roll that glows from `near` in the middle to `far` at its edges."""
    nodes = Nodes("paper")
    shift = nodes.add(
        "Mapping",
        {"Vector": nodes.place(), "Location": (-0.25, 0.15, 0.0), "Scale": (0.9, 1.0, 1.0)},
    )
    glow = nodes.add("TexGradient", {"Vector": shift.outputs[0]})
    glow.gradient_type = "SPHERICAL"
    ramp = nodes.add("ValToRGB", {0: glow.outputs["Fac"]})
    ramp.color_ramp.interpolation = "EASE"
    ramp.color_ramp.elements[0].color = (*far, 1)
    ramp.color_ramp.elements[1].color = (*near, 1)
    nodes.show(nodes.add("Emission", {"Color": ramp.outputs[0]}))
    return nodes.material
