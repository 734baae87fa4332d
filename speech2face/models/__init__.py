"""Networks: tensors in, tensors out; no files, devices, logging or randomness.

- The face-vid2vid family, compatible with published weights: `facevid2vid` from `keypoints`,
  `head_pose`, `dense_motion`, `spade` and `blocks`, with the conventions of `sampling`. `exact`
  makes it faster without changing what it draws (`folding`, `merged_spade`, `cheap_motion`,
  `phases`, `winograd`, `fourier`, `narrow`); `plain` is what it is measured against.
- Our own generator: `fast`, `fast_motion`, `fast_slits`; `patch_discriminator` trains against it.
- From sound to lips: `mel`, `speech2landmarks`; `sync` says whether they fit.
- From lips to keypoints: `landmarks2keypoints`. Faces: `tracker`, and `identity` to measure with.
"""
