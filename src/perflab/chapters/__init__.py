"""One package per notebook, one file per lab."""
