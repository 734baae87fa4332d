"""What Speech2Landmarks is asked to reach, and whether the rows of its table can be believed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from speech2face.evaluation.speech.rows import GROUPS, OURS, SEEN, UNSEEN, WRONG, Rows
from speech2face.evaluation.tables import Cell, Table


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """A figure with its limit."""

    what: str
    group: str
    """Of whose clips."""
    value: Callable[[Rows], float | None]
    """Read from a group's rows by name."""
    least: float | None = None
    most: float | None = None


def _of(row: str, column: str) -> Callable[[Rows], float | None]:
    def read(rows: Rows) -> float | None:
        value = rows[row].get(column)
        return None if value is None or isinstance(value, str) else float(value)

    return read


def _above_wrong(rows: Rows) -> float | None:
    ours, wrong = _of(OURS, "r")(rows), _of(WRONG, "r")(rows)
    return None if ours is None or wrong is None else ours - wrong


_LAG = "lag within ±1, over 10"

CRITERIA: tuple[Criterion, ...] = (
    *(
        Criterion(
            what="lip error over that of rest", group=who, value=_of(OURS, "error / rest"),
            most=most,
        )
        for who, most in ((SEEN, 0.38), (UNSEEN, 0.58))
    ),
    *(
        Criterion(
            what="lip error over that of loudness alone", group=who,
            value=_of(OURS, "error / energy"), most=0.8,
        )
        for who in GROUPS
    ),
    *(
        Criterion(what="r of the opening", group=who, value=_of(OURS, "r"), least=least)
        for who, least in ((SEEN, 0.93), (UNSEEN, 0.85))
    ),
    *(
        criterion
        for who in GROUPS
        for criterion in (
            Criterion(what="r above wrong audio", group=who, value=_above_wrong, least=0.35),
            Criterion(
                what="amplitude", group=who, value=_of(OURS, "amplitude"), least=0.85, most=1.15
            ),
            Criterion(what="best lag within ±1", group=who, value=_of(OURS, _LAG), least=0.95),
            Criterion(what="closures met", group=who, value=_of(OURS, "closures met"), least=0.9),
            Criterion(
                what="open vowels shut", group=who, value=_of(OURS, "open vowels shut"), most=0.05
            ),
            Criterion(
                what="lip speed in silence", group=who, value=_of(OURS, "lip speed in silence"),
                most=0.08,
            ),
        )
    ),
)  # fmt: skip
"""What is asked for on clips that nothing was learnt from."""


def criteria_table(groups: dict[str, Rows]) -> Table:
    """Hold the figures of each group against their limits.

    Args:
        groups: Rows by group, then by name; groups that are absent are left out.
    """
    rows: list[dict[str, Cell]] = []
    for criterion in CRITERIA:
        if criterion.group not in groups:
            continue
        value = criterion.value(groups[criterion.group])
        least = -float("inf") if criterion.least is None else criterion.least
        most = float("inf") if criterion.most is None else criterion.most
        rows.append({
            "of": criterion.group,
            "what": criterion.what,
            "at least": criterion.least,
            "at most": criterion.most,
            "reached": value,
            "met": None if value is None else ("yes" if least <= value <= most else "no"),
        })  # fmt: skip
    return Table(
        name="speech2landmarks_criteria",
        title="What was asked for, and what is reached",
        rows=rows,
    )


@dataclass(frozen=True, kw_only=True)
class _Check:
    what: str
    holds: Callable[[Rows], bool]


def _number(rows: Rows, row: str, column: str) -> float:
    value = rows[row].get(column)
    return float("nan") if value is None or isinstance(value, str) else float(value)


_TRUTH, _REST, _ENERGY, _LATE = "ground truth", "rest", "from energy", "real, 5 frames late"
_TINY = 1e-6

_CHECKS: Sequence[_Check] = (
    _Check(
        what="the truth has no error, r 1 and amplitude 1",
        holds=lambda rows: _number(rows, _TRUTH, "error") < _TINY
        and _number(rows, _TRUTH, "r") > 1 - _TINY
        and abs(_number(rows, _TRUTH, "amplitude") - 1) < _TINY,
    ),
    _Check(
        what="rest has the error of rest, and no r",
        holds=lambda rows: abs(_number(rows, _REST, "error / rest") - 1) < _TINY
        and abs(_number(rows, _REST, "r")) < _TINY,
    ),
    _Check(
        what="the late row reads back as 5 frames late",
        holds=lambda rows: rows[_LATE].get("best lag") == 5,  # noqa: PLR2004 - the shift itself
    ),
    *(
        _Check(
            what=f"ours is nearer than {other}",
            holds=lambda rows, other=other: _number(rows, OURS, "error")
            < _number(rows, other, "error"),
        )
        for other in (_ENERGY, WRONG, _LATE, _REST)
    ),
    *(
        _Check(
            what=f"ours correlates more than {other}",
            holds=lambda rows, other=other: _number(rows, OURS, "r") > _number(rows, other, "r"),
        )
        for other in (_ENERGY, WRONG, _LATE)
    ),
    _Check(
        what="truth closes for p, b and m, and late truth misses some",
        holds=lambda rows: not _number(rows, _TRUTH, "closures met")
        <= _number(rows, _LATE, "closures met"),
    ),
    *(
        _Check(
            what=f"the sync network puts {better} above {worse}",
            holds=lambda rows, better=better, worse=worse: not _number(rows, better, "sync")
            <= _number(rows, worse, "sync"),
        )
        for better, worse in ((_TRUTH, _LATE), (_TRUTH, WRONG), (OURS, _LATE), (OURS, WRONG),
                              (_TRUTH, _REST), (OURS, _ENERGY))
    ),
)  # fmt: skip
"""Comparisons with a figure that is absent hold: they say nothing."""


def sanity_table(groups: dict[str, Rows]) -> Table:
    """Say of every group which of the orders hold that a sound table must have.

    Args:
        groups: Rows by group, then by name.
    """
    return Table(
        name="speech2landmarks_sanity",
        title="Whether the rows can be believed",
        rows=[
            {"what": check.what}
            | {name: "yes" if check.holds(rows) else "NO" for name, rows in groups.items()}
            for check in _CHECKS
        ],
    )
