"""The recorder of the patch algebra: asks a real API server what it makes of the cases that `fixtures/patch_algebra` draws."""
