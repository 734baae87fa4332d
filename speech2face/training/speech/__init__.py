"""Speech2Landmarks and the sync network: material, examples, losses and tasks."""
