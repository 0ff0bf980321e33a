"""Many picture files: finds inputs, plans outputs, upscales, resumes, reports progress."""
