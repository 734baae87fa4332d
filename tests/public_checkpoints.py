"""Checkpoints as the public ones are laid out, at toy size, with weights made from their names."""

import zlib
from pathlib import Path

import numpy as np
import torch
from name_seeded import weights
from safetensors.torch import save_file
from torch import Tensor

from speech2face.generators.dagan.system import SYSTEM as DAGAN
from speech2face.generators.facevid2vid.network import PRESETS, FaceVid2VidConfig
from speech2face.generators.facevid2vid.system import SYSTEM
from speech2face.generators.fomm.system import SYSTEM as FOMM
from speech2face.generators.imported.importer import expected
from speech2face.generators.imported.system import System
from speech2face.generators.x2face.system import SYSTEM as X2FACE

SADTALKER_NAMES = {"generator": "generator", "kp_detector": "kp_extractor"}


def named_weights(network: str, config: FaceVid2VidConfig) -> dict[str, Tensor]:
    """Return every tensor values that depend on its name alone and keep activations near one."""
    found = {}
    for key, like in expected(SYSTEM, config, network).items():
        rng = np.random.default_rng(zlib.crc32(f"{network}/{key}".encode()))
        values = rng.standard_normal(like.shape, np.float32)
        if key.endswith("num_batches_tracked"):
            found[key] = torch.zeros(like.shape, dtype=like.dtype)
            continue
        if key.endswith("running_var"):
            values = 1 + 0.1 * np.abs(values)
        elif key.endswith("norm.weight") or (key.endswith("weight") and like.ndim == 1):
            values = 1 + 0.1 * values
        elif like.ndim > 1:
            values = values * np.sqrt(2 / np.prod(like.shape[1:]))
        else:
            values = 0.05 * values
        found[key] = torch.from_numpy(np.asarray(values, np.float32))
    return found


def zhang(
    path: Path,
    preset: str = "tiny",
    *,
    networks: tuple[str, ...] = tuple(SYSTEM.networks),
    prefix: str = "module.",
    counters: bool = False,
) -> Path:
    """Write a container: one entry a network, wrapped, beside what training left."""
    config = PRESETS[preset]
    states = {
        name: {
            f"{prefix}{key}": value
            for key, value in named_weights(name, config).items()
            if counters or not key.endswith("num_batches_tracked")
        }
        for name in networks
    }
    adam = {"state": {0: {"step": 3, "exp_avg": torch.zeros(4)}}, "param_groups": [{"lr": 2e-4}]}
    left = {"discriminator": {"module.x": torch.zeros(2)}, "optimizer_generator": adam, "epoch": 7}
    torch.save({**states, **left}, path)
    return path


def sadtalker(path: Path, preset: str = "tiny") -> Path:
    """Write flat safetensors with a prefix a network, audio networks included."""
    tensors = {
        f"{theirs}.{key}": value.contiguous()
        for ours, theirs in SADTALKER_NAMES.items()
        for key, value in named_weights(ours, PRESETS[preset]).items()
    }
    tensors["audio2exp.mapping1.weight"] = torch.zeros(64, 577)
    tensors["audio2exp.mapping1.bias"] = torch.zeros(64)
    save_file(tensors, path)
    return path


def seeded(system: System, network: str, component: str, preset: str = "tiny") -> dict[str, Tensor]:
    """Return weights of a network, drawn by the names in which the golden values have them."""
    wanted = expected(system, system.presets[preset], network)
    made = weights(component, {key: list(value.shape) for key, value in wanted.items()})
    return {key: torch.from_numpy(np.array(value)) for key, value in made.items()}


def fomm(path: Path, preset: str = "tiny") -> Path:
    """Write a container as vox-cpk.pth.tar is one: networks, discriminator, optimizers, epoch."""
    states = {name: seeded(FOMM, name, f"fomm.{name}", preset) for name in FOMM.networks}
    left = {"discriminator": {"discs.1.conv.bias": torch.zeros(1)}, "epoch": 99}
    torch.save({**states, **left, "optimizer_generator": {"state": {}, "param_groups": []}}, path)
    return path


def x2face(path: Path, preset: str = "tiny") -> Path:
    """Write a container as x2face_model.pth is one: the state dict, the optimizer, the epoch."""
    state = seeded(X2FACE, "network", "x2face", preset)
    torch.save({"state_dict": state, "optimizer": {"state": {}}, "epoch": 5}, path)
    return path


def dagan(path: Path, preset: str = "tiny") -> Path:
    """Write what DaGAN's three files hold into one container."""
    names = {"generator": "generator", "kp_detector": "kp_detector"}
    names |= {"encoder": "depth_encoder", "decoder": "depth_decoder"}
    states = {
        theirs: {
            f"module.{key}": value
            for key, value in seeded(DAGAN, ours, f"dagan.{ours}", preset).items()
        }
        for theirs, ours in names.items()
    }
    torch.save({**states, "epoch": 99}, path)
    return path


def dagan_depth(folder: Path, preset: str = "tiny") -> tuple[Path, Path]:
    """Write the two files of the depth network: bare state dicts, the first with sizes in it."""
    files = folder / "encoder.pth", folder / "depth.pth"
    for file, theirs, ours in zip(files, ("encoder", "decoder"), tuple(DAGAN.networks)[2:],
                                  strict=True):  # fmt: skip
        state = seeded(DAGAN, ours, f"dagan.{ours}", preset)
        sizes = {"height": 256, "width": 256, "use_stereo": False} if theirs == "encoder" else {}
        torch.save({**{f"{theirs}.{key}": value for key, value in state.items()}, **sizes}, file)
    return files
