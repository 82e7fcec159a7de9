"""An artifact on labelled questions: what it scores (`measure`), and a confidence fitted to them (`recalibrate`).

    SQuAD files x artifact -> observe -> [Observation] -> measure -> Report -> plots
                                                       -> recalibrate -> artifact

Needs the evaluate group (requirements/evaluate.txt), and nothing of what an artifact is built with.
"""
