"""Networks from an image to features, one file each."""
