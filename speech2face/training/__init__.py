"""Recipes and loops that make the shipped weights.

- Any network: `systems` reads a recipe and finds its `task`; `loop` trains it (`loop_config`,
  `run_state`, `run_log`, `ranks`), whatever it is.
- Speech2Landmarks: `speech2landmarks` is the task, `speech_*` its material, examples and losses;
  material comes from `talking_videos` (with `lateness`), from corpora or, for lips that nobody
  filmed, from `synthetic_speech` (`espeak`, `texts`, `coarticulation`). `sync` trains the network
  that judges lips.
- facevid2vid:fast: `fast` and `fast_*`; `perceptual` and `facevid2vid_losses` are what it may be
  asked for.
- The face tracker: `tracker` and `tracker_*`, taught by the face-mesh teacher.
- Imported checkpoints: `calibration` and `calibration_*` fit our landmarks to their keypoints.
"""
