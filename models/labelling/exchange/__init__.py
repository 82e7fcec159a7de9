"""Labels in the files of other programs, one program a file.

Foreign offsets are never trusted: each span is checked to quote whole words of its text, or the label is refused.
"""
