"""The efficiency levers: transfer, augmentation, compression, several processes; what each saved here, from pairs of runs."""
