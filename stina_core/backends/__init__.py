"""What a store stands on: the protocols in `base`, one package per database."""
