"""Build scripts of the shipped assets, and the data engine.

- The data engine (`speech2face synthesize`): `engine` makes `pairs` of three kinds, `recordings`,
  `animated` photographs, and `rendered` heads. The last are `people` drawn from `head_model`
  (`ict_points`, `surfaces`), moved by `expressions` and `posing`, seen by `zbuffer`, coloured by
  `shade` in the light of `studio`; `flows` tells how their pixels move. `held_out` says from whom
  nothing may ever be learnt.
- The shipped rig: `rig` from `makehuman`'s face units read at `anchors`, and the `neutral` face.
- The shipped mouth: `mouth_interior`, with `teeth` drawn by `raster`.
- The example portrait: `portrait` puts `head_assets`, `skin`, `strands` and `wardrobe` in front of
  Blender's camera (`blender`, `shading`).
"""
