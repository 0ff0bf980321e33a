"""One picture file in, one picture file out: depth, transparency, colour profile, metadata and animations kept."""
