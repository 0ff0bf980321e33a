"""Image files <-> pixels, and nothing silently lost on the way.

`reading` turns a file into an `ImageFile` (pixels at their own depth, transparency, what the file says about them),
`writing` turns strips of pixels into a file of any size, `picture` is the short way between 8-bit files, Pillow's
pictures and tensors.

Everywhere here, `path` names the file in sentences, `content` are its bytes, whose format the content decides and not
the name; `max_pixels` is the most that a header may announce, and `notices` gets a sentence for everything that is
left out. Sizes are `(height, width)` in pixels.
"""

from amortized_sr.image_io.atomic import replacing as replacing
from amortized_sr.image_io.errors import ImageError as ImageError
from amortized_sr.image_io.formats import MAX_INPUT_PIXELS as MAX_INPUT_PIXELS
from amortized_sr.image_io.formats import MAX_OUTPUT_PIXELS as MAX_OUTPUT_PIXELS
from amortized_sr.image_io.formats import READABLE_SUFFIXES as READABLE_SUFFIXES
from amortized_sr.image_io.picture import check_output as check_output
from amortized_sr.image_io.picture import read_picture as read_picture
from amortized_sr.image_io.picture import write_picture as write_picture
