"""Questions that people label: which to label next, what becomes of the labels, and how right the answers are by them.

candidates -> choosing -> labels -> examples -> SQuAD files -> training, calibrating
               exchange: the same labels in the files of other programs
"""
