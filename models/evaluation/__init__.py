"""Evaluates an artifact on labelled questions (`evaluate`), and fits its confidence to them (`recalibrate`).

    SQuAD files x artifact -> observe -> [Observation] -> measure -> EvaluationReport -> plots
                                                       -> recalibrate -> artifact

Needs the evaluate group (requirements/evaluate.txt), and none of the tools that an artifact is built with.
"""
