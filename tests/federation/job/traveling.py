"""The way of a part to a site."""

from typing import Any

from ame.federation.build import Code, lay_out
from ame.federation.job.capture.objects import Capture
from ame.federation.program import Part
from parts.userfolder import Folder


def again(part: Part, capture: Capture, folder: Folder) -> Any:
    """The object that a site would make of a part."""
    place = folder.path.parent / "site"
    files = capture.taken()
    lay_out(files, place)
    with Code(place, files=files, packages=frozenset(capture.packages)) as code:
        return code.build(part)
