"""Files -> decoded images -> crops -> training pairs."""
