"""Tables on held-out people: how near generators come to frames whose truth is known.

The judge is a face landmarker task file that the user brings; the identity network is brought as
well (see `evaluation.generators.identity`), its columns stay empty without it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from speech2face.errors import InputError
from speech2face.evaluation.generators import cases as generator_cases
from speech2face.evaluation.generators.cases import Case
from speech2face.evaluation.generators.identity import IdentityJudge
from speech2face.evaluation.generators.measures import Bench, paired_table, score_table
from speech2face.evaluation.generators.rows import rows_of
from speech2face.evaluation.material import held_out_clips, measured_portraits
from speech2face.evaluation.tables import Cell, Table
from speech2face.face.track import FaceTracker
from speech2face.synthesis.pairs import list_identities

GROUPS = ("real", "animated", "heads")
_NOTES = {
    "real": (
        "Held-out GRID recordings at 256 px: the first frame is the source, nine later ones in "
        "runs of three are to be drawn. Their motion is measured by our own tracker; landmarks "
        "are judged by the face-mesh teacher."
    ),
    "animated": (
        "Held-out portraits moved by the warp generator, whose frames are the truth: its own row "
        "is perfect by definition, only the others compare."
    ),
    "heads": "Rendered heads of held-out identities with exact meshes, 256 px.",
}


def two(names: Sequence[str] | None) -> tuple[str, str]:
    """Take the names of two generators.

    Raises:
        InputError: There are more or fewer.
    """
    if names is None or len(names) != 2:  # noqa: PLR2004 - as the message says
        msg = (
            f"sheets compare two generators, {len(names or ())} were named; give --generator twice"
        )
        raise InputError(msg)
    return names[0], names[1]


def cases_of(group: str, data: Path, work: Path, count: int, heads: Path | None) -> Iterator[Case]:
    """List the cases of a protocol.

    Raises:
        InputError: There is no such protocol, or heads were asked for without their folder.
    """
    cache = work / "cases"
    if group == "real":
        clips = held_out_clips(data, count)
        return generator_cases.real_cases(clips, FaceTracker.from_pretrained(), cache)
    if group == "animated":
        portraits = measured_portraits(data)[:count]
        return generator_cases.animated_cases(portraits, FaceTracker.from_pretrained(), cache)
    files = [] if heads is None else list_identities(heads, held_out=True)[:count]
    if group == "heads" and files:
        return generator_cases.head_cases(files)
    msg = f"no cases of {group!r}; choose one of {', '.join(GROUPS)}, heads with --heads FOLDER"
    raise InputError(msg)


def turn_table(rows: Sequence[Mapping[str, Cell]]) -> Table:
    """Average the identity cosines of portraits, one row a generator."""
    means: list[dict[str, Cell]] = []
    for name in dict.fromkeys(row["row"] for row in rows):
        own = [row for row in rows if row["row"] == name]
        mean: dict[str, Cell] = {"row": name, "portraits": len(own)}
        for column in dict.fromkeys(key for row in own for key in row if key.startswith("yaw")):
            values = [row.get(column) for row in own]
            mean[column] = float(np.mean([v for v in values if isinstance(v, float)]))
        means.append(mean)
    note = f"Identity cosine against the portrait by {IdentityJudge.name}."
    return Table(
        name="generators-turns", title="Identity while the head turns", rows=means, note=note
    )


def compare(
    group: str, cases: Iterator[Case], names: Sequence[str], bench: Bench, *, identified: bool,
    tell: Callable[[str], None],
) -> tuple[Table, Table, Table]:  # fmt: skip
    """Draw and measure every case with every row.

    Args:
        group: One of `GROUPS`.
        cases: Frames whose truth is known.
        names: Of the generators.
        bench: Measures.
        identified: The bench has an identity network.
        tell: Called with the name of each case that is done.

    Returns:
        The table to read, the same as plain numbers, and the paired comparison.
    """
    rows = rows_of(names, torch.device("cpu"))
    scores = {row.name: [] for row in rows}
    for case in cases:
        for row in rows:
            scores[row.name].append(bench(case, row(case)))
        tell(case.name)
    judge = (
        IdentityJudge.name if identified else "none given (--identity), so its columns are empty"
    )
    note = (
        f"{_NOTES[group]} L1, PSNR, SSIM where the crop shows the picture; errors in percent of "
        f"the outer-eye distance; sharpness: energy of detail over the truth's; identity against "
        f"the source by: {judge}. ±: half the 95 % bootstrap interval over clips."
    )
    base = "warp" if "warp" in scores else "still"
    return (
        score_table(group, scores, note),
        score_table(group, scores, note, plain=True),
        paired_table(group, scores, base),
    )


def keep(work: Path, readable: Table, plain: Table, paired: Table) -> str:
    """Keep the tables as Markdown and JSON; return the Markdown."""
    work.mkdir(parents=True, exist_ok=True)
    text = readable.markdown() + "\n" + paired.markdown()
    (work / f"{readable.name}.md").write_text(text, encoding="utf-8")
    (work / f"{plain.name}.json").write_text(plain.json(), encoding="utf-8")
    (work / f"{paired.name}.json").write_text(paired.json(), encoding="utf-8")
    return text
