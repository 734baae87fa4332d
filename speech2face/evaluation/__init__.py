"""Metrics of finished videos and of single stages, each printed with its sanity rows.

`speech2face evaluate` leads to three measurements:

- `report` (video): `studio` makes videos with the pipeline (`pipelined`) from held-out `material`
  and has the `judge` look at them; `measures` makes tables of what `sync`, `video_metrics`,
  `emotions` and `playback` find; `sheets` draws them for a person.
- `generators`: `generator_cases` are redrawn by `generator_rows`, `generator_measures` compares
  (with `picture_measures` and `identity`); `generator_stage` and `side_by_side` draw blind sheets.
- `speech2landmarks`: `speech_rows` are scored (`speech_scores`) and tabled by `speech_criteria`,
  `speech_conditions`, `speech_languages` and `speech_streaming`; `sync_network` is a judge of its
  own, `speech_sheet` draws, `learning_curve` trains to see what more data would bring.

All print a `tables.Table`. Beside them: `finetuned` for `finetune`, `generator_steps` for
`benchmark --steps`, `plots` for `--plot`.
"""
