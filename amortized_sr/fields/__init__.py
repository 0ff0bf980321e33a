"""Networks from (offset, cell, code) to colour, one file each."""
