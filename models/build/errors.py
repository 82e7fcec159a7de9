"""Why a build stops.

ModelError
└── BuildError     stop: an input of the build is not what it should be; the text names it
    └── SquadError     a data file: the text names the file and, where there is one, the question's id
"""

from __future__ import annotations

from models.errors import ModelError


class BuildError(ModelError):
    """The build cannot go on; its text is one line that names the input to blame."""


class SquadError(BuildError):
    """A file is not in the SQuAD v2.0 layout."""
