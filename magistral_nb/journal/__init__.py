"""The journal: a reply that streams is also written to a file, so that a killed process loses at most the last second.

files       where the files are, who may read them, and how long they stay
keeping     writes: one thread looks at every reply that is on its way
recovering  reads: which replies were cut off, and what had arrived
"""

from magistral_nb.journal.keeping import Note, journal

__all__ = ["Note", "journal"]
